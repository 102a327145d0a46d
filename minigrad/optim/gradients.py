"""Gradients before a step: looked at, and clipped."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ..tensor import Tensor
from .settings import Number, number


def gradient_of(p: Tensor) -> np.ndarray | None:
    """The array of its gradient, if it has one. Raises ValueError where its data was given another
    shape by hand."""
    if p._grad is None:
        return None
    g = p._grad._data
    if g.shape != p._data.shape:
        raise ValueError(f"a parameter of shape {p.shape} has a gradient of shape {g.shape}")
    return g


def clip_grad_norm(parameters: Tensor | Iterable[Tensor], max_norm: Number) -> float:
    """Scale all gradients down together so that their norm, taken as one long vector, is at most
    `max_norm` (Pascanu et al. 2013). Returns the norm that they had.

    `parameters` is one tensor or several; each counts once. A norm that is NaN or infinite is
    returned too, and then the gradients are left as they are: look at it before you step.
    """
    limit = number("max_norm", max_norm, finite=False)
    given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if not all(isinstance(p, Tensor) for p in given):
        raise TypeError("clip_grad_norm: give it Parameters, as in model.parameters()")
    found = [(p.grad, gradient_of(p)) for p in dict.fromkeys(given)]
    norm = norm_of([g for _, g in found if g is not None])
    if limit < norm < math.inf:
        # Each gets an array of its own: the old one may be shared, or only be readable. Two
        # parameters may even have the same Tensor as their gradient.
        for grad in dict.fromkeys(grad for grad, _ in found if grad is not None):
            grad.data = scaled(grad.data, limit / norm)
    return norm


def norm_of(arrays: list[np.ndarray]) -> float:
    """The Euclidean norm of all entries, right also where their squares are too large or too small
    for the dtype. NaN if one of them is NaN."""
    arrays = [a if a.itemsize > 2 else a.astype(np.float32) for a in arrays if a.size]
    square = sum(float(np.vdot(a, a)) for a in arrays)
    if not arrays or 1e-20 < square < math.inf:
        return math.sqrt(square)
    largest = float(np.max([np.abs(a).max() for a in arrays]))
    if largest == 0 or not math.isfinite(largest):
        return largest
    parts = [np.divide(a, largest, dtype=np.float64) for a in arrays]
    return largest * math.sqrt(sum(float(np.vdot(part, part)) for part in parts))


def scaled(g: np.ndarray, factor: float) -> np.ndarray:
    """factor * g, in a dtype that can hold the factor and then in its own."""
    wide = np.promote_types(g.dtype, np.float32 if factor > 1e-30 else np.float64)
    return np.multiply(g, factor, dtype=wide).astype(g.dtype, copy=False)
