"""Dates as they are written in English, French and German, and the day that a person's words mean.

Left out are forms whose meaning is not certain: 3/4/2022 is 4 March in New York and 3 April in
London, and 3.4.22 may be of any century.
"""

import calendar
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from difflib import SequenceMatcher
from functools import cached_property

from ..text.showing import shown

FIRST_YEAR, LAST_YEAR = 1900, 2099


@dataclass(frozen=True)
class Language:
    """How a language writes dates: the names of months and of weekdays from Monday on, in full and
    short, and the forms that are made of them.

    `others` are further spellings that are read, `fillers` words that are read over. `order` is
    that of weekday, day, month and year (w, d, m, y) in what is read, as a regular expression;
    dd stands for a day and a month in digits.
    """

    name: str
    weekdays: Sequence[str]
    short_weekdays: Sequence[str]
    months: Sequence[str]
    short_months: Sequence[str]
    forms: Sequence[str]
    order: str
    fillers: Sequence[str]
    others: Mapping[str, str] = field(default_factory=dict)
    first: str = "1"  # of a month
    ordinals: str = "[0-9]{1,2}"  # how the number of a day is written, as a regular expression

    def write(self, day: date, form: str) -> str:
        """The day in one of the forms."""
        month, weekday = day.month - 1, day.weekday()
        return form.format(
            weekday=self.weekdays[weekday],
            short_weekday=self.short_weekdays[weekday],
            month=self.months[month],
            short_month=self.short_months[month],
            day=self.first if day.day == 1 else day.day,
            d=day.day,
            m=day.month,
            year=day.year,
        )

    @cached_property
    def values(self) -> dict[str, tuple[str, int]]:
        """What each word says, as it is in `_words`: w or m, and which weekday or month."""
        named = [
            *((name, "w", i) for i, name in enumerate(self.weekdays)),
            *((name, "w", i) for i, name in enumerate(self.short_weekdays)),
            *((name, "m", i) for i, name in enumerate(self.months, start=1)),
            *((name, "m", i) for i, name in enumerate(self.short_months, start=1)),
        ]
        values = {_words(name)[0]: (kind, i) for name, kind, i in named}
        return values | {word: values[_words(name)[0]] for word, name in self.others.items()}

    def value(self, word: str) -> tuple[str, int] | None:
        """What a word or number says: w, d, m or y, and its value. None where it says nothing."""
        if re.fullmatch(self.ordinals, word):
            return "d", int(re.sub("[^0-9]", "", word))
        return ("y", int(word)) if re.fullmatch("[0-9]{4}", word) else self.values.get(word)


ENGLISH = Language(
    name="English",
    weekdays="Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
    short_weekdays="Mon Tue Wed Thu Fri Sat Sun".split(),
    months=(
        "January February March April May June July August September October November December"
    ).split(),
    short_months="Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(),
    forms=(
        "{weekday}, {month} {day}, {year}",
        "{weekday}, {day} {month} {year}",
        "{short_weekday}, {short_month} {day}, {year}",
        "{month} {day}, {year}",
        "{day} {month} {year}",
        "{short_month} {day}, {year}",
        "{day} {short_month} {year}",
    ),
    order="w?(md|dm)y",
    fillers=("the", "of", "on"),
    others={"sept": "Sep", "tues": "Tue", "weds": "Wed", "thur": "Thu", "thurs": "Thu"},
    ordinals="[0-9]{1,2}(st|nd|rd|th)?",
)
FRENCH = Language(
    name="French",
    weekdays="lundi mardi mercredi jeudi vendredi samedi dimanche".split(),
    short_weekdays="lun. mar. mer. jeu. ven. sam. dim.".split(),
    months=(
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"
    ).split(),
    short_months="janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.".split(),
    forms=(
        "{weekday} {day} {month} {year}",
        "{short_weekday} {day} {short_month} {year}",
        "{day} {month} {year}",
        "{day} {short_month} {year}",
    ),
    order="w?dmy",
    fillers=("le",),
    others={"fev": "févr.", "juill": "juil."},
    first="1er",  # the only day that has an ordinal number
    ordinals="[0-9]{1,2}|0?1er",
)
GERMAN = Language(
    name="German",
    weekdays="Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag".split(),
    short_weekdays="Mo. Di. Mi. Do. Fr. Sa. So.".split(),
    months=(
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"
    ).split(),
    short_months="Jan. Feb. März Apr. Mai Juni Juli Aug. Sept. Okt. Nov. Dez.".split(),
    forms=(
        "{weekday}, {day}. {month} {year}",
        "{short_weekday}, {day}. {short_month} {year}",
        "{day}. {month} {year}",
        "{day}. {short_month} {year}",
        "{d:02}.{m:02}.{year}",
        "{d}.{m}.{year}",
    ),
    order="w?d[dm]y",
    fillers=("der", "den", "dem", "am"),
    others={"janner": "Januar", "feber": "Februar", "maerz": "März", "sonnabend": "Samstag"},
)


