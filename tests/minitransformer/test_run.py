import itertools
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import numpy as np
import pytest
from toy_models import toy_model

from minitransformer import Run, Vocabulary, tasks, toml
from minitransformer.config_file import OLD_CONFIG
from minitransformer.files import write_whole
from minitransformer.run import CONFIG, LOG, VOCAB, WEIGHTS, load

FILES = [CONFIG, VOCAB, WEIGHTS]


def refused(folder, *parts, error=ValueError):
    """That `load` refuses the folder in one sentence with these parts: the sentence."""
    with pytest.raises(error) as caught:
        load(folder)
    said = str(caught.value)
    assert type(caught.value) is error
    assert "\n" not in said
    for part in (str(folder), *parts):
        assert part in said
    return said


OLD_RUN = Path(__file__).with_name("old_run")  # of format 1, as the version before this wrote it


@pytest.fixture
def old_run(tmp_path):
    """A copy of it, to be changed as one likes."""
    return shutil.copytree(OLD_RUN, tmp_path / "old")


def tables_of(folder):
    return tomllib.loads((folder / CONFIG).read_text(encoding="utf-8"))


def change(path, **values):
    """Put other values into a file of JSON."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def change_table(folder, table, /, **values):
    """Put other values into a table of the configuration of a run."""
    tables = tables_of(folder)
    tables[table] = {**tables[table], **values}
    (folder / CONFIG).write_text(toml.dumps(tables), encoding="utf-8")


def numbers_run(largest=99, known=range(100), **config):
    """A run of `numbers` with random weights, which is as good for what it refuses."""
    task = tasks.get("numbers", largest=largest)
    vocabularies = [Vocabulary.build(texts, "words") for texts in zip(*map(task.pair, known))]
    sizes = zip(["src_vocab_size", "tgt_vocab_size"], map(len, vocabularies))
    return Run(None, task, toy_model(**dict(sizes), **config), *vocabularies, {})


# There and back.


def test_a_loaded_run_has_the_same_weights_words_and_logits(trained, run_folder):
    loaded = load(run_folder)
    assert loaded.source_vocab.tokens == trained.source_vocab.tokens
    assert loaded.target_vocab.tokens == trained.target_vocab.tokens
    assert loaded.model.config == trained.model.config
    assert loaded.settings == trained.settings
    assert loaded.task.options() == trained.task.options()
    assert not loaded.model.training
    src, tgt = np.array([[4, 5, 6, 2]]), np.array([[1, 4]])
    np.testing.assert_array_equal(loaded.model(src, tgt).data, trained.model(src, tgt).data)
    assert loaded.translate("abcd", "e") == trained.translate("abcd", "e")


def test_a_loaded_run_saved_again_is_the_same_folder(run_folder):
    before = {name: (run_folder / name).read_bytes() for name in FILES}
    loaded = load(run_folder)
    loaded.save()
    loaded.save_weights()
    for name in (CONFIG, VOCAB):
        assert (run_folder / name).read_bytes() == before[name]
    with np.load(run_folder / WEIGHTS) as arrays:
        assert set(arrays) == set(loaded.model.state_dict())


def test_the_log_is_read_as_it_was_written(run_folder):
    loaded = load(run_folder)
    before = loaded.log()
    loaded.add_to_log(step=1, loss=0.5)
    assert loaded.log() == [*before, {"step": 1, "loss": 0.5}]
    (run_folder / LOG).unlink()
    assert loaded.log() == []


def test_a_folder_may_be_named_by_a_string(run_folder):
    assert load(str(run_folder)).folder == run_folder


def test_a_run_with_accents_is_read_on_a_system_whose_encoding_is_not_utf_8(tmp_path):
    run = numbers_run()
    run.folder = tmp_path
    run.save()
    run.save_weights()
    assert "zéro" in run.target_vocab.tokens
    script = "import minitransformer, sys; minitransformer.load(sys.argv[1])"
    bare = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    subprocess.run([sys.executable, "-c", script, tmp_path], env=bare, check=True)


# Kinds of models, and runs that were written before there were any.


def test_the_configuration_says_the_kind_of_the_model(run_folder):
    assert tables_of(run_folder)["model"]["kind"] == "transformer"


def test_the_configuration_of_a_run_is_the_tables_of_its_file(run_folder):
    run, tables = load(run_folder), tables_of(run_folder)
    assert tables.pop("run") == {"format": 2}
    assert run.config == tables
    assert [*run.config] == ["task", "vocabulary", "model", "training"]
    task = {"name": "reverse", "symbols": 5, "longest": 4, "longer": 0}
    assert run.config["task"] == task
    assert run.config["model"]["d_model"] == run.model.config.d_model
    assert run.config["training"]["steps"] == 300


def test_a_run_of_the_first_format_is_loaded_and_saved_as_today(old_run):
    before = json.loads((old_run / OLD_CONFIG).read_text())
    run = load(old_run)
    assert run.model.config.to_json() == before["model"]
    assert run.task.options() == {**before["task"]["options"], "longer": 0}
    given = {name: value for name, value in before["training"].items() if value is not None}
    assert {**run.settings, "model": given["model"]} == given
    written = run.translate("abcd", "edd", "c")
    assert written[1:] == ["edd", "c"]  # it has learned
    run.save()
    assert not (old_run / OLD_CONFIG).exists()
    again = load(old_run)
    assert again.config == run.config and again.settings == run.settings
    assert again.translate("abcd", "edd", "c") == written


@pytest.mark.parametrize("pad_id", [{}, {"pad_id": 0}], ids=["without pad_id", "with pad_id"])
def test_a_run_without_a_kind_is_a_transformer(pad_id, old_run):
    path, right = old_run / OLD_CONFIG, load(old_run)
    config = json.loads(path.read_text())
    del config["kind"]
    config["model"].update(pad_id)
    path.write_text(json.dumps(config))
    old = load(old_run)
    assert old.model.config == right.model.config
    assert old.translate("abcd", "e") == right.translate("abcd", "e")
    old.save()  # and is written as today
    assert tables_of(old_run)["model"]["kind"] == "transformer"
    assert "pad_id" not in tables_of(old_run)["model"]


def test_another_kind_is_refused_with_those_that_there_are(run_folder, old_run):
    change_table(run_folder, "model", kind="mamba")
    refused(run_folder, CONFIG, "no kind of model 'mamba', only lstm, attention-lstm, transformer")
    change(old_run / OLD_CONFIG, kind="mamba")
    refused(old_run, OLD_CONFIG, "no kind of model 'mamba', only lstm, attention-lstm")


def test_another_id_of_padding_is_refused(old_run):
    model = json.loads((old_run / OLD_CONFIG).read_text())["model"]
    change(old_run / OLD_CONFIG, model={**model, "pad_id": 3})
    refused(old_run, OLD_CONFIG, "pad_id has to be 0, not 3")


# Damaged.


def test_a_missing_folder_is_refused(tmp_path):
    missing = tmp_path / "nowhere"
    refused(missing, "does not exist", "minitransformer train", error=FileNotFoundError)
    assert not missing.exists()


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    refused(tmp_path, "has no config.toml", error=FileNotFoundError)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(name, run_folder):
    (run_folder / name).unlink()
    refused(run_folder, name, error=FileNotFoundError)


@pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.7, 0.99])
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_was_only_half_written_is_named(name, part, run_folder):
    path = run_folder / name
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    refused(run_folder, name, "damaged")


def test_weights_that_lack_their_last_bytes_are_refused(run_folder):
    path = run_folder / WEIGHTS
    whole = path.read_bytes()
    for missing in (1, 10, 22, 100, 1000):
        path.write_bytes(whole[:-missing])
        refused(run_folder, WEIGHTS, "damaged")


def test_no_flipped_byte_in_the_weights_goes_unnoticed(run_folder):
    path = run_folder / WEIGHTS
    right, whole = load(run_folder).model.state_dict(), path.read_bytes()
    places = np.random.default_rng(0).integers(len(whole), size=100).tolist()
    places += [*range(40), *range(len(whole) - 80, len(whole))]  # headers of the zip file
    noticed = 0
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:
            state = load(run_folder).model.state_dict()
        except ValueError as error:
            noticed += 1
            assert str(path) in str(error)
        else:  # it was in a date, say, on which nothing depends
            assert all(np.array_equal(state[name], right[name]) for name in right)
    assert noticed > 100


@pytest.mark.parametrize("place", [0.2, 0.5, 0.9])
def test_flipped_bits_in_the_numbers_are_refused(place, run_folder):
    path = run_folder / WEIGHTS
    damaged = bytearray(path.read_bytes())
    damaged[int(place * len(damaged))] ^= 1
    path.write_bytes(damaged)
    refused(run_folder, WEIGHTS, "damaged")


class Trap:
    """Unpickled, it leaves a trace."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("form", ["npz with an object array", "npy", "bare pickle"])
