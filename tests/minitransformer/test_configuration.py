"""One configuration from several sources, and the training that it repeats."""

import re
import tomllib

import numpy as np
import pytest
from toy_models import quick_train, same_weights

import minitransformer as mt
from minitransformer import cli, tasks
from minitransformer.configuration import (
    PRESETS,
    Source,
    from_assignments,
    from_file,
    from_preset,
    settle,
    value_of,
)
from minitransformer.tasks.copy import Copy
from minitransformer.tasks.task import registered
from minitransformer.training import trainer
from minitransformer.training.overlaying import overlaid


@pytest.fixture
def suited():
    """A task that presets something, for one test."""

    @tasks.register
    class Suited(Copy):
        name = "suited"
        preset = {"size": "tiny", "lr": 0.01, "clip": 0.5, "model": {"dropout": 0.2, "d_ff": 7}}

        def __init__(self, symbols: int = 5, longest: int = 4, file: str = "none"):
            super().__init__(symbols, longest)
            self.file = file

    yield Suited
    registered.pop("suited")


def written(tmp_path, text):
    path = tmp_path / "my.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(capsys, *arguments):
    """The one line in which the command refuses the arguments."""
    assert cli.main([*map(str, arguments)]) == 2
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.splitlines()) == 1
    return said.err


# Repeated.


def test_a_run_is_repeated_by_its_own_configuration_bit_for_bit(tmp_path, capsys):
    model = {"dropout": 0.1, "positions": "learned"}
    run = quick_train(tmp_path / "one", seed=3, steps=12, model=model)
    file, again = run.folder / "config.toml", tmp_path / "two"
    assert cli.main(["train", "--config", str(file), "--run", str(again), "--quiet"]) == 0
    assert f"train --config {again / 'config.toml'}" in capsys.readouterr().out
    assert same_weights(run.model, mt.load(again).model)
    assert file.read_bytes() == (again / "config.toml").read_bytes()
    third = mt.train_from(file, tmp_path / "three", quiet=True)
    assert same_weights(run.model, third.model)
    other = mt.train_from(file, tmp_path / "four", quiet=True, seed=4)
    assert not same_weights(run.model, other.model)


@pytest.mark.parametrize("kind", ["lstm", "attention-lstm"])
def test_a_recurrent_run_is_repeated_too(kind, tmp_path):
    run = quick_train(tmp_path / "one", steps=3, model=kind)
    again = mt.train_from(run.folder / "config.toml", tmp_path / "two", quiet=True)
    assert again.model.kind == kind and same_weights(run.model, again.model)


def test_no_preset_comes_into_what_a_run_had_left_open(suited, tmp_path):
    run = mt.train("suited", tmp_path / "one", steps=2, quiet=True, lr=None, train_examples=50)
    text = (run.folder / "config.toml").read_text(encoding="utf-8")
    assert "clip = 0.5" in text and "\nlr = " not in text
    task, settings = settle([from_file(run.folder / "config.toml")])
    assert task.name == "suited" and settings["lr"] is None
    again = mt.train_from(run.folder / "config.toml", tmp_path / "two", quiet=True)
    assert same_weights(run.model, again.model) and again.config == run.config


