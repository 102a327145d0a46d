"""The training loop by itself: batches in, steps out."""

from itertools import islice, repeat
from types import SimpleNamespace

import numpy as np
import pytest
from toy_models import BATCH, quick_train, same_weights, toy_model

import minigrad as mg
from minitransformer import batch_loss, make_batch
from minitransformer.training import loop, trainer
from minitransformer.training.listeners import Pace
from minitransformer.training.loop import Step, fit
from minitransformer.training.parallel import Alone


def tools(model, scale=1.0):
    optimizer = mg.optim.Adam(model.parameters(), betas=(0.9, 0.98), eps=1e-9)
    return optimizer, mg.optim.WarmupSchedule(optimizer, 4, warmup_steps=10, scale=scale)


def test_there_is_a_step_for_each_batch_and_each_says_what_it_was():
    model, other = toy_model(), toy_model()
    steps = list(fit(model, [BATCH] * 3, *tools(model), clip=0.5, label_smoothing=0.1))
    assert [step.number for step in steps] == [1, 2, 3]
    optimizer, schedule = tools(other)
    for step in steps:  # the same by hand
        optimizer.zero_grad()
        loss = batch_loss(other, BATCH, 0.1)
        loss.backward()
        schedule.step()
        norm = mg.optim.clip_grad_norm(optimizer.parameters, 0.5)
        optimizer.step()
        assert (step.loss, step.norm, step.lr) == (loss.item(), norm, optimizer.lr)
        assert step.tokens == BATCH.num_tokens == 5
        assert step.seconds > 0
    assert same_weights(model, other)


def test_who_listens_decides_when_it_ends_and_may_use_the_model_between_two_steps():
    model = toy_model(dropout=0.2)
    seen = []
    for step in fit(model, repeat(BATCH), *tools(model)):
        model.eval()
        seen.append(batch_loss(model, BATCH).item())
        model.train()
        if step.number == 20:
            break
    assert len(seen) == 20
    assert seen[-1] < seen[0]


def test_nothing_is_trained_before_the_first_step_is_asked_for():
    model, before = toy_model(), toy_model()
    steps = fit(model, repeat(BATCH), *tools(model))
    assert same_weights(model, before)
    next(steps)
    assert not same_weights(model, before)


def test_a_gradient_that_is_no_number_ends_it_with_the_model_as_it_was():
    model, before = toy_model(), toy_model()
    for each in (model, before):
        each.output.bias.data[0] = np.nan
    with pytest.raises(FloatingPointError, match="at step 1 the loss is nan and its gradient nan"):
        next(fit(model, [BATCH], *tools(model)))
    one, other = model.state_dict(), before.state_dict()
    assert all(np.array_equal(one[path], other[path], equal_nan=True) for path in one)


def test_a_group_takes_its_part_of_each_batch_and_the_step_of_all():
    class Half(Alone):
        def __init__(self):
            self.given = []

        def share(self, batch):
            return (batch, 0.5) if len(self.given) % 2 else (None, 0.0)

        def step(self, optimizer, clip, loss):
            self.given.append(loss)
            return 1.0, 7.0

    model, group = toy_model(), Half()
    steps = list(fit(model, [BATCH] * 2, *tools(model), group=group))
    assert [step.loss for step in steps] == [7.0, 7.0]
    assert group.given == [0.0, pytest.approx(batch_loss(toy_model(), BATCH).item() / 2, rel=1e-6)]


def test_the_pace_is_that_of_the_steps_alone():
    pace = Pace()
    for tokens, seconds in ((100, 0.5), (300, 1.5)):
        pace(Step(1, 0.0, 0.0, 0.0, tokens, seconds))
    assert pace.tokens_per_second == 200


def test_what_a_listener_takes_does_not_count_for_the_next_step(monkeypatch):
    now = 0.0
    monkeypatch.setattr(loop, "time", SimpleNamespace(perf_counter=lambda: now))

    def batches():
        nonlocal now
        for _ in range(4):
            now += 2.0
            yield BATCH

    model = toy_model()
    for step in fit(model, batches(), *tools(model)):
        assert step.seconds == 2.0
        now += 100.0


def test_a_training_listens_with_all_that_stands_in_its_list(tmp_path, monkeypatch):
    heard = []

    class Listening(trainer.Log):
        def __call__(self, step):
            heard.append(step)
            super().__call__(step)

    monkeypatch.setattr(trainer, "Log", Listening)
    run = quick_train(tmp_path / "run", steps=12)
    assert [step.number for step in heard] == list(range(1, 13))
    logged = [line for line in run.log() if "loss" in line]
    for line in logged:
        step = heard[line["step"] - 1]
        assert (line["loss"], line["lr"]) == (step.loss, step.lr)
    assert [line["step"] for line in logged] == [6, 10, 12]


def test_batches_are_taken_one_at_a_time():
    model, taken = toy_model(), []
    batches = (taken.append(i) or BATCH for i in range(10))
    list(islice(fit(model, batches, *tools(model)), 3))
    assert taken == [0, 1, 2]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_step_of_several_batches_is_that_of_one_large_batch(smoothing):
    rng = np.random.default_rng(0)
    lengths = [1, 1, 2, 6, 7, 3, 3, 1]  # so that no two batches have as many real tokens
    pairs = [(rng.integers(4, 8, n).tolist(), rng.integers(4, 8, n).tolist()) for n in lengths]
    large = make_batch(pairs)
    small = [make_batch(pairs[i : i + 2]) for i in range(0, 8, 2)]
    assert len({batch.num_tokens for batch in small}) > 2
    models = [toy_model().astype(np.float64) for _ in range(2)]
    one, several = (
        list(fit(model, batches, *tools(model), 1e9, smoothing, accumulate=accumulate))
        for model, batches, accumulate in zip(models, ([large] * 3, small * 3), (1, 4))
    )
    assert [step.number for step in several] == [1, 2, 3]
    for mine, its in zip(several, one):
        assert mine.tokens == its.tokens
        assert (mine.loss, mine.norm) == pytest.approx((its.loss, its.norm), rel=1e-9)
    # Of a gradient that is zero but for rounding (that of a bias of keys) Adam makes a whole step.
    states = [model.state_dict() for model in models]
    for name in states[0]:
        if not name.endswith("w_k.bias"):
            np.testing.assert_allclose(states[0][name], states[1][name], rtol=1e-6, atol=1e-9)


def test_with_too_few_batches_the_last_step_is_of_those_that_are_left():
    model = toy_model()
    steps = list(fit(model, [BATCH] * 5, *tools(model), accumulate=3))
    assert [step.tokens for step in steps] == [15, 10]
