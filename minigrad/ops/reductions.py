"""Ops that bring an axis, several or all down to one entry; `axis`, `keepdims` as in NumPy."""

from __future__ import annotations

import numpy as np

from ..tape import Array, op
from ..tensor import Axis, plain
from .axes import axes_of, count_along, spread
from .moments import deviations, mean_along
from .rows import only_where

__all__ = ["cumsum", "max", "mean", "min", "prod", "std", "sum", "var"]


@op(wide=True)
def sum(x: Array, axis: Axis = None, keepdims: bool = False):
    """The sum over `axis`, an integer or a tuple of them (None: all)."""

    def dx(g):
        return spread(g, shape, axis, keepdims)

    shape = x.shape
    return x.sum(axis=axis, keepdims=keepdims), dx


@op(real=True)
def mean(x: Array, axis: Axis = None, keepdims: bool = False):
    """The mean over `axis`, an integer or a tuple of them (None: all)."""

    def dx(g):
        return spread(g / count, shape, axis, keepdims)

    shape = x.shape
    count = count_along(shape, axis)
    return mean_along(x, axis, keepdims, count), dx


@op
def max(x: Array, axis: Axis = None, keepdims: bool = False):
    """The largest entry along `axis`; entries that tie for it share the gradient evenly."""

    def dx(g):
        return shared(x, largest, spread(g, x.shape, axis, keepdims), axis)

    y = x.max(axis=axis, keepdims=keepdims)
    largest = spread(y, x.shape, axis, keepdims)
    return y, dx


@op
def min(x: Array, axis: Axis = None, keepdims: bool = False):
    """The smallest entry along `axis`; entries that tie for it share the gradient evenly."""

    def dx(g):
        return shared(x, smallest, spread(g, x.shape, axis, keepdims), axis)

    y = x.min(axis=axis, keepdims=keepdims)
    smallest = spread(y, x.shape, axis, keepdims)
    return y, dx


@op(real=True)
def var(x: Array, axis: Axis = None, keepdims: bool = False, ddof: int = 0):
    """The variance over `axis`: the mean square distance to the mean, with n - ddof for n."""

    def dx(g):
        return spread(g * 2 / count, centred.shape, axis, keepdims) * centred * unit

    count = degrees(count_along(x.shape, axis) - ddof)
    centred, square, unit = deviations(x, axis)
    y = square / count * unit * unit
    return y if keepdims else np.squeeze(y, axis), dx


@op(real=True)
def std(x: Array, axis: Axis = None, keepdims: bool = False, ddof: int = 0):
    """The standard deviation over `axis`; its gradient is 0 where it is 0."""

    def dx(g):
        slope = centred / (np.where(root == 0, 1, root) * count)  # where the one is 0, so is all
        return spread(g, centred.shape, axis, keepdims) * slope

    count = degrees(count_along(x.shape, axis) - ddof)
    centred, square, unit = deviations(x, axis)
    root = np.sqrt(square / count)
    y = root * unit
    return y if keepdims else np.squeeze(y, axis), dx


def degrees(count: int) -> float:
    """So many degrees of freedom; to divide by none gives NaN, and no error."""
    return float(count) if count > 0 else 0.0


@op(wide=True)
def prod(x: Array, axis: Axis = None, keepdims: bool = False):
    """The product over `axis`, an integer or a tuple of them (None: all). With a zero among them,
    the gradient of that zero is the product of the others."""

    def dx(g):
        order = [i for i in range(x.ndim) if i not in axes] + [*axes]
        rows = np.transpose(x, order)  # what is multiplied comes last, and becomes one row
        sizes = rows.shape
        rows = rows.reshape(*sizes[: x.ndim - len(axes)], count_along(x.shape, axis))
        others = before(rows) * np.flip(before(np.flip(rows, -1)), -1)
        others = np.transpose(others.reshape(sizes), np.argsort(order))
        return spread(g, x.shape, axis, keepdims) * others

    y = x.prod(axis=axis, keepdims=keepdims)
    axes = axes_of(x.ndim, axis)
    return y, dx


def before(x: Array) -> Array:
    """For each entry the product of those before it in its row, by doubling: shifted by 1, then
    times itself shifted by 1, 2, 4, ..."""
    y = shifted(x, 1)
    for k in range((x.shape[-1] - 2).bit_length()):
        y = y * shifted(y, 2**k)
    return y


def shifted(x: Array, by: int) -> Array:
    """Each row of x moved by `by` places, with ones coming in."""
    ones = np.ones_like(plain(x)[..., :by])
    return np.concatenate([ones, x[..., : x.shape[-1] - ones.shape[-1]]], -1)


@op(wide=True)
def cumsum(x: Array, axis: int | None = None):
    """Running sums along `axis` (None: of x as one flat row)."""

    def dx(g):
        return np.flip(np.cumsum(np.flip(g, axis), axis), axis).reshape(shape)

    shape = x.shape
    return np.cumsum(x, axis), dx


def shared(x: Array, extreme: Array, g: Array, axis: Axis) -> Array:
    """The gradient for the entry that is the extreme of its row, a part of it for each of several
    that tie, and 0 elsewhere."""
    hit = x == extreme
    ties = hit.sum(axis=axis, keepdims=True).astype(x.dtype)
    return only_where(hit, g) / ties
