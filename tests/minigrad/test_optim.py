import numpy as np
import optim_oracle
import pytest

import minigrad as mg
from minigrad import optim

KINDS = optim_oracle.OPTIMISERS


def parameters(dtype=np.float64):
    return [mg.Parameter(array.astype(dtype)) for array in optim_oracle.given()[0]]


def run(optimiser, steps):
    """All entries after each step, with the recorded gradients."""
    rows = []
    for step in steps:
        for p, g in zip(optimiser.parameters, step):
            p.grad = mg.Tensor(g.astype(p.dtype))
        optimiser.step()
        rows.append(np.concatenate([p.data.reshape(-1) for p in optimiser.parameters]))
    return np.array(rows)


def made(name, given):
    ours, _, arguments = KINDS[name]
    return getattr(optim, ours)(given, **arguments)


@pytest.fixture(scope="module")
def recorded():
    with np.load(optim_oracle.FILE) as file:
        return dict(file)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("dtype, precision", [(np.float64, 1e-10), (np.float32, 1e-5)])
def test_an_optimiser_steps_as_pytorchs(name, dtype, precision, recorded):
    rows = run(made(name, parameters(dtype)), optim_oracle.given()[1])
    np.testing.assert_allclose(rows, recorded[name], rtol=precision, atol=precision)


def test_pytorch_steps_today_as_it_was_recorded(recorded):
    pytest.importorskip("torch")
    for name in KINDS:
        np.testing.assert_allclose(optim_oracle.asked(name), recorded[name], rtol=1e-10)
    np.testing.assert_allclose(optim_oracle.clipped(1.0), recorded["clip"], rtol=1e-6)


@pytest.mark.parametrize("name, max_norm", [("clip", 1.0), ("loose", 100.0)])
def test_clipping_scales_all_gradients_together_as_pytorchs(name, max_norm, recorded):
    given = parameters(np.float32)
    for p, g in zip(given, optim_oracle.given()[1][0]):
        p.grad = mg.Tensor(g.astype(np.float32))
    norm = optim.clip_grad_norm(given, max_norm)
    row = np.concatenate([[norm], *(p.grad.data.reshape(-1) for p in given)])
    np.testing.assert_allclose(row, recorded[name], rtol=1e-5)


# ---- closed forms


def test_sgd_is_the_definition():
    p = mg.Parameter(np.array([1.0, 2.0]))
    run(optim.SGD([p], lr=0.5), [[np.array([1.0, -2.0])]])
    np.testing.assert_array_equal(p.data, [0.5, 3.0])


def test_momentum_of_a_constant_gradient_is_a_geometric_sum():
    p = mg.Parameter(np.zeros(1))
    run(optim.SGD([p], lr=1.0, momentum=0.5), [[np.ones(1)]] * 4)
    np.testing.assert_allclose(p.data, [-(1 + 1.5 + 1.75 + 1.875)])


def test_the_first_step_of_adam_has_the_length_of_the_learning_rate():
    p = mg.Parameter(np.zeros(3))
    run(optim.Adam([p], lr=0.1, eps=0), [[np.array([1e-3, -5.0, 100.0])]])
    np.testing.assert_allclose(p.data, [-0.1, 0.1, -0.1])


def test_adamw_decays_weights_apart_from_the_gradient():
    p = mg.Parameter(np.array([2.0]))
    run(optim.AdamW([p], lr=0.1, weight_decay=0.5), [[np.zeros(1)]])
    np.testing.assert_allclose(p.data, [2.0 * (1 - 0.1 * 0.5)])


@pytest.mark.parametrize("name", KINDS)
def test_every_optimiser_finds_the_least_squares_solution(name):
    rng = np.random.default_rng(0)
    A, b = rng.standard_normal((20, 3)), rng.standard_normal(20)
    w = mg.Parameter(np.zeros(3))
    optimiser = made(name, [w])
    if name == "adamw":
        optimiser.weight_decay = 0.0
    for step in range(600):
        optimiser.lr = KINDS[name][2]["lr"] * (1 - step / 600)
        optimiser.zero_grad()
        ((A @ w - b) ** 2).mean().backward()
        optimiser.step()
    np.testing.assert_allclose(w.data, np.linalg.lstsq(A, b)[0], atol=1e-3)


# ---- which numbers are changed


@pytest.mark.parametrize("name", KINDS)
def test_a_parameter_without_a_gradient_stays(name):
    a, b = parameters()
    before = b.data.copy()
    optimiser = made(name, [a, b])
    for step in optim_oracle.given()[1]:
        a.grad = mg.Tensor(step[0])
        optimiser.step()
    np.testing.assert_array_equal(b.data, before)
    alone = made(name, parameters()[:1])
    np.testing.assert_array_equal(a.data.reshape(-1), run(alone, optim_oracle.given()[1])[-1])