def test_no_pickle_is_ever_loaded(form, run_folder, tmp_path):
    trace, path = tmp_path / "trace", run_folder / WEIGHTS
    state = load(run_folder).model.state_dict()
    trap = np.array([Trap(trace)], dtype=object)
    with open(path, "wb") as file:
        if form == "bare pickle":
            pickle.dump(Trap(trace), file)
        elif form == "npy":
            np.save(file, trap)
        else:
            np.savez(file, **{**state, next(iter(state)): trap})
    refused(run_folder, WEIGHTS)
    assert not trace.exists()


def test_weights_of_another_model_are_refused(run_folder):
    state = load(run_folder).model.state_dict()
    first = next(iter(state))
    for wrong in ({first: state[first][:-1]}, {"more": state[first]}):
        np.savez(run_folder / WEIGHTS, **{**state, **wrong})
        refused(run_folder, WEIGHTS)
    del state[first]
    np.savez(run_folder / WEIGHTS, **state)
    refused(run_folder, WEIGHTS, first)


@pytest.mark.parametrize("version", [0, 3, "1", None])
def test_another_format_is_refused_and_named(version, run_folder, old_run):
    change(old_run / OLD_CONFIG, format=version)
    refused(old_run, f"run format {version}", "reads formats 1 and 2")
    if version is None:
        change_table(run_folder, "run", format=version)
        refused(run_folder, CONFIG, "damaged: its end is missing")
    else:
        change_table(run_folder, "run", format=version)
        refused(run_folder, f"run format {version}", "reads formats 1 and 2")


