"""Whole numbers in German words, and such words back into a number.

A number below a million is one word, in which the units stand before the tens: einundachtzig. Of
the forms that Duden has side by side (hundert, einhundert; hunderteins, hundertundeins) those with
"ein" and without "und" are written, and all are read.
"""

import re
from collections.abc import Iterator
from functools import cache

from ...text.showing import shown
from .groups import check_range, of_groups

SMALL = (
    "null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn "
    "sechzehn siebzehn achtzehn neunzehn"
).split()
TENS = "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split()


def write(n: int) -> str:
    """The number in German: fünfundsiebzigtausendneunhundertvierundfünfzig."""
    check_range(n)
    thousands, rest = divmod(n, 1000)
    words = f"{_below_1000(thousands)}tausend" if thousands else ""
    if words and not rest:
        return words
    words += _below_1000(rest)
    return f"{words}s" if rest % 100 == 1 else words  # eins is "ein" but at the end


def parse(text: str) -> int:
    """The number that German words mean, up to 999,999.

    Capitals, spaces, hyphens, and "und" behind hundert and tausend may be there or not, as may the
    "ein" of hundert and tausend; ß may be ss, and ü ue.
    """
    letters = _folded(text)
    if re.search("million|milliarde", letters):
        raise ValueError(f'"{shown(text)}" is outside 0 to 999999, the range there are words for')
    before, tausend, after = letters.partition("tausend")
    after = after.removeprefix("und") or after
    number = of_groups(before, tausend, after, _groups(), _ends())
    if number is None:
        raise ValueError(
            f'"{shown(text)}" is not a number in German words, such as "{write(1234)}"'
        )
    return number


def _below_1000(n: int) -> str:
    """As in front of "tausend": 1 is ein, 101 einhundertein."""
    if n < 20:
        return SMALL[n]
    if n < 100:
        tens, unit = divmod(n, 10)
        return (f"{SMALL[unit]}und" if unit else "") + TENS[tens - 2]
    hundreds, rest = divmod(n, 100)
    return f"{SMALL[hundreds]}hundert" + (_below_1000(rest) if rest else "")


@cache
def _groups() -> dict[str, int]:
    """The numbers below a thousand by their letters in front of "tausend", in every spelling."""
    return {spelling: n for n in range(1000) for spelling in _spellings(_below_1000(n))}


@cache
def _ends() -> dict[str, int]:
    """The same by their letters at the end of a number."""
    return {spelling: n for n in range(1000) for spelling in _spellings(write(n))}


def _spellings(word: str) -> Iterator[str]:
    letters = _folded(word)
    short = letters.removeprefix("ein") if letters.startswith("einhundert") else letters
    for each in (letters, short):
        yield each
        hundreds, hundert, rest = each.partition("hundert")
        if rest:
            yield f"{hundreds}{hundert}und{rest}"


def _folded(text: str) -> str:
    """The letters without capitals, spaces and hyphens, each as it is written without umlauts."""
    letters = re.sub(r"[\s‐‑-]+", "", text).lower()
    for letter, plain in {"ß": "ss", "ä": "ae", "ö": "oe", "ü": "ue"}.items():
        letters = letters.replace(letter, plain)
    return re.sub("zwo(?!elf)", "zwei", letters)
