"""The bug lab (bugs/): each mistake does what its row of the table says."""

import numpy as np
import pytest
from toy_models import close, quick_train, same_weights, toy_model

import minitransformer as mt
from minitransformer import cli, load
from minitransformer.bugs.attention import Rewritten
from minitransformer.bugs.table import BUGS, apply, bug
from minitransformer.lab.check import CHECKS
from minitransformer.models.kinds import KINDS
from minitransformer.text.batching import source_rows

SRC = source_rows([[4, 5, 6], [7], [5, 4]])
TGT = np.array([[1, 4, 5, 6, 7], [1, 6, 2, 0, 0], [1, 7, 3, 2, 5]])

IN_A_MODEL = [name for name, each in BUGS.items() if each.layers or each.loss]
IN_LAYERS = [name for name, each in BUGS.items() if each.layers]


def tiny(kind="transformer", **changes):
    of_kind = KINDS[kind]
    sizes = (12, 12) if of_kind.one_vocabulary else (12, 11)
    made = of_kind.config.of_size("tiny", *sizes, **{"max_length": 20, "dropout": 0.1, **changes})
    return of_kind.model(made, np.random.default_rng(3))


@pytest.mark.parametrize("name", IN_A_MODEL)
def test_a_bug_is_found_by_the_checks_that_the_table_names_and_by_no_other(name):
    model = tiny()
    apply(model, name)
    assert tuple(mt.check(model, loss=bug(name).loss).failed) == bug(name).found_by


def test_without_a_bug_nothing_is_found():
    model = tiny()
    apply(model, None)
    assert mt.check(model).failed == []


def test_a_schedule_that_is_stepped_per_tensor_is_found_in_the_log_of_its_run(tmp_path):
    right, wrong = (
        mt.check(quick_train(tmp_path / str(name), bug=name))
        for name in (None, "schedule-per-tensor")
    )
    assert BUGS["schedule-per-tensor"].found_by == ("schedule",)
    assert "schedule" in wrong.failed
    assert set(wrong.failed) - set(right.failed) == {"schedule"}


def test_every_bug_is_found_by_checks_that_there_are():
    assert all(each.found_by for each in BUGS.values())
    assert {name for each in BUGS.values() for name in each.found_by} <= CHECKS.keys()


@pytest.mark.parametrize("name", IN_LAYERS)
def test_a_bug_leaves_the_weights_and_changes_the_logits(name):
    model, right = tiny().astype(np.float64), tiny().astype(np.float64)
    apply(model, name)
    assert same_weights(model, right)
    logits, expected = model(SRC, TGT).data, right(SRC, TGT).data  # with dropout
    assert np.abs(logits - expected).max() > 1e-3


@pytest.mark.parametrize("changes", [{}, {"positions": "rotary"}], ids=["sinusoidal", "rotary"])
def test_attention_as_it_is_rewritten_for_mistakes_is_right_without_one(changes):
    model, right = (toy_model(**changes).astype(np.float64).eval() for _ in range(2))
    for module in model.modules():
        if isinstance(module, mt.MultiHeadAttention):
            module.__class__ = Rewritten
    close(model(SRC, TGT), right(SRC, TGT), 1e-14)
    state = model.start(SRC)
    for time, tokens in enumerate(TGT.T):
        logits, state = model.step(state, tokens)
        close(logits, right(SRC, TGT).data[:, time], 1e-13)


@pytest.mark.parametrize(
    "name, changes",
    [
        ("no-scale", {"kind": "lstm"}),
        ("norm-before", {"norm_first": True}),
        ("embedding-not-scaled", {"positions": "rotary"}),
        ("embedding-not-scaled", {"positions": "learned"}),
    ],
)
def test_a_bug_that_has_no_place_in_a_model_is_refused(name, changes):
    model = tiny(**changes)
    with pytest.raises(ValueError, match=f"the bug '{name}' has no place in this model"):
        apply(model, name)
    assert {type(module).__module__ for module in model.modules()}.isdisjoint(
        {"minitransformer.bugs.attention", "minitransformer.bugs.layers"}
    )


def test_an_unknown_bug_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="no bug 'futur-leak'; did you mean 'future-leak'"):
        bug("futur-leak")
    with pytest.raises(ValueError, match="no bug 3, only no-scale"):
        apply(tiny(), 3)
    with pytest.raises(ValueError, match="bug has to be one of .*did you mean 'no-scale'"):
        mt.TrainingSettings(bug="noscale")


@pytest.mark.parametrize(
    "name, settings",
    [
        ("one-dropout-mask", {"model": {"dropout": 0.1}}),
        ("smoothing-over-padding", {"label_smoothing": 0.1}),
    ],
)
def test_a_bug_that_would_do_nothing_is_refused(name, settings):
    with pytest.raises(ValueError, match=f"'{name}' does nothing without {BUGS[name].needs}"):
        mt.TrainingSettings(bug=name)
    assert mt.TrainingSettings(bug=name, **settings).bug == name


@pytest.mark.parametrize("name", ["future-leak", "target-not-shifted", "padding-in-loss"])
def test_a_training_with_a_bug_is_another_and_its_run_says_so_whenever_it_is_used(
    name, tmp_path, capsys
):
    right, wrong = (quick_train(tmp_path / str(each), bug=each) for each in (None, name))
    assert not same_weights(right.model, wrong.model)
    capsys.readouterr()
    again = load(wrong.folder)
    assert f"trained with a bug on purpose, {name}" in capsys.readouterr().err
    assert again.settings["bug"] == name
    np.testing.assert_array_equal(again.model(SRC, TGT).data, wrong.model(SRC, TGT).data)
    assert again.translate("abc") == wrong.translate("abc")
    assert name in mt.check(again).title
    load(right.folder)
    assert capsys.readouterr().err == ""


def test_a_run_with_a_bug_that_nobody_knows_is_damaged(run_folder):
    path = run_folder / "config.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("[training]", '[training]\nbug = "no-such-bug"'), encoding="utf-8")
    with pytest.raises(ValueError, match="is damaged: .*there is no bug 'no-such-bug'"):
        load(run_folder)


def test_the_command_lists_every_bug_with_what_one_sees_and_what_finds_it(capsys):
    assert cli.main(["bugs"]) == 0
    said = capsys.readouterr().out
    for name, each in BUGS.items():
        assert f"{name}: {each.wrong}" in said
        assert each.seen in said
        assert f"found by: {', '.join(each.found_by)}" in said


def test_the_command_trains_with_a_bug(tmp_path, capsys):
    sizes = ["--size", "tiny", "--steps", "3", "--train-examples", "50"]
    run = ["--run", str(tmp_path / "run"), "--quiet"]
    assert cli.main(["train", "reverse", "--bug", "no-scale", *sizes, *run]) == 0
    assert load(tmp_path / "run").config["training"]["bug"] == "no-scale"
