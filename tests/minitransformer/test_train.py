import math

import numpy as np
import pytest
from toy_models import quick_train, same_weights, toy_model

import minitransformer as mt
from minitransformer import TrainingSettings, cli, tasks
from minitransformer.run import LOG, WEIGHTS, load
from minitransformer.training import listeners, loop, trainer
from minitransformer.training.loop import Step
from minitransformer.training.metrics import Evaluation


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
    task = tasks.get(run.config["task"].pop("name"), **run.task.options())
    again = mt.train(task, tmp_path / "again", quiet=True, **load(run.folder).settings)
    assert same_weights(run.model, again.model)
    assert again.config == run.config


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


def test_at_each_validation_the_same_few_examples_are_shown_where_they_changed(tmp_path, capsys):
    quick_train(tmp_path / "run", steps=6, validations=3, quiet=False)
    lines = capsys.readouterr().out.splitlines()
    heads = [line for line in lines if line.startswith("step ")]
    assert [head.split(":")[0] for head in heads] == ["step 2", "step 4", "step 6"]
    assert all("validation loss" in head and "exact" in head for head in heads)
    shown = [line for line in lines if " -> " in line]
    sources = [line.split(" -> ")[0].split()[-1] for line in shown]
    assert lines[2:7] == shown[:5] and set(sources) == set(sources[:5])
    for source in sources[:5]:
        mine = [line for line, its in zip(shown, sources) if its == source]
        assert all(line != before for line, before in zip(mine[1:], mine))


def test_translations_that_did_not_change_are_not_shown_again(run_folder, capsys):
    run = load(run_folder)
    pairs = run.ids_of(run.task.examples("test", 6, np.random.default_rng(0)))
    listener = listeners.Validation(run, pairs, {1, 2, 3}, quiet=False)
    outputs = []
    for number in (1, 2, 3):
        if number == 3:  # it writes one letter, again and again
            run.model.output.bias.data[4] += 50.0
        listener(Step(number, 1.0, 1.0, 0.1, 10, 0.1))
        outputs.append(capsys.readouterr().out.splitlines())
    assert [len(lines) for lines in outputs] == [7, 2, 7]


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
    assert "smaller --lr or --lr-scale" in said
    assert "\n" not in said


def huge_step(folder, **settings):
    return quick_train(
        folder, steps=1, validations=1, clip=1e30, warmup_steps=1, cooldown=0.0, **settings
    )


def test_a_training_that_diverges_at_its_last_step_says_so_and_logs_no_nan(tmp_path):
    with pytest.raises(FloatingPointError, match="after step 1 the validation loss is .*--lr-scal"):
        huge_step(tmp_path / "run", lr_scale=1e30)
    assert all(
        np.isfinite(each).all() for each in load(tmp_path / "run").model.state_dict().values()
    )
    log = (tmp_path / "run" / LOG).read_text()
    assert '"loss"' in log
    assert "nan" not in log.lower() and "inf" not in log.lower()


def test_weights_that_are_no_numbers_are_never_kept(run_folder, monkeypatch, tmp_path):
    run, before = load(run_folder), (run_folder / WEIGHTS).read_bytes()
    run.model.output.bias.data[0] = np.inf
    with pytest.raises(FloatingPointError, match="not all weights in output.bias are finite num"):
        run.save()
    assert (run_folder / WEIGHTS).read_bytes() == before
    good = Evaluation(1.0, 0.5, [[]] * 10, [False] * 10)
    monkeypatch.setattr(listeners, "evaluate", lambda *args: good)  # which sees only some of them
    with pytest.raises(FloatingPointError, match="not all weights"):
        huge_step(tmp_path / "new", lr_scale=1e300)


def test_figures_that_json_has_no_word_for_are_not_logged(run_folder):
    run = load(run_folder)
    before = (run_folder / LOG).read_bytes()
    for figure in (math.nan, math.inf):
        with pytest.raises(ValueError):
            run.add_to_log(step=1, loss=figure)
    assert (run_folder / LOG).read_bytes() == before


# Few examples.


@pytest.mark.parametrize("largest", [999, 99, 30])
def test_a_task_with_few_examples_is_validated_on_those_it_has(largest, tmp_path, given_to_learn):
    task = tasks.get("numbers", largest=largest)
    mt.train(task, tmp_path / "run", size="tiny", train_examples=500, quiet=True)
    validated = len(given_to_learn["validation_pairs"])
    assert validated == task.available("validation", 10_000) > 0
    kinds = {"pairs": "train", "validation_pairs": "validation"}
    run = given_to_learn["run"]
    for name, split in kinds.items():
        known = {n: tuple(run.source_vocab.encode(task.pair(n)[0])) for n in task.every()}
        allowed = {ids for n, ids in known.items() if task.split_of(n) == split}
        assert {tuple(source) for source, _ in given_to_learn[name]} <= allowed


def test_with_few_examples_the_command_ends_well_though_their_words_may_be_unknown(
    tmp_path, capsys
):
    for largest in (999, 30):
        arguments = f"train numbers --option largest={largest} --size tiny --steps 1".split()
        assert cli.main([*arguments, "--run", str(tmp_path / str(largest))]) == 0
        assert load(tmp_path / str(largest)).log()
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "unknown to this model" in printed.out or "Pictures: " in printed.out


def test_a_task_without_any_example_for_validation_is_refused(tmp_path):
    with pytest.raises(ValueError, match="has 0 different examples for validation"):
        mt.train(tasks.get("copy", symbols=1, longest=3), tmp_path / "run", quiet=True)
    assert list(tmp_path.iterdir()) == []


