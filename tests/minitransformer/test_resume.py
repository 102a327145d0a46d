"""A training that was ended goes on as if it had not been, bit for bit."""

import os
import signal
import subprocess
import tomllib

import numpy as np
import pytest
from processes import SMALL, started, wait_until
from toy_models import quick_train, same_weights

import minitransformer as mt
from minitransformer import cli, files, tasks, toml
from minitransformer.files import Claim, append_line
from minitransformer.run import CONFIG, LOG, WEIGHTS, load
from minitransformer.training import state as state_module
from minitransformer.training import trainer
from minitransformer.training.state import STATE, read_state

SETTINGS = {"steps": 24, "validations": 4, "model": {"dropout": 0.2}}
OF_THE_CLOCK = {"seconds", "tokens_per_second"}


def figures(run):
    """The log, but for what a clock has said."""
    return [
        {name: value for name, value in line.items() if name not in OF_THE_CLOCK}
        for line in run.log()
    ]


def same_state(one, other):
    """Whether two folders hold the same state, bit for bit, but for the clock."""
    one, other = read_state(one), read_state(other)
    for state in (one, other):
        del state.about["seconds"]
    assert one.about == other.about
    for kind, arrays in one.arrays.items():
        assert arrays.keys() == other.arrays[kind].keys()
        assert all(np.array_equal(arrays[name], other.arrays[kind][name]) for name in arrays)
    return True


def ended_after(step, folder, monkeypatch, **settings):
    """The folder of a training that dies between that step and the next."""

    def dying(*args):
        for each in right(*args):
            yield each
            if each.number == step:
                raise RuntimeError("out of power")

    right = trainer.fit
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "fit", dying)
        with pytest.raises((RuntimeError, ChildProcessError), match="out of power"):
            quick_train(folder, **{**SETTINGS, **settings})
    return folder


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch):
    monkeypatch.setattr(trainer, "report", lambda run: None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return quick_train(tmp_path_factory.mktemp("whole") / "run", **SETTINGS)


@pytest.mark.parametrize("step", [1, 6, 17, 23])
def test_a_training_that_was_cut_off_ends_as_if_it_had_not_been(step, whole, tmp_path, monkeypatch):
    run = mt.resume(ended_after(step, tmp_path / "run", monkeypatch), quiet=True)
    assert same_weights(run.model, whole.model) and same_weights(load(run.folder).model, run.model)
    assert figures(run) == figures(whole)
    assert same_state(run.folder, whole.folder)


@pytest.mark.parametrize(
    "settings",
    [
        {"workers": 2},
        {"workers": 3, "batch_size": 2, "save_every": 5},  # and one of them has nothing to do
        {"save_every": 1},
        {"accumulate": 3, "batch_tokens": 40},
        {"schedule": "cosine", "average": 3},
        {"model": {"dropout": 0.1, "norm": "batch", "tie_embeddings": True}},
        {"model": {"kind": "attention-lstm", "dropout": 0.1}},
        {"train_examples": 40},  # several times through the data
        {"lr_scale": 20.0, "patience": 1, "validations": 12},
    ],
    ids=str,
)
def test_so_it_is_with_every_kind_of_training(settings, tmp_path, monkeypatch):
    settings = {**SETTINGS, **settings}
    right = quick_train(tmp_path / "right", **settings)
    last = read_state(right.folder).step
    for step in (1, min(13, last - 1)):
        run = mt.resume(
            ended_after(step, tmp_path / f"{step}", monkeypatch, **settings), quiet=True
        )
        assert same_weights(run.model, right.model)
        assert figures(run) == figures(right)
        assert same_state(run.folder, right.folder)
        checkpoints = [
            {path.name: path.read_bytes() for path in (each.folder / "checkpoints").iterdir()}
            for each in (run, right)
        ]
        assert checkpoints[0].keys() == checkpoints[1].keys()


def test_the_moments_of_saving_change_no_number(whole, tmp_path):
    often = quick_train(tmp_path / "run", **SETTINGS, save_every=1)
    assert same_weights(often.model, whole.model)


def test_it_can_be_cut_off_again_and_again(whole, tmp_path, monkeypatch):
    folder = ended_after(3, tmp_path / "run", monkeypatch)
    right, resume = trainer.fit, mt.resume
    for step in (7, 8, 13, 20):

        def dying(*args, step=step):
            for each in right(*args):
                yield each
                if each.number == step:
                    raise RuntimeError("out of power")

        with monkeypatch.context() as patch, pytest.raises(RuntimeError):
            patch.setattr(trainer, "fit", dying)
            resume(folder, quiet=True)
    run = resume(folder, quiet=True)
    assert same_weights(run.model, whole.model) and figures(run) == figures(whole)


def test_a_stopped_training_keeps_its_last_weights_and_still_knows_the_best(tmp_path, monkeypatch):
    settings = {**SETTINGS, "lr_scale": 20.0}  # so high that it gets worse
    right = quick_train(tmp_path / "right", **settings)

    def stopping(*args):
        for each in fit(*args):
            if each.number == 15:
                args[6].stop.ask()
            yield each

    fit = trainer.fit
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "fit", stopping)
        stopped = quick_train(tmp_path / "run", **settings)
    state = read_state(stopped.folder)
    assert state.step == 15 and same_arrays(state.arrays["weights"], stopped.model.state_dict())
    run = mt.resume(stopped.folder, quiet=True)
    assert same_weights(run.model, right.model) and figures(run) == figures(right)


