"""An optimiser, its model and its state: tied, copied, saved and loaded."""

import copy
import io
import pickle

import numpy as np
import optim_oracle
import pytest
from test_optim import KINDS, made, parameters, run

import minigrad as mg
from minigrad import optim

kinds = pytest.mark.parametrize("name", KINDS)

COPIES = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "old pickle": lambda x: pickle.loads(pickle.dumps(x, protocol=0)),
}
copies = pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)


class Model(mg.Module):
    def __init__(self):
        self.w, self.b = parameters()


# ---- copies


@kinds
@copies
def test_a_copied_model_goes_on_with_the_copied_optimiser(name, copied):
    steps = optim_oracle.given()[1]
    whole = run(made(name, parameters()), steps)
    model = Model()
    optimiser = made(name, model.parameters())
    run(optimiser, steps[:4])
    for _ in range(2):  # a copy can be copied
        model, optimiser = copied((model, optimiser))
    before = copied(model)
    np.testing.assert_array_equal(run(optimiser, steps[4:]), whole[4:])
    np.testing.assert_array_equal(model.w.data.reshape(-1), whole[-1][:6])
    assert not np.array_equal(before.w.data, model.w.data)


@kinds
@copies
def test_a_copy_moves_nothing_of_the_original(name, copied):
    model = Model()
    optimiser = made(name, model.parameters())
    run(optimiser, optim_oracle.given()[1][:2])
    state, saved = model.state_dict(), optimiser.state_dict()
    _, other = copied((model, optimiser))
    run(other, optim_oracle.given()[1])
    for key, array in model.state_dict().items():
        np.testing.assert_array_equal(array, state[key])
    for key, array in optimiser.state_dict().items():
        np.testing.assert_array_equal(array, saved[key])


@copies
def test_a_schedule_is_copied_with_its_optimiser(copied):
    optimiser = optim.Adam(parameters())
    schedule = optim.WarmupSchedule(optimiser, d_model=16, warmup_steps=3)
    schedule.cool_down(8, 0.5)
    schedule.step()
    other_optimiser, other = copied((optimiser, schedule))
    other.step()
    assert other.optimizer is other_optimiser
    assert other_optimiser.lr == schedule.rate(2)
    assert optimiser.lr == schedule.rate(1)


@copies
def test_a_model_that_holds_its_optimiser_is_copied_with_it(copied):
    model = Model()
    model.optimiser = optim.SGD(model.parameters(), lr=1.0)
    other = copied(model)
    other.w.grad = mg.Tensor(np.ones((3, 2)))
    other.optimiser.step()
    np.testing.assert_allclose(other.w.data, model.w.data - 1)


def test_a_copy_from_before_the_data_was_replaced_is_right():
    model = Model()
    optimiser = optim.SGD(model.parameters(), lr=1.0)
    model.w.data = np.zeros((3, 2))
    other, other_optimiser = copy.deepcopy((model, optimiser))
    other.w.grad = mg.Tensor(np.ones((3, 2)))
    other_optimiser.step()
    np.testing.assert_array_equal(other.w.data, -np.ones((3, 2)))


# ---- parameters that share one array


def tied(name="sgd"):
    array = np.array([1.0, 2.0])
    module = mg.Module()
    module.p, module.q, module.r = (mg.Parameter(a) for a in (array, array, np.zeros(3)))
    return module, made(name, module.parameters())


@kinds
def test_tied_parameters_stay_tied_and_move_by_the_sum_of_their_gradients(name):
    module, optimiser = tied(name)
    one = mg.Parameter(np.array([1.0, 2.0]))
    alone = made(name, [one])
    for _ in range(3):
        module, optimiser = copy.deepcopy((module, optimiser))
        module.p.grad = mg.Tensor(np.array([1.0, 10.0]))
        module.q.grad = mg.Tensor(np.array([3.0, -10.5]))
        one.grad = mg.Tensor(np.array([4.0, -0.5]))
        optimiser.step()
        alone.step()
        np.testing.assert_array_equal(module.p.data, one.data)
        assert module.q.data is module.p.data
        np.testing.assert_array_equal(module.r.data, np.zeros(3))
    np.testing.assert_array_equal(module.p.grad.data, [1, 10])


