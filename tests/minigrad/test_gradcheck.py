"""The referee has to be able to say no."""

import numpy as np
import pytest

import minigrad as mg


def array(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def square(rule):
    """x * x with a rule of one's choice."""

    @mg.op
    def square(x):
        def dx(g):
            return rule(g, x)

        return x * x, dx

    return square


def test_a_right_rule_passes():
    assert mg.gradcheck(square(lambda g, x: 2 * g * x), array(2, 3), order=2) is True


@pytest.mark.parametrize(
    "rule",
    [
        lambda g, x: -2 * g * x,
        lambda g, x: g * x,
        lambda g, x: 2 * g,
        lambda g, x: 2 * x,
        lambda g, x: 0 * x,
        lambda g, x: 2.00001 * g * x,
        lambda g, x: 2 * g * x + 1e-4,
        lambda g, x: 2 * g.mean() * x,
        lambda g, x: 2 * np.flip(g, 0) * x,
        lambda g, x: np.nan * x,
    ],
)
def test_a_wrong_rule_is_refused(rule):
    with pytest.raises(mg.GradcheckError):
        mg.gradcheck(square(rule), array(2, 3))


def test_one_wrong_entry_among_many_is_refused():
    def rule(g, x):
        d = 2 * g * x
        d[3, 4] += 1e-3
        return d

    with pytest.raises(mg.GradcheckError, match=r"input 0 at \[3, 4\]"):
        mg.gradcheck(square(rule), array(5, 6))


def test_a_failure_names_the_input_the_entry_and_both_values():
    @mg.op
    def half_wrong(a, b):
        def da(g):
            return g * b

        def db(g):
            return -g * a

        return a * b, da, db

    with pytest.raises(mg.GradcheckError) as failure:
        mg.gradcheck(half_wrong, np.array([2.0]), np.array([3.0]))
    weight = np.random.default_rng(0).standard_normal(1).item()
    text = str(failure.value)
    assert "gradient of input 1 at [0]" in text
    assert f"by the rule {-2 * weight:.6f}"[:-2] in text
    assert f"by differences {2 * weight:.6f}"[:-2] in text


def test_the_rows_of_a_softmax_are_checked_though_their_sum_is_constant():
    @mg.op
    def softmax(x):
        def dx(g):
            return 0 * x  # right for the sum alone

        e = np.exp(x)
        return e / e.sum(axis=-1, keepdims=True), dx

    with pytest.raises(mg.GradcheckError):
        mg.gradcheck(softmax, array(2, 3))


def test_a_gradient_that_is_cut_off_is_refused():
    with pytest.raises(mg.GradcheckError):
        mg.gradcheck(lambda x: (x * x).detach(), array(3))
    with pytest.raises(mg.GradcheckError):
        mg.gradcheck(lambda x: x.detach() * x, array(3))


def test_a_second_derivative_that_is_cut_off_is_refused():
    cut = square(lambda g, x: 2 * g * mg.Tensor(x).detach())
    assert mg.gradcheck(cut, array(3))
    with pytest.raises(mg.GradcheckError, match="second derivative"):
        mg.gradcheck(cut, array(3), order=2)


def test_float32_inputs_are_checked_in_float64():
    assert mg.gradcheck(mg.exp, array(3).astype(np.float32))
    assert mg.gradcheck(mg.exp, mg.Tensor(array(3), dtype=np.float16))


def test_the_inputs_are_left_as_they_were():
    x = array(3)
    before = x.copy()
    t = mg.Tensor(x, requires_grad=True)
    mg.gradcheck(lambda a, b: a * b, x, t)
    np.testing.assert_array_equal(x, before)
    assert t.grad is None


def test_what_is_no_real_number_is_handed_on_as_it_is():
    assert mg.gradcheck(lambda x, axis, mask: mg.where(mask, x, 0).sum(axis), array(3), 0, x_mask())


def x_mask():
    return np.array([True, False, True])


def test_a_python_float_is_an_input_too():
    with pytest.raises(mg.GradcheckError, match="input 1"):
        mg.gradcheck(lambda x, y: x * y.detach(), array(2), 1.5)


def test_a_function_of_everything_before_the_end_of_training_passes():
    def loss(x, w, b):
        h = mg.normalize(mg.gelu(x @ w + b))
        return mg.cross_entropy(h, np.array([0, 2]), label_smoothing=0.1)

    assert mg.gradcheck(loss, array(2, 3), array(3, 4), array(4), order=2)


def test_nothing_to_check_is_an_error():
    with pytest.raises(TypeError, match="none of the inputs"):
        mg.gradcheck(lambda n: n, np.arange(3))
