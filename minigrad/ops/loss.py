"""The loss of a classifier: cross-entropy, with label smoothing and targets that do not count."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tape import Array, op
from ..tensor import Tensor
from .rows import row_maximum, row_mean, row_sum
from .select import integers, put

__all__ = ["cross_entropy"]


@op(real=True)
def cross_entropy(
    logits: Array, targets: Any, ignore_index: int | None = None, label_smoothing: float = 0.0
):
    """The mean of -log softmax(logits)[target] over the targets that are not `ignore_index`.

    `logits` (..., V), `targets` integers (...). With label smoothing e the target distribution is
    1 - e on the target plus e / V on every class (section 5.4 of the paper; Szegedy et al. 2016).
    Where no target counts the loss is 0.
    """

    def dlogits(g):  # (softmax - the target distribution) / how many targets count
        weights = g * share  # (N, 1)
        d = less(e * (weights / norm), (rows, ids), weights[:, 0] * (1 - label_smoothing))
        if label_smoothing:
            d -= weights * (label_smoothing / classes)
        return d.reshape(shape)

    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing is a probability, from 0 to 1; not {label_smoothing}")
    shape = logits.shape
    ids, counts = counted_targets(targets, shape, ignore_index)  # (N,), (N, 1)
    classes, rows = shape[-1], np.arange(len(ids))
    share = counts.astype(logits.dtype) / float(np.maximum(counts.sum(), 1))  # of each in the mean
    x = logits.reshape(-1, classes)  # (..., V) -> (N, V)
    x = blank(x - row_maximum(x, -1), ~counts[:, 0])
    picked = x[rows, ids]
    if label_smoothing == 1:
        picked = row_mean(x)[:, 0]
    elif label_smoothing:
        picked = (1 - label_smoothing) * picked + label_smoothing * row_mean(x)[:, 0]
    e = np.exp(x, out=x)
    norm = row_sum(e)
    loss = ((np.log(norm)[:, 0] - picked) * share[:, 0]).sum()
    return loss, dlogits


def blank(x: Array, ignored: np.ndarray) -> Array:
    """x with zeros in the rows that count for nothing, whatever is in them; in place on an array,
    which `cross_entropy` has just made."""
    if isinstance(x, Tensor):
        return np.where(ignored[:, None], 0, x)
    x[ignored] = 0
    return x


def counted_targets(
    targets: Any, shape: tuple[int, ...], ignore_index: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """The targets as one row of valid ids, and a column that says which of them count."""
    targets = integers(targets, "targets")
    if not shape:
        raise ValueError("logits need a last axis, of classes; these have shape ()")
    if targets.shape != shape[:-1]:
        raise ValueError(
            f"logits of shape {shape} need targets of shape {shape[:-1]}, not {targets.shape}"
        )
    ids = targets.reshape(-1)
    counts = np.ones(ids.shape, bool) if ignore_index is None else ids != ignore_index
    ids = np.where(counts, ids, 0)
    if ids.size and not (0 <= ids.min() and ids.max() < shape[-1]):
        wrong = ids.min() if ids.min() < 0 else ids.max()
        raise IndexError(f"target {wrong} is outside the {shape[-1]} classes of logits {shape}")
    return ids, counts[:, None]


def less(d: Array, index: tuple, values: Array) -> Array:
    """d with `values` taken off at `index`, which names no entry twice; in place on an array."""
    if isinstance(d, Tensor):
        return d - put(values, index, d.shape)
    d[index] -= values
    return d
