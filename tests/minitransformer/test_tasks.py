import json
from itertools import count

import numpy as np
import pytest

from minitransformer import tasks
from minitransformer.tasks.loading import load_folder
from minitransformer.tasks.task import registered
from minitransformer.text.vocabulary import Vocabulary
from minitransformer.training.calling import with_preset

BUILT_IN = ["copy", "numbers", "reverse"]


@pytest.mark.parametrize(
    "option, default, kept, part",
    [
        ("name", "x", "x", 'has an option "name"'),
        ("depth", 3, None, "has None for 'depth', which is kept only if it is the default"),
        ("depth", 3, object(), "task.depth cannot be written as TOML"),
    ],
)
def test_a_task_whose_options_no_run_could_keep_is_refused(option, default, kept, part):
    namespace: dict = {"Countdown": Countdown, "kept": kept}
    exec(  # a class whose constructor has an option of that name
        "class Lost(Countdown):\n"
        "    name = 'lost'\n"
        f"    def __init__(self, {option}={default!r}):\n"
        f"        self.{option} = kept\n",
        namespace,
    )
    with pytest.raises(ValueError, match=part):
        tasks.register(namespace["Lost"])
    assert "lost" not in registered


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class Countdown(tasks.Task):
    """A task as a user writes it; endless, so nothing may try to list all of it."""

    name = "countdown"
    summary = "a number to the number before it"
    unit = "characters"
    max_length = 6

    def sample(self, rng):
        return rng.integers(1, 100_000)

    def every(self):
        return count(1)

    def pair(self, example):
        return str(example), str(example - 1)


@pytest.fixture
def registry():
    """Forgets what a test registers."""
    before = dict(registered)
    yield
    registered.clear()
    registered.update(before)


# What a task makes.


def test_copy_writes_the_same_letters():
    assert tasks.get("copy").pair("abc") == ("abc", "abc")


def test_reverse_writes_the_letters_from_last_to_first():
    assert tasks.get("reverse").pair("abc") == ("abc", "cba")


def test_numbers_go_from_english_to_french():
    assert tasks.get("numbers").pair(75_954) == (
        "seventy-five thousand, nine hundred and fifty-four",
        "soixante-quinze mille neuf cent cinquante-quatre",
    )


@pytest.mark.parametrize("name", ["copy", "reverse"])
def test_strings_have_all_lengths_and_all_letters_of_the_options(name):
    task = tasks.get(name, symbols=4, longest=6)
    sources = [source for source, _ in task.examples("train", 2_000, rng())]
    lengths = np.bincount([len(source) for source in sources], minlength=7)
    assert set("".join(sources)) == set("abcd")
    assert len(lengths) == 7 and lengths[0] == 0
    assert lengths[2:].min() > 200  # of 333; of the four single letters some may not be in train


def test_numbers_have_all_sizes_and_more_large_ones_than_small():
    task, generator = tasks.get("numbers"), rng()
    sizes = np.bincount([len(str(task.sample(generator))) for _ in range(5_000)])
    assert len(sizes) == 7
    assert np.all(np.diff(sizes) > 0)
    assert sizes[1] > 100
    assert sizes[6] > 1_200


def test_small_and_round_numbers_are_seen_often():
    task, generator = tasks.get("numbers"), rng()
    drawn = [task.sample(generator) for _ in range(20_000)]
    assert set(range(100)) <= set(drawn)
    assert sum(n < 100 for n in drawn) > 1_500
    round_ones = {digit * 10**zeros for digit in range(1, 10) for zeros in range(2, 6)}
    assert sum(n in round_ones for n in drawn) > 1_000


@pytest.mark.parametrize("largest", [1, 9, 10, 1000, 1234])
def test_numbers_reach_the_largest_and_never_go_beyond(largest):
    task, generator = tasks.get("numbers", largest=largest), rng()
    drawn = {task.sample(generator) for _ in range(40 * largest + 400)}
    assert max(drawn) == largest
    assert min(drawn) == 0


