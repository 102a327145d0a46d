"""What NumPy's own functions do when they meet a Tensor: they are the ops.

`np.sum(t, axis=0)` is `sum(t, axis=0)`. Ufuncs that are one op (`np.exp`) are named where the op is
written, by `@op(ufunc=...)`; here are those that are composed of ops, and all other functions.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import ops
from .tensor import Operand, Tensor, numpy_functions, plain

SAME = "where einsum concatenate"  # as NumPy's arguments, so ours
BOUND = (  # ours have NumPy's names for the arguments that they take, except those in RENAMED
    "sum mean var std max min amax amin prod cumsum reshape transpose swapaxes broadcast_to "
    "expand_dims squeeze stack split pad flip take copy"
)
RENAMED = {
    "a": "x",
    "newshape": "shape",
    "array": "x",
    "m": "x",
    "ary": "x",
    "indices_or_sections": "sections",
}
OURS = {"amax": "max", "amin": "min"}
DROPPED = {"mode": "constant", "subok": False, "order": "K"}  # what an argument has to be at most
PLAIN = (  # without a derivative, or with one that is 0: they give arrays, and record nothing
    "less less_equal greater greater_equal equal not_equal sign isnan isinf isfinite isneginf "
    "floor ceil rint floor_divide argmax argmin argsort shape ndim size zeros_like ones_like "
    "array_equal allclose isclose any all logical_and logical_or logical_not"
)


def bound(function: Callable, op: Callable) -> Callable:
    """The op, called with the arguments of NumPy's function: by their places and names there."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = _signature(function).bind(*args, **kwargs).arguments
        given.update(given.pop("kwargs", {}))  # np.pad has some that its signature does not name
        taken, known = {}, _signature(op).parameters
        for name, value in given.items():
            ours = RENAMED.get(name, name)
            if ours in known:
                taken[ours] = value
            elif value is not None and value is not _default(function, name):
                if name not in DROPPED or value is not DROPPED[name]:
                    raise TypeError(
                        f"np.{function.__name__} on a Tensor does not take {name}={value!r}"
                    )
        if "arrays" in known:  # np.stack
            return op(taken.pop("arrays"), **taken)
        return op(taken.pop("x"), **taken)

    return call


_signature = functools.cache(inspect.signature)


def _default(function: Callable, name: str) -> Any:
    parameter = _signature(function).parameters.get(name)
    return parameter and parameter.default


def on_numbers(function: Callable) -> Callable:
    """The function of the numbers alone."""
    return lambda *args, **kwargs: function(*plain(args), **kwargs)


def dot(a: Operand, b: Operand) -> Tensor:
    return (a if isinstance(a, Tensor) else Tensor(a)).dot(b)


def clip(
    x: Operand, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None
) -> Tensor:
    return ops.clip(x, a_min if min is None else min, a_max if max is None else max)


def vecdot(a: Any, b: Any) -> Tensor:
    return ops.sum(a * b, axis=-1)


COMPOSED: dict[Callable, Callable] = {
    np.square: lambda x: x * x,
    np.reciprocal: lambda x: 1 / x,
    np.tan: lambda x: ops.sin(x) / ops.cos(x),
    np.sinh: lambda x: 0.5 * (ops.exp(x) - ops.exp(-x)),
    np.cosh: lambda x: 0.5 * (ops.exp(x) + ops.exp(-x)),
    np.exp2: lambda x: 2.0**x,
    np.log2: lambda x: ops.log(x) / math.log(2),
    np.log10: lambda x: ops.log(x) / math.log(10),
    np.vecdot: vecdot,
    np.dot: dot,
    np.clip: clip,
}

for name in SAME.split():
    numpy_functions[getattr(np, name)] = getattr(ops, name)
for name in BOUND.split():
    numpy_functions[getattr(np, name)] = bound(
        getattr(np, name), getattr(ops, OURS.get(name, name))
    )
for name in PLAIN.split():
    numpy_functions[getattr(np, name)] = on_numbers(getattr(np, name))
numpy_functions.update(COMPOSED)
