"""Normalisation: mean 0 and variance 1, then scale and shift."""

from __future__ import annotations

import math

import numpy as np

from ..tape import Array, op
from ..tensor import Axis, plain
from .axes import count_along
from .moments import FAR, centred_carefully
from .rows import as_rows, row_dot, row_sum, sum_of_rows

__all__ = ["normalize"]


@op(real=True)
def normalize(
    x: Array, axis: Axis = -1, eps: float = 1e-5, gamma: Array = None, beta: Array = None
):
    """gamma * (x - mean) / sqrt(variance + eps) + beta, the mean and variance taken along `axis`,
    an integer or a tuple; gamma and beta (None: 1 and 0) broadcast to x (Ba et al. 2016)."""

    def dx(g):  # (g - mean(g) - normal * mean(g * normal)) / deviation
        g = g if gamma is None else g * gamma
        d = normal * row_dot(g, normal, axis, part)
        d += row_sum(g, axis, part)
        d = np.subtract(g, d, out=d)
        d *= scale
        return d

    def dgamma(g):
        return summed(g * normal, gamma)

    def dbeta(g):
        return summed(g, beta)

    def summed(g, scale):  # most scale the last axis: these the tape need not sum up
        return sum_of_rows(as_rows(g)) if np.shape(scale) == x.shape[-1:] else g

    part = 1 / max(count_along(x.shape, axis), 1)  # of the mean, that an entry is
    mean = row_sum(x, axis, part)
    centred = x - mean
    variance = row_dot(centred, centred, axis, part)
    scale = 1 / np.sqrt(variance + eps)
    if none_far(plain(mean * scale), plain(scale)):
        centred *= scale
    else:
        far = ~((plain(mean * scale) ** 2 <= FAR) & (plain(variance) < math.inf))
        centred, unit = centred_carefully(x, axis, far, mean)
        units = 1 / np.sqrt(row_dot(centred, centred, axis, part) + eps / unit / unit)
        centred *= units
        scale = units / unit
    normal = centred
    y = normal if gamma is None else normal * gamma
    if beta is not None:
        y = np.add(y, beta, out=None if y is normal else y)
    return y, dx, dgamma, dbeta


def none_far(means: np.ndarray, scale: np.ndarray) -> bool:
    """Whether no mean is far from 0, in terms of the deviation, and no deviation is infinite: in
    few operations, since every call asks it."""
    return bool(np.vdot(means, means) <= FAR) and np.count_nonzero(scale) == scale.size
