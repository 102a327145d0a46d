"""The edge of the dtype: at tiny, huge, equal and constant entries, in half and single precision,
values and gradients are those of double precision, rounded."""

import math

import numpy as np
import pytest

import minigrad as mg

INF = math.inf
DTYPES = (np.float16, np.float32)
# What a type holds: (the largest and smallest magnitudes tried, the precision that is left).
LARGE = {np.float16: 300.0, np.float32: 1e25}
TINY = {np.float16: 1e-4, np.float32: 1e-30}
PRECISION = {np.float16: 4e-3, np.float32: 2e-5}

UNARY = "neg exp log sqrt tanh sigmoid relu erf gelu abs sin cos copy".split()
ROWS = ["softmax", "log_softmax", "logsumexp", "normalize", "sum", "mean", "var", "std", "max"]
ROWS += ["min", "cumsum"]
BINARY = ["add", "sub", "mul", "div", "maximum", "minimum"]


def both(op, arrays, dtype, cotangent=1.0):
    """(value and gradients in `dtype`, the same of the same numbers in float64)."""
    results = []
    for kind in (dtype, np.float64):
        inputs = [mg.Tensor(np.asarray(a, dtype).astype(kind), requires_grad=True) for a in arrays]
        with np.errstate(all="ignore"):
            y = op(*inputs)
            gradient = np.full(y.shape, cotangent, kind)
            gradients = mg.grad(y, inputs, gradient=gradient)
        results.append([y.data, *(g.data for g in gradients)])
    return results


def assert_rounded(ours, exact, dtype):
    limits = np.finfo(dtype)
    for a, b in zip(ours, exact):
        assert a.dtype == dtype
        with np.errstate(all="ignore"):
            b = b.astype(dtype)  # where the true value is beyond the type, so is its rounding
        scale = np.abs(b[np.isfinite(b)]).max(initial=0)
        close = np.isclose(
            a.astype(float),
            b.astype(float),
            rtol=PRECISION[dtype],
            atol=max(PRECISION[dtype] * scale, float(limits.tiny)),
            equal_nan=True,
        )
        assert close.all(), f"{a[~close]} for {b[~close]}"


def entries(name, dtype):
    signs = np.array([1.0, 1.0, 0.5, 2.0])
    kinds = {
        "tiny": TINY[dtype] * signs,
        "huge": LARGE[dtype] * signs,
        "equal": np.full(4, 0.7),
        "constant": np.full(5, 1000.0),
        "mixed": np.array([TINY[dtype], -1.0, 3.0, 20.0]),
        "negative": np.array([-20.0, -5.0, -TINY[dtype], -0.0]),
    }
    return kinds[name]


