"""Changes in place: they do what one who knows NumPy and PyTorch expects, or say what to write; and
backward sees them by whatever name they were made."""

import sys

import numpy as np
import pytest

import minigrad as mg


def leaf(*values):
    return mg.Tensor(np.array(values), requires_grad=True)


UPDATES = {
    "+=": (lambda t, x: t.__iadd__(x), [3, 5]),
    "-=": (lambda t, x: t.__isub__(x), [-1, -1]),
    "*=": (lambda t, x: t.__imul__(x), [2, 6]),
    "/=": (lambda t, x: t.__itruediv__(x), [0.5, 2 / 3]),
    "**=": (lambda t, x: t.__ipow__(x), [1, 8]),
}
EACH = pytest.mark.parametrize("update, expected", UPDATES.values(), ids=UPDATES)


@EACH
@pytest.mark.parametrize("kind", [np.array, mg.Tensor, lambda x: mg.Tensor(x, True)])
def test_without_recording_a_leaf_changes_itself(update, expected, kind):
    for t in (leaf(1.0, 2.0), mg.Parameter(np.array([1.0, 2.0]))):
        array = t.data
        with mg.no_grad():
            assert update(t, kind(np.array([2.0, 3.0]))) is t
        assert t.data is array and t.requires_grad
        np.testing.assert_allclose(array, expected)


@EACH
def test_while_recording_a_leaf_that_requires_a_gradient_refuses(update, expected):
    t = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"with mg\.no_grad\(\):"):
        update(t, 2.0)
    np.testing.assert_array_equal(t.data, [1, 2])


def test_a_loop_of_ones_own_trains():
    p = mg.Parameter(np.array([1.0, 2.0]))
    params = [p]
    (p * p).sum().backward()
    with mg.no_grad():
        for each in params:
            each -= 0.1 * each.grad
    np.testing.assert_allclose(p.data, [0.8, 1.6])


def test_an_update_of_a_modules_parameter_leaves_it_a_parameter():
    class Linear(mg.Module):
        def __init__(self):
            self.w = mg.Parameter(np.ones(2))

    module = Linear()
    w = module.w
    with mg.no_grad():
        module.w -= 0.5
    assert module.parameters() == [w] and module.w is w
    np.testing.assert_array_equal(w.data, [0.5, 0.5])
    with pytest.raises(RuntimeError):
        module.w -= 0.5


def test_a_constant_changes_itself_and_a_sum_of_losses_is_recorded():
    t = mg.Tensor([1.0, 2.0])
    view = t
    t += 1.0
    assert view is t
    total = mg.Tensor(0.0)
    x = leaf(2.0)
    for _ in range(3):
        total += (x * x).sum()
    assert mg.grad(total, x).item() == 12


def test_a_change_that_does_not_fit_is_a_sentence():
    t = mg.Tensor([1.0, 2.0])
    with pytest.raises(ValueError, match=r"add in place: .*\(2,\).*\(3,\)"):
        t += np.ones(3)
    with pytest.raises(TypeError, match="divide in place: .*int64"):
        integers = mg.Tensor(np.array([1, 2]))
        integers /= 2


# ---- arrays that NumPy is to write into


OUT = {
    "np.add(t, 1, out=buffer)": lambda t, buffer: np.add(t, 1, out=buffer),
    "np.exp(t, out=buffer)": lambda t, buffer: np.exp(t, out=buffer),
    "np.cumsum(t, out=buffer)": lambda t, buffer: np.cumsum(t, out=buffer),
    "np.concatenate(out=)": lambda t, buffer: np.concatenate([t[:1], t[1:]], out=buffer),
    "np.clip(t, 0, 1, out=)": lambda t, buffer: np.clip(t, 0, 1, out=buffer),
}


@pytest.mark.parametrize("name", OUT)
def test_what_is_to_be_written_into_an_array_is_written_or_refused(name):
    t = mg.Tensor(np.array([0.5, 2.0]))
    buffer, expected = np.zeros(2), np.zeros(2)
    OUT[name](t.data, expected)
    assert OUT[name](t, buffer) is buffer
    np.testing.assert_array_equal(buffer, expected)
    with pytest.raises(TypeError, match="out="):
        OUT[name](leaf(0.5, 2.0), np.zeros(2))


def test_an_array_less_a_tensor_in_place_changes_the_array_or_is_refused():
    array = np.array([1.0, 2.0])
    alias = array
    array -= 0.5 * mg.Tensor(np.array([1.0, 1.0]))
    assert alias is array and type(array) is np.ndarray
    np.testing.assert_array_equal(alias, [0.5, 1.5])
    with pytest.raises(TypeError, match="array = array - tensor"):
        array -= leaf(1.0, 1.0)
    np.testing.assert_array_equal(alias, [0.5, 1.5])


