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
            p.grad = None if g is None else mg.Tensor(g.astype(p.dtype))
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
    for name, rows in optim_oracle.answers().items():
        np.testing.assert_allclose(rows, recorded[name], rtol=1e-6)


@pytest.mark.parametrize("name", KINDS)
def test_late_and_rare_gradients_move_a_parameter_as_pytorchs(name, recorded):
    """Each parameter counts its own steps."""
    rows = run(made(name, parameters()), optim_oracle.rare())
    np.testing.assert_allclose(rows, recorded[f"rare {name}"], rtol=1e-10)
    rows = run(made(name, parameters()), optim_oracle.late())[-4:]
    np.testing.assert_allclose(rows, recorded[f"late {name}"], rtol=1e-9)


@pytest.mark.parametrize("name", KINDS)
def test_a_frozen_parameter_is_skipped_as_pytorchs(name, recorded):
    """Also with a gradient that was left from before."""
    given = parameters()
    optimiser = made(name, given)
    rows = []
    for number, step in enumerate(optim_oracle.given()[1]):
        optim_oracle.freeze_the_second(given, number)
        rows += [*run(optimiser, [step])]
    np.testing.assert_allclose(rows, recorded[f"frozen {name}"], rtol=1e-10)


@pytest.mark.parametrize("name", optim_oracle.GROUPED)
def test_groups_under_a_schedule_move_as_pytorchs_under_lambda_lr(name, recorded):
    given = parameters()
    groups = [{"params": [p], **own} for p, own in zip(given, optim_oracle.GROUPED[name])]
    ours, _, arguments = KINDS[name]
    optimiser = getattr(optim, ours)(groups, **{**arguments, "lr": 1.0})
    schedule = optim.WarmupSchedule(optimiser, d_model=16, warmup_steps=4)
    rows = []
    for step in optim_oracle.given()[1]:
        schedule.step()
        rows += [*run(optimiser, [step])]
    np.testing.assert_allclose(rows, recorded[f"groups {name}"], rtol=1e-10)


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


# ---- gradients that are shared, set by hand, or at the edge of the dtype


def with_gradients(*gradients):
    given = [mg.Parameter(np.ones(np.shape(g), g.dtype)) for g in gradients]
    for p, g in zip(given, gradients):
        p.grad = mg.Tensor(g)
    return given


@pytest.mark.parametrize("given", [lambda p: p, lambda p: [p], lambda p: (q for q in [p])])
def test_clipping_takes_one_tensor_a_list_and_a_generator(given):
    (p,) = with_gradients(np.array([3.0, 4.0]))
    assert optim.clip_grad_norm(given(p), 1.0) == 5
    np.testing.assert_allclose(p.grad.data, [0.6, 0.8])


@pytest.mark.parametrize(
    "dtype, size", [(np.float16, 300), (np.float16, 1e-4), (np.float32, 1e25)]
    + [(np.float32, 1e-30), (np.float32, 3e38), (np.float64, 1e200), (np.float64, 1e-200)],
)  # fmt: skip
def test_the_norm_is_right_where_its_square_has_no_place_in_the_dtype(dtype, size):
    given = with_gradients(np.full(50, size, dtype), np.full(50, -size, dtype))
    each = float(given[0].grad.data[0])
    norm = optim.clip_grad_norm(given, each)
    assert norm == pytest.approx(10 * each, rel=1e-6)
    for p, sign in zip(given, (1, -1)):
        assert p.grad.dtype == dtype
        spacing = float(np.spacing(dtype(each / 10)))
        np.testing.assert_allclose(p.grad.data, sign * each / 10, rtol=1e-6, atol=spacing)
    assert optim.clip_grad_norm(given, 0.0) == pytest.approx(each, rel=0.2)
    assert not given[0].grad.data.any()


def test_clipping_to_a_length_of_one_needs_a_factor_that_the_dtype_has_not():
    given = with_gradients(np.array([3e38, 0.0], np.float32))
    optim.clip_grad_norm(given, 1e-3)
    np.testing.assert_allclose(given[0].grad.data, [1e-3, 0], rtol=1e-6)


@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("place", [0, 1])
def test_a_norm_that_is_not_finite_is_returned_and_leaves_the_gradients_as_they_are(odd, place):
    gradients = [np.array([1.0, 2.0]), np.array([3.0, 4.0])]
    gradients[place][1] = odd
    given = with_gradients(*[g.copy() for g in gradients])
    np.testing.assert_equal(optim.clip_grad_norm(given, 1.0), abs(odd))
    for p, g in zip(given, gradients):
        np.testing.assert_array_equal(p.grad.data, g)


def test_nothing_to_clip_has_the_norm_zero():
    assert optim.clip_grad_norm([], 1.0) == optim.clip_grad_norm(parameters(), 1.0) == 0
    assert optim.clip_grad_norm(with_gradients(np.zeros(2), np.zeros(0)), 0.0) == 0


