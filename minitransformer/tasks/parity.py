"""Whether a string of bits has an odd or an even number of ones: a sentence with a class."""

from collections.abc import Iterator
from itertools import product

import numpy as np

from .task import Task, register, whole_number


@register
class Parity(Task):
    """Strings of bits, written apart as words; each bit counts, wherever it stands."""

    name = "parity"
    summary = "say whether there is an odd or an even number of ones: 1 0 1 1 to odd"
    unit = "words"
    steps = 4_500
    # Learned positions begin near 0: at first it counts ones, wherever they stand, which is all
    # there is to learn. With sinusoids, or more width, it learns the training's strings by heart.
    preset = {
        "size": "tiny",
        "model": {"kind": "encoder-classifier", "norm_first": True, "positions": "learned"},
        "batch_size": 64,
        "lr": 0.005,
        "warmup_steps": 750,
    }
    how_many = "strings of 1 to 8 bits, 510 of them"
    how_long = "half a minute"
    expect = "all held-out strings right, at once; or, with some seeds, no more than by chance"

    def __init__(self, longest: int = 8):
        self.longest = whole_number("longest", longest, 1, 64)
        self.max_length = self.longest

    def sample(self, rng: np.random.Generator) -> str:
        # Every length is as likely as any other: short strings are what it learns first.
        length = rng.integers(1, self.longest + 1)
        return " ".join(map(str, rng.integers(2, size=length)))

    def every(self) -> Iterator[str]:
        for length in range(1, self.longest + 1):
            yield from map(" ".join, product("01", repeat=length))

    def pair(self, example: str) -> tuple[str, str]:
        return example, "odd" if example.count("1") % 2 else "even"

    def check(self, source: str) -> None:
        bits = source.replace(" ", "")
        strange = next((letter for letter in bits if letter not in "01"), None)
        if strange is not None:
            raise ValueError(f'"{strange}" is no bit: this task was made for strings of 0 and 1')
        if not 1 <= len(bits) <= self.longest:
            raise ValueError(
                f"the text has {len(bits)} bits; this task was made for 1 to {self.longest}"
            )

    def rewrite(self, source: str) -> str:
        return " ".join(source.replace(" ", ""))
