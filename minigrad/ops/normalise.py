"""Ops that look at a whole row: softmax and its kin, the loss made of it, and normalisation."""

import functools
import math

import numpy as np

from ..fit import full
from ..tape import op
from ..tensor import Tensor, plain
from .reduce import entries, spread
from .select import put

SHORT = 32  # entries; up to here NumPy spends more on each row than on what is in it
LONG = 8192  # entries; up to here the sum by a product was measured right to 5e-7 in float32


def check_rows(x, axis):
    if x.ndim == 0 and axis is not None:
        raise np.exceptions.AxisError(axis, 0)


def row_maximum(x, axis):
    """The largest entry of each row, as plain numbers: subtracting it changes no softmax, it only
    keeps exp from overflowing. A row of -inf alone has 0, so that its exp is 0 and not NaN."""
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


def row_sum(x, axis=-1, factor=1.0):
    """The sum of each row times `factor`, its axis kept. Rows are summed several times faster by a
    product with a vector of ones (of factors) than by `.sum`."""
    n = x.shape[-1] if axis == -1 or axis == x.ndim - 1 else 0
    if not 0 < n <= LONG or x.dtype == np.float16:
        return x.sum(axis=axis, keepdims=True) * factor
    return np.dot(x.reshape(-1, n), full(n, x.dtype, factor)).reshape(*x.shape[:-1], 1)


def row_dot(a, b, axis=-1, factor=1.0):
    """row_sum(a * b), without the product in memory where rows are long."""
    last = axis == -1 or axis == a.ndim - 1
    if not last or a.shape[-1] <= SHORT or a.dtype == np.float16:
        return row_sum(a * b, axis, factor)
    return np.vecdot(a, b)[..., None] * factor


def exp_and_sum(x, axis):
    """e = exp(x - shift) and the sum of e along `axis` (1 for a row of zeros). A shift changes no
    softmax, but it keeps exp from overflowing: a row that needs it is shifted by its maximum.

    Most rows need none, and to find the maxima of many short rows takes as long as exp does."""
    check_rows(x, axis)
    with np.errstate(over="ignore"):
        e = np.exp(x)
        total = row_sum(e, axis)
    least = least_sum(total.dtype)
    near = (plain(total) > least) & (plain(total) < 1 / least)
    if near.all():
        return e, total
    e = x - np.where(near, 0, row_maximum(x, axis))  # each row depends on its own entries alone
    e = np.exp(e, out=e)
    total = row_sum(e, axis)
    return e, total + (plain(total) == 0)


@functools.lru_cache
def least_sum(dtype):
    """As long as a row's sum is above this, entries keep their digits down to this part of it."""
    return math.sqrt(np.finfo(dtype).tiny)


@op
def softmax(x, axis=-1):
    """exp(x) / sum(exp(x)) along `axis`. A row that is -inf throughout (nothing to attend to)
    gives zeros, with zero gradient."""

    def dx(g):
        d = g - row_dot(g, y, axis)
        d *= y
        return d

    e, total = exp_and_sum(x, axis)
    e /= total
    y = e
    return y, dx


@op
def log_softmax(x, axis=-1):
    """log(softmax(x)) along `axis`, without the detour over a product that underflows."""

    def dx(g):
        return g - np.exp(y) * row_sum(g, axis)

    y = x - row_maximum(x, axis)
    y -= np.log(row_sum(np.exp(y), axis))
    return y, dx


@op
def logsumexp(x, axis=None, keepdims=False):
    """log(sum(exp(x))) along `axis`, an integer or a tuple of them (None: all)."""

    def dx(g):
        return spread(g, x.shape, axis, keepdims) * e / total

    top = row_maximum(x, axis)
    e = np.exp(x - top)
    total = e.sum(axis=axis, keepdims=True)
    y = np.log(total) + top
    total = total + (plain(total) == 0)
    return y if keepdims else np.squeeze(y, axis), dx


@op
def cross_entropy(logits, targets, ignore_index=None, label_smoothing=0.0):
    """The mean of -log softmax(logits)[target] over the targets that are not `ignore_index`.

    `logits` (..., V), `targets` integers (...). With label smoothing e the target distribution is
    1 - e on the target plus e / V on every class (section 5.4 of the paper; Szegedy et al. 2016).
    Where no target counts the loss is 0.
    """

    def dlogits(g):
        weights = g * (counts / total)  # (N, 1)
        d = less(e * (weights / norm), (rows, ids), weights[:, 0] * (1 - label_smoothing))
        if label_smoothing:
            d -= weights * (label_smoothing / classes)
        return d.reshape(shape)

    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing is a probability, from 0 to 1; not {label_smoothing}")
    shape = logits.shape
    ids, counts = counted_targets(targets, shape, ignore_index)  # (N,), (N, 1)
    classes, rows, total = shape[-1], np.arange(len(ids)), float(np.maximum(counts.sum(), 1))
    counts = counts.astype(logits.dtype)
    x = logits.reshape(-1, classes)  # (..., V) -> (N, V)
    x = x - row_maximum(x, -1)
    picked = (1 - label_smoothing) * x[rows, ids]
    if label_smoothing:
        picked = picked + label_smoothing * x.mean(axis=-1)
    e = np.exp(x, out=x)
    norm = row_sum(e)
    loss = ((np.log(norm)[:, 0] - picked) * counts[:, 0]).sum() / total
    return loss, dlogits


def counted_targets(targets, shape, ignore_index):
    """The targets as one row of valid ids, and a column of 1 where a target counts, 0 where not."""
    targets = np.asarray(targets)
    if targets.dtype.kind not in "iu":
        raise TypeError(f"targets have to be integers, not {targets.dtype}")
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


def less(d, index, values):
    """d with `values` taken off at `index`, which names no entry twice; in place on an array."""
    if isinstance(d, Tensor):
        return d - put(values, index, d.shape)
    d[index] -= values
    return d


@op
def normalize(x, axis=-1, eps=1e-5, gamma=None, beta=None):
    """gamma * (x - mean) / sqrt(variance + eps) + beta, the mean and variance taken along `axis`,
    an integer or a tuple; gamma and beta (None: 1 and 0) broadcast to x (Ba et al. 2016)."""

    def dx(g):
        g = g if gamma is None else g * gamma
        d = normal * row_dot(g, normal, axis, share)
        d += row_sum(g, axis, share)
        d = np.subtract(g, d, out=d)
        d *= scale
        return d

    def dgamma(g):
        return g * normal

    def dbeta(g):
        return g

    share = 1 / (x.shape[-1] if axis == -1 and x.ndim else entries(x.shape, axis))
    centred = x - row_sum(x, axis, share)
    scale = 1 / np.sqrt(row_dot(centred, centred, axis, share) + eps)
    centred *= scale
    normal = centred
    y = normal if gamma is None else normal * gamma
    if beta is not None:
        y = np.add(y, beta, out=None if y is normal else y)
    return y, dx, dgamma, dbeta
