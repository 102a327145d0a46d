"""Which positions may be attended to: 1 (True) may, 0 (False) is hidden. Always."""

from typing import overload

import numpy as np
from numpy.typing import ArrayLike

import minigrad as mg

from ..text.specials import PAD


def padding_mask(tokens: ArrayLike, pad_id: int = PAD) -> np.ndarray:
    """True where a token is real, False where it is padding: (B, T) -> (B, 1, 1, T).

    The axes of size 1 stand for every head and every query.
    """
    tokens = np.asarray(tokens)
    if tokens.ndim != 2:
        raise ValueError(f"padding_mask: tokens have shape {tokens.shape}; give (batch, time)")
    return (tokens != pad_id)[:, None, None, :]


def look_ahead_mask(length: int) -> np.ndarray:
    """True at and before each query's own position: (1, 1, T, T), the lower triangle.

    With it a position of the decoder sees only what was written before (section 3.2.3).
    """
    return np.tri(length, dtype=bool)[None, None]


@overload
def combine_masks(a: np.ndarray, b: np.ndarray | None) -> np.ndarray: ...
@overload
def combine_masks(a: np.ndarray | None, b: np.ndarray | None) -> np.ndarray | None: ...
def combine_masks(a: np.ndarray | None, b: np.ndarray | None) -> np.ndarray | None:
    """The product of two masks: a position must be allowed by both. None hides nothing."""
    if a is None:
        return b
    if b is None:
        return a
    return a & b


def real_positions(mask: np.ndarray | None, x: mg.Tensor) -> np.ndarray | None:
    """Which positions of x (B, T, d_model) are no padding: (B or 1, T or 1), read off the mask of
    its self-attention. The last query sees all that is real, whatever is hidden from those before
    it; the last T keys are x, where a cache holds earlier ones. None hides nothing."""
    if mask is None:
        return None
    if mask.ndim < 4:  # (..., T_q, T_k)
        mask = mask.reshape((1,) * (4 - mask.ndim) + mask.shape)
    return mask[:, 0, -1, -x.shape[1] :]
