"""Ops that move entries without changing them; each rule moves the gradient back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..tape import Array, op
from ..tensor import Axis, Operand, Tensor

__all__ = ["broadcast_to", "concatenate", "expand_dims", "flip", "pad", "reshape", "split"]
__all__ += ["squeeze", "stack", "swapaxes", "transpose"]


@op
def reshape(x: Array, shape: Any):
    """The same entries in another shape; one size may be -1."""

    def dx(g):
        return g.reshape(old)

    old = x.shape
    try:
        return x.reshape(shape), dx
    except ValueError:
        raise ValueError(
            f"the {x.size} entries of shape {old} do not fill the shape {shape}"
        ) from None


@op
def transpose(x: Array, axes: Any = None):
    """The axes in another order (None: reversed)."""

    def dx(g):
        return np.transpose(g, None if axes is None else np.argsort(np.mod(axes, g.ndim)))

    return np.transpose(x, axes), dx


@op
def swapaxes(x: Array, axis1: int, axis2: int):
    """Two axes exchanged."""

    def dx(g):
        return np.swapaxes(g, axis1, axis2)

    return np.swapaxes(x, axis1, axis2), dx


@op
def broadcast_to(x: Array, shape: int | Sequence[int]):
    """x repeated to a larger shape."""

    def dx(g):
        return g  # the tape sums it over the repeated axes

    try:
        return np.broadcast_to(x, shape), dx
    except ValueError:
        raise ValueError(
            f"shape {x.shape} cannot be repeated to {shape}: aligned at their last axis, sizes "
            "must be equal, or 1 in the first"
        ) from None


@op
def expand_dims(x: Array, axis: int | Sequence[int]):
    """New axes of size 1 at `axis`."""

    def dx(g):
        return g.reshape(old)

    old = x.shape
    return np.expand_dims(x, axis), dx


@op
def squeeze(x: Array, axis: Axis = None):
    """Axes of size 1 dropped (None: all of them)."""

    def dx(g):
        return g.reshape(old)

    old = x.shape
    return np.squeeze(x, axis), dx


@op
def flip(x: Array, axis: Axis = None):
    """The entries along `axis` (None: along all) in reverse order."""

    def dx(g):
        return np.flip(g, axis)

    return np.flip(x, axis), dx


@op
def concatenated(axis: int, *arrays: Array):
    """`arrays` one after another along `axis`."""

    def darrays(g, i):
        return g[(slice(None),) * place + (slice(ends[i] - sizes[i], ends[i]),)]

    y = np.concatenate(arrays, axis)
    place = axis % y.ndim
    sizes = [array.shape[place] for array in arrays]
    ends = np.cumsum(sizes).tolist()
    return y, darrays


def concatenate(arrays: Iterable[Operand], axis: int = 0) -> Tensor:
    """`arrays` one after another along `axis`."""
    arrays = list(arrays)
    check_alike("concatenate", arrays, axis)
    return concatenated(axis, *arrays)


def stack(arrays: Iterable[Operand], axis: int = 0) -> Tensor:
    """`arrays` of one shape beside each other along a new axis."""
    arrays = list(arrays)
    check_alike("stack", arrays)
    axis = normalize_axis_index(axis, np.ndim(arrays[0]) + 1, "stack")
    return concatenated(axis, *(expand_dims(array, axis) for array in arrays))


def check_alike(name: str, arrays: list, axis: int | None = None) -> None:
    """Raise ValueError unless there are shapes, and they are equal but for the size of `axis`."""
    shapes = [np.shape(array) for array in arrays]
    rest = set()
    for shape in shapes:
        place = None if axis is None else normalize_axis_index(axis, len(shape), name)
        rest.add(tuple(n for i, n in enumerate(shape) if i != place))
    if len(rest) != 1:
        differ = "have to be equal" + ("" if axis is None else f" but for the size of axis {axis}")
        listed = " and ".join(map(str, shapes))
        raise ValueError(
            f"{name}: shapes {listed} {differ}" if shapes else f"{name}: no arrays to put together"
        )


def split(x: Operand, sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """x cut along `axis` into so many equal parts, or before each index of a list: a list."""
    x = x if isinstance(x, Tensor) else Tensor(x)
    axis = normalize_axis_index(axis, x.ndim, "split")
    n = x.shape[axis]
    if isinstance(sections, (int, np.integer)) and (sections < 1 or n % sections):
        raise ValueError(
            f"split: the {n} entries along axis {axis} of shape {x.shape} cannot be cut into "
            f"{sections} equal parts; give a list of the places to cut at"
        )
    pieces = np.split(np.arange(n), sections)
    before = (slice(None),) * axis
    starts = np.cumsum([0, *(len(piece) for piece in pieces)]).tolist()
    return [x[(*before, slice(start, end))] for start, end in zip(starts, starts[1:])]


@op
def pad(x: Array, pad_width: Any, constant_values: float = 0.0):
    """x with `constant_values` around it; `pad_width` as in np.pad: a number, or (before, after)
    for each axis."""

    def dx(g):
        return g[tuple(slice(before, before + n) for (before, _), n in zip(widths, shape))]

    shape = x.shape
    try:
        widths = np.broadcast_to(pad_width, (x.ndim, 2))
    except ValueError:
        raise ValueError(
            f"pad_width {pad_width} does not fit the shape {shape}: give one number, (before, "
            "after), or such a pair for each axis"
        ) from None
    return np.pad(x, widths if x.ndim else 0, constant_values=constant_values), dx
