"""The task `numbers` between two languages, and its numbers that are tried apart."""

import re

import numpy as np
import pytest

from minitransformer import tasks
from minitransformer.tasks.split import split_of
from minitransformer.text.tokenising import tokenize

PAIRS = [(source, target) for source in ("en", "fr", "de") for target in ("en", "fr", "de")]
PAIRS = [(source, target) for source, target in PAIRS if source != target]
WORDS = {
    "en": "eighty-one thousand, seven hundred",
    "fr": "quatre-vingt-un mille sept cents",
    "de": "einundachtzigtausendsiebenhundert",
}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("source, target", PAIRS)
def test_numbers_go_between_any_two_of_the_languages(source, target):
    task = tasks.get("numbers", source=source, target=target)
    assert task.pair(81_700) == (WORDS[source], WORDS[target])
    assert task.unit == ("characters" if "de" in (source, target) else "words")
    for text, _ in task.examples("test", 100, rng()):
        task.check(text)
        assert task.rewrite(text) == text
    task.check("81700")
    assert task.rewrite("81700") == WORDS[source]


def test_options_of_old_runs_mean_what_they_meant():
    old = tasks.get("numbers", largest=9_999)
    assert old.pair(71) == ("seventy-one", "soixante et onze")
    assert old.unit == "words"
    assert old.options() == {"largest": 9_999, "source": "en", "target": "fr", "region": "fr"}


def test_a_region_is_that_of_french_on_either_side():
    assert tasks.get("numbers", region="ch").pair(81) == ("eighty-one", "huitante et un")
    assert tasks.get("numbers", source="fr", target="de", region="be").pair(71)[0] == (
        "septante et un"
    )
    belgian = tasks.get("numbers", source="fr", target="en", region="be")
    assert belgian.rewrite("soixante-et-onze") == "septante et un"


@pytest.mark.parametrize("options, sentence", [
    ({"source": "it"}, '"source" is one of en, fr, de, not \'it\''),
    ({"target": 3}, '"target" is one of en, fr, de, not 3'),
    ({"source": "fr"}, '"source" and "target" are two languages, not both fr'),
    ({"region": "ca"}, '"region" is one of fr, be, ch, not \'ca\''),
    ({"target": "de", "region": "ch"}, '"region" is that of French, which neither en nor de is'),
])  # fmt: skip
def test_a_wrong_language_or_region_is_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        tasks.get("numbers", **options)


@pytest.mark.parametrize("source, target", PAIRS)
@pytest.mark.parametrize("largest", [7, 100, 1_010, 3_120])
def test_max_length_is_what_trying_all_numbers_gives(source, target, largest):
    task = tasks.get("numbers", largest=largest, source=source, target=target)
    texts = [text for n in task.every() for text in task.pair(n)]
    assert task.max_length == max(len(tokenize(text, task.unit)) for text in texts)


@pytest.mark.parametrize("source, target", PAIRS)
def test_no_number_is_longer_than_max_length(source, target):
    task = tasks.get("numbers", source=source, target=target)
    drawn = [777_777, 494_494, 373_373, *rng().integers(1_000_000, size=3_000)]
    lengths = [len(tokenize(text, task.unit)) for n in drawn for text in task.pair(int(n))]
    assert max(lengths) <= task.max_length


def test_training_never_sees_the_thousands_of_unseen_numbers():
    task = tasks.get("numbers")
    unseen = {n for n in range(1_000) if task.split_of(1000 * n + 1) == "unseen"}
    assert 25 < len(unseen) < 65  # of the 973 or so that could be
    assert all(task.split_of(1000 * n + rest) == "unseen" for n in unseen for rest in (0, 1, 999))
    for split in ("train", "validation", "test"):
        drawn = task.examples(split, 3_000, rng())
        thousands = {re.sub(" ?thousand.*", "", text) for text, _ in drawn if "thousand" in text}
        assert thousands.isdisjoint({task.pair(n)[0] for n in unseen})
    apart = task.examples("unseen", 500, rng())
    assert len(set(apart)) == 500
    assert {text.split(" thousand")[0] for text, _ in apart} == {task.pair(n)[0] for n in unseen}


def test_the_unseen_thousands_are_the_same_for_ever():
    task = tasks.get("numbers")
    assert [n for n in range(100) if task.split_of(1000 * n) == "unseen"] == [25, 79, 87]


def test_a_number_is_in_the_split_that_it_had_before_or_unseen():
    task = tasks.get("numbers")
    for n in rng().integers(1_000_000, size=20_000):
        before = "train" if re.fullmatch("[1-9]0{2,}", str(n)) else split_of(n)
        assert task.split_of(n) in (before, "unseen")


def test_the_words_of_unseen_thousands_are_all_known_from_elsewhere():
    task = tasks.get("numbers")
    known = {word for text, _ in task.examples("train", 5_000, rng()) for word in
             tokenize(text, "words")}  # fmt: skip
    for text, _ in task.examples("unseen", 500, rng()):
        assert known >= set(tokenize(text, "words"))
