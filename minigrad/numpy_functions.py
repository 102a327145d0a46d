"""What NumPy's own functions do when they meet a Tensor: they are the ops.

`np.sum(t, axis=0)` is `sum(t, axis=0)`. Ufuncs that are one op (`np.exp`) are named where the op is
written, by `@op(ufunc=...)`; here are those that are composed of ops, and all other functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import ops
from .tensor import Operand, Tensor, numpy_functions, plain

SAME = (  # as NumPy's name, so ours
    "where einsum sum mean var std max min prod cumsum reshape transpose swapaxes broadcast_to "
    "expand_dims squeeze concatenate stack split pad flip take copy"
)
PLAIN = (  # without a derivative, or with one that is 0: they give arrays, and record nothing
    "less less_equal greater greater_equal equal not_equal sign isnan isinf isfinite isneginf "
    "floor ceil rint argmax argmin argsort shape ndim size zeros_like ones_like array_equal "
    "allclose isclose any all logical_and logical_or logical_not"
)


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
    np.amax: ops.max,
    np.amin: ops.min,
    np.clip: clip,
}

for name in SAME.split():
    numpy_functions[getattr(np, name)] = getattr(ops, name)
for name in PLAIN.split():
    numpy_functions[getattr(np, name)] = on_numbers(getattr(np, name))
numpy_functions.update(COMPOSED)