def test_the_result_may_be_written_into_a_leaf_without_recording():
    t = leaf(1.0, 2.0)
    with mg.no_grad():
        assert np.exp(t, out=t) is t
    np.testing.assert_allclose(t.data, np.exp([1.0, 2.0]))
    with pytest.raises(TypeError, match="out="):
        np.exp(t, out=t)


# ---- seen by backward


def through_a_view(a):
    a.reshape(2, 1)[0] = 100.0


def through_a_slice(a):
    a[1:].data[...] = 7.0
    a[1:].mark_changed()


def through_another_tensor(a):
    mg.Tensor(a)[0] = 100.0


def through_a_tensor_of_its_array(a):
    mg.Tensor(a.data)[1] = 100.0


def in_place(a):
    with mg.no_grad():
        a += 1.0


def by_numpy(a):
    with mg.no_grad():
        np.add(a, 1.0, out=a)


CHANGES = [through_a_view, through_a_slice, through_another_tensor]
CHANGES += [through_a_tensor_of_its_array, in_place, by_numpy]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen_by_whatever_name_it_was_made(change):
    a, w = mg.Tensor(np.array([1.0, 2.0])), leaf(3.0, 4.0)
    y = (a * w).sum()
    change(a)
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()
    assert w.grad is None


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_other_half_is_allowed(change):
    block, w = np.arange(8.0), leaf(3.0, 4.0)
    y = (mg.Tensor(block[:2]) * w).sum()
    change(mg.Tensor(block[4:6]))
    y.backward()
    np.testing.assert_array_equal(w.grad.data, [0, 1])


def test_an_operand_of_einsum_and_an_index_array_are_watched_too():
    a, w = mg.Tensor(np.array([1.0, 2.0])), leaf(3.0, 4.0)
    y = mg.einsum("i,i->", a, w)
    a.reshape(2, 1)[0] = 5.0
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()
    index = mg.Tensor(np.array([0, 1, 1]))
    y = w[index].sum()
    index.reshape(3, 1)[0] = 1
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_an_optimiser_that_changes_nothing_of_a_graph_does_not_forbid_it():
    p, q = mg.Parameter(np.ones(2)), mg.Parameter(np.ones(2))
    loss = (p * p).sum()
    optimizer = mg.optim.SGD([p, q], lr=0.1)  # to make one changes no number
    loss.backward()
    loss = (p * p).sum()
    p.grad = None
    (q * q).sum().backward()
    optimizer.step()  # p has no gradient
    loss.backward()
    np.testing.assert_array_equal(p.grad.data, [2, 2])
    loss = (p * p).sum()
    optimizer.step()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_anomaly_mode_sees_what_rules_remember_in_lists_and_tuples():
    a, w = np.array([1.0, 2.0]), leaf(3.0, 4.0)
    index = np.array([0, 1])
    for make, array in (
        (lambda: mg.einsum("i,i->", a, w), a),
        (lambda: w.reshape(1, 2)[:, index].sum(), index),
    ):
        with mg.detect_anomaly():
            y = make()
            array[0] = 1 if array is index else 9.0
            with pytest.raises(RuntimeError, match="remembers for backward was changed"):
                y.backward()


# ---- numbers that cannot have a gradient


def test_integers_cannot_be_put_into_a_tensor_that_requires_a_gradient():
    t = leaf(1.0, 2.0)
    with pytest.raises(TypeError, match="cannot become int64"):
        t.data = np.array([1, 2])
    with pytest.raises(TypeError):
        t.data = [True, False] > np.zeros(2)
    np.testing.assert_array_equal(t.data, [1, 2])
    t.data = np.array([3.0, 4.0], np.float32)
    assert t.dtype == np.float32


# ---- gradients that are set by hand


def test_a_gradient_set_by_hand_has_to_belong_to_the_tensor():
    t = leaf(1.0, 2.0)
    with pytest.raises(TypeError, match=r"t\.grad = mg\.Tensor\(array\)"):
        t.grad = np.ones(2)
    with pytest.raises(ValueError, match=r"shape \(1, 2\)"):
        t.grad = mg.Tensor(np.ones((1, 2)))
    with pytest.raises(ValueError, match="float32"):
        t.grad = mg.Tensor(np.ones(2, np.float32))
    t.grad = mg.Tensor(np.ones(2))
    t.grad = None


def test_the_missing_gradient_of_a_computed_tensor_is_explained_once(monkeypatch):
    monkeypatch.setattr(sys.modules["minigrad.tensor"], "_warned", False)
    x = leaf(1.0)
    y = x * 2
    y.sum().backward()
    with pytest.warns(UserWarning, match=r"t\.retain_grad\(\)"):
        assert y.grad is None
    assert y.grad is None
    assert x.grad is not None
