"""The edge of the dtype: at tiny, huge, equal and constant entries, in half and single precision,
values and gradients are those of double precision, rounded."""

import math

import numpy as np
import op_oracle
import pytest
from edge_cases import DTYPES, EDGES, NOT_IN_PYTORCH
from op_cases import TABLE

import minigrad as mg

INF = math.inf
UNITS = 16  # of the dtype's precision, by which inputs and results may be out
# Ops that subtract numbers of about 1, and in their rules numbers of the size of the gradient that
# comes in: what is lost beside these is lost in PyTorch's own float32 too.
SUBTRACTING = {"softmax", "log_softmax", "logsumexp", "cross_entropy", "normalize", "tanh"}
# A row of -inf alone, where PyTorch gives NaN: there is nothing to attend to, and no gradient.
NOTHING = {"softmax", "logsumexp"}
# Entries are multiplied one after another. Large and small ones by turns may leave the range of
# float32 on the way, also where the whole is inside; so it is in PyTorch's own float32.
LEAVING = {"prod"}


def value_and_gradients(edge):
    inputs = [mg.Tensor(a.astype(edge.dtype), requires_grad=True) for a in edge.arrays()]
    with np.errstate(all="ignore"):
        y = edge.case.call(edge.case.op.ours, inputs)
        cotangent = edge.cotangent(y.shape).astype(y.dtype)
        gradients = mg.grad(y, inputs, gradient=cotangent, allow_unused=True)
    return [y.data, *(g.data for g in gradients)], np.abs(cotangent).max(initial=0)


def assert_right(edge, ours, exact, movement, scale):
    """`ours` is what PyTorch's float64 says, rounded, or would say of inputs that are some units of
    precision away: `movement` is how far the result moves with them. Beside that there is the
    rounding of the result itself, and the smallest number of the dtype."""
    name, limits = edge.case.op.name, np.finfo(ours.dtype)
    tolerance = UNITS * limits.eps * (np.abs(exact) + np.where(movement < INF, movement, 0))
    tolerance += 4 * float(limits.smallest_subnormal)
    if name in SUBTRACTING:
        tolerance += UNITS * limits.eps * scale
    with np.errstate(all="ignore"):
        rounded = exact.astype(ours.dtype)
        right = (np.abs(ours - exact) <= tolerance) | (ours == rounded)
        right |= np.isnan(ours) & np.isnan(exact)
        right |= np.isinf(ours) & (np.sign(exact) * ours > 0) & (np.abs(exact) > 0.99 * limits.max)
    if edge.kind == "infinite" and name in NOTHING:
        right |= np.isnan(exact) & (ours == 0)
    # A sum of which the magnitudes alone are beyond the range: half precision is summed in single.
    beyond = movement > np.finfo(np.promote_types(ours.dtype, np.float32)).max
    if edge.kind == "mixed" and name in LEAVING:
        beyond |= True
    right |= beyond & ~np.isfinite(ours)
    assert right.all(), f"{edge}: {ours[~right]} for {exact[~right]}, up to {tolerance[~right]}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted({edge.case.op.name for edge in EDGES}))
def test_at_the_edge_of_the_dtype_values_and_gradients_are_pytorchs_of_float64(name, dtype):
    for edge in EDGES:
        if edge.case.op.name == name and edge.dtype is dtype:
            results, largest = value_and_gradients(edge)
            recorded = op_oracle.edge_record()[str(edge)]
            assert len(results) == len(recorded)
            for ours, scale, (exact, movement) in zip(results, (1, *[largest] * 9), recorded):
                assert_right(edge, ours.reshape(-1), exact, movement, scale)


def test_every_op_is_taken_to_the_edge():
    names = {edge.case.op.name for edge in EDGES}
    assert names | NOT_IN_PYTORCH == {row.name for row in TABLE}
    assert op_oracle.edge_record().keys() == {str(edge) for edge in EDGES}


