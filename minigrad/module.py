"""Module and Parameter: a model as a tree of Python objects."""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Iterator, Mapping
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from .context import Scope, dotted, scope
from .dtypes import as_array
from .tensor import Tensor, TensorLike, plain

if TYPE_CHECKING:
    from typing import Self

SAVED = (
    "saved are Parameters, and those tensors that a module holds when its constructor ends or that "
    "were declared with register_buffer"
)


class SeesConstructorEnd(ABCMeta):
    """The type of Module: it lets a module know when its constructor has ended. (An ABCMeta, so
    that a class may be a Module and an abstract one.)"""

    if not TYPE_CHECKING:  # or editors would not show the constructor's own signature

        def __call__(cls, *args, **kwargs):
            module = super().__call__(*args, **kwargs)
            module._declare_buffers()
            return module


class Parameter(Tensor):
    """A tensor that training changes."""

    __slots__ = ()

    def __init__(self, data: TensorLike, dtype: DTypeLike | None = None, name: str | None = None):
        super().__init__(data, requires_grad=True, dtype=dtype, name=name)


class Module(metaclass=SeesConstructorEnd):
    """A part of a model: parameters, other modules, and `forward`, which computes with them.

    What is assigned to an attribute belongs to the module, in lists, tuples and dicts too, and is
    named by its path: `layers.0.norm_1.gamma`. Parameters are trained. A buffer is saved with them,
    but not trained: it is a tensor that the module holds when its constructor ends, if no recorded
    op made it, or one that was declared with `register_buffer`; its name stays declared whatever is
    assigned to it later. A tensor that comes later (`self.last_activation = x`) is not saved.

    Call the module, not `forward`: the call marks the ops inside with the module, and so gives the
    recorded graph its structure.
    """

    training = True
    _buffers: tuple[str, ...] = ()  # the names that were declared

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no forward method: define one")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        token = scope.set(Scope(self, scope.get()))
        try:
            return self.forward(*args, **kwargs)
        finally:
            scope.reset(token)

    def register_buffer(self, name: str, tensor: Tensor) -> None:
        """Declare the attribute `name` a buffer (saved, not trained), and set it to `tensor`."""
        if not isinstance(tensor, Tensor) or isinstance(tensor, Parameter):
            raise TypeError(f"a buffer is a Tensor and no Parameter, not {type(tensor).__name__}")
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"a buffer is an attribute, which cannot have the name {name!r}")
        if hasattr(type(self), name):
            raise ValueError(f"{type(self).__name__}.{name} is something else: choose another name")
        setattr(self, name, tensor)
        self._buffers = tuple(dict.fromkeys((*self._buffers, name)))

    def _declare_buffers(self) -> None:
        """Called when the constructor has ended."""
        leaves = [
            name
            for name, child in self.children()
            if isinstance(child, Tensor) and not isinstance(child, Parameter) and child.node is None
        ]
        if leaves:
            self._buffers = tuple(dict.fromkeys((*self._buffers, *leaves)))

    def children(self) -> Iterator[tuple[str, Module | Tensor]]:
        """(name, Module or Tensor) for all that hangs directly on this module."""
        for name, value in vars(self).items():
            yield from _found_in(name, value)

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """(path, module) for this module (its path is "") and all within it, each once."""
        for path, found in self._named(prefix):
            if isinstance(found, Module):
                yield path, found

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """(path, Parameter), each once, though it may be shared."""
        for path, found in self._named(prefix):
            if isinstance(found, Parameter):
                yield path, found

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """(path, Tensor) for the tensors that are saved but not trained."""
        for path, found in self._named(prefix):
            if isinstance(found, Tensor) and not isinstance(found, Parameter):
                yield path, found

    def _named(self, prefix: str) -> list[tuple[str, Module | Tensor]]:
        """(path, module or saved tensor) for all in here, each once. Raises ValueError where one
        path would stand for two."""
        named = list(self._walk(prefix, set()))
        found: dict[str, Module | Tensor] = {}
        for path, child in named:
            if path in found:
                raise ValueError(
                    f"{type(self).__name__} has two parts with the path {path!r} (a "
                    f"{type(found[path]).__name__} and a {type(child).__name__}), of which a state "
                    "would lose one: rename the key or attribute of one"
                )
            found[path] = child
        return named

    def _walk(self, path: str, seen: set[int]) -> Iterator[tuple[str, Module | Tensor]]:
        seen.add(id(self))
        yield path, self
        for name, child in self.children():
            if id(child) in seen:
                continue
            below = dotted(path, name)
            if isinstance(child, Module):
                yield from child._walk(below, seen)
            elif isinstance(child, Parameter) or name in self._buffers:
                seen.add(id(child))
                yield below, child

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
        """Hold all parameters and buffers, and their gradients, in another floating-point dtype;
        buffers of integers stay. Tensors that share an array share the new one too."""
        if np.dtype(dtype).kind != "f":
            raise TypeError(
                f"astype: a model computes with floating-point numbers, not {np.dtype(dtype)}: "
                "give it np.float16, np.float32 or np.float64"
            )
        converted: dict[int, np.ndarray] = {}
        tensors = [t for t in self._tensors().values() if t.dtype.kind == "f" and t.dtype != dtype]
        arrays = [t.data for t in tensors]  # held, so that no id is used anew
        for tensor, array in zip(tensors, arrays):
            if id(array) not in converted:
                converted[id(array)] = array.astype(dtype)
            tensor.data = converted[id(array)]
            if isinstance(tensor.grad, Tensor):
                tensor.grad = Tensor(tensor.grad.data.astype(dtype))
        return self

    def _tensors(self) -> dict[str, Tensor]:
        return {**dict(self.named_parameters()), **dict(self.named_buffers())}

    def state_dict(self) -> dict[str, np.ndarray]:
        """{path: a copy of the array} of all parameters and buffers."""
        return {path: tensor.data.copy() for path, tensor in self._tensors().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the arrays of a `state_dict`. Raises ValueError, with nothing changed, unless
        the names and shapes are the same and the numbers can be."""
        tensors = self._tensors()
        wrong = [f"{path} is missing" for path in tensors.keys() - state.keys()]
        wrong += [f"{path} is not part of this model" for path in state.keys() - tensors.keys()]
        reason = f" ({SAVED})" if wrong else ""
        arrays: dict[str, np.ndarray] = {}
        for path in tensors.keys() & state.keys():
            try:
                arrays[path] = _fitting(state[path], tensors[path].data)
            except (TypeError, ValueError) as error:
                wrong.append(f"{path} {error}")
        if wrong:
            raise ValueError(
                f"load_state_dict: the state does not fit {type(self).__name__}: "
                + "; ".join(sorted(wrong)[:5])
                + (f"; and {len(wrong) - 5} more" if len(wrong) > 5 else "")
                + reason
            )
        for path, tensor in tensors.items():
            tensor.data[...] = arrays[path]
            tensor.mark_changed()

    @recursive_repr("(this very module again)")
    def __repr__(self) -> str:
        lines = []
        for name, child in self.children():
            if isinstance(child, Module):
                lines.append(f"{name}: {child!r}".replace("\n", "\n  "))
            else:
                kind = "buffer" if name in self._buffers else "tensor"
                kind = "parameter" if isinstance(child, Parameter) else kind
                lines.append(f"{name}: {kind} {child.shape}")
        inside = "".join(f"\n  {line}" for line in lines)
        return f"{type(self).__name__}({inside}\n)" if lines else f"{type(self).__name__}()"


def _found_in(
    name: str, value: Any, inside: tuple[Any, ...] = ()
) -> Iterator[tuple[str, Module | Tensor]]:
    """(dotted name, Module or Tensor) for an attribute's value, looking into lists and dicts (but
    not into one that is `inside` itself)."""
    if isinstance(value, (Module, Tensor)):
        yield name, value
    elif isinstance(value, (list, tuple, dict)) and not any(value is outer for outer in inside):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for key, entry in entries:
            yield from _found_in(f"{name}.{key}", entry, (*inside, value))


def _fitting(value: Any, target: np.ndarray) -> np.ndarray:
    """A copy of `value` that can be written into `target`. Raises TypeError or ValueError with the
    end of a sentence that begins with its name."""
    value = plain(value)
    if np.shape(value) != target.shape:
        raise ValueError(f"has shape {np.shape(value)}, the model's has {target.shape}")
    if not target.flags.writeable:
        raise ValueError("is an array in this model that can only be read")
    try:
        with np.errstate(invalid="ignore"):  # of NaN as an integer, which is looked at below
            array = np.array(as_array(value, target.dtype))
    except (TypeError, ValueError) as error:
        raise ValueError(f"holds what cannot be taken: {error}") from None
    if target.dtype.kind != "f" and not np.array_equal(array, value):
        raise ValueError(f"has numbers that {target.dtype} cannot hold")
    return array
