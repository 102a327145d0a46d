import json
import math

import numpy as np
import pytest
from toy_models import quick_train, same_weights

import minitransformer as mt
from minitransformer import TrainingSettings, tasks
from minitransformer.run import CONFIG, WEIGHTS, load
from minitransformer.training import loop, trainer


def losses(run):
    return [(line["step"], line["loss"]) for line in run.log() if "loss" in line]


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stop_at(monkeypatch, step, error):
    """Let training raise `error` in the middle of that step."""
    batch_loss, calls = loop.batch_loss, []

    def stopping(*args):
        calls.append(args)
        if len(calls) == step:
            raise error
        return batch_loss(*args)

    monkeypatch.setattr(loop, "batch_loss", stopping)


@pytest.fixture
def given_to_learn(monkeypatch):
    """What the training loop is given, without running it."""
    given = {}

    def learn(run, settings, pairs, validation_pairs, *others):
        given.update(run=run, settings=settings, pairs=pairs, validation_pairs=validation_pairs)

    monkeypatch.setattr(trainer, "learn", learn)
    return given


# It learns.


def test_the_loss_goes_down_far_below_that_of_guessing(tmp_path, trained):
    copying = quick_train(tmp_path / "run", "copy", steps=200, batch_size=32, train_examples=2000)
    for run in (copying, trained):
        validation = [line["validation_loss"] for line in run.log() if "validation_loss" in line]
        assert validation[-1] < validation[0]
        assert validation[-1] < math.log(5) / 3
        assert losses(run)[0][1] > math.log(5) / 2


def test_every_training_step_is_in_training_mode_and_the_run_ends_in_evaluation(
    tmp_path, monkeypatch
):
    batch_loss, modes = loop.batch_loss, []

    def watched(model, *args):
        modes.append({part.training for part in model.modules()})
        return batch_loss(model, *args)

    monkeypatch.setattr(loop, "batch_loss", watched)
    run = quick_train(tmp_path / "run", steps=6, validations=3)
    assert modes == [{True}] * 6
    assert not run.model.training


def test_the_learning_rate_is_that_of_the_paper_and_falls_to_nothing_at_the_end(tmp_path):
    run = quick_train(tmp_path / "run", steps=60, warmup_steps=20, cooldown=0.5, lr_scale=0.7)
    rates = {line["step"]: line["lr"] for line in run.log() if "lr" in line}
    assert set(rates) == {10, 20, 30, 40, 50, 60}
    for step, rate in rates.items():
        paper = 0.7 * 32**-0.5 * min(step**-0.5, step * 20**-1.5)
        assert rate == pytest.approx(paper * min(1, (60 - step + 1) / 30))


# The same seed, the same weights.


def test_the_same_seed_gives_the_same_weights_bit_for_bit_and_the_same_losses(tmp_path):
    model = {"dropout": 0.1}
    one = quick_train(tmp_path / "one", seed=5, model=model)
    other = quick_train(tmp_path / "other", seed=5, model=model)
    assert same_weights(one.model, other.model)
    assert losses(one) == losses(other) != []


def test_another_seed_gives_other_weights(tmp_path):
    one = quick_train(tmp_path / "one", seed=5)
    other = quick_train(tmp_path / "other", seed=6)
    assert not same_weights(one.model, other.model)
    assert losses(one) != losses(other)


def test_watching_a_training_does_not_change_it(tmp_path):
    one = quick_train(tmp_path / "one", quiet=True, validations=1)
    other = quick_train(tmp_path / "other", quiet=False, validations=4)
    assert same_weights(one.model, other.model)


def test_the_run_records_all_that_is_needed_to_repeat_it(tmp_path):
    run = quick_train(tmp_path / "run", seed=3, model={"positions": "learned", "dropout": 0.1})
    config = json.loads((run.folder / CONFIG).read_text())
    task = tasks.get(config["task"]["name"], **config["task"]["options"])
    again = mt.train(task, tmp_path / "again", quiet=True, **config["training"])
    assert same_weights(run.model, again.model)


# The data.


def test_no_test_or_validation_example_is_trained_on(tmp_path, given_to_learn):
    run = quick_train(tmp_path / "run", train_examples=3000)
    kinds = {"pairs": "train", "validation_pairs": "validation"}
    for name, split in kinds.items():
        texts = [run.source_vocab.decode(source) for source, _ in given_to_learn[name]]
        assert {run.task.split_of(text) for text in texts} == {split}
    assert len(given_to_learn["pairs"]) == 3000
    assert len(given_to_learn["validation_pairs"]) == 10


def test_the_vocabularies_are_made_of_training_texts_alone(tmp_path, given_to_learn):
    run = quick_train(tmp_path / "run", train_examples=3)
    used = {token for source, _ in given_to_learn["pairs"] for token in source}
    assert used == set(range(4, len(run.source_vocab)))


def test_the_model_has_positions_for_the_longest_sentence_and_its_end(tmp_path, given_to_learn):
    assert quick_train(tmp_path / "run").model.config.max_length == 5


def test_the_task_says_how_many_steps_where_nobody_else_does(tmp_path, given_to_learn):
    run = quick_train(tmp_path / "run", steps=None)
    assert given_to_learn["settings"].steps == run.task.steps == run.settings["steps"]


# What one sees.


def test_at_each_validation_the_same_few_examples_are_shown(tmp_path, capsys):
    quick_train(tmp_path / "run", steps=6, validations=3, quiet=False)
    lines = capsys.readouterr().out.splitlines()
    heads = [line for line in lines if line.startswith("step ")]
    assert [head.split(":")[0] for head in heads] == ["step 2", "step 4", "step 6"]
    assert all("validation loss" in head and "exact" in head for head in heads)
    shown = [line.split(" -> ")[0].split()[-1] for line in lines if " -> " in line]
    assert len(shown) == 12
    assert shown[:4] == shown[4:8] == shown[8:]


