"""Which numbers an optimiser takes, for all of its parameters or for each group."""

from fractions import Fraction

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim


def parameter():
    return mg.Parameter(np.array([1.0, 2.0]))


def moved(optimiser):
    p = optimiser.parameters[0]
    for g in ([3.0, 4.0], [1.0, -7.0]):
        p.grad = mg.Tensor(np.array(g))
        optimiser.step()
    return p.data.copy()


# (what makes an optimiser or clips, with one number; that number)
TAKES = {
    "lr": (lambda x: moved(optim.SGD([parameter()], lr=x)), 0.25),
    "momentum": (lambda x: moved(optim.SGD([parameter()], 0.1, momentum=x)), 0.25),
    "weight_decay": (lambda x: moved(optim.SGD([parameter()], 0.1, weight_decay=x)), 0.25),
    "Adam's lr": (lambda x: moved(optim.Adam([parameter()], lr=x)), 0.25),
    "betas": (lambda x: moved(optim.Adam([parameter()], betas=(x, x))), 0.25),
    "eps": (lambda x: moved(optim.Adam([parameter()], eps=x)), 0.25),
    "Adam's weight_decay": (lambda x: moved(optim.Adam([parameter()], weight_decay=x)), 0.25),
    "AdamW's": (lambda x: moved(optim.AdamW([parameter()], weight_decay=x)), 0.25),
    "a group's lr": (lambda x: moved(optim.SGD([{"params": [parameter()], "lr": x}], 1.0)), 0.25),
}


def assigned(name):
    def set_to(x):
        optimiser = optim.AdamW([parameter()], lr=0.1)
        setattr(optimiser, name, x)
        return moved(optimiser)

    return set_to


def put_into_the_group(x):
    optimiser = optim.SGD([parameter()], lr=0.1)
    optimiser.param_groups[0]["lr"] = x
    return moved(optimiser)


def clipped(x):
    p = parameter()
    p.grad = mg.Tensor(np.array([3.0, 4.0]))
    optim.clip_grad_norm([p], x)
    return p.grad.data


def scheduled(x):
    return optim.WarmupSchedule(optim.Adam([parameter()]), 16, scale=x).rate(1)


TAKES |= {f"assigned {name}": (assigned(name), 0.25) for name in ("lr", "eps", "weight_decay")}
TAKES |= {"put into the group": (put_into_the_group, 0.25), "max_norm": (clipped, 0.25)}
TAKES |= {"scale": (scheduled, 0.25)}

places = pytest.mark.parametrize("take, x", TAKES.values(), ids=TAKES)
NUMBERS = [mg.Tensor, lambda x: mg.Parameter(x) * 1, lambda x: mg.Tensor([x]), np.float32]
NUMBERS += [np.float64, np.array, Fraction]


@places
@pytest.mark.parametrize("kind", NUMBERS)
def test_a_tensor_or_a_numpy_scalar_is_taken_as_the_number(take, x, kind):
    np.testing.assert_array_equal(take(kind(x)), take(x))
    assert not np.array_equal(take(x), take(x / 2))


WRONG = ["0.1", None, -0.1, np.nan, np.array([0.1]), np.array([0.1, 0.2]), [0.1], 1j, True]
WRONG += [mg.Tensor([0.1, 0.2]), mg.Tensor(-0.1), mg.Tensor(np.nan), np.float32(-1), -np.inf]


@places
@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_anything_else_is_refused_with_a_sentence(take, x, wrong):
    with pytest.raises((TypeError, ValueError), match=r"has to be (one|a) number"):
        take(wrong)


@pytest.mark.parametrize("wrong", [np.inf, 10**400])
def test_a_rate_is_finite_but_a_norm_need_not_be(wrong):
    with pytest.raises(ValueError, match="lr has to be a number that is at least 0 and finite"):
        optim.SGD([parameter()], lr=wrong)
    np.testing.assert_array_equal(clipped(wrong), [3, 4])


@pytest.mark.parametrize("betas", [(0.9, 1.0), (0.9,), 0.9, "ab", (0.9, -0.1), (0.9, 0.99, 0.999)])
def test_betas_are_two_numbers_below_one(betas):
    with pytest.raises((TypeError, ValueError), match="betas.* has to be"):
        optim.Adam([parameter()], betas=betas)


@pytest.mark.parametrize("betas", [[0.5, 0.25], np.array([0.5, 0.25]), mg.Tensor([0.5, 0.25])])
def test_betas_may_come_in_an_array(betas):
    assert optim.Adam([parameter()], betas=betas).betas == (0.5, 0.25)


def test_nesterov_is_yes_or_no_and_needs_momentum():
    with pytest.raises(ValueError, match="give a momentum above 0"):
        optim.SGD([parameter()], lr=0.1, nesterov=True)
    with pytest.raises(TypeError, match="True or False, not float"):
        optim.SGD([parameter()], lr=0.1, momentum=0.9, nesterov=1.0)


