import copy
import pickle

import numpy as np
import pytest

import minigrad as mg


def leaf(*values):
    return mg.Tensor(np.array(values), requires_grad=True)


# ---- what it is made of


@pytest.mark.parametrize("data", [1, 2.5, True, [1, 2], [[1.0], [2.0]], (1, 2)])
def test_numbers_and_lists_become_float32(data):
    t = mg.Tensor(data)
    assert t.dtype == np.float32 and t.shape == np.shape(data)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "int8", "bool"])
def test_a_numpy_array_keeps_its_dtype(dtype):
    assert mg.Tensor(np.ones(2, dtype)).dtype == dtype
    assert mg.Tensor(np.ones((), dtype)[()]).dtype == dtype


def test_dtype_may_be_asked_for():
    assert mg.Tensor([1, 2], dtype=np.float64).dtype == np.float64
    assert mg.Tensor(np.ones(2), dtype=np.float32).dtype == np.float32
    assert mg.Tensor([1, 2], dtype=int).dtype == np.int64


def test_a_tensor_shares_the_array_it_is_given():
    array = np.ones(3)
    assert mg.Tensor(array).data is array
    assert mg.Tensor(array).numpy() is array


def test_a_tensor_of_a_tensor_is_a_new_leaf_of_the_same_numbers():
    x = leaf(1.0, 2.0)
    t = mg.Tensor(x * 2)
    assert t.node is None and not t.requires_grad
    np.testing.assert_array_equal(t.data, [2, 4])


def test_a_list_of_tensors_is_put_together():
    t = mg.Tensor([mg.Tensor([1.0, 2.0]), mg.Tensor([3.0, 4.0])])
    np.testing.assert_array_equal(t.data, [[1, 2], [3, 4]])


def test_tensor_in_small_letters_is_the_same():
    assert mg.tensor is mg.Tensor


def test_attributes_are_the_arrays():
    t = mg.Tensor(np.zeros((2, 3), np.float32), name="x")
    assert (t.shape, t.ndim, t.size, t.dtype, t.name) == ((2, 3), 2, 6, np.float32, "x")
    assert not t.requires_grad and t.grad is None


def test_detach_gives_the_numbers_without_the_graph():
    x = leaf(1.0, 2.0)
    cut = (x * 2).detach()
    assert not cut.requires_grad
    (cut * x).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [2, 4])


def test_changing_a_detached_tensor_changes_no_gradient():
    x = leaf(1.0, 2.0)
    y = mg.exp(x)
    loss = y.sum()
    y.detach()[0] = 100.0
    x.detach()[0] = 100.0
    loss.backward()
    np.testing.assert_allclose(x.grad.data, np.exp([1.0, 2.0]))


def test_requires_grad_may_be_switched_on_and_off_on_a_leaf():
    x = mg.Tensor([1.0])
    x.requires_grad = True
    (x * 2).sum().backward()
    x.requires_grad = False
    assert not (x * 2).requires_grad


def test_named_returns_the_tensor_itself():
    x = leaf(1.0)
    y = x * 2
    assert y.named("Q") is y and y.name == "Q"
    assert x.named("x") is x and x.name == "x"


def test_item_is_a_python_number():
    assert type(mg.Tensor([[1.5]]).item()) is float
    assert type(mg.Tensor(np.array(3)).item()) is int
    assert float(mg.Tensor(2.5)) == 2.5 and int(mg.Tensor(2.0)) == 2


def test_the_value_of_every_op_is_an_array_and_never_a_numpy_scalar():
    x = mg.Tensor(2.0, requires_grad=True)
    for y in (x * x, x + 1, x.sum(), mg.exp(x), x @ mg.Tensor([1.0]) if x.ndim else -x, x[()]):
        assert type(y.data) is np.ndarray
    (x * x).backward()
    assert type(x.grad.data) is np.ndarray and x.grad.shape == ()


# ---- copies


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_a_leaf_can_be_pickled_and_copied(copied):
    x = mg.Tensor(np.array([1.0, 2.0]), requires_grad=True, name="x")
    (x * x).sum().backward()
    y = copied(x)
    assert (y.requires_grad, y.name, y.node) == (True, "x", None)
    np.testing.assert_array_equal(y.data, x.data)
    np.testing.assert_array_equal(y.grad.data, x.grad.data)
    y.data[0] = 9
    assert x.data[0] == 1
    assert isinstance(copied(mg.Parameter([1.0])), mg.Parameter)


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, pickle.dumps])
def test_a_recorded_tensor_says_that_it_cannot_be_pickled(copied):
    with pytest.raises(TypeError, match=r"computed by mul.*cannot be pickled.*\.detach\(\)"):
        copied(leaf(1.0) * 2)


def test_an_integer_tensor_can_be_pickled():
    n = pickle.loads(pickle.dumps(mg.Tensor(np.arange(3))))
    np.testing.assert_array_equal(n.data, [0, 1, 2])


# ---- what it looks like


def test_repr_shows_values_shape_dtype_and_the_op_that_made_it():
    x = mg.Tensor([1.0, 2.5], requires_grad=True, name="x")
    assert repr(x) == (
        "Tensor([1. , 2.5], shape=(2,), dtype=float32, name='x', requires_grad=True)"
    )
    assert repr(x * 2) == (
        "Tensor([2., 5.], shape=(2,), dtype=float32, requires_grad=True, op=mul)"
    )
    assert repr(mg.Tensor(1)) == "Tensor(1., shape=(), dtype=float32)"


def test_repr_cuts_long_arrays_as_numpy_does():
    text = repr(mg.Tensor(np.zeros((2000, 2))))
    assert "..." in text and len(text) < 300 and "shape=(2000, 2)" in text


def test_a_number_can_be_formatted():
    assert f"{mg.Tensor(2.0):.2f}" == "2.00"
    assert f"{mg.Tensor([1.0])}" == "Tensor([1.], shape=(1,), dtype=float32)"


# ---- Python's protocols


def test_length_iteration_and_membership():
    x = leaf([1.0, 2.0], [3.0, 4.0])
    assert len(x) == 2
    rows = list(x)
    assert [row.shape for row in rows] == [(2,), (2,)]
    first, second = x
    (first * second).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [[3, 4], [1, 2]])


def test_a_tensor_is_found_in_sets_and_dicts_by_identity():
    a, b = leaf(1.0), leaf(1.0)
    assert a in {a} and b not in {a}
    assert {a: 1}[a] == 1


def test_truth_is_that_of_its_one_number():
    assert mg.Tensor(1.0) and not mg.Tensor(0.0)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(mg.Tensor([1.0, 2.0]))


def test_an_integer_tensor_can_be_an_index():
    assert [10, 20, 30][mg.Tensor(np.array(1))] == 20
    assert list(range(mg.Tensor(np.array(3)))) == [0, 1, 2]


def test_assigning_changes_the_numbers_of_a_leaf():
    x = mg.Tensor([1.0, 2.0, 3.0])
    x[1] = 5
    x[mg.Tensor(np.array([0, 2]))] = mg.Tensor([7.0, 8.0])
    np.testing.assert_array_equal(x.data, [7, 5, 8])


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (2, 0), (1,)])
def test_empty_and_single_tensors_go_through_a_network(shape):
    x = mg.Tensor(np.ones(shape), requires_grad=True)
    y = (mg.tanh(x * 2 + 1) - x).sum()
    y.backward()
    assert (y.shape, x.grad.shape) == ((), shape)
