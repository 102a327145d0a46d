"""Where each parameter lies in an optimiser's flat buffer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ..tensor import Tensor


class Slot:
    """A stretch of the flat buffer: the numbers of one parameter, or of several that share one
    array (tied weights) and so move together."""

    def __init__(self, parameter: Tensor, where: slice):
        self.parameter = parameter
        self.others: list[Tensor] = []  # that share its array
        self.where = where
        self.steps = 0  # how many steps these numbers have made

    def gradient(self) -> np.ndarray | None:
        """The sum of the gradients of all that share it; None without any. Frozen ones (with
        requires_grad=False) do not count."""
        p = self.parameter
        total = gradient_of(p) if p._requires_grad else None
        for p in self.others:
            if p._requires_grad and (g := gradient_of(p)) is not None:
                total = g if total is None else total + g
        return total


def gradient_of(p: Tensor) -> np.ndarray | None:
    """The array of its gradient, if it has one. Raises TypeError or ValueError where that was set
    by hand to something else than a Tensor of its shape."""
    grad: Any = p.grad
    if grad is None:
        return None
    if not isinstance(grad, Tensor):
        raise TypeError(
            f"a gradient is a Tensor, not {type(grad).__name__}: set p.grad = Tensor(g)"
        )
    g = grad._data
    if g.shape != p._data.shape:
        raise ValueError(f"a parameter of shape {p.shape} has a gradient of shape {g.shape}")
    return g


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