def test_a_run_of_one_format_under_the_name_of_the_other_is_refused(run_folder, old_run):
    (run_folder / CONFIG).rename(run_folder / OLD_CONFIG)
    refused(run_folder, OLD_CONFIG, "damaged")
    (old_run / OLD_CONFIG).rename(old_run / CONFIG)
    refused(old_run, CONFIG, "damaged")


@pytest.mark.parametrize("text", ["{", "nonsense", "[1, 2]", '"text"', "\x00", "{'format': 1}"])
@pytest.mark.parametrize("name", [CONFIG, VOCAB])
def test_a_file_that_is_no_table_or_object_is_named(name, text, run_folder):
    (run_folder / name).write_text(text)
    refused(run_folder, name, "damaged")


@pytest.mark.parametrize("name", [CONFIG, VOCAB])
def test_a_file_of_lists_within_lists_is_named(name, run_folder):
    (run_folder / name).write_text("[" * 100_000)
    refused(run_folder, name, "damaged")


@pytest.mark.parametrize("name", [CONFIG, VOCAB])
def test_a_file_that_is_no_text_is_named(name, run_folder):
    (run_folder / name).write_bytes(b"\xff\xfe\x80" * 20)
    refused(run_folder, name, "damaged")


SIZES = {"src_vocab_size": 9, "tgt_vocab_size": 9}


