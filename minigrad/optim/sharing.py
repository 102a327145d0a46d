"""Which parameters share one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds


def sharing(arrays: Sequence[np.ndarray]) -> list[int]:
    """For each array the position of the first one that is the same memory, seen the same way.
    Raises ValueError where two arrays share memory in any other manner."""
    first: dict[Any, int] = {}
    owners = [
        first.setdefault((a.__array_interface__["data"][0], a.shape, a.strides) if a.size else i, i)
        for i, a in enumerate(arrays)
    ]
    reaching: list[tuple[int, np.ndarray]] = []  # (end in memory, array) of what may reach so far
    spans = sorted((*byte_bounds(arrays[i]), i) for i in first.values() if arrays[i].size)
    for start, end, i in spans:
        reaching = [(other_end, other) for other_end, other in reaching if other_end > start]
        for _, other in reaching:
            if np.shares_memory(arrays[i], other):
                raise ValueError(
                    f"parameters of shapes {other.shape} and {arrays[i].shape} overlap in memory: "
                    "they may share one whole array, or nothing. Make one Parameter, and index or "
                    "transpose it in forward"
                )
        reaching.append((end, arrays[i]))
    return owners
