"""The tasks sort and addition: what they make, how they are split, and what they refuse."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitransformer import tasks

SORTED = ["001", "022", "100", "202", "211", "220", "221"]
ADDED = ["1+2", "1+5", "2+1", "3+8", "4+8", "5+1", "8+3", "8+4"]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(st.integers(1, 10), st.integers(1, 20), st.integers(0, 2**32))
def test_sort_writes_the_same_digits_none_before_a_smaller_one(symbols, length, seed):
    task = tasks.get("sort", symbols=symbols, length=length)
    source, target = task.pair(task.sample(rng(seed)))
    assert len(source) == length == task.max_length
    assert set(source) <= set("0123456789"[:symbols])
    assert all(source.count(digit) == target.count(digit) for digit in "0123456789")
    assert all(a <= b for a, b in zip(target, target[1:]))


@given(st.integers(1, 25), st.integers(0, 2**32))
def test_addition_writes_the_sum_forwards_or_backwards(digits, seed):
    task = tasks.get("addition", digits=digits)
    source, target = task.pair(task.sample(rng(seed)))
    a, b = map(int, source.split("+"))
    assert max(a, b) < 10**digits
    assert target == str(a + b)
    assert max(len(source), len(target)) <= task.max_length
    reversed_task = tasks.get("addition", digits=digits, reversed=1)
    assert reversed_task.pair(source) == (source, target[::-1])


def test_all_strings_and_all_sums_are_listed_once():
    assert len(set(tasks.get("sort").every())) == 729
    sums = list(tasks.get("addition").every())
    assert len(set(sums)) == len(sums) == 10_000
    assert set(tasks.get("addition", digits=1).every()) <= set(sums)


@pytest.mark.parametrize(
    "name, options, shares",
    [
        ("sort", {"symbols": 4, "length": 7}, (0.7, 0.05, 0.25)),
        ("addition", {}, (0.8, 0.05, 0.15)),
    ],
)
def test_the_splits_have_the_shares_that_the_task_says(name, options, shares):
    task = tasks.get(name, **options)
    splits = [task.split_of(example) for example in task.every()]
    counted = [splits.count(split) / len(splits) for split in tasks.SPLITS]
    assert counted == pytest.approx(shares, abs=0.015)


def test_what_is_held_out_is_enough_to_show_something():
    assert tasks.get("sort").available("test", 10**6) == 183
    assert tasks.get("addition").available("test", 10**6) > 1_000


def test_the_splits_are_the_same_for_ever():
    # Written down once: whoever changes the rule mixes the test sets of all earlier runs.
    sort, addition = tasks.get("sort", length=3), tasks.get("addition", digits=1)
    assert [each for each in sort.every() if sort.split_of(each) == "test"] == SORTED
    assert [each for each in addition.every() if addition.split_of(each) == "test"] == ADDED


def test_a_sum_is_in_one_split_with_the_same_the_other_way_round():
    task = tasks.get("addition")
    for source in task.every():
        a, b = source.split("+")
        assert task.split_of(f"{b}+{a}") == task.split_of(source)


@pytest.mark.parametrize("name", ["sort", "addition"])
def test_the_tasks_own_sources_are_accepted_and_left_as_they_are(name):
    task = tasks.get(name)
    for split in tasks.SPLITS:
        for source, _ in task.examples(split, 30, rng()):
            task.check(source)
            assert task.rewrite(source) == source


@pytest.mark.parametrize("typed", ["7 + 58", "07+58", "  007+ 0058 "])
def test_another_spelling_of_a_sum_is_accepted_and_rewritten(typed):
    task = tasks.get("addition")
    task.check(typed)
    assert task.rewrite(typed) == "7+58"


def test_a_zero_stays_a_zero():
    task = tasks.get("addition")
    task.check("00+000")
    assert task.rewrite("00+000") == "0+0"


@pytest.mark.parametrize(
    "name, source, sentence",
    [
        ("sort", "2010", "the text has 4 digits; this task was made for 6$"),
        ("sort", "201034", '"3" is not one of the digits this task was made for, 012$'),
        ("sort", "20 102", '" " is not one of the digits'),
        ("addition", "27", '"27" is not a sum of two numbers, such as 27[+]58'),
        ("addition", "27+58+1", "is not a sum of two numbers"),
        ("addition", "27-5", "is not a sum of two numbers"),
        ("addition", "-2+5", "is not a sum of two numbers"),
        ("addition", "٣+5", "is not a sum of two numbers"),
        ("addition", "100+5", "the number 100 has 3 digits; this task was made for 2 at most"),
        ("addition", "9" * 5000 + "+1", "has 5000 digits; this task was made for 2 at most"),
    ],
)
def test_a_source_outside_the_task_is_refused_with_a_sentence(name, source, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        tasks.get(name).check(source)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    "name, options, sentence",
    [
        ("sort", {"symbols": 11}, '"symbols" is a whole number from 1 to 10, not 11'),
        ("sort", {"length": 0}, '"length" is a whole number from 1 to 1,000, not 0'),
        ("addition", {"digits": 0}, '"digits" is a whole number from 1 to 100, not 0'),
        ("addition", {"reversed": 2}, '"reversed" is a whole number from 0 to 1, not 2'),
        ("addition", {"digit": 2}, '"digit", only digits, reversed; did you mean "digits"'),
    ],
)
def test_a_wrong_option_is_refused_with_a_sentence(name, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        tasks.get(name, **options)


@pytest.mark.parametrize(
    "name, options",
    [("sort", {"symbols": 4, "length": 5}), ("addition", {"digits": 3, "reversed": 1})],
)
def test_a_task_is_rebuilt_from_its_recorded_options(name, options):
    task = tasks.get(name, **options)
    recorded = json.loads(json.dumps(task.options()))
    assert recorded == options
    again = tasks.get(task.name, **recorded)
    assert again.examples("train", 20, rng()) == task.examples("train", 20, rng())


def test_numbers_of_many_digits_are_listed_without_making_the_list():
    task = tasks.get("addition", digits=100)
    assert task.available("test", 5) == 5
    assert len(task.examples("train", 5, rng())) == 5