KINDS = ["tiny", "huge", "equal", "constant", "mixed", "negative"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", DTYPES)
def test_an_entry_at_the_edge(name, kind, dtype):
    x = entries(kind, dtype)
    if name in ("sin", "cos") and kind == "huge":
        return  # the angle itself is rounded
    x = np.abs(x) if name in ("log", "sqrt") else x
    assert_rounded(*both(getattr(mg, name), [x], dtype), dtype)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_row_at_the_edge(name, kind, dtype):
    x = entries(kind, dtype)
    if name == "normalize" and kind == "huge" and dtype == np.float32:
        x = x / 1e10  # its variance has to be a number of the type

    def op(x):
        y = getattr(mg, name)(x, axis=0)
        return y * np.arange(1.0, y.size + 1).reshape(y.shape) if y.ndim else y

    ours, exact = both(op, [x], dtype)
    flat = name in ("normalize", "var", "std") and kind in ("equal", "constant")
    if flat or (name == "softmax" and kind == "mixed"):
        ours, exact = ours[:1], exact[:1]  # what is left of a gradient of 0 is rounding
    assert_rounded(ours, exact, dtype)


@pytest.mark.parametrize("right", ["tiny", "huge", "equal"])
@pytest.mark.parametrize("left", ["tiny", "huge", "equal"])
@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("dtype", DTYPES)
def test_two_entries_at_the_edge(name, left, right, dtype):
    arrays = [entries(left, dtype), entries(right, dtype)]
    assert_rounded(*both(getattr(mg, name), arrays, dtype), dtype)


# ---- by name


def test_a_sigmoid_keeps_its_digits_however_small():
    x = mg.Tensor([-20.0, -80.0], requires_grad=True)
    loss = -mg.log(mg.sigmoid(x))
    loss.sum().backward()
    np.testing.assert_allclose(loss.data, [20, 80], rtol=1e-6)
    np.testing.assert_allclose(x.grad.data, [-1, -1], rtol=1e-6)


@pytest.mark.parametrize("value", [1000.0, 1000.1, 0.1, -3e4, 0.0])
@pytest.mark.parametrize("width", [3, 64, 100])
def test_a_constant_row_is_normalised_to_zeros(value, width):
    row = np.full((2, width), value, np.float32)
    row[1] = np.linspace(0, 1, width)
    y = mg.normalize(row).data
    np.testing.assert_allclose(y[0], 0, atol=1e-6)
    row[0] = np.linspace(5, 6, width)  # no row depends on what another needs
    np.testing.assert_array_equal(y[1], mg.normalize(row).data[1])


def test_half_precision_counts_beyond_what_it_holds():
    x = mg.Tensor(np.ones(100_000, np.float16), requires_grad=True)
    mg.mean(x * 3).backward()
    np.testing.assert_allclose(x.grad.data, np.float16(3e-5), rtol=5e-3)
    y = mg.softmax(np.zeros(70_000, np.float16))
    np.testing.assert_allclose(y.data, np.float16(1 / 70_000))
    assert mg.var(mg.Tensor(np.array([-300.0, 300.0] * 40_000, np.float16))).data == np.float16(INF)
    assert mg.std(mg.Tensor(np.array([-300.0, 300.0] * 40_000, np.float16))).item() == 300


def test_half_precision_has_second_derivatives():
    x = mg.Tensor(np.array([0.1, 0.2, 0.3], np.float16), requires_grad=True)
    slope = mg.grad((mg.softmax(x) * [1.0, 2.0, 4.0]).sum(), x, create_graph=True)
    second = mg.grad((slope * [1.0, 0.0, 2.0]).sum(), x)
    double = mg.Tensor(x.data.astype(float), requires_grad=True)
    slope_64 = mg.grad((mg.softmax(double) * [1.0, 2.0, 4.0]).sum(), double, create_graph=True)
    second_64 = mg.grad((slope_64 * [1.0, 0.0, 2.0]).sum(), double)
    assert slope.dtype == second.dtype == np.float16
    np.testing.assert_allclose(second.data, second_64.data, rtol=1e-2, atol=1e-3)


# ---- 0 times infinity where 0 is meant


@pytest.mark.filterwarnings("ignore:invalid value")
def test_an_ignored_row_counts_for_nothing_whatever_is_in_it():
    rows = [[-INF, 1.0, 2.0], [-INF, 0.5, 1.0]]
    logits = mg.Tensor(rows, requires_grad=True)
    loss = mg.cross_entropy(logits, np.array([0, 2]), ignore_index=0)
    loss.backward()
    assert loss.item() == pytest.approx(0.474, abs=1e-3)
    np.testing.assert_array_equal(logits.grad.data[0], 0)
    assert np.isfinite(logits.grad.data).all()
    for junk in (INF, -INF, np.nan):
        for smoothing in (0.0, 0.1, 1.0):
            x = mg.Tensor([[junk, junk, 1.0], [0.3, 0.5, 1.0]], requires_grad=True)
            loss = mg.cross_entropy(x, np.array([1, 2]), 1, label_smoothing=smoothing)
            alone = mg.cross_entropy(x.data[1:], np.array([2]), label_smoothing=smoothing)
            loss.backward(retain_graph=True)
            assert loss.item() == pytest.approx(alone.item())
            np.testing.assert_array_equal(x.grad.data[0], 0)
            again = mg.grad(loss, x, create_graph=True)
            np.testing.assert_allclose(again.data, x.grad.data, rtol=1e-6)


def test_an_infinite_gradient_stays_where_it_belongs():
    g = np.array([INF, 1.0, INF])
    for op, x, expected in (
        (mg.relu, [-1.0, 2.0, 3.0], [0, 1, INF]),
        (lambda t: mg.where(np.array([False, True, True]), t, 0.0), [1.0, 2.0, 3.0], [0, 1, INF]),
        (lambda t: mg.clip(t, 0.0, 5.0), [-1.0, 2.0, 3.0], [0, 1, INF]),
        (lambda t: mg.maximum(t, 0.0), [-1.0, 2.0, 3.0], [0, 1, INF]),
        (lambda t: mg.masked_fill(t, np.array([True, False, False]), 0.0), [1.0] * 3, [0, 1, INF]),
    ):
        t = mg.Tensor(np.array(x), requires_grad=True)
        op(t).backward(g)
        np.testing.assert_array_equal(t.grad.data, expected)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_dropped_entry_is_zero_whatever_it_was():
    x = mg.Tensor(np.full((20, 20), INF), requires_grad=True)
    y = mg.dropout(x, 0.5, np.random.default_rng(0))
    assert set(np.unique(y.data)) == {0, INF}
    y.backward(np.full(y.shape, INF))
    np.testing.assert_array_equal(x.grad.data == 0, y.data == 0)


@pytest.mark.parametrize("count", [4, 100])
def test_the_gradient_of_one_row_is_in_no_other(count):
    table = mg.Tensor(np.ones((count, 2)), requires_grad=True)
    y = mg.embedding(table, np.array([0, 1, 3]))
    y.backward(np.array([[INF, 1.0], [1.0, np.nan], [2.0, 3.0]]))
    np.testing.assert_array_equal(table.grad.data[2], 0)
    np.testing.assert_array_equal(table.grad.data[3], [2, 3])
    assert table.grad.data[0, 0] == INF and table.grad.data[1, 0] == 1


def test_the_extreme_of_a_row_alone_gets_an_infinite_gradient():
    x = mg.Tensor(np.array([1.0, 3.0, 2.0]), requires_grad=True)
    mg.max(x).backward(INF)
    np.testing.assert_array_equal(x.grad.data, [0, INF, 0])


# ---- errors that a learner can read, and right values


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_has_no_degree_of_freedom_is_not_a_number():
    x = mg.Tensor(np.array([2.0]), requires_grad=True)
    for op in (mg.var, mg.std):
        y = op(x, ddof=1)
        y.backward()
        assert np.isnan(y.item())


def test_the_sum_of_a_number_along_its_axis():
    x = mg.Tensor(np.array(2.0), requires_grad=True)
    y = x.sum(axis=0)
    y.backward()
    assert (y.item(), x.grad.item()) == (2, 1)


def test_rows_without_entries_are_normalised_to_nothing():
    x = mg.Tensor(np.zeros((2, 0)), requires_grad=True)
    y = mg.normalize(x)
    y.backward(np.zeros((2, 0)))
    assert y.shape == x.grad.shape == (2, 0)


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.bool_])
def test_integers_are_taken_as_real_numbers(kind):
    x = np.array([[0, 1, 1], [1, 0, 1]]).astype(kind)
    real = x.astype(np.float32)
    for op in (
        mg.softmax,
        mg.log_softmax,
        mg.logsumexp,
        mg.normalize,
        mg.erf,
        mg.gelu,
        mg.sigmoid,
        mg.mean,
        mg.std,
        lambda x: mg.cross_entropy(x, np.array([0, 2])),
        lambda x: mg.dropout(x, 0.5, np.random.default_rng(0)),
    ):
        for given in (x, mg.Tensor(x)):
            y = op(given)
            assert y.dtype == np.float32
            np.testing.assert_allclose(y.data, op(real).data, rtol=1e-6, atol=1e-7)