def test_a_refused_assignment_leaves_the_number_as_it_was():
    optimiser = optim.SGD([parameter()], lr=0.1)
    with pytest.raises(ValueError):
        optimiser.lr = -1.0
    assert optimiser.lr == 0.1


@pytest.mark.parametrize(
    "settings", [{"d_model": 0}, {"warmup_steps": 0}, {"warmup_steps": "4"}, {"scale": np.nan}]
)
def test_a_schedule_needs_numbers_that_have_a_curve(settings):
    (name,) = settings
    with pytest.raises((TypeError, ValueError), match=f"{name} has to be"):
        optim.WarmupSchedule(optim.Adam([parameter()]), **{"d_model": 16, **settings})


# ---- groups


def test_each_group_has_the_optimisers_settings_where_it_has_none_of_its_own():
    p, q = parameter(), parameter()
    groups = [{"params": p, "lr": 0.5}, {"params": (x for x in [q]), "weight_decay": 0.5}]
    optimiser = optim.SGD(groups, lr=0.1)
    p.grad = q.grad = mg.Tensor(np.ones(2))
    optimiser.step()
    np.testing.assert_allclose(p.data, np.array([1, 2]) - 0.5)
    np.testing.assert_allclose(q.data, np.array([1, 2]) - 0.1 * (1 + 0.5 * np.array([1, 2])))
    assert groups[0].keys() == {"params", "lr"}  # the caller's own stay as they are


def test_what_is_assigned_holds_for_all_groups():
    groups = [{"params": [parameter()], "lr": 0.5}, {"params": [parameter()]}]
    optimiser = optim.SGD(groups, lr=0.1)
    assert optimiser.lr == 0.5
    optimiser.lr = 0.2
    assert [group["lr"] for group in optimiser.param_groups] == [0.2, 0.2]


def test_a_group_may_carry_a_note_of_somebody_else():
    """As PyTorch's schedules leave one: it is neither checked nor saved."""
    optimiser = optim.SGD([parameter()], lr=0.1)
    before = optimiser.state_dict()
    optimiser.param_groups[0]["initial_lr"] = "a note"
    moved(optimiser)
    assert optimiser.state_dict().keys() == before.keys()


SHARED = np.ones(2)
TWICE = parameter()
WRONG_LISTS = [
    (lambda: [{"params": [parameter()], "rate": 1}], ValueError, "any of lr, .*; this has rate"),
    (lambda: [{"lr": 1}], ValueError, "this has no params"),
    (lambda: [{"params": [TWICE]}, {"params": [TWICE]}], ValueError, "a parameter twice"),
    (lambda: [parameter(), {"params": [parameter()]}], TypeError, "changes Parameters"),
    (lambda: [("p", parameter())], TypeError, "changes Parameters"),
    (lambda: {"p": parameter()}, TypeError, "changes Parameters"),
    (lambda: {parameter()}, TypeError, "a set has no order"),
    (lambda: [{"params": {parameter()}}], TypeError, "a set has no order"),
    (lambda: mg.Tensor([1.0]), TypeError, "changes Parameters: pass model.parameters"),
    (lambda: mg.Module(), TypeError, "changes Parameters: pass model.parameters"),
    (lambda: [{"params": []}], ValueError, "no parameters"),
    (lambda: [mg.Tensor(np.arange(3))], ValueError, "floating-point parameters of one dtype"),
    (
        lambda: [{"params": mg.Parameter(SHARED)}, {"params": mg.Parameter(SHARED)}],
        *(ValueError, "share one array are in two groups"),
    ),
]


@pytest.mark.parametrize("given, kind, sentence", WRONG_LISTS, ids=range(len(WRONG_LISTS)))
def test_a_list_that_is_none_of_parameters_or_groups_is_refused(given, kind, sentence):
    with pytest.raises(kind, match=sentence):
        optim.SGD(given(), lr=1.0)


def test_an_optimiser_of_ones_own_has_groups_and_checked_settings():
    class Signs(optim.Optimizer):
        scale = optim.Setting(optim.number)

        def __init__(self, parameters, lr, scale=1.0):
            super().__init__(parameters, lr, scale=scale)

        def update(self, p, g, averages, steps, settings):
            p -= settings["lr"] * settings["scale"] * np.sign(g)

    p, q = parameter(), parameter()
    optimiser = Signs([{"params": p, "scale": mg.Tensor(2.0)}, {"params": q}], lr=0.5)
    p.grad = q.grad = mg.Tensor(np.array([7.0, -7.0]))
    optimiser.step()
    np.testing.assert_array_equal(p.data, [0, 3])
    np.testing.assert_array_equal(q.data, [0.5, 2.5])
    with pytest.raises(ValueError, match="scale has to be"):
        optimiser.scale = -1
