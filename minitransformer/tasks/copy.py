"""The same symbols out again: the first thing that a sequence model has to be able to do."""

from collections.abc import Hashable, Iterator
from itertools import product
from string import ascii_lowercase, ascii_uppercase, digits

import numpy as np

from .task import Task, register, whole_number

SYMBOLS = ascii_lowercase + ascii_uppercase + digits


@register
class Copy(Task):
    """Strings of 1 to `longest` symbols. Those of up to `longer` symbols more are never in
    training: the split "longer" says how far what was learned reaches."""

    name = "copy"
    summary = "write the same letters again: abc to abc"
    unit = "characters"
    steps = 1_500
    how_many = "letters of an alphabet, in lines of 1 to 16"
    how_long = "under a minute"
    expect = "all of 1,000 held-out examples right"
    apart = {"longer": "lines longer than any in training, by up to the option longer"}

    def __init__(self, symbols: int = 10, longest: int = 16, longer: int = 0):
        self.symbols = whole_number("symbols", symbols, 1, len(SYMBOLS))
        self.longest = whole_number("longest", longest, 1, 1000)
        self.longer = whole_number("longer", longer, 0, 1000)
        self.alphabet = SYMBOLS[: self.symbols]
        self.max_length = self.longest + self.longer

    def sample(self, rng: np.random.Generator) -> str:
        return self._of_length(1, self.longest, rng)

    def sample_apart(self, split: str, rng: np.random.Generator) -> str:
        return self._of_length(self.longest + 1, self.max_length, rng)

    def _of_length(self, low: int, high: int, rng: np.random.Generator) -> str:
        # Every length is as likely as any other. Uniform over the strings would be nearly
        # always the longest, as nine in ten of all strings are.
        length = rng.integers(low, high + 1)
        return "".join(self.alphabet[i] for i in rng.integers(self.symbols, size=length))

    def every(self) -> Iterator[str]:
        return self._of_lengths(1, self.longest)

    def every_apart(self, split: str) -> Iterator[str]:
        return self._of_lengths(self.longest + 1, self.max_length)

    def _of_lengths(self, low: int, high: int) -> Iterator[str]:
        for length in range(low, high + 1):
            for letters in product(self.alphabet, repeat=length):
                yield "".join(letters)

    def split_of(self, example: Hashable) -> str:
        return "longer" if len(str(example)) > self.longest else super().split_of(example)

    def pair(self, example: str) -> tuple[str, str]:
        return example, example

    def check(self, source: str) -> None:
        if not 1 <= len(source) <= self.max_length:
            raise ValueError(
                f"the text has {len(source)} letters; this task was made for 1 to {self.max_length}"
            )
        strange = [letter for letter in source if letter not in self.alphabet]
        if strange:
            raise ValueError(
                f'"{strange[0]}" is not one of the letters this task was made for, {self.alphabet}'
            )