@pytest.mark.parametrize("name", BUILT_IN)
def test_pairs_are_what_pair_makes_of_an_example_in_the_list(name):
    options = {"largest": 99} if name == "numbers" else {"symbols": 2, "longest": 5}
    task = tasks.get(name, **options)
    every = list(task.every())
    assert len(every) == len(set(every))
    assert set(task.examples("train", 50, rng())) <= {task.pair(example) for example in every}
    generator = rng()
    assert {task.sample(generator) for _ in range(500)} <= set(every)


@pytest.mark.parametrize(
    "name, options, longest",
    [
        ("copy", {"longest": 7}, 7),
        ("reverse", {}, 16),
        ("numbers", {"largest": 9}, 1),
        ("numbers", {"largest": 96}, 5),
        ("numbers", {"largest": 97}, 7),
        ("numbers", {}, 19),
    ],
)
def test_max_length_is_the_longest_text_in_tokens(name, options, longest):
    assert tasks.get(name, **options).max_length == longest


def test_max_length_of_numbers_is_what_trying_all_of_them_gives():
    for largest in (7, 100, 1_010, 3_120):
        task = tasks.get("numbers", largest=largest)
        texts = [text for n in task.every() for text in task.pair(n)]
        vocabulary = Vocabulary([], task.unit)
        assert task.max_length == max(len(vocabulary.tokenize(text)) for text in texts)


# Splits.


@pytest.mark.parametrize("name", BUILT_IN)
def test_no_test_or_validation_source_occurs_in_training_whatever_the_seed(name):
    task = tasks.get(name, **({"largest": 2_000} if name == "numbers" else {"symbols": 3}))
    held_out = set(task.examples("test", 60, rng(1))) | set(task.examples("validation", 60, rng(2)))
    assert len(held_out) == 120
    for seed in range(20):
        assert held_out.isdisjoint(task.examples("train", 500, rng(seed)))


def test_nine_in_ten_examples_are_for_training():
    task = tasks.get("numbers")
    splits = [task.split_of(n) for n in range(20_000)]
    shares = [splits.count(split) / 20_000 for split in ("train", "validation", "test")]
    assert shares == pytest.approx([0.90, 0.05, 0.05], abs=0.01)


def test_the_split_of_an_example_is_the_same_for_ever():
    # Written down once: whoever changes the rule mixes the test sets of all earlier runs.
    task = tasks.get("numbers")
    assert [n for n in range(100) if task.split_of(n) == "test"] == [8, 19, 87]
    validation = [n for n in range(100) if task.split_of(n) == "validation"]
    assert validation == [26, 47, 50, 56, 61, 71, 97]


def test_a_round_number_is_for_training_and_no_other_changes_its_split():
    task = tasks.get("numbers")
    round_ones = {digit * 10**zeros for digit in range(1, 10) for zeros in range(2, 6)}
    assert {task.split_of(n) for n in round_ones} == {"train"}
    moved = {n for n in range(20_000) if task.split_of(n) != tasks.Task.split_of(task, n)}
    assert moved == {100, 400}


def test_the_split_depends_on_the_example_and_not_on_the_options_or_its_type():
    for n in range(200):
        split = tasks.get("numbers").split_of(n)
        assert tasks.get("numbers", largest=300).split_of(np.int64(n)) == split


# Drawing.


@pytest.mark.parametrize("split", tasks.SPLITS)
@pytest.mark.parametrize("name", BUILT_IN)
def test_the_same_seed_gives_the_same_data_and_another_seed_other_data(name, split):
    task = tasks.get(name)
    first = task.examples(split, 50, rng(3))
    assert len(first) == 50
    assert tasks.get(name).examples(split, 50, rng(3)) == first
    assert task.examples(split, 50, rng(4)) != first


def test_a_generator_goes_on_to_new_data():
    generator = rng()
    task = tasks.get("copy")
    assert task.examples("train", 20, generator) != task.examples("train", 20, generator)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_held_out_examples_are_all_different_up_to_the_last_one(split):
    task = tasks.get("reverse", symbols=2, longest=9)
    there_are = sum(task.split_of(example) == split for example in task.every())
    drawn = task.examples(split, there_are, rng())
    assert len(set(drawn)) == len(drawn) == there_are > 20


