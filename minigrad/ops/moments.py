"""Mean and variance, right also at the edge of the dtype: of huge, of tiny and of equal entries."""

from __future__ import annotations

import math

import numpy as np

from ..tape import Array
from ..tensor import Axis, plain
from .axes import axes_of, count_along
from .rows import least_sum

FAR = 1e3  # how often the variance goes into the square of a mean that is rounded too roughly


def mean_along(x: Array, axis: Axis, keepdims: bool, count: int) -> Array:
    """The mean of the `count` entries along `axis`, also where their sum is beyond the dtype."""
    with np.errstate(over="ignore"):
        mean = x.sum(axis=axis, keepdims=keepdims) / count
    numbers = plain(mean)
    if np.isfinite(np.vdot(numbers, numbers)):
        return mean
    return (x / count).sum(axis=axis, keepdims=keepdims)


def deviations(x: Array, axis: Axis) -> tuple[Array, Array, Array]:
    """(centred, the sum of its squares along `axis`, unit): x less its mean is unit * centred."""
    with np.errstate(over="ignore"):  # a row whose sum is beyond the dtype is far, as is its mean
        mean = x.sum(axis=axis, keepdims=True) / count_along(x.shape, axis)
        centred = x - mean
        square = (centred * centred).sum(axis=axis, keepdims=True)
        sizes, means = plain(square), plain(mean)
        least = least_sum(sizes.dtype)
        far = ~((means * means <= FAR * sizes) & (sizes > least) & (sizes < math.inf))
    if not np.count_nonzero(far):
        return centred, square, 1.0
    centred, unit = centred_carefully(x, axis, far, mean)
    return centred, (centred * centred).sum(axis=axis, keepdims=True), unit


def centred_carefully(
    x: Array, axis: Axis, far: np.ndarray, mean: Array
) -> tuple[Array, np.ndarray]:
    """(centred, unit): x less its mean is unit * centred. The rows that are `far` from 0, or
    whose squares are no numbers of the dtype, are first measured in a unit of their own, and from
    their first entry, which leaves exactly 0 of equal ones."""
    unit = np.where(far, power_of_two(x, axis), 1).astype(x.dtype, copy=False)
    x = x / unit
    axes = axes_of(x.ndim, axis)
    first = plain(x)[tuple(slice(0, 1) if i in axes else slice(None) for i in range(x.ndim))]
    x = x - np.where(far, first, mean)
    count = count_along(x.shape, axis)
    return x - np.where(far, mean_along(x, axis, True, count), 0), unit


def power_of_two(x: Array, axis: Axis) -> np.ndarray:
    """The power of two below the largest magnitude along `axis`; to divide by it rounds nothing."""
    largest = np.abs(plain(x)).max(axis=axis, keepdims=True, initial=0)
    return np.ldexp(np.ones_like(largest), np.frexp(largest)[1] - 1)
