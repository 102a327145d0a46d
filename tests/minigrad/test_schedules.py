"""Schedules after the warmup: which way the learning rate goes."""

import math

import pytest

import minigrad as mg
from minigrad import optim


def optimizer():
    return optim.SGD([mg.Parameter([1.0])], lr=1.0)


SCHEDULES = {
    "noam": lambda: optim.WarmupSchedule(optimizer(), 64, 10, scale=0.01 * 640**0.5),
    "constant": lambda: optim.ConstantSchedule(optimizer(), 10, scale=0.01),
    "cosine": lambda: optim.CosineSchedule(optimizer(), 100, 10, scale=0.01),
}
every = pytest.mark.parametrize("make", SCHEDULES.values(), ids=SCHEDULES)


@every
def test_the_rate_rises_linearly_to_its_peak_after_the_warmup(make):
    schedule = make()
    rates = [schedule.rate(step) for step in range(1, 101)]
    assert rates[:10] == pytest.approx([0.001 * step for step in range(1, 11)])
    assert max(rates) == pytest.approx(0.01)
    assert all(later <= rate * (1 + 1e-12) for rate, later in zip(rates[9:], rates[10:]))


def test_a_constant_rate_stays_and_one_of_half_a_cosine_comes_down_to_nothing():
    constant, cosine = SCHEDULES["constant"](), SCHEDULES["cosine"]()
    assert constant.rate(10) == constant.rate(10_000) == 0.01
    assert cosine.rate(10) == 0.01
    for step in range(10, 102):
        expected = 0.005 * (1 + math.cos(math.pi * (step - 10) / 91))
        assert cosine.rate(step) == pytest.approx(expected, abs=1e-15)
    assert cosine.rate(100) > 0 == cosine.rate(101) == cosine.rate(500)


def test_a_warmup_that_is_longer_than_the_training_is_no_error():
    schedule = optim.CosineSchedule(optimizer(), 5, 10, scale=0.01)
    assert schedule.rate(5) == pytest.approx(0.005)
    assert schedule.rate(11) == 0


@every
def test_every_schedule_can_cool_down(make):
    schedule, plain = make(), make()
    schedule.cool_down(100, 0.5)
    assert [schedule.rate(step) for step in range(1, 52)] == [
        plain.rate(step) for step in range(1, 52)
    ]
    assert schedule.rate(76) == pytest.approx(plain.rate(76) / 2)
    assert schedule.rate(101) == 0


@every
def test_a_saved_schedule_goes_on_where_it_was(make):
    schedule, other = make(), make()
    schedule.cool_down(40, 0.5)
    for _ in range(25):
        schedule.step()
    other.load_state_dict(schedule.state_dict())
    for _ in range(20):
        schedule.step()
        other.step()
        assert other.optimizer.lr == schedule.optimizer.lr


def test_a_schedule_says_what_it_lacks():
    with pytest.raises(NotImplementedError, match="Schedule has no curve method"):
        optim.Schedule(optimizer()).rate(1)