def test_tied_parameters_move_when_only_one_has_a_gradient_or_one_is_frozen():
    module, optimiser = tied()
    module.q.grad = mg.Tensor(np.ones(2))
    optimiser.step()
    np.testing.assert_allclose(module.p.data, [0.9, 1.9])
    module.p.grad = mg.Tensor(np.ones(2))
    module.q.requires_grad = False
    optimiser.step()
    np.testing.assert_allclose(module.q.data, [0.8, 1.8])


def test_tied_parameters_stay_tied_when_loaded_and_in_another_dtype():
    module, optimiser = tied()
    module.load_state_dict({"p": np.ones(2), "q": np.ones(2), "r": np.ones(3)})
    optimiser.step()
    assert module.p.data is module.q.data
    module.astype(np.float32)
    assert module.p.data is module.q.data and module.p.dtype == np.float32


@pytest.mark.parametrize(
    "other", [lambda a: a[:2], lambda a: a[1:], lambda a: a[::-1], lambda a: a.reshape(3, 1)]
)
def test_parameters_that_overlap_in_part_or_in_another_way_are_refused(other):
    array = np.arange(3.0)
    p, q = mg.Parameter(array), mg.Parameter(other(array))
    with pytest.raises(ValueError, match="overlap in memory: they may share one whole array"):
        optim.SGD([p, mg.Parameter(np.zeros(2)), q], lr=1.0)


def test_parameters_that_lie_between_each_other_are_not_tied():
    array = np.arange(6.0)
    p, q = mg.Parameter(array[::2]), mg.Parameter(array[1::2])
    run(optim.SGD([p, q], lr=1.0), [[np.ones(3), np.zeros(3)]])
    np.testing.assert_array_equal(p.data, [-1, 1, 3])
    np.testing.assert_array_equal(q.data, [1, 3, 5])


def test_parameters_that_were_tied_or_untied_afterwards_are_refused():
    module, optimiser = tied()
    module.q.data = np.zeros(2)
    with pytest.raises(ValueError, match=r"assign into it \(p\.data\[\.\.\.\] = array\)"):
        optimiser.step()
    p, q = mg.Parameter(np.ones(2)), mg.Parameter(np.zeros(2))
    optimiser = optim.SGD([p, q], lr=1.0)
    q.data = p.data
    with pytest.raises(ValueError, match="or make the optimiser afterwards"):
        optimiser.step()


def test_parameters_whose_data_was_exchanged_keep_what_they_were_given():
    p, q = mg.Parameter(np.ones(2)), mg.Parameter(np.zeros(2))
    optimiser = optim.SGD([p, q], lr=1.0)
    p.data, q.data = q.data, p.data
    optimiser.step()
    np.testing.assert_array_equal(p.data, [0, 0])
    np.testing.assert_array_equal(q.data, [1, 1])


@pytest.mark.parametrize("data", [np.ones(1), np.ones((2, 1)), np.ones(2, np.float32)])
def test_data_of_another_shape_or_dtype_is_refused_by_the_next_step(data):
    p = mg.Parameter(np.ones(2))
    optimiser = optim.SGD([p], lr=1.0)
    p.data = data
    with pytest.raises(ValueError, match="make the optimiser afterwards"):
        optimiser.step()


# ---- what counts as a change


def test_making_an_optimiser_is_no_change_of_the_numbers():
    p = mg.Parameter(np.array([1.0, 2.0]))
    y = (p * p).sum()
    optimiser = optim.SGD([p], lr=0.1)
    optimiser.use_buffer(np.empty(2))
    copy.deepcopy(optimiser)
    y.backward()
    np.testing.assert_array_equal(p.grad.data, [2, 4])


def test_a_step_changes_only_the_parameters_that_have_a_gradient():
    p, q, frozen = (mg.Parameter(np.array([1.0, 2.0])) for _ in range(3))
    optimiser = optim.Adam([p, q, frozen])
    one, other, third = (p * p).sum(), (q * q).sum(), (frozen * q).sum()
    frozen.requires_grad = False
    p.grad = frozen.grad = mg.Tensor(np.ones(2))
    optimiser.step()
    other.backward()
    third.backward()
    np.testing.assert_array_equal(q.grad.data, [3, 6])
    with pytest.raises(RuntimeError, match="changed in place"):
        one.backward()