def read(text: str, languages: Iterable[Language]) -> tuple[date, list[Language]]:
    """The day that a text means, and the languages that it may be written in. Capitals, accents,
    commas, full stops and words such as "the" may be there or not. Raises ValueError, with the
    reason, for what is no day from FIRST_YEAR to LAST_YEAR, or not certain to be one."""
    languages = list(languages)
    parts = {language.name: _parts(text, language) for language in languages}
    fitting = [language for language in languages if parts[language.name]]
    days = {_day(text, parts[language.name]) for language in fitting}
    if len(days) != 1:
        raise ValueError(_reason(text, languages))
    return days.pop(), fitting


def nearest(text: str, spellings: Iterable[str]) -> str:
    """The spelling that is most like a text."""
    return max(
        spellings, key=lambda each: SequenceMatcher(None, each.lower(), text.lower()).ratio()
    )


def _words(text: str) -> list[str]:
    """The words and numbers of a text, without capitals, accents, commas and full stops."""
    letters = unicodedata.normalize("NFD", text.lower())
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return re.sub("[,.]", " ", bare).split()


def _parts(text: str, language: Language) -> dict[str, int]:
    """Weekday, day, month and year by their letters, as far as they are given; empty where the
    text is no date of this language."""
    values = [language.value(word) for word in _words(text) if word not in language.fillers]
    kinds = "".join(value[0] if value else "?" for value in values)
    if not re.fullmatch(language.order, kinds):
        return {}
    if "dd" in kinds and not re.search(r"[0-9]\.\s?[0-9]+\.\s?[0-9]", text):
        return {}
    kinds = kinds.replace("dd", "dm")
    return {kind: value[1] for kind, value in zip(kinds, values) if value}


def _day(text: str, parts: Mapping[str, int]) -> date:
    year, month, number = parts["y"], parts["m"], parts["d"]
    said = f'"{shown(text)}" is no date'
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(
            f"the year {year} is outside {FIRST_YEAR} to {LAST_YEAR}, which this task was made for"
        )
    if not 1 <= month <= 12:
        raise ValueError(f"{said}: there is no month {month}")
    days = calendar.monthrange(year, month)[1]
    if not 1 <= number <= days:
        month_name = ENGLISH.months[month - 1]
        raise ValueError(f"{said}: {month_name} {year} has days from 1 to {days}, and no {number}")
    day = date(year, month, number)
    if parts.get("w", day.weekday()) != day.weekday():
        right, wrong = ENGLISH.weekdays[day.weekday()], ENGLISH.weekdays[parts["w"]]
        raise ValueError(f"{said}: {day} is a {right}, not a {wrong}")
    return day


def _reason(text: str, languages: Sequence[Language]) -> str:
    """Why a text is no date of these languages."""
    *others, last = [language.name for language in languages]
    names = f"{', '.join(others)} or {last}" if others else last
    such = f'"{languages[0].write(date(2022, 3, 3), languages[0].forms[0])}"'
    if re.search("[0-9]+/[0-9]+", text):
        return (
            f'"{shown(text)}" is not certain: 3/4/2022 may be the third of April or the fourth of '
            f"March, so write the month as a word, as in {such}"
        )
    if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return f'"{text}" is in the form of ISO 8601 and not in {names}; write it as in {such}'
    if re.search("[0-9].*[^0-9][0-9]{2}$", text):
        return f'the year of "{shown(text)}" has two digits; write all four, as in {such}'
    for word in _words(text):
        if not any(each.value(word) or word in each.fillers for each in languages):
            return f'"{shown(word)}" is no part of a date in {names}, such as {such}'
    return f'"{shown(text)}" is no date as it is written in {names}, such as {such}'