@pytest.mark.parametrize(
    "table, values",
    [
        ("task", {"name": None}),
        ("task", {"symbols": 99}),
        ("task", {"colour": 1}),
        ("task", {"name": ["copy"]}),
        ("model", {"kind": None}),
        ("model", {"kind": ["transformer"]}),
        ("model", {"src_vocab_size": None}),
        ("model", {"d_model": "wide"}),
        ("model", {"width": 3}),
        ("model", {"num_heads": True}),
        ("model", {"tgt_vocab_size": 10**15}),
    ],
    ids=str,
)
def test_a_config_that_describes_no_model_is_named(table, values, run_folder):
    change_table(run_folder, table, **values)
    refused(run_folder, CONFIG, "damaged")


@pytest.mark.parametrize(
    "change_to",
    [
        {"task": None},
        {"task": {"name": "copy", "options": {"symbols": 99}}},
        {"task": {"name": "copy", "options": {"colour": 1}}},
        {"task": {"name": ["copy"], "options": {}}},
        {"task": "copy"},
        {"kind": None},
        {"kind": ["transformer"]},
        {"model": None},
        {"model": {"d_model": 32}},
        {"model": {**SIZES, "d_model": "wide"}},
        {"model": {**SIZES, "width": 3}},
        {"model": {**SIZES, "num_heads": True}},
        {"model": {"src_vocab_size": 9, "tgt_vocab_size": 10**15}},
        {"model": [1]},
        {"training": 3},
    ],
    ids=str,
)
def test_an_old_config_that_describes_no_model_is_named(change_to, old_run):
    change(old_run / OLD_CONFIG, **change_to)
    refused(old_run, OLD_CONFIG, "damaged")


def test_a_run_of_a_task_that_is_not_known_here_is_not_called_damaged(run_folder, old_run):
    change_table(run_folder, "task", name="knit")
    change(old_run / OLD_CONFIG, task={"name": "knit", "options": {}})
    for folder in (run_folder, old_run):
        said = refused(folder, 'the task "knit"', "not known here", "--task-file", "task_file=")
        assert "damaged" not in said


def test_a_run_of_a_task_of_ones_own_is_loaded_with_its_file(run_folder, tmp_path, trained):
    file = tmp_path / "knit.py"
    file.write_text(
        "from minitransformer import tasks\n"
        "from minitransformer.tasks.reverse import Reverse\n"
        "@tasks.register\n"
        "class Knit(Reverse):\n"
        "    name = 'knit'\n"
    )
    change_table(run_folder, "task", name="knit")
    try:
        loaded = load(run_folder, task_file=file)
        assert loaded.task.name == "knit"
        assert loaded.translate("abc") == trained.translate("abc")
        assert load(run_folder).task.name == "knit"  # known from now on
    finally:
        tasks.task.registered.pop("knit", None)


@pytest.mark.parametrize("key", ["task", "model", "training"])
def test_a_config_that_lacks_something_is_named_with_what_it_lacks(key, run_folder, old_run):
    tables = tables_of(run_folder)
    del tables[key]
    (run_folder / CONFIG).write_text(toml.dumps(tables), encoding="utf-8")
    refused(run_folder, CONFIG, "damaged", key)
    config = json.loads((old_run / OLD_CONFIG).read_text())
    del config[key]
    (old_run / OLD_CONFIG).write_text(json.dumps(config))
    refused(old_run, OLD_CONFIG, "damaged", key)


@pytest.mark.parametrize(
    "tokens", [["a", "b"], [*"abcdefgh"], ["a", "a"], ["ab"], [7], "abcde", None], ids=str
)
@pytest.mark.parametrize("side", ["source", "target"])
def test_a_vocabulary_that_is_none_or_does_not_fit_the_model_is_named(side, tokens, run_folder):
    change(run_folder / VOCAB, **{side: {"unit": "characters", "tokens": tokens}})
    refused(run_folder, VOCAB, "damaged")


# Written whole or not at all.