def test_a_step_changes_all_that_share_the_array():
    module, optimiser = tied()
    y = (module.q * module.q).sum()
    module.p.grad = mg.Tensor(np.ones(2))
    optimiser.step()
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


# ---- its state


@pytest.mark.parametrize("name", KINDS)
def test_training_goes_on_from_a_saved_state_as_if_it_had_never_stopped(name):
    steps = optim_oracle.given()[1]
    whole = run(made(name, parameters()), steps)
    first = made(name, parameters())
    run(first, steps[:4])
    second = made(name, [mg.Parameter(p.data.copy()) for p in first.parameters])
    second.load_state_dict(first.state_dict())
    np.testing.assert_array_equal(run(second, steps[4:]), whole[4:])


def test_the_state_is_a_copy():
    optimiser = optim.Adam(parameters())
    state = optimiser.state_dict()
    run(optimiser, optim_oracle.given()[1][:1])
    assert not state["steps"].any() and not state["mean"].any()


def state_of_adam(**changed):
    zeros = {"steps": np.ones(2, int), "lr": [0.1], "betas": [(0.9, 0.99)], "eps": [1e-8]}
    zeros |= {"weight_decay": [0.0], "mean": np.ones(10), "square": np.ones(10)}
    return {key: value for key, value in (zeros | changed).items() if value is not None}


def test_a_state_can_be_saved_beside_its_model_as_arrays():
    model = Model()
    optimiser = optim.AdamW([{"params": [model.w], "lr": 0.1}, {"params": [model.b]}])
    run(optimiser, optim_oracle.given()[1][:3])
    file = io.BytesIO()
    arrays = {f"optimiser.{key}": array for key, array in optimiser.state_dict().items()}
    np.savez(file, **model.state_dict(), **arrays)
    other = Model()
    other_optimiser = optim.AdamW([{"params": [other.w]}, {"params": [other.b], "lr": 7.0}])
    with np.load(io.BytesIO(file.getvalue())) as arrays:
        other.load_state_dict({key: arrays[key] for key in ("w", "b")})
        mine = {key: arrays[key] for key in arrays if key.startswith("optimiser.")}
        other_optimiser.load_state_dict({key[10:]: array for key, array in mine.items()})
    assert [group["lr"] for group in other_optimiser.param_groups] == [0.1, 1e-3]
    last = optim_oracle.given()[1][3:]
    np.testing.assert_array_equal(run(optimiser, last), run(other_optimiser, last))
    np.testing.assert_array_equal(model.w.data, other.w.data)


def test_a_state_that_fits_is_taken():
    optimiser = optim.Adam(parameters(), lr=0.5)
    optimiser.load_state_dict(state_of_adam())
    assert (optimiser.lr, optimiser.betas) == (0.1, (0.9, 0.99))
    assert optimiser.state_dict()["steps"].tolist() == [1, 1]


@pytest.mark.parametrize(
    "changed",
    [
        {"mean": None},
        {"mean": np.ones(3)},
        {"mean": np.ones((10, 2))},
        {"mean": 1.0},
        {"extra": 1},
        {"steps": "many"},
        {"steps": [1, -1]},
        {"steps": [1.5, 1]},
        {"steps": [1]},
        {"lr": 0.1},
        {"lr": [np.nan]},
        {"lr": [0.1, 0.2]},
        {"betas": [0.9]},
        {"square": np.array(["a"] * 10)},
        {"square": np.array([None] * 10)},
        {"square": np.ones(10, complex)},
    ],
    ids=str,
)
def test_a_state_that_does_not_fit_changes_nothing(changed):
    optimiser = optim.Adam(parameters(), lr=0.5)
    before = optimiser.state_dict()
    with pytest.raises(ValueError, match="load_state_dict: "):
        optimiser.load_state_dict(state_of_adam(**changed))
    for key, array in optimiser.state_dict().items():
        np.testing.assert_array_equal(array, before[key])
