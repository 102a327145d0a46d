"""Whole numbers in French words, and such words back into a number.

In the spelling from before 1990, in which hyphens stand only below a hundred, and none around "et".
A region says how 70, 80 and 90 are called: "fr" of France counts by twenties; "be" of Belgium has
septante and nonante, but quatre-vingts; "ch" of Switzerland has huitante too, as it is said in
Vaud, Valais and Fribourg, while other cantons say quatre-vingts.
"""

import re
from collections.abc import Iterator
from functools import cache

from ...text.showing import shown
from .groups import check_range, of_groups

SMALL = (
    "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize "
    "dix-sept dix-huit dix-neuf"
).split()
TENS = dict(enumerate("vingt trente quarante cinquante soixante".split(), start=2))
REGIONS = {  # the tens that have a word of their own
    "fr": TENS,
    "be": {**TENS, 7: "septante", 9: "nonante"},
    "ch": {**TENS, 7: "septante", 8: "huitante", 9: "nonante"},
}
# Octante has gone out of use, but is still understood.
READ = {**REGIONS, "": {**REGIONS["ch"], 8: "octante"}}


def write(n: int, region: str = "fr") -> str:
    """The number in French: soixante-quinze mille neuf cent cinquante-quatre."""
    check_range(n)
    if n < 1000:
        return _below_1000(n, REGIONS[region])
    thousands, rest = divmod(n, 1000)
    words = ["mille"]  # never un mille
    if thousands > 1:
        # Cent and vingt have their plural s only at the end of the number: deux cent mille.
        words.insert(0, re.sub("(cent|vingt)s$", r"\1", _below_1000(thousands, REGIONS[region])))
    if rest:
        words.append(_below_1000(rest, REGIONS[region]))
    return " ".join(words)


def parse(text: str) -> int:
    """The number that French words of any region mean, up to 999,999.

    Capitals, hyphens, "et" and the s of cents and vingts may be there or not.
    """
    words = _folded(text).split()
    known = {"mille", *(word for group in _groups() for word in group.split())}
    for word in words:
        if re.fullmatch("millions?|milliards?", word):
            raise ValueError(
                f'"{shown(text)}" is outside 0 to 999999, the range there are words for'
            )
        if word not in known:
            raise ValueError(f'"{shown(word)}" is not a word of a French number')
    before, mille, after = map(str.strip, f" {' '.join(words)} ".partition(" mille "))
    wrong = mille and before == "un"
    number = None if wrong else of_groups(before, mille, after, _groups(), _groups())
    if number is None:
        raise ValueError(
            f'"{shown(text)}" is not a number in French words, such as "{write(1234)}"'
        )
    return number


def _below_1000(n: int, tens: dict[int, str]) -> str:
    if n < 100:
        return _below_100(n, tens)
    hundreds, rest = divmod(n, 100)
    cent = "cent" if hundreds == 1 else f"{SMALL[hundreds]} cent"
    if rest:
        return f"{cent} {_below_100(rest, tens)}"
    return cent if hundreds == 1 else f"{cent}s"


def _below_100(n: int, tens: dict[int, str]) -> str:
    if n < 20:
        return SMALL[n]
    ten = n // 10
    if ten not in tens and ten >= 8:  # 81 is four-twenties-one, 91 four-twenties-eleven
        return "quatre-vingts" if n == 80 else f"quatre-vingt-{SMALL[n - 80]}"
    if ten not in tens:  # seventy is sixty-ten
        ten -= 1
    unit = n - 10 * ten
    if unit == 0:
        return tens[ten]
    return f"{tens[ten]} et {SMALL[unit]}" if unit in (1, 11) else f"{tens[ten]}-{SMALL[unit]}"


@cache
def _groups() -> dict[str, int]:
    """The numbers below a thousand by their words as they are when `_folded`, in every spelling."""
    return {spelling: n for n in range(1000) for spelling in _spellings(n)}


def _spellings(n: int) -> Iterator[str]:
    for tens in READ.values():
        words = _folded(_below_1000(n, tens))
        yield from (words, words.replace(" et ", " "))


def _folded(text: str) -> str:
    """The words without capitals, hyphens, the accent of zéro, and the s of cents and vingts."""
    words = re.sub(r"[\s‐‑-]+", " ", text).lower().replace("é", "e")
    return re.sub(r"\b(cent|vingt)s\b", r"\1", words).strip()
