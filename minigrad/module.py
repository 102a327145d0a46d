"""Module and Parameter: a model as a tree of Python objects."""

import numpy as np

from .context import Scope, scope
from .tensor import Tensor


class Parameter(Tensor):
    """A tensor that training changes."""

    __slots__ = ()

    def __init__(self, data, dtype=None, name=None):
        super().__init__(data, requires_grad=True, dtype=dtype, name=name)


class Module:
    """A part of a model: parameters, other modules, and `forward`, which computes with them.

    What is assigned to an attribute belongs to the module, in lists, tuples and dicts too, and is
    named by its path: `layers.0.norm_1.gamma`. Parameters are trained; any other Tensor is a
    buffer: saved with the rest, not trained. Call the module, not `forward`: the call marks the ops
    inside with the module, and so gives the recorded graph its structure.
    """

    training = True

    def forward(self, *args, **kwargs):
        raise NotImplementedError(f"{type(self).__name__} has no forward method: define one")

    def __call__(self, *args, **kwargs):
        token = scope.set(Scope(self, scope.get()))
        try:
            return self.forward(*args, **kwargs)
        finally:
            scope.reset(token)

    def children(self):
        """(name, Module or Tensor) for all that hangs directly on this module."""
        for name, value in vars(self).items():
            yield from found_in(name, value)

    def named_modules(self, prefix=""):
        """(path, module) for this module (its path is "") and all within it, each once."""
        yield from self._walk(prefix, set(), Module)

    def named_parameters(self, prefix=""):
        """(path, Parameter), each once, though it may be shared."""
        yield from self._walk(prefix, set(), Parameter)

    def named_buffers(self, prefix=""):
        """(path, Tensor) for the tensors that are saved but not trained."""
        for path, tensor in self._walk(prefix, set(), Tensor):
            if not isinstance(tensor, Parameter):
                yield path, tensor

    def _walk(self, path, seen, kind):
        if id(self) in seen:
            return
        seen.add(id(self))
        if isinstance(self, kind):
            yield path, self
        for name, child in self.children():
            below = f"{path}.{name}" if path else name
            if isinstance(child, Module):
                yield from child._walk(below, seen, kind)
            elif isinstance(child, kind) and id(child) not in seen:
                seen.add(id(child))
                yield below, child

    def modules(self):
        return [module for _, module in self.named_modules()]

    def parameters(self):
        return [parameter for _, parameter in self.named_parameters()]

    def train(self, mode=True):
        """Switch dropout and the like on (or off, with False), here and in all within."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self):
        return self.train(False)

    def zero_grad(self):
        for parameter in self.parameters():
            parameter.grad = None

    def astype(self, dtype):
        """Hold all parameters and buffers in another floating-point dtype."""
        for tensor in self._tensors().values():
            tensor.data = tensor.data.astype(dtype)
        return self

    def _tensors(self):
        return {**dict(self.named_parameters()), **dict(self.named_buffers())}

    def state_dict(self):
        """{path: a copy of the array} of all parameters and buffers."""
        return {path: tensor.data.copy() for path, tensor in self._tensors().items()}

    def load_state_dict(self, state):
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

    def __repr__(self):
        lines = []
        for name, child in self.children():
            if isinstance(child, Module):
                lines.append(f"{name}: {child!r}".replace("\n", "\n  "))
            else:
                kind = "parameter" if isinstance(child, Parameter) else "buffer"
                lines.append(f"{name}: {kind} {child.shape}")
        inside = "".join(f"\n  {line}" for line in lines)
        return f"{type(self).__name__}({inside}\n)" if lines else f"{type(self).__name__}()"


def found_in(name, value):
    """(dotted name, Module or Tensor) for an attribute's value, looking into lists and dicts."""
    if isinstance(value, (Module, Tensor)):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for i, entry in enumerate(value):
            yield from found_in(f"{name}.{i}", entry)
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from found_in(f"{name}.{key}", entry)
