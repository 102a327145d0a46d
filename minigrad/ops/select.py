"""Ops that choose entries: by index, by mask, by chance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..tape import Array, op
from ..tensor import Operand, Tensor, plain
from .rows import only_where

__all__ = ["dropout", "embedding", "getitem", "masked_fill", "take", "where"]


@op
def getitem(x: Array, index: Any):
    """x[index], with slices, integers, None, Ellipsis, integer and boolean arrays."""

    def dx(g):
        return put(g, index, shape)

    shape = x.shape
    return x[index], dx


@op(wide=True)
def put(values: Array, index: Any, shape: tuple[int, ...]):
    """Zeros of `shape`, with `values` added in at `index`: what getitem does, the other way round.
    Where an index occurs twice, both values count."""

    def dvalues(g):
        return g[index]

    values = plain(values)  # linear: the rule needs none of them
    y = np.zeros(shape, values.dtype)
    parts = index if isinstance(index, tuple) else (index,)
    if all(part is None or isinstance(part, BASIC) for part in parts):
        y[index] = values  # slices and integers name no entry twice
    else:
        np.add.at(y, index, values)
    return y, dvalues


BASIC = (int, np.integer, slice, type(...))  # all that NumPy takes as an index besides are arrays


def take(x: Operand, indices: Any, axis: int | None = None) -> Tensor:
    """The entries of x at the integers `indices` along `axis` (None: of x as one flat row)."""
    x = x if isinstance(x, Tensor) else Tensor(x)
    indices = np.asarray(plain(indices))
    if indices.size == 0:
        indices = indices.astype(int)  # np.asarray([]) is of floats
    indices = integers(indices, "take: indices")
    if axis is None:
        return getitem(x.reshape(-1), indices)
    return getitem(x, (slice(None),) * normalize_axis_index(axis, x.ndim, "take") + (indices,))


@op
def embedding(table: Array, ids: Any):
    """The rows of `table` (V, D) at integer `ids` (...): (..., D). Repeated ids add up backward."""

    def dtable(g):
        return add_rows(g.reshape(ids.size, shape[1]), ids.reshape(-1), shape[0])

    shape = table.shape
    ids = integers(ids, "ids")
    if len(shape) != 2:
        raise ValueError(f"table has shape {shape}; it has to be 2-D (number of ids, width)")
    if ids.size and not (0 <= ids.min() and ids.max() < shape[0]):
        wrong = ids.min() if ids.min() < 0 else ids.max()
        raise IndexError(f"id {wrong} is outside the table, which has rows 0 to {shape[0] - 1}")
    return table[ids], dtable


def integers(ids: Any, name: str) -> np.ndarray:
    """An array of indices, wide enough to compute with. Raises TypeError for other numbers."""
    ids = np.asarray(ids)
    if ids.dtype.kind not in "iu":
        raise TypeError(f"{name} have to be integers, not {ids.dtype}")
    return ids.astype(np.intp, copy=False)


@op(wide=True)
def add_rows(rows: Array, ids: np.ndarray, count: int):
    """(N, D) -> (count, D): row i is the sum of the `rows` whose id is i."""

    def drows(g):
        return g[ids]

    rows = plain(rows)  # linear: the rule needs none of them
    y = np.zeros((count, rows.shape[1]), rows.dtype)
    if count <= 64:  # a one-hot product is the fastest way for a tiny vocabulary
        one_hot = (np.arange(count)[:, None] == ids).astype(rows.dtype)
        np.matmul(one_hot, rows, out=y)
        if np.isfinite(y).all():  # 0 times infinity is no 0: such a row would be in all others
            return y, drows
        y[...] = 0
    if len(ids):
        # entry by entry in one flat row: add.at is several times slower on rows of a matrix
        width = rows.shape[1]
        places = ids[:, None] * width + np.arange(width)
        np.add.at(y.reshape(-1), places.reshape(-1), rows.reshape(-1))
    return y, drows


@op
def where(condition: Any, a: Array, b: Array):
    """a where `condition` is true, b elsewhere."""

    def da(g):
        return np.where(condition, g, 0)

    def db(g):
        return np.where(condition, 0, g)

    return np.where(condition, a, b), da, db


@op
def masked_fill(x: Array, mask: Any, value: float):
    """x with the number `value` wherever `mask` is True; they broadcast."""

    def dx(g):
        return np.where(mask, 0, g)

    mask = np.asarray(mask)
    if mask.dtype != bool:
        raise TypeError(f"mask has to be boolean, not {mask.dtype}: write `tokens == pad_id`")
    if type(value) is not float and (np.ndim(value) or np.asarray(value).dtype.kind not in "fiub"):
        raise TypeError(f"value has to be one number, not {value!r}; `where` takes arrays")
    return np.where(mask, value, x), dx


@op(real=True)
def thinned(x: Array, keep: np.ndarray, scale: float):
    """x where `keep` is True, times `scale`; 0 elsewhere."""

    def dx(g):
        d = only_where(keep, g)
        d *= scale
        return d

    y = only_where(keep, x)
    y *= scale
    return y, dx


def dropout(x: Operand, p: float, rng: np.random.Generator) -> Tensor:
    """Each entry of x is dropped (0) with probability p; the others grow by 1 / (1 - p), so that
    the expected value stays. `rng` is a np.random.Generator. (Srivastava et al. 2014)"""
    if not 0 <= p < 1:
        raise ValueError(f"dropout: p is the probability to drop an entry, 0 <= p < 1; not {p}")
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"dropout: rng has to be a np.random.Generator, not {type(rng).__name__}; "
            "np.random.default_rng(seed) makes one"
        )
    x = x if isinstance(x, Tensor) else Tensor(x)
    if p == 0:
        return x
    keep = rng.random(x.shape, dtype=np.float32) >= p
    return thinned(x, keep, 1 / (1 - p))
