"""Ops that act on each entry alone. Shapes broadcast as in NumPy; the tape undoes it backward."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike

from ..tape import Array, op
from ..tensor import Tensor, plain
from .error_function import error_function, normal_below
from .rows import only_where

__all__ = ["abs", "add", "astype", "clip", "copy", "cos", "div", "erf", "exp", "gelu", "log"]
__all__ += ["maximum", "minimum", "mod", "mul", "neg", "pow", "relu", "sigmoid", "sin", "sqrt"]
__all__ += ["sub", "tanh"]


@op(ufunc=np.add)
def add(a: Array, b: Array):
    """a + b."""

    def da(g):
        return g

    def db(g):
        return g

    return a + b, da, db


@op(ufunc=np.subtract)
def sub(a: Array, b: Array):
    """a - b."""

    def da(g):
        return g

    def db(g):
        return -g

    return a - b, da, db


@op(ufunc=np.multiply)
def mul(a: Array, b: Array):
    """a * b."""

    def da(g):
        return g * b

    def db(g):
        return g * a

    return a * b, da, db


@op(wide=True, ufunc=np.true_divide)
def div(a: Array, b: Array):
    """a / b."""

    def da(g):
        return g / b

    def db(g):
        return -g * (y / b)  # b * b could overflow

    y = a / b
    return y, da, db


@op(wide=True, ufunc=np.remainder)
def mod(a: Array, b: Array):
    """a - b * floor(a / b), in Python's and NumPy's sense: it has the sign of b."""

    def da(g):
        return g

    def db(g):
        return -g * np.floor_divide(plain(a), plain(b))

    return np.remainder(a, b), da, db


@op(wide=True, ufunc=np.power)
def pow(a: Array, b: Array):
    """a ** b. The gradient of x ** 0 is 0, also at x = 0; that of 0 ** b with respect to b is 0."""

    def da(g):
        if isinstance(b, (int, float)):
            return g * b * a ** (b - 1) if b != 0 else g * 0
        return g * b * a ** np.where(b == 0, 1, b - 1)

    def db(g):
        return g * y * np.log(np.where(a == 0, 1, a))

    y = a**b
    return y, da, db


@op(ufunc=np.negative)
def neg(x: Array):
    """-x."""

    def dx(g):
        return -g

    return -x, dx


@op(ufunc=np.exp)
def exp(x: Array):
    """e ** x."""

    def dx(g):
        return g * y

    y = np.exp(x)
    return y, dx


@op(ufunc=np.log)
def log(x: Array):
    """The natural logarithm; its gradient at 0 is inf."""

    def dx(g):
        return g / x

    return np.log(x), dx


@op(ufunc=np.sqrt)
def sqrt(x: Array):
    """The square root; its gradient at 0 is inf."""

    def dx(g):
        return g / (2 * y)

    y = np.sqrt(x)
    return y, dx


@op(wide=True, ufunc=np.tanh)
def tanh(x: Array):
    """The hyperbolic tangent."""

    def dx(g):
        return g * (1 - y * y)

    y = np.tanh(x)
    return y, dx


@op(real=True)
def sigmoid(x: Array):
    """1 / (1 + exp(-x)), written so that no exp overflows and none is lost beside the 1."""

    def dx(g):
        if isinstance(x, Tensor):  # differentiated once more it is no formula with a kink at 0
            return g * (y * sigmoid(-x))
        return g * (e / (total * total))  # y * (1 - y), to all its digits

    if isinstance(x, Tensor):
        y = sigmoid(x)
    else:
        e = np.exp(-np.abs(x))
        total = 1 + e
        y = np.where(x < 0, e, 1) / total
    return y, dx


@op
def relu(x: Array):
    """max(x, 0); its gradient at 0 is 0."""

    def dx(g):
        return only_where(y > 0, g)

    y = np.maximum(x, 0)
    return y, dx


@op(real=True)
def erf(x: Array):
    """The error function: 2 / sqrt(pi) times the integral of exp(-t * t) from 0 to x."""

    def dx(g):
        return g * (2 / math.sqrt(math.pi)) * np.exp(-x * x)

    return error_function(plain(x)), dx


@op(real=True)
def gelu(x: Array):
    """x times the standard normal's probability to lie below x (Hendrycks & Gimpel 2016)."""

    def dx(g):
        density = np.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi))
        return g * (below + x * density)

    below = normal_cdf(x) if isinstance(x, Tensor) else normal_below(x)
    return x * below, dx


@op(real=True)
def normal_cdf(x: Array):
    """The standard normal's probability to lie below x."""

    def dx(g):
        return g * np.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi))

    return normal_below(plain(x)), dx


@op(ufunc=np.absolute)
def abs(x: Array):
    """|x|; its gradient at 0 is 0."""

    def dx(g):
        return g * np.sign(x)

    return np.absolute(x), dx


@op(ufunc=np.sin)
def sin(x: Array):
    """The sine of x in radians."""

    def dx(g):
        return g * np.cos(x)

    return np.sin(x), dx


@op(ufunc=np.cos)
def cos(x: Array):
    """The cosine of x in radians."""

    def dx(g):
        return -g * np.sin(x)

    return np.cos(x), dx


@op
def clip(x: Array, min: float | None = None, max: float | None = None):
    """x held between the numbers `min` and `max` (None: no bound); its gradient at a bound is 1."""

    def dx(g):
        return np.where(inside, g, 0)

    low, high = -math.inf if min is None else min, math.inf if max is None else max
    inside = (x >= low) & (x <= high)
    return np.minimum(np.maximum(x, low), high), dx


@op(ufunc=np.maximum)
def maximum(a: Array, b: Array):
    """The larger of a and b; where they are equal each gets half of the gradient."""

    def da(g):
        return 0.5 * (np.where(a > b, g, 0) + np.where(a >= b, g, 0))

    def db(g):
        return 0.5 * (np.where(b > a, g, 0) + np.where(b >= a, g, 0))

    return np.maximum(a, b), da, db


@op(ufunc=np.minimum)
def minimum(a: Array, b: Array):
    """The smaller of a and b; where they are equal each gets half of the gradient."""

    def da(g):
        return 0.5 * (np.where(a < b, g, 0) + np.where(a <= b, g, 0))

    def db(g):
        return 0.5 * (np.where(b < a, g, 0) + np.where(b <= a, g, 0))

    return np.minimum(a, b), da, db


@op(cast=False)
def astype(x: Array, dtype: DTypeLike):
    """x in another floating-point dtype; the gradient comes back in the dtype of x."""
    if np.dtype(dtype).kind != "f":
        raise TypeError(
            f"{np.dtype(dtype)} has no gradient; for the numbers alone use .data.astype(...)"
        )

    def dx(g):
        return g.astype(own)

    own = x.dtype
    return x.astype(dtype), dx


@op
def copy(x: Array):
    """The same numbers in an array of their own."""

    def dx(g):
        return g

    return x.copy(), dx