def test_everything_that_was_decided_stands_in_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "learn", lambda *args: None)
    run = quick_train(tmp_path / "run", steps=None, warmup_steps=None, task="copy")
    tables = tomllib.loads((run.folder / "config.toml").read_text(encoding="utf-8"))
    assert tables["task"] == {"name": "copy", **run.task.options()}
    assert tables["training"]["steps"] == run.task.steps
    assert tables["training"]["warmup_steps"] == max(400, run.task.steps // 4)
    model = {k: v for k, v in run.model.config.to_json().items() if v is not None}
    assert tables["model"] == {"kind": "transformer", **model}


# Which source counts more.


def test_each_source_counts_more_than_those_before_it(suited, tmp_path):
    file = from_file(written(tmp_path, "[training]\nclip = 3.0\nsteps = 7\n[model]\nd_ff = 9"))
    layers = [Source(task={"name": "suited"}), from_preset("quick"), file]
    layers += [Source(settings={"steps": 8, "model": {"d_ff": 10}})]
    layers += [from_assignments(["training.steps=9"])]
    # clip: the task's, the task's, the file's; steps: none, the preset's, the file's, and so on
    expected = [(0.5, None, 7), (0.5, 600, 7), (3.0, 7, 9), (3.0, 8, 10), (3.0, 9, 10)]
    for count, (clip, steps, d_ff) in enumerate(expected, start=1):
        _, settings = settle(layers[:count])
        assert (settings["clip"], settings.get("steps")) == (clip, steps)
        if count != 2:  # a size says how wide a model is
            assert settings["model"].get("d_ff") == d_ff
        assert settings["model"]["dropout"] == 0.2


def test_a_size_counts_more_than_the_widths_below_it():
    below = {"size": "small", "model": {"d_model": 48, "num_layers": 3, "dropout": 0.1}}
    above = {"size": "tiny", "model": {"num_heads": 4}}
    expected = {"size": "tiny", "model": {"dropout": 0.1, "num_heads": 4}}
    assert overlaid(below, above) == expected
    assert overlaid(below, {"clip": 2.0}) == {**below, "clip": 2.0}


def test_of_another_kind_of_model_nothing_below_counts():
    below = {"model": {"kind": "lstm", "num_layers": 2}}
    assert overlaid(below, {"model": {"d_model": 8}})["model"]["kind"] == "lstm"
    assert overlaid(below, {"model": {"kind": "attention-lstm"}})["model"] == {
        "kind": "attention-lstm"
    }
    assert overlaid(below, {"model": "transformer"})["model"] == {"kind": "transformer"}
    assert overlaid({}, {"model": "lstm"})["model"] == {"kind": "lstm"}


def test_of_a_vocabulary_of_another_unit_nothing_below_counts():
    below = {"vocabulary": {"unit": "bpe", "vocab_size": 400}}
    more, other = {"vocabulary": {"min_count": 2}}, {"vocabulary": {"unit": "words"}}
    assert overlaid(below, more)["vocabulary"] == {"unit": "bpe", "vocab_size": 400, "min_count": 2}
    assert overlaid(below, other) == other


def test_a_size_that_is_asked_for_now_changes_a_run_that_is_repeated(tmp_path):
    run = quick_train(tmp_path / "one", steps=2, model={"d_model": 8, "num_heads": 2})
    again = mt.train_from(run.folder / "config.toml", tmp_path / "two", size="medium", quiet=True)
    assert again.model.config.d_model == 128


def test_the_options_of_one_task_are_not_for_another(tmp_path):
    file = written(tmp_path, '[task]\nname = "numbers"\nlargest = 99')
    usual = tasks.get("numbers").options()
    assert settle([from_file(file)])[0].options() == {**usual, "largest": 99}
    task, _ = settle([from_file(file), Source(task={"name": "copy"})])
    assert task.name == "copy"
    only_options = written(tmp_path, "[task]\nlargest = 98")
    task, _ = settle([from_file(only_options), Source(task={"name": "numbers"})])
    assert task.options() == {**usual, "largest": 98}


@pytest.mark.parametrize("name", PRESETS)
def test_each_named_preset_is_a_training_that_makes_sense(name, suited):
    task, settings = settle([from_preset(name), Source(task={"name": "suited"})])
    mt.TrainingSettings(**{**settings, "lr": None}).decided(task.steps)
    shape = settings.get("size", "small")
    fields = {k: v for k, v in settings["model"].items() if k not in ("kind", "d_ff")}
    mt.TransformerConfig.of_size(shape, 9, 9, **fields)
    assert PRESETS[name].summary


# The flags.


def test_the_command_takes_presets_files_flags_and_assignments_together(tmp_path):
    file = written(tmp_path, '[task]\nname = "reverse"\nlongest = 4\n[training]\nbatch_size = 8')
    run = tmp_path / "run"
    flags = ["--preset", "quick", "--config", str(file), "--run", str(run), "--quiet"]
    flags += ["--train-examples", "50", "--set", "training.steps=2", "--set", "task.symbols=5"]
    assert cli.main(["train", *flags, "--set", "model.positions=learned"]) == 0
    config = mt.load(run).config
    assert config["task"] == {"name": "reverse", "symbols": 5, "longest": 4, "longer": 0}
    assert config["model"]["positions"] == "learned" and config["model"]["d_model"] == 32
    expected = {"size": "tiny", "batch_size": 8, "train_examples": 50, "steps": 2}
    assert expected.items() <= config["training"].items()


def test_a_file_behind_the_task_is_its_option_file(suited, tmp_path, capsys, monkeypatch):
    given = {}
    monkeypatch.setattr(
        "minitransformer.commands.train.train",
        lambda task, folder, **settings: given.update(task.options()),
    )
    assert cli.main(["train", "suited", "some/file.tsv"]) == 0
    assert given["file"] == "some/file.tsv"
    said = refused(capsys, "train", "copy", "some/file.tsv")
    assert 'the task "copy" reads no file' in said and "symbols, longest" in said
    assert "one task, and a file at most" in refused(capsys, "train", "copy", "a", "b")


def test_the_values_of_set_are_toml_and_other_words_are_strings():
    words = {"64": 64, "1e-3": 0.001, "true": True, "False": False, "rotary": "rotary"}
    words |= {'"a b"': "a b", "[1, 2]": [1, 2], "data/a.tsv": "data/a.tsv", "": "", "3\nb = 4": 0}
    words["3\nb = 4"] = "3\nb = 4"
    for text, value in words.items():
        assert value_of(text) == value and type(value_of(text)) is type(value)


@pytest.mark.parametrize(
    "assignment, parts",
    [
        ("model.d_modle=64", ["[model] has no 'd_modle'", "did you mean 'd_model'?"]),
        ("model.steps=64", ["[model] has no 'steps'", "it belongs into [training]"]),
        ("training.stesp=64", ["[training] has no 'stesp'", "did you mean 'steps'?"]),
        ("d_model=64", ["TABLE.KEY=VALUE", "did you mean model.d_model=64?"]),
        ("modle.d_model=64", ["a table is one of ['task', 'vocabulary', 'model', 'training']"]),
        ("model.d_model", ["TABLE.KEY=VALUE"]),
        ("model.src_vocab_size=9", ["comes from the data"]),
        ("task.longst=3", ['has no option "longst"', 'did you mean "longest"?']),
        ("training.steps=many", ["training: steps has to be a whole number above 0, not 'many'"]),
        ("model.kind=mamba", ["model has to be one of", "'mamba'"]),
        ("model.num_layers=2", ['a model of the kind "transformer" has no num_layers']),
    ],
)
def test_what_no_configuration_has_is_said_with_the_nearest_that_there_is(
    assignment, parts, tmp_path, capsys
):
    said = refused(capsys, "train", "copy", "--run", tmp_path / "run", "--set", assignment)
    assert all(part in said for part in parts), said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "text, parts",
    [
        ("[model]\nd_ff = 3\nd_modle = 64", ["line 3", "[model] has no 'd_modle'", "'d_model'?"]),
        ("# x\n\n[training]\nd_ff = 3", ["line 4", "it belongs into [model]"]),
        ("model.d_fff = 3", ["line 1", "[model] has no 'd_fff'"]),
        ("steps = 3", ["line 1", "steps stands in no table; it belongs into [training]"]),
        ("[task]\nname='copy'\n[modle]\nd_ff=3", ["line 3", "no table 'modle'", "[model]"]),
        ("model = 'lstm'", ["line 1", "model has to be a table, [model]"]),
        ("[model\n", ["is not TOML", "line 1"]),
        ("[run]\nformat = 3", ["run format 3", "reads formats 1 and 2"]),
    ],
)
def test_a_fault_in_a_file_is_said_with_its_line(text, parts, tmp_path, capsys):
    file = written(tmp_path, text)
    said = refused(capsys, "train", "copy", "--config", file)
    assert all(part in said for part in (str(file), *parts)), said


