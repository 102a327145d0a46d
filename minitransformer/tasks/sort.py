"""Digits in order, as in the demo of minGPT, but here an encoder reads them first."""

from collections.abc import Hashable, Iterator
from itertools import product
from string import digits

import numpy as np

from .split import split_of
from .task import Task, register, whole_number


@register
class Sort(Task):
    """Strings of `length` digits, of which there are `symbols`: 0, 1, 2, ..."""

    name = "sort"
    summary = "write digits in order: 201021 to 001122"
    unit = "characters"
    steps = 1_500
    how_many = "729 strings of six digits from 0 to 2, a quarter of them held out"
    how_long = "five seconds"
    expect = "all of the 183 held-out examples right"
    preset = {"size": "tiny"}

    def __init__(self, symbols: int = 3, length: int = 6):
        self.symbols = whole_number("symbols", symbols, 1, len(digits))
        self.length = whole_number("length", length, 1, 1000)
        self.alphabet = digits[: self.symbols]
        self.max_length = self.length

    def sample(self, rng: np.random.Generator) -> str:
        return "".join(self.alphabet[i] for i in rng.integers(self.symbols, size=self.length))

    def every(self) -> Iterator[str]:
        return map("".join, product(self.alphabet, repeat=self.length))

    def split_of(self, example: Hashable) -> str:
        """70 % train, 5 % validation and 25 % test: with 5 % of so few strings nothing is shown."""
        return split_of(example, train=70, validation=5)

    def pair(self, example: str) -> tuple[str, str]:
        return example, "".join(sorted(example))

    def check(self, source: str) -> None:
        strange = [each for each in source if each not in self.alphabet]
        if strange:
            raise ValueError(
                f'"{strange[0]}" is not one of the digits this task was made for, {self.alphabet}'
            )
        if len(source) != self.length:
            raise ValueError(
                f"the text has {len(source)} digits; this task was made for {self.length}"
            )
