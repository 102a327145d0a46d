"""Whole numbers in words, one file a language, and what a person types made into a number."""

import re
from collections.abc import Callable
from typing import NamedTuple

from ...text.showing import shown
from . import english, french, german
from .french import REGIONS
from .groups import LARGEST

__all__ = ["LANGUAGES", "LARGEST", "REGIONS", "parse_number"]


class Language(NamedTuple):
    """`marks` may stand between groups of three digits, the first of them as a rule."""

    name: str
    write: Callable[[int], str]
    parse: Callable[[str], int]
    marks: str


LANGUAGES = {
    "en": Language("English", english.write, english.parse, ", "),
    "fr": Language("French", french.write, french.parse, " .'’"),
    "de": Language("German", german.write, german.parse, ". '’"),
}


def parse_number(text: str, language: str = "en") -> int:
    """The number that digits ("75954", "75,954", "75 954") or words mean, below 10^12."""
    digits, (_, _, parse, marks) = text.strip(), LANGUAGES[language]
    if not re.fullmatch(f"[0-9]+|[0-9]{{1,3}}([{marks}][0-9]{{3}})+", digits):
        if re.search(r"\d", digits):
            raise ValueError(
                f'"{shown(digits)}" is not a whole number from 0 on, such as 1{marks[0]}234 or 1234'
            )
        return parse(text)
    digits = re.sub("[^0-9]", "", digits).lstrip("0") or "0"
    if len(digits) > 12:
        raise ValueError(f"the number {shown(digits)} is too large: it has {len(digits)} digits")
    return int(digits)
