"""Every op, through the same checks (op_checks.py): in every case of the table, and in cases that
hypothesis makes up."""

import string
import sys

import numpy as np
import op_oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from op_cases import CASES, MODULES, OPS, TABLE, Case, normal
from op_checks import check, close

import minigrad as mg

ROWS = {row.name: row for row in TABLE}
few = settings(max_examples=40, deadline=None, derandomize=True, database=None)
shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
full_shapes = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=3)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_op(case):
    check(case)


# What the rules of other ops are made of, and nobody else needs.
FOR_RULES = {"add_rows", "concatenated", "normal_cdf", "put", "thinned"}


def test_every_op_is_in_the_table():
    assert {row.name for row in TABLE} == set(mg.ops.__all__) | FOR_RULES


def test_every_op_is_listed_in_its_file_and_exported():
    for name, op in OPS.items():
        module = sys.modules[op.fn.__module__]
        assert name in FOR_RULES or name in module.__all__, f"{name} is missing in its __all__"
        assert name in FOR_RULES or name == "einsum" or getattr(mg, name) is op
    assert set(mg.ops.__all__) == {name for module in MODULES for name in listed(module)}


def listed(module):
    return getattr(module, "__all__", [])


def test_no_two_cases_are_the_same():
    assert len({str(case) for case in CASES}) == len(CASES)


# An op that is not among these may be new to PyTorch too, and need no record.
CONTRACT = """
exp log sqrt tanh sigmoid relu gelu erf abs sin cos clip maximum minimum where masked_fill matmul
einsum sum mean var std max min prod cumsum logsumexp softmax log_softmax cross_entropy normalize
reshape transpose swapaxes broadcast_to expand_dims squeeze concatenate stack split pad take
embedding thinned add sub mul div pow neg linear getitem
""".split()


def test_every_case_of_a_recorded_op_is_recorded_from_pytorch():
    ops = {case.op.name for case in CASES if str(case) in op_oracle.record()}
    assert ops >= set(CONTRACT)
    assert op_oracle.record().keys() == {str(case) for case in CASES if case.op.name in ops}


def test_pytorch_says_today_what_was_recorded():
    pytest.importorskip("torch")
    functions = op_oracle.pytorch()
    for case in CASES:
        if str(case) in op_oracle.record():
            close(op_oracle.asked(case, functions), op_oracle.record()[str(case)], 1e-5)


# ---- cases made up by hypothesis


def check_new(name, *args, **kwargs):
    new = Case(args, kwargs)
    new.op = ROWS[name]
    check(new)


@few
@given(
    st.sampled_from("add sub mul div pow maximum minimum".split()),
    hnp.mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=3, max_dims=3),
)
def test_any_two_shapes_that_broadcast(name, broadcast):
    left, right = ROWS[name].cases[0].inputs
    a, b = broadcast.input_shapes
    check_new(name, left.of(*a), right.of(*b))


@few
@given(st.sampled_from("sum mean max min var std prod logsumexp".split()), st.data())
def test_any_axes(name, data):
    shape = data.draw(full_shapes)
    one = st.integers(-len(shape), len(shape) - 1)
    many = hnp.valid_tuple_axes(len(shape))
    axis = data.draw(st.none() | one | many)
    if name == "std" and np.empty(shape).mean(axis=axis).size == np.empty(shape).size:
        axis = None  # the deviation of one number has no gradient that differences could see
    if name == "std" and np.prod(shape) == 1:
        return
    kind = ROWS[name].cases[0].inputs[0]
    check_new(name, kind.of(*shape), axis=axis, keepdims=data.draw(st.booleans()))


@few
@given(st.sampled_from(["softmax", "log_softmax", "normalize"]), full_shapes, st.data())
def test_rows_along_any_axes(name, shape, data):
    one = st.integers(-len(shape), len(shape) - 1)
    axis = data.draw(one | hnp.valid_tuple_axes(len(shape), min_size=1))
    check_new(name, normal(*shape), axis=axis, **({"eps": 0.1} if name == "normalize" else {}))


@few
@given(hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, min_side=0, max_side=3))
def test_any_product_of_matrices(broadcast):
    a, b = broadcast.input_shapes
    check_new("matmul", normal(*a), normal(*b))


