"""When what was changed: one clock for all that is recorded and all that is written to."""

from __future__ import annotations

import itertools

import numpy as np

MOST_CHANGES = 4096  # that are remembered


def stretch(array: np.ndarray) -> tuple[int, int]:
    """The addresses in memory between which the entries of an array lie: (first, behind the last).
    (NumPy's byte_bounds does the same, and lets a table of the interpreter grow.)"""
    low = high = array.ctypes.data
    if array.size == 0:
        return low, low
    for n, step in zip(array.shape, array.strides):
        if step < 0:
            low += (n - 1) * step
        else:
            high += (n - 1) * step
    return low, high + array.itemsize


class Clock:
    """One for the whole process. Every recorded op and every change of a tensor's data takes its
    next tick, so "was this changed after the op had used it?" is one comparison of two numbers."""

    def __init__(self) -> None:
        self.tick = itertools.count(1).__next__
        self.latest_change = 0  # the tick of the last change of any tensor's data
        self.changes: dict[tuple[int, int], int] = {}  # {stretch of memory: when it was changed}

    def change(self, array: np.ndarray) -> int:
        """Note that an array is changed in place now, with all that shares its memory; returns the
        tick of the change."""
        self.latest_change = self.tick()
        self.changes[stretch(array)] = self.latest_change
        if len(self.changes) > MOST_CHANGES:  # the oldest are of graphs that are gone
            newest = sorted(self.changes.items(), key=lambda item: item[1])[MOST_CHANGES // 2 :]
            self.changes = dict(newest)
        return self.latest_change

    def changed_since(self, tick: int) -> list[tuple[int, int, int]]:
        """(low, high, tick) for each stretch of memory that was changed later than `tick`."""
        return [(*where, when) for where, when in self.changes.items() if when > tick]


clock = Clock()
tick = clock.tick
