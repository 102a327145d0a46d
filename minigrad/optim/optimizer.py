"""What all optimisers share: parameters in one flat buffer, settings by group, and their state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, TypeAlias

import numpy as np

from ..clock import clock
from ..dtypes import as_array
from ..memory import keep_freed_memory
from ..tensor import Tensor, plain
from .gradients import gradient_of
from .settings import Number, Setting, number, whole
from .sharing import sharing

BLOCK = 2**15  # entries that are updated at a time: they and their moments stay in the cache

# Tensors, or groups of them as PyTorch has them: [{"params": tensors, "lr": 0.1}, ...].
Parameters: TypeAlias = Iterable[Tensor] | Iterable[Mapping[str, Any]]


class Optimizer:
    """The base of all: parameters in one flat buffer, so that many small arrays cost no more time
    than one. Each parameter's `.data` becomes a view into it. Parameters that share one array are
    moved together, by the sum of their gradients; give all of them to one optimiser.

    `parameters` may also be a list of groups as in PyTorch, {"params": tensors, "lr": ...}, each
    with settings of its own. A frozen parameter (with requires_grad=False) is left out.

    A subclass names its running averages in `averages` (each is a flat buffer too), declares its
    settings (`momentum = Setting(number)`), hands them to `Optimizer.__init__`, and defines
    `update(p, g, averages, steps, settings)`, which changes the 1-D arrays p and averages in place.
    Copied or pickled together with its model, it goes on with the copy of the model.
    """

    averages: tuple[str, ...] = ()
    lr = Setting(number)

    def __init__(self, parameters: Parameters, lr: Number, **settings: Any):
        keep_freed_memory()  # here training begins
        self.settings = ["lr", *settings]  # the names of what each group has its own value of
        self.param_groups = groups_of(parameters, {"lr": lr, **settings})
        for group in self.param_groups:
            group.update(self.checked(group))
        self.parameters: list[Tensor] = [p for group in self.param_groups for p in group["params"]]
        if not self.parameters:
            raise ValueError("the optimiser was given no parameters; pass model.parameters()")
        if len(set(self.parameters)) < len(self.parameters):
            raise ValueError("the optimiser was given a parameter twice, and would move it twice")
        dtypes = {p.dtype for p in self.parameters}
        if len(dtypes) > 1 or self.parameters[0].dtype.kind != "f":
            raise ValueError(
                "an optimiser needs floating-point parameters of one dtype; these have "
                + ", ".join(sorted(map(str, dtypes)))
            )
        self.steps = [0] * len(self.parameters)  # each counts its own
        self.lay_out()
        self.use_buffer(np.empty(self.size, dtypes.pop()))
        # A float16 would lose the square of a small gradient, and Adam's epsilon.
        dtype = np.promote_types(self.flat.dtype, np.float32)
        self.state = {name: np.zeros(self.size, dtype) for name in self.averages}
        self.scratch = np.empty(min(BLOCK, self.size), dtype)

    def lay_out(self) -> None:
        """Give each parameter its stretch of the flat buffer, the same one to those that share an
        array, and put neighbours of a group into blocks, as long as these are no longer than BLOCK.
        """
        self.owners = sharing([p._data for p in self.parameters])
        self.tied = [(i, owner) for i, owner in enumerate(self.owners) if i != owner]
        group_of = [k for k, group in enumerate(self.param_groups) for _ in group["params"]]
        if any(group_of[i] != group_of[owner] for i, owner in self.tied):
            raise ValueError(
                "parameters that share one array are in two groups, whose settings may differ: put "
                "them into one group"
            )
        self.slices: list[slice] = []
        self.blocks: list[tuple[int, list[int]]] = []  # (a group, positions of its parameters)
        self.size = 0
        for i, (p, owner) in enumerate(zip(self.parameters, self.owners)):
            if i != owner:
                self.slices.append(self.slices[owner])
                continue
            self.slices.append(slice(self.size, self.size + p.size))
            self.size += p.size
            group, block = self.blocks[-1] if self.blocks else (None, [])
            if group != group_of[i] or self.size - self.slices[block[0]].start > BLOCK:
                self.blocks.append((group_of[i], block := []))
            block.append(i)

    def use_buffer(self, flat: np.ndarray) -> None:
        """Keep the parameters in this flat buffer, which may be shared with other processes."""
        self.flat = flat
        self.views: list[np.ndarray] = []
        for p, where, owner in zip(self.parameters, self.slices, self.owners):
            own = owner == len(self.views)
            self.views.append(flat[where].reshape(p.shape) if own else self.views[owner])
        self.adopt()

    def adopt(self) -> None:
        """Let every parameter's data be a view of the flat buffer, whoever replaced it since. This
        changes no numbers, so it does not count as a change."""
        strangers = [(p, v) for p, v in zip(self.parameters, self.views) if p._data is not v]
        if not strangers:
            return
        for p, view in strangers:
            if p.shape != view.shape or p.dtype != view.dtype:
                raise ValueError(
                    f"a parameter became {p.dtype} of shape {p.shape} after the optimiser was made "
                    f"with {view.dtype} of shape {view.shape}: make the optimiser afterwards"
                )
        if sharing([p._data for p in self.parameters]) != self.owners:
            raise ValueError(
                "after the optimiser was made, .data was assigned so that other parameters share "
                "their array than did then: assign into it (p.data[...] = array), or make the "
                "optimiser afterwards"
            )
        inside = [np.may_share_memory(p._data, self.flat) for p, _ in strangers]
        arrays = [
            p._data.copy() if copied else p._data for (p, _), copied in zip(strangers, inside)
        ]
        for (p, view), array in zip(strangers, arrays):
            view[...] = array
            p._data = view

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for p in self.parameters:
            p._grad = None

    def step(self) -> None:
        """Change every parameter that has a gradient."""
        self.adopt()
        settings = [self.checked(group) for group in self.param_groups]
        gradients = [gradient_of(p) if p._requires_grad else None for p in self.parameters]
        for i, owner in self.tied:
            gradients[owner] = summed(gradients[owner], gradients[i])
        # Neighbours that have a gradient and have made equally many steps are moved together.
        made = [None if g is None else steps for g, steps in zip(gradients, self.steps)]
        for group, block in self.blocks:
            for steps, run in groupby(block, made.__getitem__):
                if steps is not None:
                    self.update_run(list(run), gradients, settings[group])
        for i, owner in self.tied:
            if gradients[owner] is not None:
                self.parameters[i].mark_changed()

    def update_run(self, run: list[int], gradients: list[Any], settings: Mapping[str, Any]) -> None:
        """Update the neighbouring parameters in `run`, which have made equally many steps."""
        flat = [gradients[i].reshape(-1) for i in run]
        g = flat[0] if len(flat) == 1 else np.concatenate(flat)
        g = g.astype(self.scratch.dtype, copy=False)
        steps = self.steps[run[0]] + 1
        where = slice(self.slices[run[0]].start, self.slices[run[-1]].stop)
        for start in range(where.start, where.stop, BLOCK):
            block = slice(start, min(start + BLOCK, where.stop))
            averages = [average[block] for average in self.state.values()]
            within = slice(start - where.start, block.stop - where.start)
            self.update(self.flat[block], g[within], averages, steps, settings)
        when = clock.change(self.flat[where])
        for i in run:
            self.steps[i] = steps
            self.parameters[i].changed = when

    def update(
        self,
        p: np.ndarray,
        g: np.ndarray,
        averages: list[np.ndarray],
        steps: int,
        settings: Mapping[str, Any],
    ) -> None:
        """Change `p` by its gradient `g`; `steps` counts from 1, for each parameter on its own."""
        raise NotImplementedError(f"{type(self).__name__} has no update method: define one")

    def checked(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of a group as plain numbers, whoever has put what into it."""
        kind = type(self)
        return {name: getattr(kind, name).check(name, settings[name]) for name in self.settings}

    # ---- to be saved and copied

    def state_dict(self) -> dict[str, Any]:
        """Copies of the running averages, the steps that each parameter has made, and the settings
        of each group, all as arrays."""
        settings = {
            name: np.array([group[name] for group in self.param_groups]) for name in self.settings
        }
        averages = {name: average.copy() for name, average in self.state.items()}
        return {"steps": np.array(self.steps), **settings, **averages}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict` of the same kind of optimiser for the same parameters. Raises
        ValueError, with nothing changed, for any other."""
        lengths = {"steps": len(self.parameters), **dict.fromkeys(self.state, self.size)}
        lengths |= dict.fromkeys(self.settings, len(self.param_groups))
        arrays = {name: np.asarray(plain(value)) for name, value in state.items()}
        pairs = [name for name in self.settings if isinstance(self.param_groups[0][name], tuple)]
        shapes = {name: (n, 2) if name in pairs else (n,) for name, n in lengths.items()}
        if {name: array.shape for name, array in arrays.items()} != shapes:
            raise ValueError(
                f"load_state_dict: this is no state of {type(self).__name__} for {self.size} "
                f"entries of {len(self.parameters)} parameters in {len(self.param_groups)} "
                f"group(s): it has {', '.join(sorted(map(str, state)))}"
            )
        try:
            dtype = self.scratch.dtype
            averages = {name: as_array(arrays[name], dtype) for name in self.state}
            steps = [whole("steps", n) for n in arrays["steps"]]
            groups = [
                self.checked({name: arrays[name][i] for name in self.settings})
                for i in range(len(self.param_groups))
            ]
        except (TypeError, ValueError) as error:
            raise ValueError(f"load_state_dict: {error}") from None
        for name, average in self.state.items():
            average[...] = averages[name]
        self.steps = steps
        for group, settings in zip(self.param_groups, groups):
            group.update(settings)

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copy: all but the buffer, which a copy makes anew for its parameters."""
        self.adopt()
        return {key: value for key, value in vars(self).items() if key not in ("flat", "views")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.use_buffer(np.empty(self.size, self.parameters[0].dtype))


def groups_of(parameters: Any, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The groups that an optimiser was given, each with all settings; tensors are one group."""
    if isinstance(parameters, Tensor) or not isinstance(parameters, Iterable):
        raise TypeError("an optimiser changes Parameters: pass model.parameters(), or a list")
    if isinstance(parameters, (set, frozenset)):
        raise TypeError(
            "a set has no order, which a saved state needs: pass the parameters in a list"
        )
    entries = list(parameters)
    if not entries or not all(isinstance(entry, Mapping) for entry in entries):
        if not all(isinstance(p, Tensor) and p.node is None for p in entries):
            raise TypeError("an optimiser changes Parameters: pass model.parameters(), or a list")
        return [{"params": entries, **settings}]
    groups: list[dict[str, Any]] = []
    for entry in entries:
        unknown = sorted(str(name) for name in entry.keys() - {"params", *settings})
        if unknown or "params" not in entry:
            raise ValueError(
                f"a group of parameters has params and, of its own, any of {', '.join(settings)}; "
                + (f"this has {', '.join(unknown)}" if unknown else "this has no params")
            )
        tensors = entry["params"]
        [group] = groups_of([tensors] if isinstance(tensors, Tensor) else tensors, settings)
        groups.append(group | {name: value for name, value in entry.items() if name != "params"})
    return groups


def summed(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
    """The sum of two gradients, either of which may be missing."""
    if one is None or other is None:
        return other if one is None else one
    return one + other
