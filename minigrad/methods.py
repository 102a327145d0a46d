"""What operators, methods and NumPy's own functions do when they meet a Tensor: they are the ops.

`a * b` is `mul(a, b)`, `t.sum(axis=0)` is `sum(t, axis=0)` and `np.exp(t)` is `exp(t)`.
"""

import math

import numpy as np

from . import ops
from .backward import backward
from .tape import numpy_rules
from .tensor import Tensor, plain

# ---- operators


def swapped(op):
    """The op for when the Tensor stands on the right: 2 - t is t.__rsub__(2)."""
    return lambda self, other: op(other, self)


def constant(function):
    """A NumPy function without a derivative, or with one that is 0: it gives an array and records
    nothing."""
    return lambda *args, **kwargs: function(*plain(args), **kwargs)


Tensor.backward = backward
Tensor.__add__ = Tensor.__radd__ = ops.add
Tensor.__sub__ = ops.sub
Tensor.__rsub__ = swapped(ops.sub)
Tensor.__mul__ = Tensor.__rmul__ = ops.mul
Tensor.__truediv__ = ops.div
Tensor.__rtruediv__ = swapped(ops.div)
Tensor.__pow__ = ops.pow
Tensor.__rpow__ = swapped(ops.pow)
Tensor.__matmul__ = ops.matmul
Tensor.__rmatmul__ = swapped(ops.matmul)
Tensor.__neg__ = ops.neg
Tensor.__abs__ = ops.abs
Tensor.__getitem__ = ops.getitem
Tensor.__lt__ = constant(np.less)
Tensor.__le__ = constant(np.less_equal)
Tensor.__gt__ = constant(np.greater)
Tensor.__ge__ = constant(np.greater_equal)
Tensor.__eq__ = constant(np.equal)
Tensor.__ne__ = constant(np.not_equal)
Tensor.__hash__ = object.__hash__  # in a set or dict a tensor is found by identity

# ---- methods, where an ndarray has one of that name (and the short forms that layers use)

SAME = (
    "astype clip cumsum exp log max mean min prod relu sigmoid softmax sqrt squeeze std sum "
    "swapaxes take tanh var abs"
)
for name in SAME.split():
    setattr(Tensor, name, getattr(ops, name))


def reshape(self, *shape):
    """reshape(2, 3) or reshape((2, 3))."""
    return ops.reshape(self, shape[0] if len(shape) == 1 else shape)


def transpose(self, *axes):
    """transpose(), transpose(1, 0, 2) or transpose((1, 0, 2))."""
    return ops.transpose(self, axes[0] if len(axes) == 1 else axes or None)


def dot(a, b):
    """a @ b, for a vector or a matrix on the right: with more axes NumPy's dot is another thing."""
    if np.ndim(b) > 2:
        raise ValueError(f"dot: {np.shape(a)} and {np.shape(b)}: with such a right side, write @")
    return ops.matmul(a, b)


Tensor.dot = numpy_rules[np.dot] = dot
Tensor.reshape = reshape
Tensor.transpose = transpose
Tensor.T = property(ops.transpose)
Tensor.mT = property(lambda self: ops.swapaxes(self, -1, -2))

# ---- NumPy's functions

for name in (
    "where einsum sum mean var std max min prod cumsum reshape transpose swapaxes broadcast_to "
    "expand_dims squeeze concatenate stack split pad flip take"
).split():
    numpy_rules[getattr(np, name)] = getattr(ops, name)

COMPOSED = {  # of other ops; an op of the same name, ours or a user's, goes before it
    np.subtract: ops.sub,
    np.multiply: ops.mul,
    np.true_divide: ops.div,
    np.negative: ops.neg,
    np.square: lambda x: x * x,
    np.reciprocal: lambda x: 1 / x,
    np.tan: lambda x: ops.sin(x) / ops.cos(x),
    np.sinh: lambda x: 0.5 * (ops.exp(x) - ops.exp(-x)),
    np.cosh: lambda x: 0.5 * (ops.exp(x) + ops.exp(-x)),
    np.exp2: lambda x: 2.0**x,
    np.log2: lambda x: ops.log(x) / math.log(2),
    np.log10: lambda x: ops.log(x) / math.log(10),
    np.vecdot: lambda a, b: ops.sum(a * b, axis=-1),
    np.amax: ops.max,
    np.amin: ops.min,
    np.clip: lambda x, a_min=None, a_max=None, *, min=None, max=None: ops.clip(
        x, a_min if min is None else min, a_max if max is None else max
    ),
}
for function, rule in COMPOSED.items():
    numpy_rules.setdefault(function, rule)