def test_pytorch_says_today_what_was_recorded_at_the_edge():
    pytest.importorskip("torch")
    functions = op_oracle.pytorch()
    for edge in EDGES[::40]:
        asked = op_oracle.asked_at_edge(edge, functions)
        for (now, _), (then, _) in zip(asked, op_oracle.edge_record()[str(edge)]):
            np.testing.assert_allclose(now, then, rtol=1e-9, atol=1e-290)


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


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_only_a_square_or_a_sum_cannot_hold_is_right(dtype):
    """In float64 too, where PyTorch's is no referee any more."""
    huge = np.finfo(dtype).max / 2
    row = huge * np.array([[0.5, 1.0, 0.75, 0.25]], dtype)
    x = mg.Tensor(row, requires_grad=True)
    small = mg.Tensor(row / huge, requires_grad=True)
    tight = {"rtol": 20 * np.finfo(dtype).eps}
    for op, degree in ((mg.mean, 1), (mg.std, 1), (lambda t: mg.normalize(t, eps=0.0), 0)):
        y, expected = op(x), op(small)
        np.testing.assert_allclose(y.data, expected.data * huge**degree, **tight)
        d, slope = mg.grad(y.sum(), x), mg.grad(expected.sum(), small)
        np.testing.assert_allclose(d.data, slope.data * huge ** (degree - 1.0), atol=1e-6, **tight)
    logits = mg.Tensor(np.repeat(row / -2, 6, axis=0))
    assert mg.cross_entropy(logits, np.full(6, 1)).item() == pytest.approx(0.375 * huge)


@pytest.mark.parametrize("width", [2, 3, 7, 1000])
@pytest.mark.parametrize("value", [0.7, 1000.1, -3e38, 1e-38])
def test_equal_entries_do_not_vary_and_have_no_slope(value, width):
    x = mg.Tensor(np.full((2, width), value, np.float32), requires_grad=True)
    for op in (mg.var, mg.std):
        y = op(x, axis=1)
        np.testing.assert_array_equal(y.data, 0)
        np.testing.assert_array_equal(mg.grad(y.sum(), x).data, 0)
        again = mg.grad(y.sum(), x, create_graph=True)
        np.testing.assert_array_equal(again.data, 0)


def test_sums_of_half_precision_are_counted_in_single():
    many = 5000  # float16 counts in steps of 1 to 2,048 only
    ones = np.ones((many, 2), np.float16)
    x, row = mg.Tensor(ones, requires_grad=True), mg.Tensor(ones[0], requires_grad=True)
    for y in (x.sum(axis=0), mg.einsum("ij->j", x), x.cumsum(0)[-1], ones.T[0] @ x):
        np.testing.assert_array_equal(y.data, many)
    for y in (row + x, row * x, row - -x, mg.maximum(row, 0 * x), mg.where(True, row, x)):
        np.testing.assert_array_equal(mg.grad(y.sum(), row).data, many)
    table = mg.Tensor(np.ones((100, 2), np.float16), requires_grad=True)
    for y in (mg.embedding(table, np.full(many, 70)), table[np.full(many, 70)]):
        np.testing.assert_array_equal(mg.grad(y.sum(), table).data[70], many)
    tenth = mg.Tensor(np.float16(0.1) * ones, requires_grad=True)
    total = mg.prod(tenth[:3, 0] * 300) / 300 / 300
    assert total.item() == pytest.approx(0.3, rel=1e-2)


def test_a_smooth_function_has_no_kink_at_zero_in_any_derivative():
    """Also where it is computed by |x|."""
    x = mg.Tensor(np.array(0.0), requires_grad=True)
    y, found = mg.sigmoid(x), []
    for _ in range(5):
        y = mg.grad(y, x, create_graph=True)
        found.append(y.item())
    np.testing.assert_allclose(found, [1 / 4, 0, -1 / 8, 0, 1 / 4], atol=1e-15)


def test_the_tail_of_the_normal_distribution_keeps_its_digits():
    x = np.array([-3.0, -6.5, -15.0, -25.0, -36.0])
    exact = [0.5 * math.erfc(-v / math.sqrt(2)) for v in x]
    np.testing.assert_allclose(mg.gelu(x).data, x * exact, rtol=2e-12)


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