@pytest.mark.parametrize("name", KINDS)
def test_many_parameters_move_as_each_would_alone(name):
    """More than one block of the flat buffer, and more than one parameter in a block."""
    rng = np.random.default_rng(0)
    sizes = [5, optim.BLOCK - 3, 7, 2 * optim.BLOCK + 11, 1, 2]
    start = [rng.standard_normal(n) for n in sizes]
    steps = [[rng.standard_normal(n) for n in sizes] for _ in range(3)]
    together = made(name, [mg.Parameter(array.copy()) for array in start])
    run(together, steps)
    for i, array in enumerate(start):
        alone = mg.Parameter(array.copy())
        run(made(name, [alone]), [[step[i]] for step in steps])
        np.testing.assert_array_equal(together.parameters[i].data, alone.data)


@pytest.mark.parametrize("name", KINDS)
def test_data_replaced_after_the_optimiser_was_made_is_what_it_changes(name):
    one, other = parameters(), parameters()
    steps = optim_oracle.given()[1]
    optimiser = made(name, one)
    for p in one:
        p.data = p.data.copy()
    rows = run(optimiser, steps[:3])
    for p in one:
        p.data = p.data.copy()
    np.testing.assert_array_equal(
        [*rows, *run(optimiser, steps[3:])], run(made(name, other), steps)
    )


def test_a_loaded_model_is_what_the_optimiser_changes():
    p = mg.Parameter(np.zeros(2))
    module = mg.Module()
    module.p = p
    optimiser = optim.SGD([p], lr=1.0)
    module.load_state_dict({"p": np.array([5.0, 6.0])})
    run(optimiser, [[np.ones(2)]])
    np.testing.assert_array_equal(p.data, [4, 5])


def test_the_array_a_parameter_was_made_of_is_left_alone():
    array = np.ones(2)
    p = mg.Parameter(array)
    run(optim.SGD([p], lr=1.0), [[np.ones(2)]])
    np.testing.assert_array_equal(p.data, [0, 0])
    np.testing.assert_array_equal(array, [1, 1])


def test_a_parameter_shared_by_two_modules_moves_once():
    module = mg.Module()
    module.a = module.b = mg.Parameter(np.zeros(1))
    run(optim.SGD(module.parameters(), lr=1.0), [[np.ones(1)]])
    np.testing.assert_array_equal(module.a.data, [-1])


def test_a_step_leaves_the_gradient_and_its_dtype_alone():
    p = mg.Parameter(np.ones(3, np.float32))
    optimiser = optim.Adam([p])
    p.grad = mg.Tensor(np.full(3, 2.0, np.float32))
    optimiser.step()
    np.testing.assert_array_equal(p.grad.data, [2, 2, 2])
    assert p.dtype == np.float32


def test_zero_grad_forgets_the_gradients():
    p = mg.Parameter(np.ones(3))
    p.grad = mg.Tensor(np.ones(3))
    optim.SGD([p], lr=1.0).zero_grad()
    assert p.grad is None


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
    assert state["steps"] == 0 and not state["mean"].any()


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"steps": 1, "lr": 0.1},
        {"steps": 1, "lr": 0.1, "mean": np.ones(3), "square": np.ones(10)},
        {"steps": 1, "lr": 0.1, "mean": np.ones(10), "square": np.ones(10), "extra": 1},
        {"steps": "many", "lr": 0.1, "mean": np.ones(10), "square": np.ones(10)},
        {"steps": 1, "lr": 0.1, "mean": np.ones(10), "square": np.array(["a"] * 10)},
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(state):
    optimiser = optim.Adam(parameters(), lr=0.5)
    with pytest.raises(ValueError):
        optimiser.load_state_dict(state)
    now = optimiser.state_dict()
    assert (now["steps"], now["lr"]) == (0, 0.5)
    assert not now["mean"].any() and not now["square"].any()


# ---- the paper's schedule


def test_the_schedule_is_equation_3_of_the_paper():
    optimiser = optim.Adam(parameters())
    schedule = optim.WarmupSchedule(optimiser, d_model=512, warmup_steps=4000)
    for step in (1, 100, 3999, 4000, 4001, 100_000):
        expected = 512**-0.5 * min(step**-0.5, step * 4000**-1.5)
        assert schedule.rate(step) == pytest.approx(expected, rel=1e-12)
    schedule.step()
    assert optimiser.lr == schedule.rate(1)
    schedule.step()
    assert optimiser.lr == schedule.rate(2) == 2 * schedule.rate(1)


def test_the_schedule_rises_to_its_peak_at_the_end_of_the_warm_up():
    schedule = optim.WarmupSchedule(optim.Adam(parameters()), d_model=64, warmup_steps=50)
    rates = [schedule.rate(step) for step in range(1, 200)]
    assert int(np.argmax(rates)) + 1 == 50


def test_the_schedule_goes_on_from_a_saved_state():
    optimiser = optim.Adam(parameters())
    schedule = optim.WarmupSchedule(optimiser, d_model=64, warmup_steps=5)
    for _ in range(3):
        schedule.step()
    other = optim.WarmupSchedule(optim.Adam(parameters()), d_model=64, warmup_steps=5)
    other.load_state_dict(schedule.state_dict())
    schedule.step()
    other.step()
    assert other.optimizer.lr == optimiser.lr
