"""English number words to French: a real, if small, piece of translation.

Word order, agreement (deux cents, deux cent un) and counting by twenties (quatre-vingt-dix-sept)
differ between the two languages, and the right answer is always known.
"""

import re
from functools import cached_property

import numpy as np

from ..text.tokenising import tokenize
from .number_words import LARGEST, english, french, parse_english
from .task import Task, register, whole_number


@register
class Numbers(Task):
    name = "numbers"
    summary = "English number words to French: twenty-one to vingt et un"
    unit = "words"

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
        # Nine in ten of the numbers below a million have six digits: drawn evenly, small ones
        # would hardly be seen. So cut a number to its last few digits, as many as the larger of
        # two dice says. With six digits, 28 in 100 numbers keep six and 3 are a single digit.
        digits = rng.integers(1, len(str(self.largest)) + 1, size=2).max()
        number = int(rng.integers(self.largest + 1)) % 10 ** int(digits)
        # Round numbers are spelled differently ("deux cents" but "deux cent un") and are the first
        # that a person tries: in one of five some of the last digits, by a die, are made zeros.
        if digits > 1 and rng.integers(5) == 0:
            number -= number % 10 ** int(rng.integers(1, digits))
        return number

    def every(self) -> range:
        return range(self.largest + 1)

    def pair(self, example: int) -> tuple[str, str]:
        return english(example), french(example)

    def check(self, source: str) -> None:
        digits = re.fullmatch("[0-9][0-9, ]{0,19}", source.strip())
        number = int(re.sub("[, ]", "", source)) if digits else parse_english(source)
        if number > self.largest:
            raise ValueError(
                f"the number {number} is outside 0 to {self.largest}, "
                "the range this task was made for"
            )
        if digits:
            raise ValueError(f'write the number {number} in words: "{english(number)}"')

    def rewrite(self, source: str) -> str:
        return english(parse_english(source))