# Settings that do what they say.


def test_dropout_of_every_worker_depends_on_the_seed():
    drawn = []
    for seed in (0, 1):
        for rank in (0, 1, 2):
            model = toy_model(dropout=0.5)
            trainer._give_own_randomness(model, seed, rank)
            generators = [m.rng for m in model.modules() if isinstance(m, mt.Dropout)]
            drawn.append(tuple(rng.random() for rng in generators))
    of_workers = [each for i, each in enumerate(drawn) if i % 3]  # the first has the model's own
    assert len(set(of_workers)) == 4
    assert len({number for each in of_workers for number in each}) == 4 * len(of_workers[0])


def test_one_matrix_is_of_one_vocabulary_though_two_would_have_one_size(tmp_path):
    class Shout(type(tasks.get("copy"))):
        def pair(self, example):
            return example, example.upper()

    settings = {"model": {"tie_embeddings": True}, "size": "tiny", "steps": 1, "quiet": True}
    run = mt.train(Shout(symbols=5), tmp_path / "run", **settings)
    assert run.source_vocab.tokens == run.target_vocab.tokens
    assert {"a", "A"} < set(run.source_vocab.tokens)
    quick_train(tmp_path / "copy", "copy", steps=1, model=settings["model"])


@pytest.mark.parametrize(
    "tied, shared", [("all", True), ("source-target", True), ("target", False), ("none", False)]
)
def test_one_vocabulary_is_made_where_the_languages_are_tied_and_only_there(tmp_path, tied, shared):
    class Shout(type(tasks.get("copy"))):
        def pair(self, example):
            return example, example.upper()

    settings = {"model": {"tie_embeddings": tied}, "size": "tiny", "steps": 1, "quiet": True}
    few = {"train_examples": 50, "validation_examples": 5}
    run = mt.train(Shout(symbols=5), tmp_path / "run", **settings, **few)
    assert (run.source_vocab.tokens == run.target_vocab.tokens) == shared
    assert run.model.config.ties_languages == shared
    assert run.model.config.ties_output == (tied in ("all", "target"))


@pytest.mark.parametrize(
    "model",
    [
        {"norm": "batch"},
        {"norm": "batch", "norm_first": True},
        {"positions": "rotary"},
        {"positions": "concatenated", "init": "identity"},
        {"tie_embeddings": "target", "init": "scaled"},
        {"tie_embeddings": "source-target"},
    ],
    ids=str,
)
def test_a_model_of_other_blocks_learns_and_its_run_is_read_again(tmp_path, model):
    settings = {"steps": 150, "batch_size": 32, "train_examples": 600}
    run = quick_train(tmp_path / "run", model=model, **settings)
    losses = [line["validation_loss"] for line in run.log() if "validation_loss" in line]
    assert losses[-1] < min(losses[0], 1.9)  # by chance it is log 9 = 2.2
    again = load(tmp_path / "run")
    assert same_weights(again.model, run.model)
    assert again.model.config == run.model.config
    assert again.translate("abc", "d") == run.translate("abc", "d")


def test_with_batch_norm_a_batch_has_all_lengths_and_else_similar_ones(tmp_path, monkeypatch):
    spreads = []

    def watched(model, batches, *others):
        batches = list(batches)
        lengths = [(batch.src != 0).sum(axis=1) for batch in batches]
        spreads.append(np.mean([np.ptp(each) for each in lengths]))
        return right(model, batches, *others)

    right = trainer.fit
    monkeypatch.setattr(trainer, "fit", watched)
    for norm in ("layer", "batch"):
        quick_train(tmp_path / norm, model={"norm": norm})
    assert spreads[0] < 1 < 2 < spreads[1]


def test_an_empty_name_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match='"" names no folder: name one, or leave it out'):
        quick_train("")
    with pytest.raises(ValueError, match='"" names no folder'):
        load("")
    assert list(tmp_path.iterdir()) == []


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


def test_too_few_positions_for_the_task_are_refused_before_the_training(tmp_path):
    with pytest.raises(ValueError, match='max_length 4 is too small: .* "reverse" have up to 4'):
        quick_train(tmp_path / "run", model={"max_length": 4})
    assert list(tmp_path.iterdir()) == []
    quick_train(tmp_path / "run", model={"max_length": 5})


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
        *((name, True) for name in ("steps", "workers", "seed", "lr_scale", "cooldown")),
        ("lr_scale", math.inf),
    ],
)
def test_a_setting_that_makes_no_sense_is_named_with_what_it_should_be(name, value):
    with pytest.raises(ValueError, match=f"training: {name} has to be .*, not {value}"):
        TrainingSettings(**{name: value})


def test_numbers_of_numpy_are_numbers(tmp_path):
    numbers = {"steps": np.int64(2), "batch_size": np.uint8(7), "seed": np.int32(3)}
    numbers |= {"lr_scale": np.float32(0.5), "clip": np.float64(2.0)}
    model = {"d_ff": np.int64(9), "dropout": np.float32(0.25)}
    run = quick_train(tmp_path / "run", **numbers, model=model)
    loaded = load(run.folder)
    assert {name: loaded.settings[name] for name in numbers} == numbers
    assert {type(loaded.settings[name]) for name in numbers} == {int, float}
    assert (loaded.model.config.d_ff, loaded.model.config.dropout) == (9, 0.25)


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