def same_arrays(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[n], other[n]) for n in one)


# Killed, truly.


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_training_is_resumed_by_the_command(workers, tmp_path):
    arguments = [*SMALL, *"--steps 60 --validations 3 --dropout 0.1 --workers".split(), workers]
    right, cut = tmp_path / "right", tmp_path / "cut"
    other = started("train", "reverse", *arguments, "--run", right)
    process = started("train", "reverse", *arguments, "--save-every", 3, "--run", cut)
    log = cut / LOG
    wait_until(lambda: log.exists() and '"step": 20, "loss"' in log.read_text())
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert other.communicate()[1] == "" and other.returncode == 0
    process = started("train", "--resume", cut)
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert "goes on after step" in out
    assert same_weights(load(cut).model, load(right).model)


# Longer.


def test_more_steps_are_as_if_from_the_beginning_while_the_rate_was_the_same(tmp_path, capsys):
    right = quick_train(tmp_path / "right", **{**SETTINGS, "steps": 48}, cooldown=0.0)
    quick_train(tmp_path / "run", **SETTINGS, cooldown=0.0)
    run = mt.resume(tmp_path / "run", steps=48)
    said = " ".join(capsys.readouterr().out.split())
    assert "It was to have 24; until here the rate was the same, so it is as if" in said
    assert run.settings["steps"] == load(tmp_path / "run").settings["steps"] == 48
    assert same_arrays(*(read_state(each.folder).arrays["weights"] for each in (run, right)))


def test_more_steps_let_the_rate_rise_again_where_it_had_begun_to_fall_and_that_is_said(
    tmp_path, capsys
):
    quick_train(tmp_path / "run", **SETTINGS)
    run = mt.resume(tmp_path / "run", steps=48)
    said = " ".join(capsys.readouterr().out.split())
    assert "the rate had begun to fall for its end, and goes from" in said
    rates = {line["step"]: line["lr"] for line in run.log() if "lr" in line}
    assert rates[30] > rates[24]


def test_a_finished_training_says_so_and_changes_nothing(tmp_path, capsys):
    run = quick_train(tmp_path / "run", **SETTINGS)
    before = run.log(), (run.folder / WEIGHTS).read_bytes()
    assert same_weights(mt.resume(run.folder).model, run.model)
    assert "is finished: it has made all its 24 steps" in " ".join(capsys.readouterr().out.split())
    assert before == (run.log(), (run.folder / WEIGHTS).read_bytes())


