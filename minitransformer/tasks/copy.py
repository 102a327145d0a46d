"""The same symbols out again: the first thing that a sequence model has to be able to do."""

from collections.abc import Iterator
from itertools import product
from string import ascii_lowercase

import numpy as np

from .task import Task, register, whole_number


@register
class Copy(Task):
    name = "copy"
    summary = "write the same letters again: abc to abc"
    unit = "characters"
    steps = 1_500
    how_many = "letters of an alphabet, in lines of 1 to 16"
    how_long = "under a minute"
    expect = "all of 1,000 held-out examples right"

    def __init__(self, symbols: int = 10, longest: int = 16):
        self.symbols = whole_number("symbols", symbols, 1, len(ascii_lowercase))
        self.longest = whole_number("longest", longest, 1, 1000)
        self.alphabet = ascii_lowercase[: self.symbols]
        self.max_length = self.longest

    def sample(self, rng: np.random.Generator) -> str:
        # Every length is as likely as any other. Uniform over the strings would be nearly
        # always the longest, as nine in ten of all strings are.
        length = rng.integers(1, self.longest + 1)
        return "".join(self.alphabet[i] for i in rng.integers(self.symbols, size=length))

    def every(self) -> Iterator[str]:
        for length in range(1, self.longest + 1):
            for letters in product(self.alphabet, repeat=length):
                yield "".join(letters)

    def pair(self, example: str) -> tuple[str, str]:
        return example, example

    def check(self, source: str) -> None:
        if not 1 <= len(source) <= self.longest:
            raise ValueError(
                f"the text has {len(source)} letters; this task was made for 1 to {self.longest}"
            )
        strange = [letter for letter in source if letter not in self.alphabet]
        if strange:
            raise ValueError(
                f'"{strange[0]}" is not one of the letters this task was made for, {self.alphabet}'
            )
