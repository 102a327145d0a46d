"""Ops that bring an axis, several or all down to one entry; `axis`, `keepdims` as in NumPy."""

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..tape import op
from ..tensor import plain


def spread(g, shape, axis, keepdims):
    """The gradient of a reduced array, with each entry repeated along the axes it came from."""
    if not keepdims and axis is not None:
        g = np.expand_dims(g, axis)
    return np.broadcast_to(g, shape)


def axes_of(ndim, axis):
    """`axis` (None: all) as a tuple of axes counted from 0. Raises AxisError for one not there."""
    return tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim)


def entries(shape, axis):
    """How many entries go into one sum over `axis`."""
    return math.prod(shape[i] for i in axes_of(len(shape), axis))


@op
def sum(x, axis=None, keepdims=False):
    """The sum over `axis`, an integer or a tuple of them (None: all)."""

    def dx(g):
        return spread(g, shape, axis, keepdims)

    shape = x.shape
    return x.sum(axis=axis, keepdims=keepdims), dx


@op
def mean(x, axis=None, keepdims=False):
    """The mean over `axis`, an integer or a tuple of them (None: all)."""

    def dx(g):
        return spread(g / count, shape, axis, keepdims)

    shape = x.shape
    y = x.mean(axis=axis, keepdims=keepdims)
    count = entries(shape, axis)
    return y, dx


@op
def max(x, axis=None, keepdims=False):
    """The largest entry along `axis`; entries that tie for it share the gradient evenly."""

    def dx(g):
        return spread(g, x.shape, axis, keepdims) * share(x, largest, axis)

    y = x.max(axis=axis, keepdims=keepdims)
    largest = spread(y, x.shape, axis, keepdims)
    return y, dx


@op
def min(x, axis=None, keepdims=False):
    """The smallest entry along `axis`; entries that tie for it share the gradient evenly."""

    def dx(g):
        return spread(g, x.shape, axis, keepdims) * share(x, smallest, axis)

    y = x.min(axis=axis, keepdims=keepdims)
    smallest = spread(y, x.shape, axis, keepdims)
    return y, dx


@op
def var(x, axis=None, keepdims=False, ddof=0):
    """The variance over `axis`: the mean square distance to the mean, with n - ddof for n."""

    def dx(g):
        return spread(g * (2 / count), centred.shape, axis, keepdims) * centred

    count = entries(x.shape, axis) - ddof
    centred = x - x.mean(axis=axis, keepdims=True)
    return (centred * centred).sum(axis=axis, keepdims=keepdims) / count, dx


@op
def std(x, axis=None, keepdims=False, ddof=0):
    """The standard deviation over `axis`; its gradient is 0 where it is 0."""

    def dx(g):
        slope = g / (np.where(y == 0, 1, y) * count)  # where y is 0, so is what it is times
        return spread(slope, centred.shape, axis, keepdims) * centred

    count = entries(x.shape, axis) - ddof
    centred = x - x.mean(axis=axis, keepdims=True)
    y = np.sqrt((centred * centred).sum(axis=axis, keepdims=keepdims) / count)
    return y, dx


@op
def prod(x, axis=None, keepdims=False):
    """The product over `axis`, an integer or a tuple of them (None: all). With a zero among them,
    the gradient of that zero is the product of the others."""

    def dx(g):
        order = [i for i in range(x.ndim) if i not in axes] + [*axes]
        rows = np.transpose(x, order)  # what is multiplied comes last, and becomes one row
        sizes = rows.shape
        rows = rows.reshape(*sizes[: x.ndim - len(axes)], entries(x.shape, axis))
        others = before(rows) * np.flip(before(np.flip(rows, -1)), -1)
        others = np.transpose(others.reshape(sizes), np.argsort(order))
        return spread(g, x.shape, axis, keepdims) * others

    y = x.prod(axis=axis, keepdims=keepdims)
    axes = axes_of(x.ndim, axis)
    return y, dx


def before(x):
    """For each entry the product of those before it in its row, by doubling: shifted by 1, then
    times itself shifted by 1, 2, 4, ..."""
    y = shifted(x, 1)
    for k in range((x.shape[-1] - 2).bit_length()):
        y = y * shifted(y, 2**k)
    return y


def shifted(x, by):
    """Each row of x moved by `by` places, with ones coming in."""
    ones = np.ones_like(plain(x)[..., :by])
    return np.concatenate([ones, x[..., : x.shape[-1] - ones.shape[-1]]], -1)


@op
def cumsum(x, axis=None):
    """Running sums along `axis` (None: of x as one flat row)."""

    def dx(g):
        return np.flip(np.cumsum(np.flip(g, axis), axis), axis).reshape(shape)

    shape = x.shape
    return np.cumsum(x, axis), dx


def share(x, extreme, axis):
    """1 for the entry that is the extreme of its row, 1/n where n entries tie, 0 elsewhere."""
    hit = x == extreme
    return (hit / hit.sum(axis=axis, keepdims=True)).astype(x.dtype)