def test_a_file_that_is_none_is_said(tmp_path, capsys, run_folder):
    assert "does not exist" in refused(capsys, "train", "--config", tmp_path / "no.toml")
    assert "is a folder; name the file" in refused(capsys, "train", "--config", run_folder)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    assert "is not UTF-8" in refused(capsys, "train", "--config", tmp_path / "bytes.toml")
    assert "no task is named" in refused(capsys, "train", "--config", written(tmp_path, ""))
    assert "TASK is missing" in refused(capsys, "train")


def test_a_preset_beside_the_file_of_a_run_is_refused(run_folder, capsys):
    file = run_folder / "config.toml"
    said = refused(capsys, "train", "--preset", "quick", "--config", file)
    assert "--preset would do nothing" in said and re.search("--set", said)


def test_a_file_with_a_byte_order_mark_and_crlf_is_read(tmp_path):
    path = tmp_path / "my.toml"
    path.write_bytes("\ufeff[training]\r\nsteps = 5\r\n".encode())
    assert from_file(path).settings == {"steps": 5}


def test_numbers_of_numpy_in_a_task_are_written_as_numbers(tmp_path):
    run = mt.train(
        tasks.get("copy", symbols=np.int64(5), longest=np.int64(4)),
        tmp_path / "run",
        **{"steps": 1, "size": "tiny", "train_examples": 9, "quiet": True},
    )
    assert mt.load(run.folder).config == run.config