@few
@given(shapes, st.data())
def test_any_basic_index(shape, data):
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True, max_dims=4))
    check_new("getitem", normal(*shape), index)


@few
@given(full_shapes, st.data())
def test_any_advanced_index(shape, data):
    index = data.draw(hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(max_side=3)))
    mixed = tuple(data.draw(st.sampled_from([part, slice(None), 0])) for part in index)
    mask = data.draw(hnp.arrays(bool, shape[: data.draw(st.integers(1, len(shape)))]))
    check_new("getitem", normal(*shape), data.draw(st.sampled_from([index, mixed, mask])))


@few
@given(shapes, st.data())
def test_any_order_of_axes(shape, data):
    check_new("transpose", normal(*shape), data.draw(st.permutations(range(len(shape)))))


@few
@given(hnp.mutually_broadcastable_shapes(num_shapes=1, min_side=0, max_side=3, max_dims=3))
def test_any_shape_to_broadcast_to(broadcast):
    (shape,) = broadcast.input_shapes
    check_new("broadcast_to", normal(*shape), broadcast.result_shape)
    check_new("broadcast_to", normal(*shape), (2, *broadcast.result_shape))


@st.composite
def subscripts(draw):
    """(a subscript string, the shapes of its operands): repeated letters, ellipsis, sizes of 1."""
    sizes = dict(zip(string.ascii_letters, draw(st.lists(st.integers(1, 3), min_size=3))))
    letters = st.lists(st.sampled_from("abc"), max_size=3)
    batch = (2, 3)
    dots = draw(st.booleans())
    terms, shapes = [], []
    for _ in range(draw(st.integers(1, 3))):
        term, count = draw(letters), draw(st.integers(0, 2)) if dots else None
        place = draw(st.integers(0, len(term)))
        thin = draw(st.integers(0, 5)) == 0 and len(set(term)) == len(term)
        shape = [1 if thin else sizes[c] for c in term]
        if count is not None:
            term.insert(place, "...")
            shape[place:place] = batch[2 - count :]
        terms.append("".join(term))
        shapes.append(tuple(shape))
    used = sorted(set("".join(terms)) - {"."})
    text = ",".join(terms)
    if draw(st.booleans()):
        result = draw(st.permutations(used))[: draw(st.integers(0, len(used)))]
        text += "->" + "".join(result) + ("..." if dots else "")
    return text, shapes


@settings(few, max_examples=60)
@given(subscripts())
def test_any_subscripts(example):
    text, shapes = example
    check_new("einsum", text, *(normal(*shape) for shape in shapes))


@few
@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(max_dims=2, max_side=4),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    )
)
def test_no_number_is_too_large(array):
    """Where the true value is finite no exp overflows on the way to it, and no gradient is NaN."""
    for function in (mg.softmax, mg.sigmoid, mg.tanh, mg.erf, mg.logsumexp):
        x = mg.Tensor(array, requires_grad=True)
        y = function(x)
        y.backward(np.ones(y.shape))
        assert np.isfinite(y.data).all() and np.isfinite(x.grad.data).all(), function.fn.__name__
    np.testing.assert_allclose(mg.softmax(array).data.sum(axis=-1), 1, rtol=1e-5)


# ---- what the table cannot say


def test_a_row_with_nothing_to_attend_to_gives_zeros_and_poisons_no_other():
    scores = np.array([[0.3, -np.inf, 1.0], [-np.inf, -np.inf, -np.inf]])
    x = mg.Tensor(scores, requires_grad=True)
    y = mg.softmax(x)
    np.testing.assert_array_equal(y.data[1], 0)
    close(y.data[0, [0, 2]], np.exp([0.3, 1.0]) / np.exp([0.3, 1.0]).sum(), 1e-12)
    (y * np.array([1.0, 2.0, 3.0])).sum().backward()
    np.testing.assert_array_equal(x.grad.data[1], 0)
    assert np.isfinite(x.grad.data).all() and x.grad.data[0, 1] == 0