# ---- small integer types


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint16, np.uint32, np.uint64])
def test_indices_of_every_integer_type_mean_the_same(kind):
    ids = np.array([1, 100, 99, 1], kind)
    wide = ids.astype(np.int64)
    table = mg.Tensor(np.arange(12_800.0).reshape(100 + 28, 100), requires_grad=True)
    for op in (
        lambda i: mg.embedding(table, i),
        lambda i: table[i],
        lambda i: table[:, i % 90],
        lambda i: table.take(i, axis=0),
        lambda i: table.take(i),
        lambda i: mg.cross_entropy(table[:4, :], i % 90),
        lambda i: mg.cross_entropy(table[:4, :], i % 90, ignore_index=1),
    ):
        y, expected = op(ids), op(wide)
        np.testing.assert_array_equal(y.data, expected.data)
        ours, theirs = mg.grad(y.sum(), table), mg.grad(expected.sum(), table)
        np.testing.assert_array_equal(ours.data, theirs.data)


INDICES = {
    "a tuple in a tuple": (slice(None), (0, 0, 1)),
    "a list in a tuple": (slice(None), [0, 0, 1]),
    "a range": (slice(None), range(2)),
    "a list twice": [0, 0],
    "nested lists": [[0, 1], [1, 1]],
    "a tensor": (slice(None), mg.Tensor(np.array([2, 2]))),
    "a list of tensors": [mg.Tensor(np.array(0)), mg.Tensor(np.array(0))],
    "a list of booleans": [True, False],
    "booleans in a tuple": (slice(None), (True, False, True)),
    "an array of no axis": np.array(1),
    "two tuples": ((0, 0), (1, 1)),
    "with an ellipsis": (..., (1, 1, 1)),
}


@pytest.mark.parametrize("name", INDICES)
def test_all_that_numpy_takes_as_an_index_gives_each_use_its_gradient(name):
    index = INDICES[name]
    x = mg.Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    y = x[index]
    places = np.arange(6).reshape(2, 3)[plain(index)]
    np.testing.assert_array_equal(y.data, x.data.reshape(-1)[places])
    y.sum().backward()
    counts = np.bincount(places.reshape(-1), minlength=6).reshape(2, 3)
    np.testing.assert_array_equal(x.grad.data, counts)


def plain(index):
    if isinstance(index, mg.Tensor):
        return index.data
    return type(index)(map(plain, index)) if isinstance(index, (list, tuple)) else index
