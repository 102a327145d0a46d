"""English number words to French: a real, if small, piece of translation.

Word order, agreement (deux cents, deux cent un) and counting by twenties (quatre-vingt-dix-sept)
differ between the two languages, and the right answer is always known.
"""

import re
from collections.abc import Hashable
from functools import cached_property

import numpy as np

from ..text.showing import shown
from ..text.tokenising import tokenize
from .number_words import LARGEST, english, french, parse_number
from .task import Task, register, whole_number


@register
class Numbers(Task):
    name = "numbers"
    summary = "English number words to French: twenty-one to vingt et un"
    unit = "words"
    how_many = "a million"
    how_long = "two minutes"
    expect = "all of 1,000 held-out examples right"

    def __init__(self, largest: int = LARGEST):
        self.largest = whole_number("largest", largest, 1, LARGEST)

    @cached_property  # it takes a moment, and only training asks
    def max_length(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        # No three digits take more words than 999 in either language, so of the numbers with
        # fewer thousands than `largest`, those that end in 999 are enough to look at.
        thousands = self.largest // 1000
        candidates = [1000 * t + 999 for t in range(thousands)]
        candidates += range(1000 * thousands, self.largest + 1)
        return max(len(tokenize(text, "words")) for n in candidates for text in self.pair(n))

    def sample(self, rng: np.random.Generator) -> int:
        # Nine in ten of the numbers below a million have six digits, and drawn evenly small or
        # round ones would hardly be seen; but these are what a person tries first, and where the
        # spelling is least regular. So one number in three is cut to its last few digits, as many
        # as the larger of two dice says; and the others are made of two groups of three digits,
        # each drawn by itself: "cent" alone, which may be held out, is learned from "mille cent".
        if rng.integers(3) == 0:
            digits = rng.integers(1, len(str(self.largest)) + 1, size=2).max()
            return int(rng.integers(self.largest + 1)) % 10 ** int(digits)
        thousands = _group(rng) if rng.integers(4) else 0
        rest = _group(rng) if rng.integers(3) or not thousands else 0
        return (1000 * thousands + rest) % (self.largest + 1)

    def split_of(self, example: Hashable) -> str:
        # "Cent" alone is a word to be learned, not one to be found out: with "one hundred" held
        # out, half of the trainings made "cent un" of it. So a digit and two zeros or more are
        # never asked for; what is held out is how such words are put together.
        round_one = re.fullmatch("[1-9]0{2,}", str(example))
        return "train" if round_one else super().split_of(example)

    def every(self) -> range:
        return range(self.largest + 1)

    def pair(self, example: int) -> tuple[str, str]:
        return english(example), french(example)

    def check(self, source: str) -> None:
        number = parse_number(source)
        if number > self.largest:
            raise ValueError(
                f"the number {shown(str(number))} is outside 0 to {self.largest}, "
                "the range this task was made for"
            )

    def rewrite(self, source: str) -> str:
        return english(parse_number(source))


def _group(rng: np.random.Generator) -> int:
    """A number below a thousand: a digit, below a hundred, a whole hundred, or any."""
    kind = rng.integers(4)
    if kind == 2:
        return 100 * int(rng.integers(10))
    return int(rng.integers((10, 100, 0, 1000)[kind]))