def test_the_second_derivative_of_a_row_with_nothing_to_attend_to_is_zero():
    x = mg.Tensor([[1.0, 2.0], [-np.inf, -np.inf]], requires_grad=True)
    slope = mg.grad((mg.softmax(x) * [1.0, 3.0]).sum(), x, create_graph=True)
    second = mg.grad((slope * [[1.0, 2.0], [3.0, 4.0]]).sum(), x)
    assert np.isfinite(second.data).all()
    np.testing.assert_array_equal(second.data[1], 0)


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_logsumexp_of_minus_infinities_is_minus_infinity_with_zero_gradient():
    x = mg.Tensor([-np.inf, -np.inf], requires_grad=True)
    y = mg.logsumexp(x)
    y.backward()
    assert y.item() == -np.inf
    np.testing.assert_array_equal(x.grad.data, 0)


def test_the_loss_over_no_target_is_zero_with_zero_gradient():
    logits = mg.Tensor(np.ones((2, 3)), requires_grad=True)
    loss = mg.cross_entropy(logits, np.array([0, 0]), ignore_index=0)
    loss.backward()
    assert loss.item() == 0
    np.testing.assert_array_equal(logits.grad.data, 0)


def test_hidden_scores_of_minus_infinity_leave_the_loss_finite():
    logits = mg.Tensor([[1.0, -np.inf, 2.0]], requires_grad=True)
    loss = mg.cross_entropy(logits, np.array([2]))
    loss.backward()
    assert loss.item() == pytest.approx(np.log(1 + np.exp(-1.0)), rel=1e-6)
    assert np.isfinite(logits.grad.data).all()


def test_dropout_keeps_the_expected_value_and_its_gradient_is_its_mask():
    x = mg.Tensor(np.ones((300, 300)), requires_grad=True)
    y = mg.dropout(x, 0.25, np.random.default_rng(0))
    assert set(np.unique(y.data)) == {0, 1 / 0.75}
    assert abs(y.data.mean() - 1) < 5 * np.sqrt(0.25 / 0.75 / x.size)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, y.data)


def test_dropout_with_p_zero_is_the_tensor_itself():
    x = mg.Tensor([1.0])
    assert mg.dropout(x, 0, np.random.default_rng(0)) is x


# ---- what small engines get wrong, once more by name and by hand


def gradient(function, *shape):
    x = mg.Tensor(np.arange(np.prod(shape), dtype=float).reshape(shape), requires_grad=True)
    y = function(x)
    y.backward(np.arange(1.0, y.size + 1).reshape(y.shape))
    assert (x.grad.shape, x.grad.dtype) == (x.shape, x.dtype)
    return x.grad.data


def test_a_sum_over_an_axis_without_keepdims_hands_each_row_its_own_gradient():
    np.testing.assert_array_equal(gradient(lambda x: x.sum(axis=1), 2, 2), [[1, 1], [2, 2]])
    np.testing.assert_array_equal(gradient(lambda x: x.sum(axis=0), 2, 2), [[1, 2], [1, 2]])
    np.testing.assert_array_equal(gradient(lambda x: x.mean(axis=1), 2, 2), [[0.5] * 2, [1] * 2])


def test_a_cycle_of_three_axes_is_turned_back_the_other_way():
    weights = np.arange(1.0, 25).reshape(3, 4, 2)
    np.testing.assert_array_equal(
        gradient(lambda x: x.transpose(1, 2, 0), 2, 3, 4), weights.transpose(2, 0, 1)
    )


def test_where_with_a_number_as_a_branch():
    chosen = np.array([True, False, True])
    np.testing.assert_array_equal(gradient(lambda x: mg.where(chosen, x, 0.0), 3), [1, 0, 3])
    np.testing.assert_array_equal(gradient(lambda x: mg.where(chosen, 0.0, x), 3), [0, 2, 0])


def test_an_axis_of_size_1_that_einsum_stretches_gets_the_sum():
    v = np.array([[1.0, 2.0, 3.0]])
    d = gradient(lambda x: mg.einsum("ij,ij->ij", x, v), 1, 1)
    np.testing.assert_array_equal(d, [[1 * 1 + 2 * 2 + 3 * 3]])


def test_an_index_that_occurs_twice_gets_both_gradients():
    np.testing.assert_array_equal(gradient(lambda x: x[[0, 2, 0]], 3), [1 + 3, 0, 2])
    np.testing.assert_array_equal(
        gradient(lambda x: mg.embedding(x, [1, 1]), 3, 2), [[0, 0], [1 + 3, 2 + 4], [0, 0]]
    )
