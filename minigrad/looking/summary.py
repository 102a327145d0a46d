"""A large array in words, in which a picture and a card say the same."""

from __future__ import annotations

import numpy as np


def in_words(array: np.ndarray, brief: bool) -> str:
    """Mean, spread (the standard deviation) and range of the finite entries, and how many others
    there are: "mean 0.3, spread 0.9, from -2 to 1, 12 of 64 -inf". In brief without the range; but
    of integers, which are mostly places and words, it is the range alone."""
    if array.size == 0:
        return "no entries"
    if array.dtype.kind == "b":
        return f"{int(array.sum()):,} of {array.size:,} true"
    if array.dtype.kind not in "fiu":
        return f"of {array.dtype}"
    finite, whole = array[np.isfinite(array)], array.dtype.kind != "f"
    digits, parts = 3 if brief else 4, []
    if finite.size and not (brief and whole):
        mean, spread = mean_and_spread(finite)
        parts += [f"mean {mean:.{digits}g}", f"spread {spread:.{digits}g}"]
    if finite.size and (whole or not brief):
        low, high = (end if whole else f"{end:.{digits}g}" for end in (finite.min(), finite.max()))
        parts.append(f"from {low} to {high}")
    for name, test in (("NaN", np.isnan), ("inf", np.isposinf), ("-inf", np.isneginf)):
        if count := int(test(array).sum()):
            parts.append(f"{count:,} of {array.size:,} {name}")
    return ", ".join(parts)


def mean_and_spread(numbers: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of finite numbers. A mean that may be nothing but what rounding
    to their dtype has left of a sum is 0."""
    first = float(numbers.flat[0])
    if (numbers == numbers.flat[0]).all():
        return first, 0.0
    exact = numbers.astype(np.float64)
    exponent = int(np.frexp(np.abs(exact).max())[1])
    scaled = np.ldexp(exact, -exponent)  # at most 1, so that no square is infinite
    mean = scaled.mean()
    eps = np.finfo(numbers.dtype if numbers.dtype.kind == "f" else np.float64).eps
    if abs(mean) <= eps * np.abs(scaled).mean():
        mean = 0.0
    return float(np.ldexp(mean, exponent)), float(np.ldexp(scaled.std(), exponent))
