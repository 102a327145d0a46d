"""The error function on arrays, which NumPy does not have: by Chebyshev series whose coefficients
are fitted to Python's `math.erf` and `math.erfc`, when they are first needed."""

from __future__ import annotations

import functools
import math

import numpy as np

MIDDLE, END = 1.0, 6.0  # erf(6) is 1 to the last bit of float64
LOW, HIGH = 1 / (1 + END), 1 / (1 + MIDDLE)


def error_function(x: np.ndarray) -> np.ndarray:
    """erf of each entry, to about 3e-15 in float64; in the dtype of x."""
    small, erf, erfc = halves(x)
    y = np.empty(x.shape)
    y[small], y[~small] = erf, 1 - erfc
    return np.copysign(y, x).astype(x.dtype)


def normal_below(x: np.ndarray) -> np.ndarray:
    """The standard normal's probability to lie below each entry, erfc(-x / sqrt(2)) / 2: small ones
    to all their digits too; in the dtype of x."""
    small, erf, erfc = halves(x * math.sqrt(0.5))
    y = np.empty(x.shape)
    y[small] = 0.5 + 0.5 * np.copysign(erf, x[small])
    y[~small] = np.where(x[~small] < 0, 0.5 * erfc, 1 - 0.5 * erfc)
    return y.astype(x.dtype)


def halves(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where |x| is at most MIDDLE, erf(|x|) of these, and erfc(|x|) of all others, in float64."""
    near, far = coefficients()
    size = np.abs(x).astype(np.float64)
    small = size <= MIDDLE
    t, u = size[small], size[~small]
    erf = t * np.polynomial.chebyshev.chebval(2 * (t / MIDDLE) ** 2 - 1, near)
    v = (2 / (1 + np.minimum(u, END)) - LOW - HIGH) / (HIGH - LOW)
    decay = np.polynomial.chebyshev.chebval(v, far)  # erfc(u) exp(u^2)
    w = 1 / (2 * np.maximum(u, END) ** 2)  # beyond END by its asymptotic series, to 5e-7
    beyond = (1 - w * (1 - 3 * w * (1 - 5 * w * (1 - 7 * w)))) * np.sqrt(2 * w / math.pi)
    return small, erf, np.exp(-u * u) * np.where(u > END, beyond, decay)


@functools.lru_cache
def coefficients() -> tuple[np.ndarray, np.ndarray]:
    """Of the series below and beyond MIDDLE."""

    def near(t: float) -> float:  # erf(x) / x is smooth and even: a series in t = 2 x^2 - 1
        x = MIDDLE * math.sqrt((t + 1) / 2)
        return math.erf(x) / x

    def far(t: float) -> float:  # erfc(x) exp(x^2) is smooth and slow in 1 / (1 + x)
        x = 2 / (LOW + HIGH + t * (HIGH - LOW)) - 1
        return math.erfc(x) * math.exp(x * x)

    interpolate = np.polynomial.chebyshev.chebinterpolate
    return interpolate(np.vectorize(near), 13), interpolate(np.vectorize(far), 20)
