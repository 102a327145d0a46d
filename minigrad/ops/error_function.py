"""The error function on arrays, which NumPy does not have: by Chebyshev series whose coefficients
are fitted to Python's `math.erf` and `math.erfc`, when they are first needed."""

from __future__ import annotations

import functools
import math

import numpy as np

MIDDLE, END = 1.0, 28.0  # erfc(28) is 0 in float64
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
    return small, erf, np.exp(-u * u) * decay


@functools.lru_cache
def coefficients() -> tuple[np.ndarray, np.ndarray]:
    """Of the series below and beyond MIDDLE."""

    def near(t: float) -> float:  # erf(x) / x is smooth and even: a series in t = 2 x^2 - 1
        x = MIDDLE * math.sqrt((t + 1) / 2)
        return math.erf(x) / x

    def far(t: float) -> float:  # erfc(x) exp(x^2) is smooth and slow in 1 / (1 + x)
        x = 2 / (LOW + HIGH + t * (HIGH - LOW)) - 1
        if x < 3:
            return math.erfc(x) * math.exp(x * x)
        fraction = x  # Laplace's: x + 1/2 / (x + 2/2 / (x + 3/2 / (x + ...)))
        for k in range(60, 0, -1):
            fraction = x + k / 2 / fraction
        return 1 / (math.sqrt(math.pi) * fraction)

    interpolate = np.polynomial.chebyshev.chebinterpolate
    return interpolate(np.vectorize(near), 13), interpolate(np.vectorize(far), 20)