@pytest.mark.parametrize("same", [lambda g: g, lambda g: mg.Tensor(g.data[:])])
def test_gradients_that_share_memory_are_clipped_once(same):
    p, q = with_gradients(np.array([3.0, 0.0]), np.array([0.0, 4.0]))
    q.grad = same(p.grad)
    norm = optim.clip_grad_norm([p, q, p], 1.0)
    assert norm == pytest.approx(18**0.5)
    for parameter in (p, q):
        np.testing.assert_allclose(parameter.grad.data, [3 / norm, 0])


def test_clipping_leaves_the_array_that_a_gradient_was_made_of_alone():
    seed = np.array([3.0, 4.0])
    seed.flags.writeable = False
    (p,) = with_gradients(seed)
    optim.clip_grad_norm(p, 1.0)
    np.testing.assert_array_equal(seed, [3, 4])
    np.testing.assert_allclose(p.grad.data, [0.6, 0.8])


def test_clipping_a_recorded_gradient_counts_as_a_change_of_it():
    p = mg.Parameter(np.array([3.0, 4.0]))
    (p**3).sum().backward(create_graph=True)
    optim.clip_grad_norm(p, 1.0)
    with pytest.raises(RuntimeError, match="changed in place"):
        (p.grad**2).sum().backward()


def test_a_gradient_that_was_given_another_shape_is_refused_and_nothing_moves():
    p, q = mg.Parameter(np.ones(2)), mg.Parameter(np.ones(3))
    p.grad, q.grad = mg.Tensor(np.ones(2)), mg.Tensor(np.ones(3))
    q.grad.data = np.ones((3, 1))
    sentence = r"shape \(3,\) has a gradient of shape \(3, 1\)"
    with pytest.raises(ValueError, match=sentence):
        optim.clip_grad_norm([p, q], 1.0)
    with pytest.raises(ValueError, match=sentence):
        optim.SGD([p, q], lr=1.0).step()
    np.testing.assert_array_equal(p.data, [1, 1])


@pytest.mark.parametrize("name", KINDS)
def test_a_gradient_that_is_the_parameters_own_array_moves_it_as_a_copy_would(name):
    p, q = (mg.Parameter(np.array([1.0, -2.0])) for _ in range(2))
    one, other = made(name, [p]), made(name, [q])
    p.grad, q.grad = mg.Tensor(p.data), mg.Tensor(q.data.copy())
    one.step()
    other.step()
    np.testing.assert_array_equal(p.data, q.data)


def test_adam_in_float16_takes_the_step_of_float32():
    """There the square of a small gradient would be 0, and epsilon too."""
    gradients = [np.array([1e-4, 0.0, 300.0]), np.array([2e-4, 0.0, 100.0])]
    p, q = mg.Parameter(np.ones(3, np.float16)), mg.Parameter(np.ones(3, np.float32))
    for parameter in (p, q):
        run(optim.Adam([parameter], lr=0.1), [[g.astype(np.float16)] for g in gradients])
    assert p.dtype == np.float16
    np.testing.assert_allclose(p.data, q.data, rtol=2e-3)


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


def test_a_saved_schedule_knows_where_it_cools_down():
    schedule = optim.WarmupSchedule(optim.Adam(parameters()), d_model=64, warmup_steps=5)
    other = optim.WarmupSchedule(optim.Adam(parameters()), d_model=64, warmup_steps=5)
    other.load_state_dict(schedule.state_dict())
    assert other.rate(1000) == schedule.rate(1000) > 0  # neither does
    schedule.cool_down(20, 0.5)
    other.load_state_dict(schedule.state_dict())
    assert [other.rate(n) for n in range(1, 30)] == [schedule.rate(n) for n in range(1, 30)]
    for state in ({}, {"steps": 3}, {"steps": -1, "last": 20, "cooling": 5}):
        with pytest.raises(ValueError, match="steps|state of a WarmupSchedule"):
            other.load_state_dict(state)
        assert other.rate(20) == schedule.rate(20)


def test_a_rate_that_cooled_down_stays_at_zero():
    schedule = optim.WarmupSchedule(optim.Adam(parameters()), d_model=64, warmup_steps=5)
    for part in (0.0, 0.01, 0.5):
        schedule.cool_down(20, part)
        assert schedule.rate(20) > 0
        assert schedule.rate(21) == schedule.rate(30) == 0 or part == 0
        assert schedule.rate(22) == 0


def test_a_schedule_keeps_the_ratio_of_the_groups_rates():
    p, q = parameters()
    optimiser = optim.SGD([{"params": p}, {"params": [q], "lr": 0.3}], lr=0.1)
    schedule = optim.WarmupSchedule(optimiser, d_model=64, warmup_steps=5)
    schedule.step()
    rates = [group["lr"] for group in optimiser.param_groups]
    assert rates == pytest.approx([schedule.rate(1), 3 * schedule.rate(1)])
    assert optimiser.lr == rates[0]
    with pytest.raises(ValueError, match="no ratio to the first group's"):
        groups = [{"params": [p], "lr": 0.0}, {"params": [q]}]
        optim.WarmupSchedule(optim.Adam(groups), d_model=64)
