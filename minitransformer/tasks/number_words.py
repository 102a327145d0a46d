"""Whole numbers in English and in French words, and English words back into a number."""

import re

from ..text.showing import shown

LARGEST = 999_999

ENGLISH_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
ENGLISH_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ENGLISH_SCALES = {"billion": 10**9, "million": 10**6, "thousand": 10**3}
ENGLISH_VALUES = {
    **{word: value for value, word in enumerate(ENGLISH_SMALL)},
    **{word: 10 * value for value, word in enumerate(ENGLISH_TENS, start=2)},
}

FRENCH_SMALL = (
    "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize "
    "dix-sept dix-huit dix-neuf"
).split()
FRENCH_TENS = "vingt trente quarante cinquante soixante".split()


def english(n: int) -> str:
    """The number in English: seventy-five thousand, nine hundred and fifty-four."""
    _check_range(n)
    return _english(n)


def french(n: int) -> str:
    """The number in French: soixante-quinze mille neuf cent cinquante-quatre.

    In the traditional spelling: hyphens only below a hundred, and none around "et".
    """
    _check_range(n)
    if n < 1000:
        return _french_below_1000(n)
    thousands, rest = divmod(n, 1000)
    words = ["mille"]
    if thousands > 1:
        # Cent and vingt have their plural s only at the end of the number: deux cent mille.
        words.insert(0, re.sub("(cent|vingt)s$", r"\1", _french_below_1000(thousands)))
    if rest:
        words.append(_french_below_1000(rest))
    return " ".join(words)


def parse_number(text: str) -> int:
    """The number that digits ("75954", "75,954", "75 954") or English words mean, below 10^12."""
    digits = text.strip()
    if not re.fullmatch("[0-9]+|[0-9]{1,3}([ ,][0-9]{3})+", digits):
        if re.search(r"\d", digits):
            raise ValueError(
                f'"{shown(digits)}" is not a whole number from 0 on, such as 1,234 or 1234'
            )
        return parse_english(text)
    digits = re.sub("[ ,]", "", digits).lstrip("0") or "0"
    if len(digits) > 12:
        raise ValueError(f"the number {shown(digits)} is too large: it has {len(digits)} digits")
    return int(digits)


def parse_english(text: str) -> int:
    """The number that English words mean, up to the billions.

    Capitals, commas, hyphens and the word "and" may be there or not.
    """
    words = re.sub(r"[\s,‐‑-]+", " ", text).lower().split()
    words = [word for i, word in enumerate(words) if not _is_linking_and(words, i)]
    total = group = 0
    for word in words:
        if word in ENGLISH_VALUES:
            group += ENGLISH_VALUES[word]
        elif word == "hundred":
            group *= 100
        elif word in ENGLISH_SCALES:
            total += group * ENGLISH_SCALES[word]
            group = 0
        else:
            raise ValueError(f'"{shown(word)}" is not a word of an English number')
    number = total + group
    # The sum is easy to find and easy to fool, "five twenty" being 25. So the words count as a
    # number only if they are the words for that sum.
    if number >= 10**12 or words != re.sub(", | and |-", " ", _english(number)).split():
        raise ValueError(
            f'"{shown(text)}" is not a number in English words, such as "{_english(1234)}"'
        )
    return number


def _check_range(n: int) -> None:
    if not 0 <= n <= LARGEST:
        raise ValueError(f"the number {n} is outside 0 to {LARGEST}, the range there are words for")


def _english(n: int) -> str:
    groups = []
    rest = n
    for scale, size in ENGLISH_SCALES.items():
        if rest >= size:
            groups.append(f"{_english_below_1000(rest // size)} {scale}")
            rest %= size
    words = ", ".join(groups)
    if not words:
        return _english_below_1000(n)
    if not rest:
        return words
    return words + (" and " if rest < 100 else ", ") + _english_below_1000(rest)


def _english_below_1000(n: int) -> str:
    if n < 20:
        return ENGLISH_SMALL[n]
    if n < 100:
        tens, unit = divmod(n, 10)
        return ENGLISH_TENS[tens - 2] + (f"-{ENGLISH_SMALL[unit]}" if unit else "")
    hundreds, rest = divmod(n, 100)
    words = f"{ENGLISH_SMALL[hundreds]} hundred"
    return f"{words} and {_english_below_1000(rest)}" if rest else words


def _is_linking_and(words: list[str], i: int) -> bool:
    """Whether word i is the "and" of "two hundred and five" or "one thousand and five"."""
    return (
        words[i] == "and"
        and 0 < i < len(words) - 1
        and (words[i - 1] == "hundred" or words[i - 1] in ENGLISH_SCALES)
        and words[i + 1] in ENGLISH_VALUES
    )


def _french_below_1000(n: int) -> str:
    if n < 100:
        return _french_below_100(n)
    hundreds, rest = divmod(n, 100)
    cent = "cent" if hundreds == 1 else f"{FRENCH_SMALL[hundreds]} cent"
    if rest:
        return f"{cent} {_french_below_100(rest)}"
    return cent if hundreds == 1 else f"{cent}s"


def _french_below_100(n: int) -> str:
    if n < 20:
        return FRENCH_SMALL[n]
    if n == 80:
        return "quatre-vingts"
    if n > 80:  # 81 is four-twenties-one, 91 four-twenties-eleven, both without "et"
        return f"quatre-vingt-{FRENCH_SMALL[n - 80]}"
    tens = min(n // 10, 6)  # seventy is sixty-ten
    unit = n - 10 * tens
    ten = FRENCH_TENS[tens - 2]
    if unit == 0:
        return ten
    return f"{ten} et {FRENCH_SMALL[unit]}" if unit in (1, 11) else f"{ten}-{FRENCH_SMALL[unit]}"
