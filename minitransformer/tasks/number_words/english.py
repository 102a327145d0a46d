"""Whole numbers in English words, and such words back into a number."""

import re

from ...text.showing import shown
from .groups import check_range

SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
SCALES = {"billion": 10**9, "million": 10**6, "thousand": 10**3}
VALUES = {
    **{word: value for value, word in enumerate(SMALL)},
    **{word: 10 * value for value, word in enumerate(TENS, start=2)},
}


def write(n: int) -> str:
    """The number in English: seventy-five thousand, nine hundred and fifty-four."""
    check_range(n)
    return _write(n)


def parse(text: str) -> int:
    """The number that English words mean, up to the billions.

    Capitals, commas, hyphens and the word "and" may be there or not.
    """
    words = re.sub(r"[\s,‐‑-]+", " ", text).lower().split()
    words = [word for i, word in enumerate(words) if not _is_linking_and(words, i)]
    total = group = 0
    for word in words:
        if word in VALUES:
            group += VALUES[word]
        elif word == "hundred":
            group *= 100
        elif word in SCALES:
            total += group * SCALES[word]
            group = 0
        else:
            raise ValueError(f'"{shown(word)}" is not a word of an English number')
    number = total + group
    # The sum is easy to find and easy to fool, "five twenty" being 25. So the words count as a
    # number only if they are the words for that sum.
    if number >= 10**12 or words != re.sub(", | and |-", " ", _write(number)).split():
        raise ValueError(
            f'"{shown(text)}" is not a number in English words, such as "{_write(1234)}"'
        )
    return number


def _write(n: int) -> str:
    groups = []
    rest = n
    for scale, size in SCALES.items():
        if rest >= size:
            groups.append(f"{_below_1000(rest // size)} {scale}")
            rest %= size
    words = ", ".join(groups)
    if not words:
        return _below_1000(n)
    if not rest:
        return words
    return words + (" and " if rest < 100 else ", ") + _below_1000(rest)


def _below_1000(n: int) -> str:
    if n < 20:
        return SMALL[n]
    if n < 100:
        tens, unit = divmod(n, 10)
        return TENS[tens - 2] + (f"-{SMALL[unit]}" if unit else "")
    hundreds, rest = divmod(n, 100)
    words = f"{SMALL[hundreds]} hundred"
    return f"{words} and {_below_1000(rest)}" if rest else words


def _is_linking_and(words: list[str], i: int) -> bool:
    """Whether word i is the "and" of "two hundred and five" or "one thousand and five"."""
    return (
        words[i] == "and"
        and 0 < i < len(words) - 1
        and (words[i - 1] == "hundred" or words[i - 1] in SCALES)
        and words[i + 1] in VALUES
    )
