"""Module and Parameter: a model as a tree of Python objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from numpy.typing import DTypeLike

from .context import Scope, dotted, scope
from .tensor import Tensor, TensorLike

if TYPE_CHECKING:
    from typing_extensions import Self

Kind = TypeVar("Kind", bound="Module | Tensor")


class Parameter(Tensor):
    """A tensor that training changes."""

    __slots__ = ()

    def __init__(self, data: TensorLike, dtype: DTypeLike | None = None, name: str | None = None):
        super().__init__(data, requires_grad=True, dtype=dtype, name=name)


class Module:
    """A part of a model: parameters, other modules, and `forward`, which computes with them.

    What is assigned to an attribute belongs to the module, in lists, tuples and dicts too, and is
    named by its path: `layers.0.norm_1.gamma`. Parameters are trained; any other Tensor is a
    buffer: saved with the rest, not trained. Call the module, not `forward`: the call marks the ops
    inside with the module, and so gives the recorded graph its structure.
    """

    training = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no forward method: define one")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        token = scope.set(Scope(self, scope.get()))
        try:
            return self.forward(*args, **kwargs)
        finally:
            scope.reset(token)

    def children(self) -> Iterator[tuple[str, Module | Tensor]]:
        """(name, Module or Tensor) for all that hangs directly on this module."""
        for name, value in vars(self).items():
            yield from _found_in(name, value)

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """(path, module) for this module (its path is "") and all within it, each once."""
        yield from self._walk(prefix, set(), Module)

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """(path, Parameter), each once, though it may be shared."""
        yield from self._walk(prefix, set(), Parameter)

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """(path, Tensor) for the tensors that are saved but not trained."""
        for path, tensor in self._walk(prefix, set(), Tensor):
            if not isinstance(tensor, Parameter):
                yield path, tensor

    def _walk(self, path: str, seen: set[int], kind: type[Kind]) -> Iterator[tuple[str, Kind]]:
        if id(self) in seen:
            return
        seen.add(id(self))
        if issubclass(kind, Module):
            yield path, cast(Kind, self)
        for name, child in self.children():
            below = dotted(path, name)
            if isinstance(child, Module):
                yield from child._walk(below, seen, kind)
            elif isinstance(child, kind) and id(child) not in seen:
                seen.add(id(child))
                yield below, cast(Kind, child)

    def modules(self) -> list[Module]:
        return [module for _, module in self.named_modules()]

    def parameters(self) -> list[Parameter]:
        return [parameter for _, parameter in self.named_parameters()]

    def train(self, mode: bool = True) -> Self:
        """Switch dropout and the like on (or off, with False), here and in all within."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        return self.train(False)

    def zero_grad(self) -> None:
        for parameter in self.parameters():
            parameter.grad = None

    def astype(self, dtype: DTypeLike) -> Self:
        """Hold all parameters and buffers in another floating-point dtype."""
        for tensor in self._tensors().values():
            tensor.data = tensor.data.astype(dtype)
        return self

    def _tensors(self) -> dict[str, Tensor]:
        return {**dict(self.named_parameters()), **dict(self.named_buffers())}

    def state_dict(self) -> dict[str, np.ndarray]:
        """{path: a copy of the array} of all parameters and buffers."""
        return {path: tensor.data.copy() for path, tensor in self._tensors().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the arrays of a `state_dict`. Raises ValueError, with nothing changed, unless
        the names and shapes are the same."""
        tensors = self._tensors()
        wrong = [f"{path} is missing" for path in tensors.keys() - state.keys()]
        wrong += [f"{path} is not part of this model" for path in state.keys() - tensors.keys()]
        wrong += [
            f"{path} has shape {np.shape(state[path])}, the model's has {tensors[path].shape}"
            for path in tensors.keys() & state.keys()
            if np.shape(state[path]) != tensors[path].shape
        ]
        if wrong:
            raise ValueError(
                f"load_state_dict: the state does not fit {type(self).__name__}: "
                + "; ".join(sorted(wrong)[:5])
                + (f"; and {len(wrong) - 5} more" if len(wrong) > 5 else "")
            )
        arrays = {path: np.asarray(state[path], tensor.dtype) for path, tensor in tensors.items()}
        for path, tensor in tensors.items():
            tensor.data[...] = arrays[path]
            tensor.mark_changed()

    def __repr__(self) -> str:
        lines = []
        for name, child in self.children():
            if isinstance(child, Module):
                lines.append(f"{name}: {child!r}".replace("\n", "\n  "))
            else:
                kind = "parameter" if isinstance(child, Parameter) else "buffer"
                lines.append(f"{name}: {kind} {child.shape}")
        inside = "".join(f"\n  {line}" for line in lines)
        return f"{type(self).__name__}({inside}\n)" if lines else f"{type(self).__name__}()"


def _found_in(name: str, value: Any) -> Iterator[tuple[str, Module | Tensor]]:
    """(dotted name, Module or Tensor) for an attribute's value, looking into lists and dicts."""
    if isinstance(value, (Module, Tensor)):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for i, entry in enumerate(value):
            yield from _found_in(f"{name}.{i}", entry)
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _found_in(f"{name}.{key}", entry)
