"""Number words from one language to another: a real, if small, piece of translation.

Word order, agreement (deux cents, deux cent un), counting by twenties (quatre-vingt-dix-sept) and
units that stand before the tens, all in one word (einundachtzig), differ between English, French
and German, and the right answer is always known.
"""

import re
from collections.abc import Collection, Hashable
from functools import cached_property, partial

import numpy as np

from ..text.showing import shown
from ..text.tokenising import tokenize
from .number_words import LANGUAGES, LARGEST, REGIONS, french, parse_number
from .split import drawn
from .task import Task, register, whole_number

ROUND = "[1-9]0*"  # a digit and zeros


@register
class Numbers(Task):
    """Between any two of English, French and German. `region` is that of French: "fr", "be"
    (septante, nonante) or "ch" (huitante too). A number with a German side is read and written by
    character, for German has no spaces to part its words by."""

    name = "numbers"
    summary = "number words in English, French, German: twenty-one to vingt et un"
    unit = "words"
    how_many = "a million, between any two of the languages"
    how_long = "two minutes; with German, four"
    expect = "all of 1,000 held-out examples right"
    apart = {"unseen": "numbers with thousands that training never has, as 25 in 25,304"}

    def __init__(
        self, largest: int = LARGEST, source: str = "en", target: str = "fr", region: str = "fr"
    ):
        self.largest = whole_number("largest", largest, 1, LARGEST)
        self.source = _one_of("source", source, LANGUAGES)
        self.target = _one_of("target", target, LANGUAGES)
        self.region = _one_of("region", region, REGIONS)
        if source == target:
            raise ValueError(f'"source" and "target" are two languages, not both {source}')
        if region != "fr" and "fr" not in (source, target):
            raise ValueError(f'"region" is that of French, which neither {source} nor {target} is')
        write = {code: language.write for code, language in LANGUAGES.items()}
        write["fr"] = partial(french.write, region=region)
        self.write_source, self.write_target = write[source], write[target]
        if "de" in (source, target):
            self.unit = "characters"
            self.steps = 6_000

    @cached_property  # it takes a moment, and only training asks
    def max_length(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        # Of the numbers with fewer thousands than `largest`, those are enough to look at whose
        # last three digits are as long as any.
        thousands = self.largest // 1000
        longest = [max(range(1000), key=lambda n: self._length(n, side)) for side in (0, 1)]
        candidates = [1000 * t + rest for t in range(thousands) for rest in longest]
        candidates += range(1000 * thousands, self.largest + 1)
        return max(self._length(n, side) for n in candidates for side in (0, 1))

    def _length(self, n: int, side: int) -> int:
        return len(tokenize(self.pair(n)[side], self.unit))

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
        if re.fullmatch(f"{ROUND}00", str(example)):
            return "train"
        return "unseen" if _is_unseen(int(str(example)) // 1000) else super().split_of(example)

    def every(self) -> range:
        return range(self.largest + 1)

    def pair(self, example: int) -> tuple[str, str]:
        return self.write_source(example), self.write_target(example)

    def check(self, source: str) -> None:
        number = parse_number(source, self.source)
        if number > self.largest:
            raise ValueError(
                f"the number {shown(str(number))} is outside 0 to {self.largest}, "
                "the range this task was made for"
            )

    def rewrite(self, source: str) -> str:
        return self.write_source(parse_number(source, self.source))


def _is_unseen(thousands: int) -> bool:
    """Whether all numbers with these thousands are kept from training: so it is with one in twenty,
    but for those that are a word of their own, or round."""
    known = thousands < 20 or re.fullmatch(ROUND, str(thousands))
    return not known and drawn(f"{thousands} thousand", 20) == 0


def _one_of(option: str, value: str, known: Collection[str]) -> str:
    if isinstance(value, str) and value in known:
        return value
    raise ValueError(f'"{option}" is one of {", ".join(known)}, not {value!r}')


def _group(rng: np.random.Generator) -> int:
    """A number below a thousand: a digit, below a hundred, a whole hundred, or any."""
    kind = rng.integers(4)
    if kind == 2:
        return 100 * int(rng.integers(10))
    return int(rng.integers((10, 100, 0, 1000)[kind]))