for name in (
    "less less_equal greater greater_equal equal not_equal sign isnan isinf isfinite isneginf "
    "floor ceil rint argmax argmin argsort shape ndim size zeros_like ones_like array_equal "
    "allclose isclose any all logical_and logical_or logical_not"
).split():
    numpy_rules[getattr(np, name)] = constant(getattr(np, name))


def array_ufunc(self, ufunc, method, *inputs, **kwargs):
    kwargs.pop("out", None)  # a rule's `np.exp(e, out=e)` is on tensors an ordinary expression
    rule = numpy_rules.get(ufunc) if method == "__call__" else None
    if rule is None or kwargs:
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        raise no_rule(f"np.{name}", kwargs if rule else ())
    return rule(*inputs)


def array_function(self, function, types, args, kwargs):
    kwargs = {key: value for key, value in kwargs.items() if key != "out"}
    if function not in numpy_rules:
        raise no_rule(f"np.{function.__name__}")
    return numpy_rules[function](*args, **kwargs)


def no_rule(name, options=()):
    if options:
        return TypeError(f"{name} on a Tensor does not take {', '.join(options)}")
    return TypeError(
        f"{name} has no derivative rule for a Tensor. Use .data for its numbers, or write the rule "
        "as an op of your own with @mg.op"
    )


def array(self, dtype=None, copy=None):
    if self.requires_grad:
        raise TypeError(
            "this tensor carries a gradient, which a plain array would lose: use .data or .detach()"
        )
    return np.array(self.data, dtype=dtype, copy=copy)


Tensor.__array_ufunc__ = array_ufunc
Tensor.__array_function__ = array_function
Tensor.__array__ = array

# ---- Python's own protocols


def setitem(self, index, value):
    if self.node is not None:
        raise RuntimeError(
            f"this tensor was computed by {self.node.op_name} and recorded; assigning into it "
            "would make its gradient wrong. Use mg.where, or assign into a .detach()ed copy"
        )
    if isinstance(value, Tensor) and value.requires_grad:
        raise RuntimeError(
            "assignment is not recorded, so the assigned tensor would get no gradient: use "
            "mg.where or mg.concatenate, or assign its .data"
        )
    self.data[plain(index)] = plain(value)
    self.mark_changed()


def length(self):
    if self.ndim == 0:
        raise TypeError("a 0-d tensor has no length")
    return self.shape[0]


def iterate(self):
    return (self[i] for i in range(len(self)))


def text(self):
    """Values as NumPy cuts them, then shape, dtype, name and where it comes from."""
    values = np.array2string(self.data, separator=", ", prefix="Tensor(")
    parts = [values, f"shape={self.shape}", f"dtype={self.dtype}"]
    if self.name is not None:
        parts.append(f"name={self.name!r}")
    if self.requires_grad:
        parts.append("requires_grad=True")
    if self.node is not None:
        parts.append(f"op={self.node.op_name}")
    return f"Tensor({', '.join(parts)})"


def reduce(self):
    """For pickle and copy.deepcopy: leaves can be copied, a recorded graph cannot."""
    if self.node is not None:
        raise TypeError(
            f"this tensor was computed by {self.node.op_name}; a recorded graph cannot be "
            "pickled or copied. Use .detach() for its numbers alone"
        )
    return rebuilt, (type(self), self.data, self.requires_grad, self.name, self.grad)


def rebuilt(cls, data, requires_grad, name, grad):
    """A leaf that was pickled or copied, put together again."""
    tensor = cls.__new__(cls)
    Tensor.__init__(tensor, data, requires_grad, name=name)
    tensor.grad = grad
    return tensor


Tensor.__reduce__ = reduce
Tensor.__setitem__ = setitem
Tensor.__len__ = length
Tensor.__iter__ = iterate
Tensor.__repr__ = text
Tensor.__bool__ = lambda self: bool(self.data)
Tensor.__float__ = lambda self: float(self.item())
Tensor.__int__ = lambda self: int(self.item())
Tensor.__index__ = lambda self: self.data.__index__()
Tensor.__format__ = lambda self, spec: format(self.item(), spec) if spec else str(self)
