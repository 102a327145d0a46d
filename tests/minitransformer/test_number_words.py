import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitransformer.tasks.number_words import english, french, parse_english

KNOWN = [
    (0, "zero", "zéro"),
    (1, "one", "un"),
    (10, "ten", "dix"),
    (16, "sixteen", "seize"),
    (17, "seventeen", "dix-sept"),
    (20, "twenty", "vingt"),
    (21, "twenty-one", "vingt et un"),
    (22, "twenty-two", "vingt-deux"),
    (61, "sixty-one", "soixante et un"),
    (70, "seventy", "soixante-dix"),
    (71, "seventy-one", "soixante et onze"),
    (77, "seventy-seven", "soixante-dix-sept"),
    (80, "eighty", "quatre-vingts"),
    (81, "eighty-one", "quatre-vingt-un"),
    (90, "ninety", "quatre-vingt-dix"),
    (91, "ninety-one", "quatre-vingt-onze"),
    (97, "ninety-seven", "quatre-vingt-dix-sept"),
    (100, "one hundred", "cent"),
    (101, "one hundred and one", "cent un"),
    (200, "two hundred", "deux cents"),
    (201, "two hundred and one", "deux cent un"),
    (280, "two hundred and eighty", "deux cent quatre-vingts"),
    (1000, "one thousand", "mille"),
    (1005, "one thousand and five", "mille cinq"),
    (1100, "one thousand, one hundred", "mille cent"),
    (2000, "two thousand", "deux mille"),
    (21_000, "twenty-one thousand", "vingt et un mille"),
    (
        75_954,
        "seventy-five thousand, nine hundred and fifty-four",
        "soixante-quinze mille neuf cent cinquante-quatre",
    ),
    (80_000, "eighty thousand", "quatre-vingt mille"),
    (80_080, "eighty thousand and eighty", "quatre-vingt mille quatre-vingts"),
    (200_000, "two hundred thousand", "deux cent mille"),
    (200_200, "two hundred thousand, two hundred", "deux cent mille deux cents"),
    (303_003, "three hundred and three thousand and three", "trois cent trois mille trois"),
    (
        999_999,
        "nine hundred and ninety-nine thousand, nine hundred and ninety-nine",
        "neuf cent quatre-vingt-dix-neuf mille neuf cent quatre-vingt-dix-neuf",
    ),
]


@pytest.mark.parametrize("n, in_english, in_french", KNOWN)
def test_known_numbers_are_written_as_every_schoolbook_does(n, in_english, in_french):
    assert english(n) == in_english
    assert french(n) == in_french


@pytest.mark.parametrize("language, ours", [("en", english), ("fr", french)])
def test_numbers_are_written_as_num2words_writes_them(language, ours):
    num2words = pytest.importorskip("num2words").num2words
    drawn = random.Random(7).sample(range(2_100, 1_000_000), 10_000)
    for n in [*range(2_100), *drawn]:
        assert ours(n) == num2words(n, lang=language)


@pytest.mark.parametrize("words", [english, french])
@pytest.mark.parametrize("n", [-1, 1_000_000])
def test_a_number_without_words_is_refused(words, n):
    with pytest.raises(ValueError, match=f"{n} is outside 0 to 999999"):
        words(n)


@given(st.integers(0, 999_999))
def test_english_words_are_read_back(n):
    assert parse_english(english(n)) == n


@given(st.integers(0, 999_999))
def test_commas_hyphens_capitals_and_and_may_be_left_out(n):
    bare = english(n).replace(",", "").replace("-", " ").replace(" and ", " ")
    assert parse_english(bare) == n
    assert parse_english(f"  {bare.upper()}\n") == n


@given(st.integers(0, 999_999), st.integers(0, 999_999))
def test_no_two_numbers_have_the_same_words(a, b):
    assert (english(a) == english(b)) == (french(a) == french(b)) == (a == b)


@pytest.mark.parametrize(
    "text, n",
    [
        ("one million", 10**6),
        ("two million and five", 2_000_005),
        ("one million, two hundred thousand", 1_200_000),
        ("three billion", 3 * 10**9),
    ],
)
def test_numbers_beyond_the_tasks_are_still_read(text, n):
    assert parse_english(text) == n


@pytest.mark.parametrize(
    "text",
    [
        "",
        "five twenty",
        "twenty twelve",
        "twenty zero",
        "hundred",
        "thousand",
        "twelve hundred",
        "one thousand thousand",
        "one thousand million",
        "one hundred hundred hundred hundred hundred hundred hundred",
        "two hundred and",
        "and five",
        "twenty and five",
        "two hundred and thousand",
        "two hundred and and five",
        "twentyfive",
        "fivety",
        "minus five",
        "75954",
        "vingt et un",
    ],
)
def test_what_is_no_english_number_is_refused(text):
    with pytest.raises(ValueError, match="is not a (number in English words|word of an English)"):
        parse_english(text)
