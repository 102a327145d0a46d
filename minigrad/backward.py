"""Reverse-mode differentiation: from the loss back along the recorded graph."""

from __future__ import annotations

import math
from collections.abc import Iterable
from operator import attrgetter
from typing import Any, TypeAlias, overload

import numpy as np

from .clock import clock, stretch
from .context import Watcher, during, recording, replaying, watching
from .ops.rows import sum_of_rows
from .tape import FREED, Edge, Node, Origin, held_by
from .tensor import Tensor, TensorLike, plain

Gradient: TypeAlias = Any  # an array; with create_graph a Tensor, which is recorded


def backpropagate(
    output: Tensor,
    gradient: TensorLike | None,
    create_graph: bool,
    retain_graph: bool,
    towards: Iterable[Tensor] | None = None,
) -> dict[Origin, Gradient]:
    """The derivative of `output` with respect to every leaf and every tensor that retains its
    gradient, or to those in `towards` alone. No two gradients share an array."""
    g = seed(output, gradient, create_graph)
    nodes = history(output)
    check_unchanged(nodes)
    if towards is None:
        wanted = {node for node in nodes if node.retained is not None}
        steps = [(node, node.args, node.edges) for node in nodes]
    else:
        wanted = {x.origin for x in towards}
        steps = leading_to(wanted, nodes)
    if create_graph:
        with during(replaying, True):
            steps = replayed(steps, nodes)
    if (watcher := watching.get()) is not None:
        steps = watched(steps, watcher)
    if not retain_graph:
        for node in nodes:
            node.free()

    gradients = Gradients(create_graph)
    gradients.sums[output.origin] = g
    quiet = np.errstate(all="ignore")  # infinities are looked for by detect_anomaly
    with during(recording, create_graph), during(replaying, create_graph), quiet:
        while steps:
            node, origins, edges = steps.pop()  # the latest: all that used its value was passed
            g = gradients.sums.pop(node)
            if node in wanted:
                gradients.kept[node] = g.copy()
            for slot, rule in edges:
                gradients.add(origins[slot], rule(g), node, slot)
        return gradients.finished()


class Gradients:
    """What has come in for each origin so far: their sum, once all that used it have been passed.

    A sum is made in place only where this made the array itself: what a rule returns may be the
    array that it was given, another rule's, or one of the caller's.
    """

    def __init__(self, recorded: bool):
        self.recorded = recorded  # whether gradients are Tensors
        self.sums: dict[Origin, Gradient] = {}
        self.own: set[Origin] = set()  # whose sum is an array that was made here
        self.kept: dict[Origin, Gradient] = {}

    def add(self, origin: Origin, d: Gradient, node: Node, slot: int) -> None:
        """Add what the rule of `node` for its argument number `slot` has returned."""
        if type(d) is not np.ndarray or d.shape != origin.shape or d.dtype is not origin.dtype:
            d = fitted(d, origin, node, slot, self.recorded)
        sums = self.sums
        if origin not in sums:
            sums[origin] = d
        elif origin in self.own:
            sums[origin] += d
        elif self.recorded:
            sums[origin] = sums[origin] + d
        else:
            sums[origin] = np.asarray(sums[origin] + d)  # of 0-d arrays NumPy makes a scalar
            self.own.add(origin)

    def finished(self) -> dict[Origin, Gradient]:
        """All that was kept, and what the leaves have got."""
        while self.sums:
            leaf, g = self.sums.popitem()
            self.kept[leaf] = g if leaf in self.own else g.copy()
        return self.kept


def add_to_grad(gradients: dict[Origin, Gradient]) -> None:
    """Add each gradient to the `.grad` of its tensor."""
    for origin, g in gradients.items():
        x = origin if isinstance(origin, Tensor) else origin.retained and origin.retained()
        if x is None:
            continue  # nobody has the tensor any more
        before = x._grad
        if before is None:
            x._grad = g if isinstance(g, Tensor) else Tensor.made_by(None, g)
        elif isinstance(g, Tensor) or before.requires_grad:
            x._grad = before + g
        else:
            before.data += g