@pytest.mark.parametrize("failing", ["write_array", "replace", "fsync"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(failing, run_folder, monkeypatch):
    loaded = load(run_folder)
    before = {path: path.read_bytes() for path in run_folder.iterdir() if path.is_file()}

    def fail(file, *args, **kwargs):
        if failing == "write_array":
            file.write(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(np.lib.format if failing == "write_array" else os, failing, fail)
    with pytest.raises(OSError, match="no space left"):
        loaded.save_weights()
    assert {path: path.read_bytes() for path in run_folder.iterdir() if path.is_file()} == before


def test_a_new_file_whose_writing_fails_is_not_there(tmp_path):
    def fail(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "weights.npz", fail)
    assert list(tmp_path.iterdir()) == []


def test_two_that_write_one_file_at_once_do_not_mix(tmp_path):
    path = tmp_path / "weights.npz"

    def write(file):
        file.write(b"the outer")
        write_whole(path, lambda inner: inner.write(b"the inner one"))
        file.write(b" one")

    write_whole(path, write)
    assert path.read_bytes() == b"the outer one"
    assert list(tmp_path.iterdir()) == [path]


# A log that was cut off.


@pytest.mark.parametrize("half", ['{"step": 3, "lo', "{", "\0\0\0", '"step"', "\ud800"])
def test_a_half_written_line_of_the_log_is_left_out(half, run_folder):
    loaded = load(run_folder)
    before = loaded.log()
    with open(run_folder / LOG, "ab") as file:
        file.write(half.encode("utf-8", "surrogatepass"))
    assert loaded.log() == before
    loaded.add_to_log(step=4, loss=0.5)  # by one that goes on
    assert loaded.log() == [*before, {"step": 4, "loss": 0.5}]


# Not allowed to read, not enough memory: the file may be in the best of health.


@pytest.fixture
def without_permission(trained, tmp_path_factory):
    """A copy of the run in a folder of its own, and what takes away the right to read in it."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    run = shutil.copytree(trained.folder, folder / "run")
    user = os.geteuid()

    def forbid(path):
        path.chmod(0)
        if user == 0:  # who may read everything
            os.seteuid(65534)

    yield run, forbid
    os.seteuid(user)
    for path in (run, *run.iterdir()):
        path.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", [*FILES, LOG])
def test_a_file_that_may_not_be_read_is_not_called_damaged(name, without_permission):
    run, forbid = without_permission
    forbid(run / name)
    with pytest.raises(PermissionError) as caught:
        load(run).log()
    assert str(caught.value) == (
        f"{run / name} cannot be read: Permission denied. Its owner can let you (chmod)"
    )


def test_a_folder_that_may_not_be_read_is_not_called_missing(without_permission):
    run, forbid = without_permission
    forbid(run)
    with pytest.raises(PermissionError, match="config.toml cannot be read: Permission denied"):
        load(run)


def test_too_little_memory_for_weights_is_not_called_damage(run_folder, monkeypatch):
    def too_little(*args, **kwargs):
        raise MemoryError("Unable to allocate 3 TiB")

    monkeypatch.setattr(np, "load", too_little)
    said = refused(run_folder, WEIGHTS, "there is not enough memory, or it is damaged (Unable")
    assert "train the run again" not in said


def test_a_configuration_of_a_model_that_no_memory_holds_is_said(run_folder):
    change_table(run_folder, "model", d_ff=10**14)
    refused(run_folder, CONFIG, "GB of memory, and this machine has")


def test_nested_json_is_damage(old_run):
    (old_run / OLD_CONFIG).write_text("[" * 100_000)
    refused(old_run, OLD_CONFIG, "damaged")


def test_a_file_is_no_folder(run_folder):
    refused(run_folder / WEIGHTS, "it is a file", error=FileNotFoundError)


# What a model cannot read.


def test_a_translation_is_one_line_for_each_text(trained):
    texts = ["a", "abc", "ddee", "cab"]
    assert trained.translate(*texts) == [trained.translate(text)[0] for text in texts]
    assert trained.translate() == trained.translate([]) == []
    assert trained.translate(texts) == trained.translate(*texts)
    assert trained.translate(iter(texts[:2]), "ddee", ("cab",)) == trained.translate(*texts)


@pytest.mark.parametrize("wrong", [3, None, b"abc", [["abc"]]], ids=str)
def test_what_is_no_text_is_refused(wrong, trained):
    with pytest.raises(TypeError, match="a text is a string, not"):
        trained.translate(wrong)


def test_a_text_that_cannot_be_read_costs_no_other(trained):
    texts = ["abc", "", "dd", "abz", "e"] * 100  # more than are decoded together
    expected = dict(zip(["abc", "dd", "e"], trained.translate("abc", "dd", "e")))
    for text, result in zip(texts, trained.translate_each(texts), strict=True):
        assert result == expected[text] if text in expected else isinstance(result, ValueError)


def test_texts_are_taken_a_batch_at_a_time(trained):
    texts = (text for text in itertools.repeat("abc"))  # endless
    assert next(trained.translate_each(texts)) == trained.translate("abc")[0]


NOISE = [
    *("abc\r", "\ufeffabc", "\u00a0abc\u2028", "abc\x00", "\x1b[31mabc\x1b[0m"),
    *("\x1b]0;a title\x07abc", "\x1b(Babc", "\x1b7abc", "a\u00adbc", "\u200eabc\u2069"),
]


@pytest.mark.parametrize("text", NOISE, ids=ascii)
def test_what_terminals_and_editors_leave_in_a_text_is_not_seen(text, trained):
    assert trained.translate(text) == trained.translate("abc")


@pytest.mark.parametrize("text", ["z" * 5000, "a" * 10**6, "\udcff", "a z" * 500])
def test_an_error_repeats_no_more_than_a_line_of_what_was_given(text, trained):
    for run in (trained, numbers_run()):
        with pytest.raises(ValueError) as caught:
            run.translate(text)
        assert len(str(caught.value)) < 500
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\u00a0"])
def test_an_empty_sentence_is_refused(text, trained):
    with pytest.raises(ValueError, match="^the sentence is empty; give at least one word$"):
        trained.translate("abc", text)


def test_a_letter_that_the_task_does_not_have_is_refused(trained):
    with pytest.raises(ValueError, match='"z" is not one of the letters'):
        trained.translate("abz")


def test_a_text_longer_than_the_task_is_refused(trained):
    with pytest.raises(ValueError, match="has 5 letters; this task was made for 1 to 4"):
        trained.translate("abcab")


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("one hundred", "the number 100 is outside 0 to 99"),
        ("100", "the number 100 is outside 0 to 99"),
        ("fourty-two", "fourty"),
        ("minus one", "minus"),
    ],
)
def test_a_number_outside_the_range_or_not_in_words_is_refused(text, sentence):
    with pytest.raises(ValueError) as caught:
        numbers_run().translate(text)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_word_that_was_not_in_training_is_named():
    with pytest.raises(ValueError, match=r"unknown to this model: 'seventy', 'two'\. It knows"):
        numbers_run(known=[20, 21, 30]).translate("seventy-two")


def test_a_sentence_longer_than_the_positions_is_refused():
    run = numbers_run(largest=999_999, known=[999_999], max_length=8)
    with pytest.raises(
        ValueError, match="the sentence has 1. tokens; this model has positions for 7"
    ):
        run.translate("nine hundred and ninety-nine thousand, nine hundred and ninety-nine")


def test_a_sentence_may_be_as_long_as_the_positions_less_the_end():
    run = numbers_run(max_length=4)
    assert len(run.encode_source("twenty-one")) == 3
    run.translate("twenty-one")


def test_an_accepted_text_is_read_in_the_spelling_of_the_task():
    run = numbers_run()
    assert run.encode_source(" Forty  TWO ") == run.source_vocab.encode("forty-two")
