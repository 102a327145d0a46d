"""What a training keeps: the best weights, checkpoints, their mean; and when it ends by itself."""

import numpy as np
import pytest
from test_resume import same_arrays
from toy_models import quick_train

from minitransformer import evaluate, load
from minitransformer.arrays import read_arrays
from minitransformer.training import ending, keeping, trainer
from minitransformer.training.keeping import Checkpoints, log_spaced, path_of
from minitransformer.training.state import read_state

WORSE = {
    "steps": 24,
    "validations": 12,
    "lr_scale": 20.0,
    "cooldown": 0.0,
}  # its loss rises now and then


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch):
    monkeypatch.setattr(trainer, "report", lambda run: None)


def checkpoints(run):
    return sorted(int(path.stem[5:]) for path in (run.folder / "checkpoints").iterdir())


def validations(run):
    return {
        line["step"]: line["validation_loss"] for line in run.log() if "validation_loss" in line
    }


# The best, and the last.


def test_the_weights_with_the_lowest_validation_loss_are_kept_and_the_last_are_in_the_state(
    tmp_path, capsys
):
    run = quick_train(tmp_path / "run", **WORSE, quiet=False)
    losses = validations(run)
    best = min(losses, key=losses.__getitem__)
    assert best < 24
    assert f"kept are those of step {best}, with the lowest" in capsys.readouterr().out
    state = read_state(run.folder)
    assert state.step == 24
    assert same_arrays(read_arrays(path_of(run.folder, 24), ""), state.arrays["weights"])
    assert not same_arrays(run.model.state_dict(), state.arrays["weights"])
    assert same_arrays(run.model.state_dict(), state.arrays["best"])


def test_between_two_validations_the_run_is_that_of_the_best_so_far(tmp_path, monkeypatch):
    def dying(*args):
        for step in fit(*args):
            yield step
            if step.number == 23:
                raise RuntimeError

    fit = trainer.fit
    monkeypatch.setattr(trainer, "fit", dying)
    with pytest.raises(RuntimeError):
        quick_train(tmp_path / "run", **WORSE)
    run, state = load(tmp_path / "run"), read_state(tmp_path / "run")
    best = state.arrays["best"] or state.arrays["weights"]
    assert same_arrays(run.model.state_dict(), best)


# Early stopping.


@pytest.mark.parametrize("workers", [1, 2])
def test_it_ends_when_so_many_validations_in_a_row_found_nothing_better(workers, tmp_path, capfd):
    run = quick_train(
        tmp_path / "run", **WORSE, patience=2, workers=workers, quiet=False, average=None
    )
    losses = list(validations(run).values())
    assert len(losses) < 12
    assert min(losses[-2:]) > min(losses[:-2]) == losses[-3]
    last = max(validations(run))
    assert read_state(run.folder).step == last
    out = " ".join(capfd.readouterr().out.split())
    assert f"no validation found a lower loss 2 times: it ends after step {last}" in out


def test_without_patience_it_goes_on_to_the_end(tmp_path):
    assert len(validations(quick_train(tmp_path / "run", **WORSE))) == 12


# Checkpoints.


def test_checkpoints_are_those_of_the_powers_of_two_the_beginning_and_the_end(tmp_path):
    run = quick_train(tmp_path / "run", steps=24)
    assert checkpoints(run) == [0, 1, 2, 4, 8, 16, 24]
    again = quick_train(tmp_path / "again", steps=8)
    for step in (0, 1, 2, 4):  # the rate is the same as long as it does not cool down
        arrays = (read_arrays(path_of(each.folder, step), "") for each in (run, again))
        assert same_arrays(*arrays)


@pytest.mark.parametrize("steps", [1, 2, 3, 20, 4_000, 100_000, 10**7])
@pytest.mark.parametrize("most", [3, 5, 16])
def test_there_are_never_more_of_them_than_there_is_room_for(steps, most):
    numbers = log_spaced(steps, most)
    assert {0, steps} <= numbers <= set(range(steps + 1))
    assert len(numbers) <= most
    assert len(numbers) >= min(most - 1, steps + 1, 3)


def test_a_large_model_has_fewer(tmp_path, monkeypatch, trained):
    size = sum(array.nbytes for array in trained.model.state_dict().values())
    monkeypatch.setattr(keeping, "BYTES", 4 * size)
    assert len(Checkpoints(trained, 1_000, None).shown) == 4


# Their mean.


def test_the_mean_is_that_of_the_last_checkpoints_a_72nd_of_the_training_apart(tmp_path):
    run = quick_train(tmp_path / "run", steps=144, average=3, validations=1)
    of_mean = [140, 142, 144]
    assert {128, *of_mean} <= set(checkpoints(run)) <= log_spaced(144, 16) | {*of_mean}
    mean, count = Checkpoints(run, 144, 3).mean(144)
    assert count == 3
    arrays = [read_arrays(path_of(run.folder, step), "") for step in of_mean]
    for name, array in mean.items():
        expected = np.mean([each[name].astype(np.float64) for each in arrays], axis=0)
        np.testing.assert_allclose(array, expected, rtol=1e-6, atol=1e-9)
        assert array.dtype == arrays[0][name].dtype


@pytest.mark.parametrize("better", [True, False])
def test_the_mean_is_kept_if_its_loss_is_no_higher(better, tmp_path, monkeypatch, capsys):
    seen = []

    def evaluated(model, pairs):
        result = evaluate(model, pairs)
        seen.append(model.state_dict())
        result.loss = 0.0 if better else 1e9
        return result

    monkeypatch.setattr(ending, "evaluate", evaluated)
    run = quick_train(tmp_path / "run", average=4, validations=1, quiet=False)
    (mean,) = seen
    last = read_state(run.folder).arrays["weights"]
    assert same_arrays(run.model.state_dict(), mean if better else last)
    assert same_arrays(load(run.folder).model.state_dict(), run.model.state_dict())
    (line,) = (line for line in run.log() if "averaged" in line)
    assert (line["averaged"], line["step"]) == (4, 20)
    which = "the mean" if better else "those of step 20"
    assert f"kept are {which}, with the lowest validation loss" in capsys.readouterr().out


def test_after_an_early_end_the_mean_is_of_the_last_that_there_are(tmp_path):
    run = quick_train(tmp_path / "run", **WORSE, patience=1, average=5)
    (line,) = (line for line in run.log() if "averaged" in line)
    assert line["step"] == read_state(run.folder).step < 24
    assert 1 <= line["averaged"] <= 5