@pytest.mark.parametrize("wanted", [54, 10**9])
def test_too_many_held_out_examples_are_refused_with_the_number_there_is(wanted):
    task = tasks.get("numbers", largest=999)
    there_are = sum(task.split_of(n) == "test" for n in range(1000))
    assert there_are < 54
    assert len(task.examples("test", there_are, rng())) == there_are
    with pytest.raises(ValueError, match=f"has {there_are} different examples for test.*{wanted}"):
        task.examples("test", wanted, rng())


def test_an_example_that_is_listed_twice_is_one():
    class Twice(Countdown):
        def every(self):
            return [n for n in range(1, 200) for _ in range(3)]

    task = Twice()
    there_are = sum(task.split_of(n) == "test" for n in range(1, 200))
    assert task.available("test", 1000) == there_are
    assert len(set(task.examples("test", there_are, rng()))) == there_are


def test_training_examples_may_repeat():
    drawn = tasks.get("copy", symbols=2, longest=2).examples("train", 100, rng())
    assert len(drawn) == 100
    assert len(set(drawn)) < 7


def test_a_task_without_training_examples_is_refused():
    class OnlyTest(Countdown):
        def every(self):
            return [n for n in range(100) if self.split_of(n) == "test"]

    with pytest.raises(ValueError, match="has 0 different examples for train"):
        OnlyTest().examples("train", 1, rng())


def test_a_sample_that_never_reaches_the_list_does_not_hang():
    class Stuck(Countdown):
        def sample(self, rng):
            return next(n for n in count() if self.split_of(n) == "test")

    with pytest.raises(ValueError, match="does sample reach all"):
        Stuck().examples("train", 1, rng())
    assert len(set(Stuck().examples("test", 10, rng()))) == 10  # from the list


def test_no_examples_at_all_is_an_empty_list():
    assert [tasks.get("copy").examples(split, 0, rng()) for split in tasks.SPLITS] == [[], [], []]


def test_an_unknown_split_is_refused():
    said = "no split 'dev', only train, validation, test, longer"
    with pytest.raises(ValueError, match=said):
        tasks.get("copy").examples("dev", 1, rng())
    with pytest.raises(ValueError, match=said):  # and not counted, through all there is
        tasks.get("copy").available("dev", 1)


# Longer than in training.


def test_the_longer_strings_are_a_split_of_their_own_of_all_their_lengths():
    task = tasks.get("reverse", symbols=50, longest=25, longer=5)
    drawn = task.examples("longer", 500, rng())
    assert len(set(drawn)) == 500
    assert {len(source) for source, _ in drawn} == {26, 27, 28, 29, 30}
    assert task.max_length == 30
    for source, target in drawn:
        task.check(source)
        assert target == source[::-1]
    lengths = {
        len(source) for split in tasks.SPLITS for source, _ in task.examples(split, 99, rng())
    }
    assert max(lengths) <= 25


def test_all_the_longer_strings_come_up_to_the_last_one():
    task = tasks.get("copy", symbols=2, longest=3, longer=2)
    assert task.available("longer", 10**6) == 16 + 32
    assert len(set(task.examples("longer", 48, rng()))) == 48
    with pytest.raises(ValueError, match="has 48 different examples for longer, fewer than the 49"):
        task.examples("longer", 49, rng())


def test_what_is_tried_apart_changes_nothing_of_the_rest():
    plain, more = (tasks.get("copy", longer=longer) for longer in (0, 5))
    for split in tasks.SPLITS:
        assert plain.examples(split, 40, rng()) == more.examples(split, 40, rng())
    assert tasks.get("copy").max_length == 16
    with pytest.raises(ValueError, match="has 0 different examples for longer"):
        plain.examples("longer", 1, rng())


def test_there_are_fifty_symbols_and_more():
    task = tasks.get("copy", symbols=62, longest=30)
    drawn = "".join(source for source, _ in task.examples("train", 300, rng()))
    assert len(set(drawn)) == 62
    assert tasks.get("copy", symbols=10).alphabet == "abcdefghij"  # as ever


# What a person types.


