"""Softmax and its kin: exponentials of a row, as parts of their sum."""

from __future__ import annotations

import numpy as np

from ..tape import Array, op
from ..tensor import Axis, plain
from .axes import spread
from .rows import exp_and_sum, row_dot, row_maximum, row_sum

__all__ = ["log_softmax", "logsumexp", "softmax"]


@op(real=True)
def softmax(x: Array, axis: Axis = -1):
    """exp(x) / sum(exp(x)) along `axis`. A row that is -inf throughout (nothing to attend to)
    gives zeros, with zero gradient."""

    def dx(g):  # y * (g - sum(g * y))
        d = g - row_dot(g, y, axis)
        d *= y
        return d

    e, total = exp_and_sum(x, axis)  # e = exp(x - max), total = sum(e)
    e /= total
    y = e
    return y, dx


@op(real=True)
def log_softmax(x: Array, axis: Axis = -1):
    """log(softmax(x)) along `axis`, without the detour over a product that underflows."""

    def dx(g):
        return g - np.exp(y) * row_sum(g, axis)

    y = x - row_maximum(x, axis)
    y -= np.log(row_sum(np.exp(y), axis))
    return y, dx


@op(real=True)
def logsumexp(x: Array, axis: Axis = None, keepdims: bool = False):
    """log(sum(exp(x))) along `axis`, an integer or a tuple of them (None: all)."""

    def dx(g):
        return spread(g, x.shape, axis, keepdims) * e / total

    top = row_maximum(x, axis)
    e = np.exp(x - top)
    total = e.sum(axis=axis, keepdims=True)
    y = np.log(total) + top
    total = total + (plain(total) == 0)
    return y if keepdims else np.squeeze(y, axis), dx
