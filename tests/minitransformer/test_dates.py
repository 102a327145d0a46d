"""The task `dates`: every form of every day, and what a person types."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitransformer import tasks
from minitransformer.tasks.date_words import ENGLISH, FRENCH, GERMAN, read
from minitransformer.tasks.dates import Written

LANGUAGES = (ENGLISH, FRENCH, GERMAN)
FORMS = [(language, form) for language in LANGUAGES for form in language.forms]
days = st.dates(date(1900, 1, 1), date(2099, 12, 31))

# The locale of each language in CLDR, and its letters for the fields of a form.
LOCALES = {"English": "en", "French": "fr", "German": "de"}
FIELDS = {
    **{"weekday": "EEEE", "short_weekday": "EEE", "month": "MMMM", "short_month": "MMM"},
    **{"day": "d", "d": "d", "m": "M", "d:02": "dd", "m:02": "MM", "year": "y"},
}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def days_of(year: int) -> list[date]:
    first = date(year, 1, 1)
    return [first + timedelta(i) for i in range((date(year + 1, 1, 1) - first).days)]


@pytest.mark.parametrize("language, form", FORMS)
def test_each_form_is_written_as_babel_writes_it(language, form):
    dates = pytest.importorskip("babel.dates")
    pattern, locale = form, LOCALES[language.name]
    for field, letters in FIELDS.items():
        pattern = pattern.replace(f"{{{field}}}", letters)
    for year in (1900, 1972, 2000, 2023, 2099):
        for day in days_of(year):
            theirs = dates.format_date(day, pattern, locale)
            if language is FRENCH and day.day == 1:
                # The day that French counts, "le premier", is 1er; patterns have no way to say so.
                theirs = theirs.replace("1 ", "1er ", 1)
            assert language.write(day, form) == theirs


@pytest.mark.parametrize("language, name, forms", [
    (ENGLISH, "en", {"full": 0, "long": 3, "medium": 5}),
    (ENGLISH, "en_GB", {"long": 4}),
    (FRENCH, "fr", {"full": 0, "long": 2, "medium": 3}),
    (GERMAN, "de", {"full": 0, "long": 2, "medium": 4}),
])  # fmt: skip
def test_the_usual_forms_of_each_country_are_among_them(language, name, forms):
    dates = pytest.importorskip("babel.dates")
    day = date(2022, 9, 3)
    for width, i in forms.items():
        assert language.write(day, language.forms[i]) == dates.format_date(day, width, name)


def test_known_dates():
    assert ENGLISH.write(date(2022, 3, 3), ENGLISH.forms[0]) == "Thursday, March 3, 2022"
    assert FRENCH.write(date(2022, 3, 1), FRENCH.forms[0]) == "mardi 1er mars 2022"
    assert GERMAN.write(date(2022, 3, 3), GERMAN.forms[0]) == "Donnerstag, 3. März 2022"
    assert GERMAN.write(date(2022, 3, 3), GERMAN.forms[4]) == "03.03.2022"


def test_dates_go_to_iso_and_from_english_to_french():
    day = date(2022, 3, 1)
    assert tasks.get("dates").pair(Written(day, "1. März 2022")) == ("1. März 2022", "2022-03-01")
    english = "Tuesday, March 1, 2022"
    assert tasks.get("dates", to="fr").pair(Written(day, english)) == (
        english,
        "mardi 1er mars 2022",
    )


@given(days, st.sampled_from(FORMS))
def test_no_form_means_another_day_in_another_language(day, language_and_form):
    language, form = language_and_form
    read_day, languages = read(language.write(day, form), LANGUAGES)
    assert read_day == day
    assert language in languages


@pytest.mark.parametrize("to", ["iso", "fr"])
def test_the_tasks_own_sources_are_accepted_and_left_as_they_are(to):
    task = tasks.get("dates", to=to)
    for source, _ in task.examples("train", 500, rng()):
        task.check(source)
        assert task.rewrite(source) == source


@pytest.mark.parametrize("to, forms", [("iso", 17), ("fr", 3)])
def test_all_forms_of_a_day_are_in_one_split(to, forms):
    task = tasks.get("dates", to=to)
    assert len(task.forms) == forms
    for day in days_of(2024):
        written = [Written(day, language.write(day, form)) for language, form in task.forms]
        assert len({task.split_of(each) for each in written}) == 1


def test_no_day_of_the_test_split_is_in_training():
    task = tasks.get("dates")
    held_out = {iso for _, iso in task.examples("test", 1_000, rng())}
    assert held_out.isdisjoint(iso for _, iso in task.examples("train", 5_000, rng(1)))


def test_all_forms_and_both_ends_of_the_two_centuries_are_drawn():
    task, generator = tasks.get("dates"), rng()
    drawn = [task.sample(generator) for _ in range(20_000)]
    years = [day.year for day, _ in drawn]
    assert (min(years), max(years)) == (1900, 2099)
    for language, form in task.forms:
        assert sum(text == language.write(day, form) for day, text in drawn) > 900


def test_every_lists_what_sample_draws():
    task = tasks.get("dates")
    listed = {each for each, _ in zip(task.every(), range(17 * 20))}
    assert {day for day, _ in listed} == set(days_of(1900)[:20])
    assert all(text == read_back for (day, text) in listed for read_back in [task.rewrite(text)])


@pytest.mark.parametrize("to", ["iso", "fr"])
def test_max_length_is_the_longest_text(to):
    task = tasks.get("dates", to=to)
    lengths = [
        len(text)
        for year in range(1990, 2018)  # in which every day has been every weekday
        for day in days_of(year)
        for language, form in task.forms
        for text in task.pair(Written(day, language.write(day, form)))
    ]
    assert max(lengths) == task.max_length


@pytest.mark.parametrize("typed, spelling", [
    ("the 3rd of march 2022", "3 March 2022"),
    ("THURSDAY March 3 2022", "Thursday, March 3, 2022"),
    ("Mar. 3rd, 2022", "Mar 3, 2022"),
    ("Sept 3 2022", "Sep 3, 2022"),
    ("le 1 mars 2022", "1er mars 2022"),
    ("1ER FEVRIER 2022", "1er février 2022"),
    ("jeudi, 3 mars 2022", "jeudi 3 mars 2022"),
    ("Donnerstag, den 3. Maerz 2022", "Donnerstag, 3. März 2022"),
    ("3 Marz 2022", "3. März 2022"),
    ("3. Jänner 2022", "3. Januar 2022"),
    ("3. 3. 2022", "3.3.2022"),
    ("Do., 03.03.2022", "03.03.2022"),
])  # fmt: skip
def test_what_a_person_types_is_put_into_the_nearest_form(typed, spelling):
    task = tasks.get("dates")
    task.check(typed)
    assert task.rewrite(typed) == spelling


def test_to_french_a_missing_weekday_is_put_in():
    assert tasks.get("dates", to="fr").rewrite("3 March 2022") == "Thursday, 3 March 2022"


@pytest.mark.parametrize("typed, sentence", [
    ("31 February 2022", "February 2022 has days from 1 to 28, and no 31"),
    ("29. Februar 1900", "has days from 1 to 28, and no 29"),
    ("0 March 2022", "and no 0"),
    ("13.13.2022", "there is no month 13"),
    ("Friday, March 3, 2022", "2022-03-03 is a Thursday, not a Friday"),
    ("lundi 3 mars 2022", "2022-03-03 is a Thursday, not a Monday"),
    ("12 March 1899", "the year 1899 is outside 1900 to 2099"),
    ("3/4/2022", "is not certain"),
    ("3.3.22", "has two digits; write all four"),
    ("March 3, '22", "has two digits"),
    ("Thursday, March 03", "is no date as it is written in English, French or German"),
    ("3 3 2022", "is no date as it is written in English, French or German"),
    ("March 2022", "is no date as it is written in"),
    ("2er mars 2022", '"2er" is no part of a date'),
    ("jeudi March 3 2022", "is no date as it is written in"),
    ("2022-03-03", "is in the form of ISO 8601 and not in English, French or German"),
    ("٣ March 2022", "is no part of a date"),
    ("hello", '"hello" is no part of a date'),
    ("", "is no date as it is written in"),
])  # fmt: skip
def test_what_is_no_date_is_refused_with_the_reason(typed, sentence):
    with pytest.raises(ValueError, match=sentence):
        tasks.get("dates").check(typed)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_with_a_sentence(text):
    try:
        tasks.get("dates").check(text)
    except ValueError as error:
        assert "\n" not in str(error)


def test_another_language_than_english_is_refused_on_the_way_to_french():
    with pytest.raises(ValueError, match='"mars" is no part of a date in English'):
        tasks.get("dates", to="fr").check("3 mars 2022")


@pytest.mark.parametrize("to", ["de", 3, None])
def test_another_target_is_refused(to):
    with pytest.raises(ValueError, match='"to" is iso or fr, not'):
        tasks.get("dates", to=to)


def test_dates_are_rebuilt_from_their_options():
    assert tasks.get("dates", to="fr").options() == {"to": "fr"}
