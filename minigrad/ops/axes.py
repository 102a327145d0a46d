"""Axes: which ones are meant, how much lies along them, and the way back from a reduction."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..tape import Array
from ..tensor import Axis


def axes_of(ndim: int, axis: Axis) -> tuple[int, ...]:
    """`axis` (None: all) as a tuple of axes counted from 0. Raises AxisError for one not there."""
    return tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim)


def count_along(shape: tuple[int, ...], axis: Axis) -> int:
    """How many entries go into one sum over `axis`."""
    if axis == -1 and shape:
        return shape[-1]
    return math.prod(shape[i] for i in axes_of(len(shape), axis))


def spread(g: Array, shape: tuple[int, ...], axis: Axis, keepdims: bool) -> Array:
    """The gradient of a reduced array, with each entry repeated along the axes it came from."""
    if not keepdims and axis is not None and shape:
        g = np.expand_dims(g, axis)
    return np.broadcast_to(g, shape)
