"""The sum of two numbers. The first digit that is written may hang on a carry from the last."""

import re
from collections.abc import Hashable, Iterator

import numpy as np

from ..text.showing import shown
from .split import split_of
from .task import Task, register, whole_number


@register
class Addition(Task):
    """Two numbers of up to `digits` digits; with `reversed` 1 the sum is written from its last
    digit on, as in minGPT, so that a carry is known before it is needed."""

    name = "addition"
    summary = "add two numbers: 27+58 to 85"
    unit = "characters"
    steps = 6_000
    how_many = "10,000 sums of numbers from 0 to 99, 15 % of them held out"
    how_long = "under a minute"
    expect = "all of 1,000 held-out examples right"
    preset = {"lr": 0.002}  # at the paper's, twice as high, 2 % were right after 3,000 steps

    def __init__(self, digits: int = 2, reversed: int = 0):
        self.digits = whole_number("digits", digits, 1, 100)
        self.reversed = whole_number("reversed", reversed, 0, 1)
        self.max_length = 2 * self.digits + 1

    def sample(self, rng: np.random.Generator) -> str:
        # Digit by digit: NumPy draws no whole numbers beyond 19 digits.
        numbers = ("".join(map(str, rng.integers(10, size=self.digits))) for _ in range(2))
        return "+".join(str(int(number)) for number in numbers)

    def every(self) -> Iterator[str]:
        numbers = range(10**self.digits)
        return (f"{a}+{b}" for a in numbers for b in numbers)

    def split_of(self, example: Hashable) -> str:
        """80 % train, 5 % validation and 15 % test. A sum and the same the other way round are in
        one split: that 58+27 is known would help with 27+58."""
        a, b = sorted(map(int, str(example).split("+")))
        return split_of((a, b), train=80, validation=5)

    def pair(self, example: str) -> tuple[str, str]:
        total = str(sum(map(int, example.split("+"))))
        return example, total[::-1] if self.reversed else total

    def check(self, source: str) -> None:
        numbers = _numbers(source)
        if numbers is None:
            raise ValueError(f'"{shown(source)}" is not a sum of two numbers, such as 27+58')
        for number in numbers:
            if len(number) > self.digits:
                raise ValueError(
                    f"the number {shown(number)} has {len(number)} digits; this task was made for "
                    f"{self.digits} at most"
                )

    def rewrite(self, source: str) -> str:
        return "+".join(_numbers(source) or [])


def _numbers(source: str) -> list[str] | None:
    """The two numbers, without spaces and zeros before them; None where it is not a sum."""
    found = re.fullmatch(r"\s*0*([0-9]+)\s*\+\s*0*([0-9]+)\s*", source)
    return list(found.groups()) if found else None
