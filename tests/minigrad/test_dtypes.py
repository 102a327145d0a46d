import itertools

import numpy as np
import pytest
from op_checks import held_by

import minigrad as mg
from minigrad.backward import history
from minigrad.dtypes import promoted

FLOATS = [np.float16, np.float32, np.float64]


def leaf(*values, dtype=np.float32):
    return mg.Tensor(np.array(values, dtype), requires_grad=True)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    "other",
    [2, 2.5, True, np.sqrt(64), np.float64(1.5), np.int64(3), np.array(2.5), np.arange(1, 4)],
    ids=repr,
)
@pytest.mark.parametrize("function", [mg.add, mg.mul, mg.sub, mg.div, mg.pow, mg.maximum])
def test_plain_numbers_and_arrays_follow_the_tensor(function, other, dtype):
    x = leaf(1.0, 2.0, 3.0, dtype=dtype)
    for y in (function(x, other), function(other, x)):
        assert y.dtype == dtype
        x.grad = None
        y.sum().backward()
        assert x.grad.dtype == dtype


def test_a_float64_array_does_not_widen_a_float32_tensor():
    assert (leaf(1.0) * np.ones(3)).dtype == np.float32
    assert (np.ones(3) @ leaf(1.0, 2.0, 3.0)).dtype == np.float32


@pytest.mark.parametrize("pair", list(itertools.product(FLOATS, FLOATS)), ids=str)
def test_tensors_of_two_dtypes_meet_in_the_wider_and_each_gets_its_own_gradient(pair):
    a, b = (leaf(1.0, 2.0, dtype=dtype) for dtype in pair)
    y = a * b
    assert y.dtype == np.result_type(*pair)
    y.sum().backward()
    assert (a.grad.dtype, b.grad.dtype) == pair
    slope = mg.grad((a * b * a).sum(), a, create_graph=True)
    assert slope.dtype == pair[0]
    assert mg.grad(slope.sum(), b).dtype == pair[1]


def test_a_tensor_of_one_number_does_not_widen_one_of_many():
    many, one = leaf(1.0, 2.0), mg.Tensor(np.float64(2.0), requires_grad=True)
    y = many * one
    assert y.dtype == np.float32
    y.sum().backward()
    assert (many.grad.dtype, one.grad.dtype) == (np.float32, np.float64)


def test_dtypes_mix_as_pytorchs_do():
    torch = pytest.importorskip("torch")
    names = ["bool", "uint8", "int32", "int64", "float16", "float32", "float64"]
    shapes = [(), (2,)]
    for (a, m), (b, n) in itertools.product(itertools.product(names, shapes), repeat=2):
        ours = promoted([np.ones(m, a), np.ones(n, b)])
        theirs = torch.result_type(
            torch.ones(m, dtype=getattr(torch, a)), torch.ones(n, dtype=getattr(torch, b))
        )
        assert str(theirs) == f"torch.{ours}", (a, m, b, n)


def test_integers_stay_integers_until_a_fraction_comes():
    n = mg.Tensor(np.array([1, 2, 3]))
    assert (n + 1).dtype.kind == "i"
    assert n.sum().dtype.kind == "i"
    assert (n / 2).dtype == np.float32
    assert n.mean().dtype == np.float32
    assert mg.exp(n).dtype == np.float32


def test_an_integer_tensor_beside_a_float_one_takes_its_dtype():
    x = leaf(1.0, 2.0)
    y = x * mg.Tensor(np.array([2, 3]))
    y.sum().backward()
    assert (y.dtype, x.grad.dtype) == (np.float32, np.float32)


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_whole_network_stays_in_its_dtype(dtype):
    rng = np.random.default_rng(0)
    w = mg.Tensor(rng.standard_normal((4, 3)).astype(dtype), requires_grad=True)
    x = mg.Tensor(rng.standard_normal((2, 4)).astype(dtype))
    h = mg.normalize(mg.gelu(x @ w) * np.sqrt(64) + np.arange(3))
    loss = mg.cross_entropy(h, np.array([0, 2]), label_smoothing=0.1)
    loss.backward()
    assert (h.dtype, loss.dtype, w.grad.dtype) == (dtype,) * 3
    assert np.isfinite(w.grad.data).all()


def test_no_array_in_a_float32_graph_is_float64():
    rng = np.random.default_rng(0)
    w = leaf(*rng.standard_normal((4, 3)))
    x = rng.standard_normal((2, 4))  # float64, as data often comes
    h = mg.softmax(mg.normalize(mg.gelu(x @ w) / np.sqrt(64)) + np.arange(3), axis=-1)
    loss = mg.cross_entropy(mg.masked_fill(h, h.data < 0.1, -1e9), np.array([0, 2])) + h.std()
    for node in history(loss):
        assert node.dtype == np.float32
        held = [value for _, pullback in node.edges for value in held_by(pullback)]
        for value in (*held, *node.args):
            if isinstance(value, (np.ndarray, np.generic)):
                assert value.dtype != np.float64, node.op_name


def test_astype_brings_the_gradient_back_in_the_first_dtype():
    x = leaf(1.0, 2.0)
    y = x.astype(np.float64)
    assert y.dtype == np.float64
    (y * y).sum().backward()
    assert x.grad.dtype == np.float32