@pytest.mark.parametrize(
    "name, source, sentence",
    [
        ("copy", "", "has 0 letters; this task was made for 1 to 4"),
        ("copy", "aaaaa", "has 5 letters; this task was made for 1 to 4"),
        ("reverse", "abz", '"z" is not one of the letters .*, abc'),
        ("reverse", "a b", '" " is not one of the letters'),
        ("numbers", "seventy-five thousand and four", "75004 is outside 0 to 9999, the range"),
        ("numbers", "ten thousand", "the number 10000 is outside"),
        ("numbers", "one million and one", "the number 1000001 is outside 0 to 9999,"),
        ("numbers", "75954", "75954 is outside 0 to 9999, the range this task was made for$"),
        ("numbers", "1,95", '"1,95" is not a whole number from 0 on, such as 1,234'),
        ("numbers", "-5", '"-5" is not a whole number'),
        ("numbers", "3.5", '"3.5" is not a whole number'),
        ("numbers", "9" * 5000, "too large: it has 5000 digits"),
        ("numbers", "hello", '"hello" is not a word of an English number'),
        ("numbers", "five twenty", '"five twenty" is not a number in English words'),
        ("numbers", "", "is not a number in English words"),
    ],
)  # fmt: skip
def test_a_source_outside_the_task_is_refused_with_a_sentence(name, source, sentence):
    options = {"largest": 9_999} if name == "numbers" else {"symbols": 3, "longest": 4}
    with pytest.raises(ValueError, match=sentence):
        tasks.get(name, **options).check(source)


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_tasks_own_sources_are_accepted_and_left_as_they_are(name):
    task = tasks.get(name)
    for source, _ in task.examples("train", 200, rng()):
        task.check(source)
        assert task.rewrite(source) == source


@pytest.mark.parametrize(
    "typed",
    ["Seventy five thousand nine hundred fifty four", "75954", "75,954", "75 954", "075954"],
)
def test_another_spelling_of_a_number_is_accepted_and_rewritten(typed):
    task = tasks.get("numbers")
    task.check(typed)
    assert task.rewrite(typed) == "seventy-five thousand, nine hundred and fifty-four"


# Options and the registry.


@pytest.mark.parametrize(
    "name, options",
    [("copy", {"symbols": 4, "longest": 5, "longer": 0}),
     ("reverse", {"symbols": 26, "longest": 1, "longer": 2}),
     ("numbers", {"largest": 42, "source": "fr", "target": "de", "region": "ch"})],
)  # fmt: skip
def test_a_task_is_rebuilt_from_its_recorded_options(name, options):
    given = {
        k: np.int64(value) if isinstance(value, int) else value for k, value in options.items()
    }
    task = tasks.get(name, **given)
    recorded = json.loads(json.dumps(task.options()))
    assert recorded == options
    again = tasks.get(task.name, **recorded)
    assert again.examples("train", 20, rng()) == task.examples("train", 20, rng())