def test_a_quiet_training_prints_nothing(tmp_path, capsys):
    quick_train(tmp_path / "run", steps=3)
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""


# Interrupted, diverged.


@pytest.mark.parametrize("step", [1, 13])
def test_ctrl_c_keeps_what_was_trained_so_far(step, tmp_path, monkeypatch, capsys):
    stop_at(monkeypatch, step, KeyboardInterrupt)
    run = quick_train(tmp_path / "run", steps=20)
    assert "Stopped by Ctrl-C" in capsys.readouterr().out
    assert same_weights(load(run.folder).model, run.model)
    assert not run.model.training
    before = quick_train(tmp_path / "untrained", steps=20)  # the first step is interrupted again
    monkeypatch.undo()
    assert load(before.folder).translate("abc") == before.translate("abc")


def test_the_steps_before_ctrl_c_are_those_of_the_whole_training(tmp_path, monkeypatch):
    whole = quick_train(tmp_path / "whole", steps=20)
    stop_at(monkeypatch, 14, KeyboardInterrupt)
    stopped = quick_train(tmp_path / "stopped", steps=20)
    assert losses(stopped) == losses(whole)[:1]


def test_the_weights_of_the_last_validation_survive_a_crash(tmp_path, monkeypatch):
    stop_at(monkeypatch, 15, RuntimeError("out of power"))
    with pytest.raises(RuntimeError, match="out of power"):
        quick_train(tmp_path / "run", steps=20, validations=2)
    run = load(tmp_path / "run")
    assert [line["step"] for line in run.log() if "validation_loss" in line] == [10]


def test_a_training_that_diverges_says_so_and_what_to_try(tmp_path):
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError) as caught:
        quick_train(tmp_path / "run", steps=100, lr_scale=1e30, clip=1e30, warmup_steps=1)
    said = str(caught.value)
    assert "the training diverged: at step" in said
    assert "smaller --lr-scale than 1e+30" in said
    assert "\n" not in said


# Folders.


def test_a_folder_that_holds_a_run_is_refused_and_nothing_in_it_changes(run_folder, monkeypatch):
    before = content(run_folder)
    monkeypatch.setattr(tasks.Task, "examples", None)  # nor is any work done for nothing
    with pytest.raises(FileExistsError, match="holds a run already: name another folder") as caught:
        quick_train(run_folder)
    assert str(run_folder) in str(caught.value)
    assert content(run_folder) == before


def test_what_else_is_in_the_folder_stays(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    quick_train(tmp_path, steps=1)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / WEIGHTS).exists()


def test_without_a_folder_each_run_gets_a_new_one_under_runs(tmp_path, monkeypatch, given_to_learn):
    monkeypatch.chdir(tmp_path)
    folders = [quick_train(None).folder.as_posix() for _ in range(3)]
    assert folders == ["runs/reverse", "runs/reverse-2", "runs/reverse-3"]


def test_settings_that_make_no_sense_leave_no_folder_behind(tmp_path):
    for wrong in ({"steps": 0}, {"model": {"num_heads": 5}}, {"train_examples": 0}):
        with pytest.raises(ValueError):
            quick_train(tmp_path / "run", **wrong)
    assert list(tmp_path.iterdir()) == []


# Settings.


@pytest.mark.parametrize(
    "name, value",
    [
        *((name, 0) for name in ("steps", "batch_size", "train_examples", "warmup_steps")),
        *((name, 0) for name in ("validations", "validation_examples", "workers")),
        *((name, 2.5) for name in ("steps", "batch_size", "train_examples", "validations")),
        ("lr_scale", 0),
        ("clip", 0),
        ("workers", -1),
        ("steps", -3),
        ("lr_scale", -1.0),
        ("lr_scale", math.nan),
        ("clip", math.nan),
        ("cooldown", 1.5),
        ("cooldown", -0.1),
        ("label_smoothing", 1.0),
        ("label_smoothing", -0.1),
        ("seed", -1),
    ],
)
def test_a_setting_that_makes_no_sense_is_named_with_what_it_should_be(name, value):
    with pytest.raises(ValueError, match=f"training: {name} has to be .*, not {value}"):
        TrainingSettings(**{name: value})


def test_the_defaults_are_settings_that_make_sense():
    assert TrainingSettings().steps is None


def test_an_unknown_setting_or_task_is_refused(tmp_path):
    with pytest.raises(TypeError, match="stepz"):
        mt.train("copy", tmp_path / "run", stepz=3)
    with pytest.raises(ValueError, match='no task "coppy".*did you mean "copy"'):
        mt.train("coppy", tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_tied_embeddings_are_over_one_vocabulary_also_where_two_have_one_size(tmp_path):
    run = quick_train(tmp_path / "run", model={"tie_embeddings": True}, seed=1)
    assert run.source_vocab.tokens == run.target_vocab.tokens
    again = load(tmp_path / "run")
    assert again.source_vocab.tokens == again.target_vocab.tokens
    assert again.translate("abc") == run.translate("abc")


def test_a_learning_rate_that_was_asked_for_is_the_highest_of_the_log(tmp_path):
    run = quick_train(tmp_path / "run", lr=0.003, lr_scale=1.0, warmup_steps=10)
    assert max(line["lr"] for line in run.log() if "lr" in line) == pytest.approx(0.003)