# What cannot be resumed.


def refused(folder, *said, error: type[Exception] = ValueError, **settings):
    with pytest.raises(error) as caught:
        mt.resume(folder, quiet=True, **settings)
    text = str(caught.value)
    assert "\n" not in text and all(each in text for each in said), text
    with Claim(folder):  # it was let go
        pass


def test_what_cannot_be_resumed_is_said_in_a_sentence(tmp_path):
    folder = quick_train(tmp_path / "run", **SETTINGS).folder
    state = (folder / STATE).read_bytes()
    refused(folder, "has made 24 steps already, and 10 are fewer", steps=10)
    for wrong in (b"", state[:1000], state[: len(state) // 2] + bytes(400)):
        (folder / STATE).write_bytes(wrong)
        refused(folder, f"{STATE} is damaged or was only half written")
    (folder / STATE).unlink()
    refused(folder, f"has no {STATE}, so its training cannot", error=FileNotFoundError)
    with pytest.raises(FileNotFoundError, match="is not the folder of a run"):
        mt.resume(tmp_path / "nothing")


def test_a_state_of_another_version_is_refused(tmp_path):
    folder = quick_train(tmp_path / "run", **SETTINGS).folder
    state = read_state(folder)
    state.about["format"] = 99
    state.write(folder)
    refused(folder, "it has the format 99 of another version; this one reads format 1")


def test_a_state_without_one_of_its_parts_is_refused(tmp_path):
    folder = quick_train(tmp_path / "run", **SETTINGS).folder
    whole = (folder / STATE).read_bytes()
    for part in ("generators", "batches", "schedule", "best", "belongs_to"):
        (folder / STATE).write_bytes(whole)
        state = read_state(folder)
        del state.about[part]
        state.write(folder)
        refused(folder, f"cannot be resumed from: '{part}' is missing")


def test_a_changed_configuration_or_other_data_are_named(tmp_path, monkeypatch):
    folder = quick_train(tmp_path / "run", **SETTINGS).folder
    text = (folder / CONFIG).read_text(encoding="utf-8")
    config = tomllib.loads(text)
    for name, value in (("batch_size", 17), ("seed", 5), ("workers", 2)):
        changed = {**config, "training": {**config["training"], name: value}}
        (folder / CONFIG).write_text(toml.dumps(changed), encoding="utf-8")
        was = repr(str(config["training"][name]))
        said = f"training: {name} was {was} and is '{value}' now"
        refused(folder, said, error=(ValueError, ChildProcessError))
    (folder / CONFIG).write_text(text, encoding="utf-8")
    examples = tasks.Task.examples
    other = lambda *args: examples(*args)[::-1]  # noqa: E731
    monkeypatch.setattr(tasks.Task, "examples", other)
    refused(folder, "the training examples are others now: has the file of the data been changed")


def test_a_setting_that_there_is_not_is_named_with_the_nearest(tmp_path):
    folder = quick_train(tmp_path / "run", **SETTINGS).folder
    text = (folder / CONFIG).read_text(encoding="utf-8")
    (folder / CONFIG).write_text(text.replace("\nclip =", "\nclipp ="), encoding="utf-8")
    refused(folder, "cannot be resumed: [training] has no 'clipp'; did you mean 'clip'?")
    (folder / CONFIG).write_text(
        text.replace("\nclip =", "\nquiet = false\nclip ="), encoding="utf-8"
    )
    assert mt.resume(folder, quiet=True).settings["clip"] == 1.0


def test_what_cannot_be_made_longer_is_to_have_as_many_steps_as_before(tmp_path, monkeypatch):
    folder = quick_train(tmp_path / "run", **SETTINGS).folder
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    examples = tasks.Task.examples
    monkeypatch.setattr(tasks.Task, "examples", lambda *args: examples(*args)[::-1])
    refused(folder, "the training examples are others now", steps=48)
    assert before == {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_run_that_repeats_another_is_resumed_too(whole, tmp_path):
    again = mt.train_from(whole.folder / CONFIG, tmp_path / "again", quiet=True)
    assert same_state(again.folder, whole.folder)
    assert same_weights(mt.resume(again.folder, quiet=True).model, whole.model)


def test_lines_of_the_log_that_no_training_wrote_are_no_hindrance(whole, tmp_path):
    run = mt.train_from(whole.folder / CONFIG, tmp_path / "run", quiet=True)
    for line in ("{}", '{"step": "last"}', '{"step": null}'):
        append_line(run.folder / LOG, line)
    assert figures(mt.resume(run.folder, quiet=True)) == figures(whole)


def test_a_run_that_is_being_trained_cannot_be_resumed(tmp_path):
    folder = quick_train(tmp_path / "run", **SETTINGS).folder
    with Claim(folder), pytest.raises(FileExistsError, match="another training is writing"):
        mt.resume(folder)


def test_who_trains_into_a_run_again_is_told_how_to_resume_it(tmp_path):
    folder = quick_train(tmp_path / "run", **SETTINGS).folder
    with pytest.raises(FileExistsError, match="go on with its training: .*train --resume "):
        quick_train(folder)


def test_resume_takes_no_other_settings(tmp_path, capsys):
    for other, named in (
        (["--lr", "0.1"], "--lr"),
        (["copy"], "task"),
        (["--run", "x"], "--run"),
        (["--option", "a=1"], "--option"),
        (["--d-model", "8"], "--d-model"),
    ):
        assert cli.main(["train", "--resume", str(tmp_path), *other]) == 2
        assert capsys.readouterr().err.rstrip().endswith(f"for --steps, and takes no {named}")
    assert cli.main(["train"]) == 2
    assert "TASK is missing" in capsys.readouterr().err


# A disk that is full, a folder that cannot be written to.


def test_where_the_disk_is_full_the_last_good_state_stays(whole, tmp_path, monkeypatch):
    def full(file, arrays):
        if len(written) == 3:
            file.write(b"half of it")
            raise OSError(28, "No space left on device")
        written.append(arrays)
        write_arrays(file, arrays)

    write_arrays, written = state_module.write_arrays, []
    with monkeypatch.context() as patch:
        patch.setattr(state_module, "write_arrays", full)
        with pytest.raises(OSError, match=f"{STATE} could not be written: No space left on device"):
            quick_train(tmp_path / "run", **SETTINGS)
    assert read_state(tmp_path / "run").step == 12
    assert not list((tmp_path / "run").glob(f".*{files.UNFINISHED}"))
    assert load(tmp_path / "run").translate("abc")
    run = mt.resume(tmp_path / "run", quiet=True)
    assert same_weights(run.model, whole.model) and figures(run) == figures(whole)


def test_a_real_disk_that_is_full_is_said_and_the_last_good_state_stays(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can make a small disk")
    try:
        folder = disk / "run"
        with pytest.raises(OSError, match="could not be written: No space left on device"):
            quick_train(folder, steps=600, validations=3, save_every=1, average=200)
        step = read_state(folder).step
        assert load(folder).translate("abc") and step > 0
        for path in (folder / "checkpoints").iterdir():
            path.unlink()
        run = mt.resume(folder, quiet=True, steps=max(step + 1, 20))
        assert read_state(folder).step == max(step + 1, 20) and run.translate("abc")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_weights_that_are_no_numbers_are_not_kept_over_good_ones(tmp_path, monkeypatch):
    def broken(*args):
        for each in fit(*args):
            if each.number == 5:
                args[0].output.bias.data[0] = np.nan
            yield each

    fit = trainer.fit
    monkeypatch.setattr(trainer, "fit", broken)
    with pytest.raises(FloatingPointError, match="not all weights in output.bias are finite"):
        quick_train(tmp_path / "run", **SETTINGS, save_every=1)
    assert read_state(tmp_path / "run").step == 4