@pytest.mark.parametrize(
    "name, options, sentence",
    [
        ("copy", {"symbols": 0}, '"symbols" is a whole number from 1 to 62, not 0'),
        ("copy", {"symbols": 63}, "not 63"),
        ("copy", {"longer": -1}, '"longer" is a whole number from 0 to 1,000, not -1'),
        ("copy", {"longest": 2.5}, '"longest" is a whole number from 1 to 1,000, not 2.5'),
        ("reverse", {"longest": "8"}, "not '8'"),
        ("reverse", {"longest": True}, "not True"),
        ("numbers", {"largest": 1_000_000}, '"largest" is a whole number from 1 to 999,999'),
        ("numbers", {"smallest": 3}, '"numbers" has no option "smallest", only largest, '),
        ("reverse", {"symbol": 3}, '"symbol", only symbols, .*, longer; did you mean "symbols"[?]'),
        ("copy", {"qqq": 3}, 'no option "qqq", only symbols, longest, longer$'),
        ("revers", {}, 'no task "revers", only .*copy.*; did you mean "reverse"[?]'),
        ("qqq", {}, 'no task "qqq", only .*copy.*numbers.*reverse'),
    ],
)  # fmt: skip
def test_a_wrong_name_or_option_is_refused_with_a_sentence(name, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        tasks.get(name, **options)


def test_the_built_in_tasks_are_found_by_themselves():
    assert tasks.names() == sorted(tasks.names())
    assert set(BUILT_IN) <= set(tasks.names())
    for name in BUILT_IN:
        task = tasks.get(name)
        assert task.name == name
        assert "\n" not in task.summary


def test_a_users_own_task_is_as_good_as_ours(registry):
    assert tasks.register(Countdown) is Countdown
    task = tasks.get("countdown")
    assert task.options() == {}
    drawn = task.examples("test", 100, rng())
    assert len(set(drawn)) == 100
    assert all(int(source) - 1 == int(target) for source, target in drawn)
    task.check("anything is accepted by default")
    assert task.rewrite("and stays the same") == "and stays the same"
    with pytest.raises(ValueError, match='no option "largest", nor any other'):
        tasks.get("countdown", largest=3)


def test_the_same_name_for_another_class_is_refused(registry):
    class Other(Countdown):
        name = "copy"

    with pytest.raises(ValueError, match='name "copy" is taken by minitransformer.tasks.copy.Copy'):
        tasks.register(Other)
    assert tasks.get("copy").pair("ab") == ("ab", "ab")


def test_a_class_that_is_defined_again_takes_the_place_of_the_first(registry):
    def cell():
        class Mine(Countdown):
            name = "mine"

        return tasks.register(Mine)

    first, second = cell(), cell()
    assert first is not second
    assert type(tasks.get("mine")) is second


COUNTED = count()  # what a seed has no power over


def one_option(self, size):
    self.size = size


def any_options(self, **options):
    pass


def forgotten_option(self, size=3):
    pass


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"name": None}, 'needs a "name", a string'),
        ({"name": "a/b"}, "has the name 'a/b'; use letters"),
        ({"summary": None}, 'needs a "summary"'),
        ({"unit": None}, 'needs a "unit"'),
        ({"unit": "syllables"}, "has the unit 'syllables'; it is one of words, characters"),
        ({"max_length": "6"}, "has max_length '6'; it is a whole number above 0"),
        ({"max_length": 3}, "no text has more than 3 tokens .* but '.*' has [45]"),
        ({"steps": 0}, "has steps 0; it is a whole number above 0"),
        ({"sample": tasks.Task.sample}, "does not say how to sample"),
        ({"every": tasks.Task.every}, "does not list every example"),
        ({"every": lambda self: []}, "lists no example at all"),
        ({"pair": tasks.Task.pair}, "does not say what its pairs are"),
        ({"pair": lambda self, n: str(n)}, "gives the pair .* it has to be two texts"),
        ({"pair": lambda self, n: (n, n)}, "gives the pair .* it has to be two texts"),
        ({"pair": lambda self, n: ("", "a")}, "it has to be two texts"),
        ({"pair": lambda self, n: (str(n), 1 / 0)}, "fails in pair: ZeroDivisionError: .* line"),
        ({"split_of": lambda self, n: "exam"}, "says 'exam' for the example .* a split is one of"),
        ({"check": lambda self, text: int("x")}, "fails in check: ValueError.*test_tasks.py, line"),
        ({"rewrite": lambda self, text: None}, "rewrites '.*' as None; it has to be a text"),
        (
            {"sample": lambda self, rng: next(COUNTED)},
            "other examples from a generator of the same",
        ),
        (
            {"pair": lambda self, n: ("a", str(next(COUNTED)))},
            "gives two pairs for the .* into sample",
        ),
        ({"__init__": one_option}, "needs a default for 'size'"),
        ({"__init__": any_options}, r"takes \*\*options; its options have to be named one by one"),
        ({"__init__": forgotten_option}, "has to keep its option 'size' as self.size"),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else None,
)
def test_a_task_is_checked_whole_when_it_is_registered(changes, sentence, registry):
    with pytest.raises(ValueError, match=f"^the task Faulty .*{sentence}") as error:
        tasks.register(type("Faulty", (Countdown,), {"name": "faulty", **changes}))
    assert "\n" not in str(error.value)
    assert "faulty" not in tasks.names()


