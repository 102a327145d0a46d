"""Tensor: an array that knows how it was made, so that it can be differentiated."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from .clock import clock, tick
from .context import keeping, recording, replaying
from .dtypes import as_array

if TYPE_CHECKING:  # all of these are made of tensors, so they come after this file
    from . import ops
    from .backward import add_to_grad, backpropagate
    from .tape import Node

# What NumPy's own functions do when they meet a Tensor, {np.exp: exp, ...}. An op says so itself
# (`@op(ufunc=np.exp)`); all others are in numpy_functions.py.
numpy_functions: dict[Callable, Callable] = {}


class Tensor:
    """An n-dimensional array, its gradient, and the op that made it.

    `data` may be a number, a nested list, an ndarray (shared, not copied) or a Tensor. Numbers and
    lists become float32; a NumPy array keeps its dtype. Operators and methods are the ops of
    `minigrad.ops`: each says which one.

    `.grad` is None until `backward` has come by, and stays None for a tensor that was computed
    unless `retain_grad` was called on it.

    Raises TypeError for what is no block of real numbers, and for integers that should require a
    gradient; ValueError for ragged lists.
    """

    __slots__ = ("__dict__", "__weakref__", "_data", "_requires_grad", "node")

    _data: np.ndarray
    _requires_grad: bool
    node: Node | None  # the recorded op that made it; None for a leaf

    # Most tensors never get one of these, so they cost nothing until they are set.
    _grad: Tensor | None = None
    name: str | None = None
    changed = 0  # the tick of the last change of its data; 0: never

    def __init__(
        self,
        data: TensorLike,
        requires_grad: bool = False,
        dtype: DTypeLike | None = None,
        name: str | None = None,
    ):
        self._data = as_array(plain(data), dtype)
        self.node = None
        self.name = name
        self.requires_grad = requires_grad

    @staticmethod
    def made_by(node: Node | None, data: np.ndarray) -> Tensor:
        """What the op recorded as `node` computed (None: it was not recorded)."""
        self = object.__new__(Tensor)
        self._data = data
        self._requires_grad = node is not None
        self.node = node
        return self

    # ---- what it is

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def ndim(self) -> int:
        return self._data.ndim

    @property
    def size(self) -> int:
        return self._data.size

    @property
    def dtype(self) -> np.dtype:
        return self._data.dtype

    @property
    def data(self) -> np.ndarray:
        """Its ndarray. After a change of it in place, backward refuses a graph that used the old
        numbers (`t.data -= step` and `t.data = array` are noticed)."""
        return self._data

    @data.setter
    def data(self, value: TensorLike) -> None:
        array = as_array(plain(value))
        if self._requires_grad and array.dtype.kind != "f":
            raise TypeError(
                f"this tensor requires a gradient, so its data cannot become {array.dtype}: give "
                "it floating-point numbers"
            )
        if array is self._data:  # `t.data -= step` has changed it already
            self.mark_changed()
        else:
            self._data = array
            self._note_change(tick())

    def mark_changed(self) -> None:
        """Note that the data was changed in place: backward refuses a graph that used the old,
        through this tensor or through any other that shares its memory."""
        self._note_change(clock.change(self._data))

    def _note_change(self, when: int) -> None:
        clock.latest_change = self.changed = when
        if self.node is not None:
            self.node.changed = when

    @property
    def requires_grad(self) -> bool:
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value and self._data.dtype.kind != "f":
            raise TypeError(
                f"a tensor of {self._data.dtype} cannot require a gradient, only floating-point "
                "numbers can: make it with dtype=np.float32"
            )
        if self.node is not None and not value:
            made_by = f"this tensor was computed by {self.node.op_name} and hands its gradient on"
            raise RuntimeError(f"{made_by}; .detach() gives one that does not")
        self._requires_grad = bool(value)

    @property
    def origin(self) -> Node | Tensor:
        """What gradients are collected for: the op that made this tensor, or the leaf itself."""
        return self if self.node is None else self.node

    def item(self) -> float:
        """The one number in it, as a Python number."""
        if self._data.size != 1:
            raise ValueError(f"item() needs a tensor of one entry; this one has shape {self.shape}")
        return self._data.item()

    def tolist(self) -> Any:
        """The numbers as nested lists of Python's own."""
        return self._data.tolist()

    def argmax(self, axis: int | None = None) -> np.ndarray:
        """Where the largest entry stands along `axis` (None: in the flat row): integers."""
        return np.asarray(self._data.argmax(axis))

    def numpy(self) -> np.ndarray:
        """Its ndarray, shared and not copied."""
        return self._data

    def detach(self) -> Tensor:
        """A copy of the numbers, cut off from the graph."""
        return Tensor(self._data.copy())

    def named(self, name: str) -> Tensor:
        """Give it the name it has in the paper, and return it: `q = self.w_q(x).named("Q")`.

        The recorded op keeps name and value until backward frees it; pictures find it by them.
        (Inside `mg.names_only` it is the name alone.)
        """
        self.name = name
        if self.node is not None:
            self.node.name = name
            if keeping.get():
                self.node.value = self._data
        return self

    # ---- gradients

    @property
    def grad(self) -> Tensor | Any:  # (Any: to an editor not only None, people write p.grad.data)
        """The gradient, a Tensor of the same shape and dtype; None before `backward` has come by.
        A tensor that was computed gets one only after `retain_grad()`."""
        if self._grad is None and self.node is not None and self.node.retained is None:
            _warn_of_no_grad()
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(
                f"a gradient is a Tensor or None, not {type(value).__name__}: write "
                "t.grad = mg.Tensor(array)"
            )
        if value is not None and (value.shape, value.dtype) != (self.shape, self.dtype):
            raise ValueError(
                f"a gradient of shape {value.shape} and dtype {value.dtype} does not belong to a "
                f"tensor of shape {self.shape} and dtype {self.dtype}"
            )
        self._grad = value

    def backward(
        self,
        gradient: TensorLike | None = None,
        create_graph: bool = False,
        retain_graph: bool = False,
    ) -> None:
        """Add the derivative of this tensor to the `.grad` of every leaf it was computed from.

        `gradient` is the derivative of the loss with respect to this tensor, in its shape; a tensor
        of one entry needs none. The graph is freed on the way unless `retain_graph`. With
        `create_graph` the gradients are recorded too, and can be differentiated again.

        Raises RuntimeError where there is no graph, or where it was freed or changed since.
        """
        add_to_grad(backpropagate(self, gradient, create_graph, create_graph or retain_graph))

    def retain_grad(self) -> None:
        """Let backward fill `.grad` here too, although this tensor was computed and is no leaf."""
        if self.node is not None:
            self.node.retained = weakref.ref(self)  # a strong one would be a cycle

    # ---- arithmetic

    def __add__(self, other: Operand) -> Tensor:
        return ops.add(self, other)

    def __radd__(self, other: Operand) -> Tensor:
        return ops.add(other, self)

    def __sub__(self, other: Operand) -> Tensor:
        return ops.sub(self, other)

    def __rsub__(self, other: Operand) -> Tensor:
        return ops.sub(other, self)

    def __mul__(self, other: Operand) -> Tensor:
        return ops.mul(self, other)

    def __rmul__(self, other: Operand) -> Tensor:
        return ops.mul(other, self)

    def __truediv__(self, other: Operand) -> Tensor:
        return ops.div(self, other)

    def __rtruediv__(self, other: Operand) -> Tensor:
        return ops.div(other, self)

    def __pow__(self, other: Operand) -> Tensor:
        return ops.pow(self, other)

    def __rpow__(self, other: Operand) -> Tensor:
        return ops.pow(other, self)

    def __matmul__(self, other: Operand) -> Tensor:
        return ops.matmul(self, other)

    def __rmatmul__(self, other: Operand) -> Tensor:
        return ops.matmul(other, self)

    def __mod__(self, other: Operand) -> Tensor:
        return ops.mod(self, other)

    def __rmod__(self, other: Operand) -> Tensor:
        return ops.mod(other, self)

    def __floordiv__(self, other: Operand) -> np.ndarray:
        """An array: its derivative is 0, and nothing is recorded."""
        return np.floor_divide(self._data, plain(other))

    def __rfloordiv__(self, other: Operand) -> np.ndarray:
        return np.floor_divide(plain(other), self._data)

    def __pos__(self) -> Tensor:
        return ops.copy(self)

    def __neg__(self) -> Tensor:
        return ops.neg(self)

    def __abs__(self) -> Tensor:
        return ops.abs(self)

    def dot(self, other: Operand) -> Tensor:
        """self @ other, for a vector or a matrix on the right: with more axes NumPy's dot is
        another thing."""
        if np.ndim(plain(other)) > 2:
            raise ValueError(
                f"dot: {self.shape} and {np.shape(plain(other))}: with such a right side, write @"
            )
        return ops.matmul(self, other)

    # ---- in place: without recording it changes a leaf itself, as `p -= lr * p.grad` in a loop of
    # one's own. A tensor that was computed is never changed: the name stands for a new one.

    def __iadd__(self, other: Operand) -> Tensor:
        return ops.add(self, other) if _is_new(self, other) else _changed(self, np.add, other)

    def __isub__(self, other: Operand) -> Tensor:
        return ops.sub(self, other) if _is_new(self, other) else _changed(self, np.subtract, other)

    def __imul__(self, other: Operand) -> Tensor:
        return ops.mul(self, other) if _is_new(self, other) else _changed(self, np.multiply, other)

    def __itruediv__(self, other: Operand) -> Tensor:
        return ops.div(self, other) if _is_new(self, other) else _changed(self, np.divide, other)

    def __ipow__(self, other: Operand) -> Tensor:
        return ops.pow(self, other) if _is_new(self, other) else _changed(self, np.power, other)

    # ---- comparisons: they give arrays, and record nothing

    def __lt__(self, other: Operand) -> np.ndarray:
        return np.less(self._data, plain(other))

    def __le__(self, other: Operand) -> np.ndarray:
        return np.less_equal(self._data, plain(other))

    def __gt__(self, other: Operand) -> np.ndarray:
        return np.greater(self._data, plain(other))

    def __ge__(self, other: Operand) -> np.ndarray:
        return np.greater_equal(self._data, plain(other))

    def __eq__(self, other: object) -> np.ndarray:  # type: ignore[override]
        return np.equal(self._data, plain(other))

    def __ne__(self, other: object) -> np.ndarray:  # type: ignore[override]
        return np.not_equal(self._data, plain(other))

    __hash__ = object.__hash__  # in a set or dict a tensor is found by identity

    # ---- each entry alone

    def abs(self) -> Tensor:
        return ops.abs(self)

    def astype(self, dtype: DTypeLike) -> Tensor:
        return ops.astype(self, dtype)

    def clip(self, min: float | None = None, max: float | None = None) -> Tensor:
        return ops.clip(self, min, max)

    def copy(self) -> Tensor:
        return ops.copy(self)

    def exp(self) -> Tensor:
        return ops.exp(self)

    def log(self) -> Tensor:
        return ops.log(self)

    def relu(self) -> Tensor:
        return ops.relu(self)

    def sigmoid(self) -> Tensor:
        return ops.sigmoid(self)

    def sqrt(self) -> Tensor:
        return ops.sqrt(self)

    def tanh(self) -> Tensor:
        return ops.tanh(self)

    # ---- rows; `axis` is an integer or a tuple of them, None for all, as in NumPy

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return ops.sum(self, axis, keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return ops.mean(self, axis, keepdims)

    def var(self, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Tensor:
        return ops.var(self, axis, keepdims, ddof)

    def std(self, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Tensor:
        return ops.std(self, axis, keepdims, ddof)

    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return ops.max(self, axis, keepdims)

    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return ops.min(self, axis, keepdims)

    def prod(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return ops.prod(self, axis, keepdims)

    def cumsum(self, axis: int | None = None) -> Tensor:
        return ops.cumsum(self, axis)

    def softmax(self, axis: Axis = -1) -> Tensor:
        return ops.softmax(self, axis)

    # ---- shapes

    @property
    def T(self) -> Tensor:
        """All axes in reverse order."""
        return ops.transpose(self)

    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged: a batch of matrices, each transposed."""
        return ops.swapaxes(self, -1, -2)

    def reshape(self, *shape: int | Sequence[int]) -> Tensor:
        """reshape(2, 3) or reshape((2, 3)); one size may be -1."""
        return ops.reshape(self, shape[0] if len(shape) == 1 else shape)

    def flatten(self) -> Tensor:
        """All entries in one row."""
        return ops.reshape(self, -1)

    def transpose(self, *axes: int | Sequence[int] | None) -> Tensor:
        """transpose(), transpose(1, 0, 2) or transpose((1, 0, 2))."""
        return ops.transpose(self, axes[0] if len(axes) == 1 else axes or None)

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        return ops.swapaxes(self, axis1, axis2)

    def squeeze(self, axis: Axis = None) -> Tensor:
        return ops.squeeze(self, axis)

    # ---- entries

    def __getitem__(self, index: Any) -> Tensor:
        return ops.getitem(self, index)

    def __setitem__(self, index: Any, value: Operand) -> None:
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
        self._data[plain(index)] = plain(value)
        self.mark_changed()

    def take(self, indices: Any, axis: int | None = None) -> Tensor:
        return ops.take(self, indices, axis)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("a 0-d tensor has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    # ---- NumPy's functions

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        if out is not None and not replaying.get():
            return _written(getattr(ufunc, method), inputs, kwargs, out)
        function = numpy_functions.get(ufunc) if method == "__call__" else None
        if function is None:
            name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
            raise _no_derivative(f"np.{name}")
        if kwargs:
            raise TypeError(f"np.{ufunc.__name__} on a Tensor does not take {', '.join(kwargs)}")
        return function(*inputs)

    def __array_function__(self, function: Callable, types: Any, args: Any, kwargs: Any) -> Any:
        out = kwargs.get("out")
        if out is not None and not replaying.get():
            kwargs = {name: value for name, value in kwargs.items() if name != "out"}
            return _written(function, args, kwargs, (out,))
        if function not in numpy_functions:
            raise _no_derivative(f"np.{function.__name__}")
        return numpy_functions[function](*args, **{k: v for k, v in kwargs.items() if k != "out"})

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        if self.requires_grad:
            raise TypeError(
                "this tensor carries a gradient, which a plain array would lose: use .data or "
                ".detach()"
            )
        return np.array(self._data, dtype=dtype, copy=copy)

    # ---- Python's own protocols

    def __repr__(self) -> str:
        """Values as NumPy cuts them, then shape, dtype, name and where it comes from."""
        values = np.array2string(self._data, separator=", ", prefix="Tensor(")
        parts = [values, f"shape={self.shape}", f"dtype={self.dtype}"]
        if self.name is not None:
            parts.append(f"name={self.name!r}")
        if self.requires_grad:
            parts.append("requires_grad=True")
        if self.node is not None:
            parts.append(f"op={self.node.op_name}")
        return f"Tensor({', '.join(parts)})"

    def __bool__(self) -> bool:
        return bool(self._data)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return self._data.__index__()

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __reduce__(self) -> tuple:
        """For pickle and copy.deepcopy: leaves can be copied, a recorded graph cannot."""
        if self.node is not None:
            raise TypeError(
                f"this tensor was computed by {self.node.op_name}; a recorded graph cannot be "
                "pickled or copied. Use .detach() for its numbers alone"
            )
        return _rebuilt, (type(self), self._data, self.requires_grad, self.name, self._grad)


Operand: TypeAlias = Tensor | np.ndarray | np.generic | float | list | tuple  # beside an operator
TensorLike: TypeAlias = Operand  # what a tensor can be made of
Axis: TypeAlias = int | tuple[int, ...] | None  # as in NumPy; None for all

PLAIN = {bool, int, float, str, slice, type(None), type(...), np.ndarray}  # holds no Tensor


def plain(x: Any) -> Any:
    """The numbers of `x`, cut off from the graph: the array of a Tensor, or `x` itself, with the
    tensors in a list or tuple replaced too."""
    if isinstance(x, Tensor):
        return x._data
    if isinstance(x, (list, tuple)) and not PLAIN.issuperset(map(type, x)):
        return type(x)(plain(entry) for entry in x)
    return x


def _is_new(t: Tensor, other: Any) -> bool:
    """Whether `t += other` makes a new tensor, as a rule that runs on tensors means it. Raises
    RuntimeError for a leaf whose gradient would be lost."""
    if t.node is not None or replaying.get():
        return True
    if recording.get() and t.requires_grad:
        raise RuntimeError(
            "this leaf requires a gradient, and to change it in place is not recorded: write "
            "`with mg.no_grad():` around an update, or t = t + ... for a new tensor"
        )
    return recording.get() and isinstance(other, Tensor) and other.requires_grad


def _changed(t: Tensor, function: np.ufunc, other: Any) -> Tensor:
    """The leaf `t`, changed in place."""
    try:
        function(t._data, plain(other), out=t._data, casting="same_kind")
    except (ValueError, TypeError) as error:
        raise (ValueError if isinstance(error, ValueError) else TypeError)(
            f"{function.__name__} in place: a tensor of shape {t.shape} and {t.dtype} cannot hold "
            f"the result with {np.shape(plain(other))} ({error})"
        ) from None
    t.mark_changed()
    return t


def _written(function: Callable, args: Any, kwargs: dict, out: tuple) -> Any:
    """What a function of NumPy's gives that is told to write into `out`: numbers, not recorded.
    Raises TypeError where a gradient would be lost."""
    tensors = [x for x in (*_flat(args), *_flat(list(kwargs.values()))) if isinstance(x, Tensor)]
    if recording.get() and any(x.requires_grad for x in (*tensors, *out) if isinstance(x, Tensor)):
        raise TypeError(
            f"np.{function.__name__} is to write into an array (`out=`, or `array -= tensor`), and "
            "the gradient of a tensor in it would be lost: leave out= away, write array = array - "
            "tensor, or use .data or mg.no_grad()"
        )
    targets = tuple(plain(x) for x in out)
    kwargs = {name: plain(value) for name, value in kwargs.items()}
    function(*plain(args), **kwargs, out=targets[0] if len(targets) == 1 else targets)
    for x in out:
        if isinstance(x, Tensor):
            x.mark_changed()
    return out[0] if len(out) == 1 else out


def _flat(args: Any) -> Iterator[Any]:
    """All arguments, those in lists and tuples too."""
    for arg in args:
        if isinstance(arg, (list, tuple)):
            yield from _flat(arg)
        else:
            yield arg


_warned = False


def _warn_of_no_grad() -> None:
    """Say once why the `.grad` of a tensor that was computed is None."""
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "this tensor was computed, and backward fills the .grad of leaves alone: call "
            "t.retain_grad() before backward to have it here too",
            stacklevel=3,
        )


def _no_derivative(name: str) -> TypeError:
    return TypeError(
        f"{name} has no derivative rule for a Tensor. Use .data for its numbers, or write the rule "
        "as an op of your own with @mg.op"
    )


def _rebuilt(
    cls: type[Tensor], data: Any, requires_grad: bool, name: str | None, grad: Any
) -> Tensor:
    """A leaf that was pickled or copied, put together again."""
    tensor = cls.__new__(cls)
    Tensor.__init__(tensor, data, requires_grad, name=name)
    tensor._grad = grad
    return tensor
