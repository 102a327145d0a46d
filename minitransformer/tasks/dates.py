"""Dates as people write them, in three languages, to the one form that computers sort by.

The model has to learn which number is the day, what the months are called, and to read over what
does not matter; or, from English to French, that only the first of a month has an ordinal number.
"""

from collections.abc import Hashable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np

from .date_words import ENGLISH, FIRST_YEAR, FRENCH, GERMAN, LAST_YEAR, nearest, read
from .task import Task, register

FIRST = date(FIRST_YEAR, 1, 1)
DAYS = (date(LAST_YEAR, 12, 31) - FIRST).days + 1


class Written(NamedTuple):
    """An example: a day, and how it is written."""

    day: date
    text: str


@register
class Dates(Task):
    """`to` is "iso", from English, French and German in many forms, or "fr", from English with its
    weekday to French in full. Nothing has to be reckoned: where a person leaves out the weekday
    that "fr" needs, `rewrite` puts it in."""

    name = "dates"
    summary = "written dates to ISO 8601: Thursday, March 3, 2022 to 2022-03-03; or to French"
    unit = "characters"
    how_many = "73,049 days in 17 forms of English, French and German"
    how_long = "a minute; to French, two"
    expect = "99.99% of held-out examples right"

    def __init__(self, to: str = "iso"):
        if to not in ("iso", "fr"):
            raise ValueError(f'"to" is iso or fr, not {to!r}')
        self.to = to
        self.max_length = 30 if to == "iso" else 29
        self.languages = (ENGLISH, FRENCH, GERMAN) if to == "iso" else (ENGLISH,)
        self.forms = [
            (language, form)
            for language in self.languages
            for form in language.forms
            if to == "iso" or "weekday}" in form
        ]

    def sample(self, rng: np.random.Generator) -> Written:
        day = FIRST + timedelta(int(rng.integers(DAYS)))
        language, form = self.forms[rng.integers(len(self.forms))]
        return Written(day, language.write(day, form))

    def every(self) -> Iterator[Written]:
        for i in range(DAYS):
            day = FIRST + timedelta(i)
            for language, form in self.forms:
                yield Written(day, language.write(day, form))

    def split_of(self, example: Hashable) -> str:
        assert isinstance(example, Written)
        return super().split_of(example.day)  # in all its forms

    def pair(self, example: Written) -> tuple[str, str]:
        day, text = example
        return text, str(day) if self.to == "iso" else FRENCH.write(day, FRENCH.forms[0])

    def check(self, source: str) -> None:
        read(source, self.languages)

    def rewrite(self, source: str) -> str:
        day, languages = read(source, self.languages)
        spellings = [each.write(day, form) for each, form in self.forms if each in languages]
        return nearest(source, spellings)