def test_a_task_without_max_length_says_so_at_once(registry):
    class Faulty(tasks.Task):
        name, summary, unit = "faulty", "a task without a length", "words"

    with pytest.raises(ValueError, match='Faulty needs "max_length"'):
        tasks.register(Faulty)


def test_a_task_may_use_what_is_defined_further_down_in_its_file(registry):
    class Early(Countdown):
        name = "early"

        def pair(self, example):
            return later(example)

    tasks.register(Early)

    def later(example):
        return str(example), "b"

    assert tasks.get("early").pair(3) == ("3", "b")


GOOD = """
import minitransformer as mt

@mt.tasks.register
class Mine(mt.tasks.get("copy").__class__):
    name = "mine"
"""


def test_a_task_is_loaded_from_a_file_of_ones_own_again_and_again(registry, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(GOOD)
    assert tasks.load_file(file) == tasks.load_file(str(file)) == ["mine"]
    assert tasks.get("mine").pair("ab") == ("ab", "ab")


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("x = 1\n", "mine.py defines no task: decorate its class with"),
        ("x = (\n", "mine.py, line 1 cannot be used: SyntaxError"),
        ("x = 1\nx / 0\n", "mine.py, line 2 cannot be used: ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)\n", "mine.py, line 1 cannot be used: SystemExit: 3"),
        (GOOD.replace('name = "mine"', "summary = 3"), 'needs a "summary"'),
        (None, "there is no file .*mine.py to load a task from"),
    ],
)
def test_a_file_without_a_task_that_can_be_used_is_refused(text, sentence, registry, tmp_path):
    file = tmp_path / "mine.py"
    if text is not None:
        file.write_text(text)
    with pytest.raises((ValueError, FileNotFoundError), match=sentence):
        tasks.load_file(file)
    assert "mine" not in tasks.names()


def test_a_faulty_file_in_the_folder_is_named_and_costs_no_other(registry, tmp_path, monkeypatch):
    folder = tmp_path / "some_tasks"
    folder.mkdir()
    for name, text in [("__init__", ""), ("a_bad", "x = 1\nx / 0"), ("b_worse", "x = (")]:
        (folder / f"{name}.py").write_text(text)
    (folder / "c_good.py").write_text(GOOD)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.warns(RuntimeWarning) as said:
        load_folder("some_tasks", [str(folder)])
    assert "mine" in tasks.names()
    lines = [(each.filename, each.lineno, str(each.message)) for each in said]
    assert lines[0][:2] == (str(folder / "a_bad.py"), 2)
    assert lines[0][2] == "this file was left out: ZeroDivisionError: division by zero"
    assert lines[1][:2] == (str(folder / "b_worse.py"), 1)
    assert "SyntaxError" in lines[1][2]


def test_what_is_no_task_is_not_registered(registry):
    with pytest.raises(ValueError, match="classes made from Task"):
        tasks.register(dict)


def test_a_task_may_have_settings_of_its_own_and_splits_that_are_tried_apart():
    class Few(tasks.Task):
        name, summary, unit, max_length = "few", "a digit again", "characters", 1
        steps = 2
        preset = {"size": "tiny", "batch_size": 2, "model": {"dropout": 0.25, "norm_first": True}}
        apart = {"nines": "the digit that training never has"}

        def sample(self, rng):
            return int(rng.integers(10))

        def every(self):
            return range(10)

        def split_of(self, example):
            return "nines" if example == 9 else "train" if example < 8 else "validation"

        def pair(self, example):
            return str(example), str(example)

    assert Few().examples("nines", 1, np.random.default_rng(0)) == [("9", "9")]
    assert with_preset(Few(), {}) == Few.preset
    mine = with_preset(Few(), {"batch_size": 3, "model": {"dropout": 0.0}})
    assert mine == {"size": "tiny", "batch_size": 3, "model": {"dropout": 0.0, "norm_first": True}}
    other = with_preset(Few(), {"model": {"kind": "lstm"}})
    assert other["model"] == {"kind": "lstm"}