@overload
def grad(  # pyright: ignore[reportOverlappingOverload]  (a Tensor can be iterated over)
    output: Tensor,
    inputs: Tensor,
    gradient: TensorLike | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> Tensor: ...
@overload
def grad(
    output: Tensor,
    inputs: Iterable[Tensor],
    gradient: TensorLike | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> list[Tensor]: ...
def grad(
    output: Tensor,
    inputs: Tensor | Iterable[Tensor],
    gradient: TensorLike | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> Tensor | list[Tensor]:
    """The derivative of `output` with respect to each of `inputs` (a tensor, or several of them).

    It touches no `.grad` and frees nothing. Raises ValueError for an input that `output` does not
    depend on; with `allow_unused` such a one gets zeros.
    """
    if isinstance(inputs, Tensor):
        return grad(output, [inputs], gradient, create_graph, allow_unused)[0]
    inputs = list(inputs)
    if not all(isinstance(x, Tensor) for x in inputs):
        raise TypeError("grad: the inputs have to be the Tensors that the output was computed from")
    found = backpropagate(output, gradient, create_graph, retain_graph=True, towards=inputs)
    results = []
    for x in inputs:
        g = found.get(x.origin)
        if g is None and not allow_unused:
            raise ValueError(
                f"grad: the output does not depend on the input of shape {x.shape}"
                + (f" named {x.name!r}" if x.name else "")
                + ("" if x.requires_grad else ", which does not require a gradient")
                + "; with allow_unused=True it gets zeros"
            )
        if g is None:
            g = np.zeros(x.shape, x.dtype)
        results.append(g.copy() if isinstance(g, Tensor) else Tensor(g.copy()))
    return results


# ---- the recorded graph, as steps to go back along

Steps: TypeAlias = list[tuple[Node, list, list[Edge]]]  # (node, origins, edges), oldest first


def history(output: Tensor) -> list[Node]:
    """The Nodes that `output` was computed by, oldest first; none for a leaf.

    Raises RuntimeError where a part of the graph was freed.
    """
    seen = {output.node} if output.node is not None else set()
    stack = list(seen)
    while stack:  # no recursion: a chain of 100,000 ops is nothing special
        node = stack.pop()
        if node.args is FREED:
            raise RuntimeError(
                f"the graph at {node.op_name} was freed by an earlier backward: compute the tensor "
                "again, or call that backward with retain_graph=True"
            )
        origins = node.args
        for slot, _ in node.edges:
            origin = origins[slot]
            if type(origin) is Node and origin not in seen:
                seen.add(origin)
                stack.append(origin)
    return sorted(seen, key=attrgetter("tick"))


def check_unchanged(nodes: list[Node]) -> None:
    """Refuse a graph whose numbers are no longer those that it was recorded with: a tensor that it
    holds was given others, or memory that it still needs was written to, by whatever name."""
    if not nodes or clock.latest_change < nodes[0].tick:
        return
    changes = clock.changed_since(nodes[0].tick)
    for node in nodes:
        for origin in (node, *node.args):
            if isinstance(origin, (Node, Tensor)) and origin.changed > node.tick:
                raise changed_since(node, origin.shape)
        later = [(low, high) for low, high, when in changes if when > node.tick]
        for array in held_by(node) if later else ():
            start, end = stretch(array)
            if any(low < end and start < high for low, high in later):
                raise changed_since(node, array.shape)


def changed_since(node: Node, shape: tuple[int, ...]) -> RuntimeError:
    return RuntimeError(
        f"backward: a tensor of shape {shape} that {node.op_name} used or made was changed in "
        "place since, so its gradient would be wrong. Change a copy, or change it after backward"
    )


def leading_to(wanted: set[Origin], nodes: list[Node]) -> Steps:
    """The steps on the way from `wanted` to the output: no other gradient is worth computing."""
    needed, steps = set(wanted), []
    for node in nodes:
        edges = [edge for edge in node.edges if node.args[edge[0]] in needed]
        if edges or node in wanted:
            needed.add(node)
            steps.append((node, node.args, edges))
    return steps


def replayed(steps: Steps, nodes: list[Node]) -> Steps:
    """The steps with the rules made anew, by calling the same functions on tensors, so that what
    the rules compute is recorded. This gives derivatives of any order."""
    tensors: dict[Any, Tensor] = {}  # {node: its value, computed again}
    rules = {}
    for node in nodes:
        args = [tensors.get(arg, arg) if type(arg) is Node else arg for arg in node.args]
        for slot in node.op.places(len(args))[1]:
            args[slot] = plain(args[slot])
        if node.op.wide:
            args = [_widened(arg) for arg in args]
        value, *rules[node] = node.op.fn(*args, **node.kwargs)
        if not node.op.ours:
            check_repeatable(node, plain(args))
        # It takes the original's place in the graph.
        tensors[node] = Tensor.made_by(node, plain(value).astype(node.dtype, copy=False))
    return [
        (node, origins, node.op.edges(rules[node], [slot for slot, _ in edges]))
        for node, origins, edges in steps
    ]


def check_repeatable(node: Node, args: list) -> None:
    """Raise RuntimeError for an op of a user's that draws random numbers: computed again, its rules
    would belong to others."""
    once, again = (np.asarray(node.op.fn(*args, **node.kwargs)[0]) for _ in range(2))
    if not np.array_equal(once, again, equal_nan=True):
        raise RuntimeError(
            f"{node.op_name} gives another value when it is computed again, which create_graph "
            "needs: hand its random numbers over as an array, as mg.dropout does with its mask"
        )


def _widened(arg: Any) -> Any:
    """What an op that computes in float32 is given in place of float16."""
    half = isinstance(arg, Tensor) and arg.dtype == np.float16
    return arg.astype(np.float32) if half else arg


def watched(steps: Steps, watcher: Watcher) -> Steps:
    """The steps with the rules run by whoever watches."""
    return [
        (node, origins, [(slot, watcher.watched_rule(node, rule)) for slot, rule in edges])
        for node, origins, edges in steps
    ]


# ---- gradients in the shape and dtype of what they belong to


def seed(output: Tensor, gradient: TensorLike | None, recorded: bool) -> Gradient:
    """The gradient to begin with, at the output itself."""
    if not output.requires_grad:
        raise RuntimeError(
            "backward: this tensor depends on nothing that requires a gradient (or was computed "
            "under no_grad), so there is no graph to go back through"
        )
    if gradient is None:
        if output.size != 1:
            raise ValueError(
                f"backward from a tensor of shape {output.shape} needs `gradient`, an array of "
                "that shape; or make it one number first, with .sum() or .mean()"
            )
        gradient = np.ones(output.shape, output.dtype)
    g = gradient if isinstance(gradient, Tensor) else Tensor(gradient, dtype=output.dtype)
    if g.shape != output.shape:
        raise ValueError(f"backward: gradient has shape {g.shape}, the tensor has {output.shape}")
    g = g if g.dtype == output.dtype else g.astype(output.dtype)
    return g if recorded else g.data


def fitted(d: Any, origin: Origin, node: Node, slot: int, recorded: bool) -> Gradient:
    """What a rule of `node` returned, in the shape and dtype of its input: here broadcasting is
    undone. Raises TypeError for what is no gradient, and ValueError for one of another shape."""
    if not isinstance(plain(d), (np.ndarray, np.generic, int, float)):
        raise TypeError(
            f"the rule {node.op.rule_name(slot)} of {node.op_name} gave {type(d).__name__}: it has "
            f"to give the gradient for its input, an array of shape {origin.shape}"
        )
    if not recorded:
        d = np.asarray(plain(d))  # of 0-d arrays NumPy makes a scalar
    elif not isinstance(d, Tensor):
        d = Tensor(d)
    if d.shape != origin.shape:
        kept = d.shape[d.ndim - len(origin.shape) :]
        if d.ndim < len(origin.shape) or any(n not in (1, m) for n, m in zip(origin.shape, kept)):
            raise ValueError(
                f"the rule {node.op.rule_name(slot)} of {node.op_name} gave a gradient of shape "
                f"{d.shape} for an input of shape {origin.shape}: it has to have the input's shape"
            )
        d = summed_to(origin.shape, d)
    return d if d.dtype == origin.dtype else d.astype(origin.dtype)


def summed_to(shape: tuple[int, ...], d: Gradient) -> Gradient:
    """The gradient of an array that was repeated from `shape`: summed over the repeated axes (of
    float16 in float32, as all sums are)."""
    d = d.astype(np.float32) if d.dtype == np.float16 else d
    new = d.ndim - len(shape)  # axes that the array did not have
    repeated = [new + i for i, n in enumerate(shape) if n == 1 and d.shape[new + i] != 1]
    if repeated:
        d = d.sum(axis=tuple(repeated), keepdims=True)
    if new:
        rows = math.prod(d.shape[:new])
        d = sum_of_rows(d.reshape(rows, math.prod(d.shape[new:])))
    return d.reshape(shape)
