"""Sums, maxima and exponentials of rows: what softmax, the loss and normalisation share.

They stand apart since they are not written in the shortest way. In a model the last axis is short
and there are many rows, and there NumPy's own reductions spend more time on each row than on what
is in it: a product with a vector of ones is several times faster than `.sum`.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from ..tape import Array
from ..tensor import Axis, Tensor, plain
from .axes import count_along

SHORT = 32  # entries; up to here NumPy spends more on each row than on what is in it
LONG = 8192  # entries; up to here the sum by a product was measured right to 5e-7 in float32


def row_sum(x: Array, axis: Axis = -1, factor: float = 1.0) -> Array:
    """The sum of each row times `factor`, its axis kept."""
    n = x.shape[-1] if axis == -1 or axis == x.ndim - 1 else 0
    if not 0 < n <= LONG or x.dtype == np.float16:
        return x.sum(axis=axis, keepdims=True) * factor
    return np.dot(x.reshape(-1, n), repeated(factor, n, x.dtype)).reshape(x.shape[:-1] + (1,))


def row_mean(x: Array, axis: Axis = -1) -> Array:
    """The mean of each row, its axis kept."""
    return row_sum(x, axis, 1 / count_along(x.shape, axis))


def row_dot(a: Array, b: Array, axis: Axis = -1, factor: float = 1.0) -> Array:
    """row_sum(a * b), without the product in memory where rows are long."""
    last = axis == -1 or axis == a.ndim - 1
    if not last or a.shape[-1] <= SHORT or a.dtype == np.float16:
        return row_sum(a * b, axis, factor)
    return np.vecdot(a, b)[..., None] * factor


def sum_of_rows(x: Array) -> Array:
    """The sum of all rows: (N, n) -> (n,)."""
    return np.dot(repeated(1.0, len(x), x.dtype), x)


def as_rows(x: Array) -> Array:
    """(..., n) -> (N, n). Where n is 0, N has to be said: -1 could not be told."""
    n = x.shape[-1]
    return x if x.ndim == 2 else x.reshape(-1 if n else math.prod(x.shape[:-1]), n)


def only_where(keep: Array, x: Array) -> Array:
    """x where `keep` is True, and 0 elsewhere, whatever x is there. A product is several times
    faster than np.where, whose branches are unpredictable, but 0 times infinity is no 0."""
    y = x * keep
    if not isinstance(y, Tensor) and not np.isfinite(np.vdot(y, y)):
        return np.where(keep, x, 0)
    return y


def row_maximum(x: Array, axis: Axis) -> np.ndarray:
    """The largest entry of each row, its axis kept, as plain numbers: it is only subtracted so that
    exp does not overflow, which changes no softmax. A row of -inf alone has 0, so that its exp is 0
    and not NaN."""
    check_rows(x, axis)
    if x.size == 0:
        return x.dtype.type(0)
    x = plain(x)
    if axis in (-1, x.ndim - 1) and x.shape[-1] <= SHORT:
        # Several times faster down the columns of a transposed copy than along many short rows.
        columns = np.ascontiguousarray(x.reshape(-1, x.shape[-1]).T)  # (..., n) -> (n, N)
        top = columns.max(axis=0).reshape(*x.shape[:-1], 1)
    else:
        top = x.max(axis=axis, keepdims=True)
    return np.where(top == -np.inf, 0, top)


def exp_and_sum(x: Array, axis: Axis) -> tuple[Array, Array]:
    """e = exp(x - shift) and the sum of e along `axis` (1 for a row of zeros).

    The shift changes no softmax, it keeps exp from overflowing: a row that needs it is shifted by
    its maximum. Most rows need none, and to find the maxima of many short rows takes as long as exp
    does. Each row depends on its own entries alone.
    """
    check_rows(x, axis)
    with np.errstate(over="ignore", invalid="ignore"):
        e = np.exp(x)
        total = row_sum(e, axis)
    least = least_sum(total.dtype)
    near = (plain(total) > least) & (plain(total) < 1 / least)
    if near.all():
        return e, total
    e = x - np.where(near, 0, row_maximum(x, axis))
    e = np.exp(e, out=e)
    total = row_sum(e, axis)
    return e, total + (plain(total) == 0)


def check_rows(x: Array, axis: Axis) -> None:
    """Raise AxisError for a number, which has no row along any axis."""
    if x.ndim == 0 and axis is not None:
        raise np.exceptions.AxisError(f"axis {axis} is out of bounds for array of dimension 0")


@functools.lru_cache
def least_sum(dtype: np.dtype) -> float:
    """As long as a row's sum is above this, entries keep their digits down to this part of it."""
    return math.sqrt(np.finfo(dtype).tiny)


@functools.lru_cache(maxsize=256)
def repeated(value: float, n: int, dtype: np.dtype) -> np.ndarray:
    """A vector of n times the same value, made once and not to be written to."""
    vector = np.full(n, value, dtype)
    vector.flags.writeable = False
    return vector
