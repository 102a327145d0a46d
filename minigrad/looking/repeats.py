"""Sections of a computation that repeat: the steps of an unrolled loop, the layers of a stack."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import numpy as np

LONGEST = 256  # items in a section that is looked for


class Repeat(NamedTuple):
    """`times` equal sections of `period` items each, one after another from `start` on."""

    start: int
    period: int
    times: int

    @property
    def end(self) -> int:
        return self.start + self.period * self.times


def repeats(symbols: Sequence[int], least: int = 2, longest: int = LONGEST) -> list[Repeat]:
    """All sections of at most `longest` items that occur twice or more in a row, as long as they
    repeat, where they cover `least` items or more; those that cover most come first, and of these
    the shortest section."""
    row = np.asarray(symbols)
    found = []
    for period in range(1, min(longest, len(row) // 2) + 1):
        same = np.concatenate([[False], row[period:] == row[:-period], [False]])
        turns = np.flatnonzero(same[1:] != same[:-1])  # where equal ones begin, and where they end
        for start, end in zip(turns[::2].tolist(), turns[1::2].tolist()):
            times = (end - start) // period + 1
            if times > 1 and times * period >= least:
                found.append(Repeat(start, period, times))
    return sorted(found, key=lambda r: (-r.period * r.times, r.period, r.start))


def longest_run(keys: Sequence[Hashable], follows: Callable[[int], bool]) -> tuple[int, int]:
    """(first, count) of the longest row of equal `keys` in which each `follows(i)` the one before
    it; the earliest, if there are several."""
    best, first = (0, 1), 0
    for i in range(1, len(keys)):
        if keys[i] != keys[i - 1] or not follows(i):
            first = i
        elif i - first + 1 > best[1]:
            best = (first, i - first + 1)
    return best
