"""What is demanded of every op, in every case of the table: each check raises where it is not so.

`ours` is the op to hold against the case; the mutants come in here and have to fail.
"""

import types
from functools import partial

import numpy as np
import op_oracle

import minigrad as mg

DTYPES = (np.float16, np.float32, np.float64)
PRECISION = {np.float16: 2e-2, np.float32: 1e-5, np.float64: 1e-12}


def close(actual, expected, precision):
    """Equal up to `precision`, relative to each entry or to the largest of them."""
    finite = np.abs(expected)[np.isfinite(expected)]
    scale = max(1.0, finite.max(initial=0.0))
    np.testing.assert_allclose(actual, expected, rtol=precision, atol=precision * scale)


def leaves(arrays):
    return [mg.Tensor(array, requires_grad=True) for array in arrays]


def value_and_gradients(case, ours, arrays, cotangent=None):
    """(the value, the cotangent, the gradients) as arrays."""
    inputs = leaves(arrays)
    y = case.call(ours, inputs)
    if cotangent is None:
        cotangent = case.cotangent(y.shape, y.dtype)
    gradients = mg.grad(y, inputs, gradient=cotangent)
    return y.data, cotangent, [gradient.data for gradient in gradients]


def value_is_numpys(case, ours):
    """The value is the reference's, whatever the dtype, and the inputs are left as they were."""
    for dtype in DTYPES:
        arrays = case.arrays(dtype)
        with np.errstate(all="ignore"):
            y = case.call(ours, [mg.Tensor(array.copy()) for array in arrays])
            expected = case.call(case.op.reference, [array.astype(float) for array in arrays])
        assert y.shape == np.shape(expected)
        close(y.data, expected, PRECISION[dtype])

        inputs = leaves(arrays)
        before = [array.copy() for array in arrays]
        y = case.call(ours, inputs)
        y.backward(gradient=case.cotangent(y.shape, y.dtype))
        for array, old in zip(arrays, before):
            np.testing.assert_array_equal(array, old)


def shape_and_dtype_are_kept(case, ours):
    """Value and gradients are arrays in the dtype of the inputs, a gradient has its input's shape
    and is nobody else's array."""
    for dtype in DTYPES:
        inputs = leaves(case.arrays(dtype))
        y = case.call(ours, inputs)
        assert type(y) is mg.Tensor and type(y.data) is np.ndarray
        assert y.dtype == (case.args[1] if case.op.name == "astype" else dtype)
        assert y.requires_grad and y.node is not None

        cotangent = case.cotangent(y.shape, y.dtype)
        y.backward(gradient=cotangent, retain_graph=True)
        arrays = [cotangent, y.data, *(x.data for x in inputs)]
        for x in inputs:
            assert type(x.grad) is mg.Tensor and type(x.grad.data) is np.ndarray
            assert (x.grad.shape, x.grad.dtype) == (x.shape, x.dtype)
            assert not x.grad.requires_grad
            assert not any(np.shares_memory(x.grad.data, array) for array in arrays)
            arrays.append(x.grad.data)

        exact = value_and_gradients(case, ours, case.arrays(), cotangent.astype(float))[2]
        for x, gradient in zip(inputs, exact):
            close(x.grad.data, gradient.astype(dtype), 10 * PRECISION[dtype])


def derivatives_are_the_numerical_ones(case, ours):
    """Of first and of second order: the gradient is differentiated by the inputs, and through the
    gradient that comes in, which is `weight` times the referee's random numbers."""

    def weighed(weight, *inputs):
        return case.call(ours, inputs) * weight

    if not case.kink:
        mg.gradcheck(weighed, 0.7, *case.arrays(), order=2)


def create_graph_changes_no_gradient(case, ours):
    """The same rules on tensors: the same numbers, at kinks too."""
    inputs = leaves(case.arrays())
    y = case.call(ours, inputs)
    cotangent = case.cotangent(y.shape, y.dtype)
    plain = mg.grad(y, inputs, gradient=cotangent)
    for a, b in zip(plain, mg.grad(y, inputs, gradient=cotangent, create_graph=True)):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        close(b.data, a.data, 1e-12)


def transposed(array):
    return array.T.copy().T


def backwards(array):
    """Negative strides."""
    return np.asarray(np.flip(np.flip(array).copy()))


def spaced(array):
    """Every other entry of a larger block."""
    block = np.full([2 * n for n in array.shape], np.nan, array.dtype)
    view = block[(slice(None, None, 2),) * array.ndim + (...,)]
    view[...] = array
    return view


def frozen(array):
    array = array.copy()
    array.setflags(write=False)
    return array


def memory_layout_changes_nothing(case, ours):
    """Inputs, and the gradient that comes in, may be any view of an array."""
    y, cotangent, gradients = value_and_gradients(case, ours, case.arrays())
    for layout in (transposed, backwards, spaced, frozen):
        arrays = [layout(array) for array in case.arrays()]
        other, _, others = value_and_gradients(case, ours, arrays, layout(cotangent))
        close(other, y, 1e-12)
        for a, b in zip(others, gradients):
            close(a, b, 1e-12)


def values_are_pytorchs(case, ours):
    """Value and gradients in float32, as recorded from PyTorch (for the cases of the table)."""
    if str(case) not in op_oracle.record():
        return
    arrays, cotangent, value, gradients = op_oracle.recorded(case)
    y = case.call(ours, leaves(arrays))
    actual = value_and_gradients(case, ours, arrays, cotangent.reshape(y.shape).astype(y.dtype))
    close(actual[0].reshape(-1), value, 1e-5)
    for a, b in zip(actual[2], gradients):
        close(a, b, 1e-5)


def held_by(pullback):
    """Every value that a pullback closes over, in the functions that it closes over too."""
    if isinstance(pullback, partial):
        yield from held_by(pullback.func)
    elif isinstance(pullback, types.FunctionType):
        for cell in pullback.__closure__ or ():
            yield cell.cell_contents
            yield from held_by(cell.cell_contents)


def float32_hides_no_float64(case, ours):
    """What backward will compute with is float32 too: one float64 would slow all that follows."""
    y = case.call(ours, leaves(case.arrays(np.float32)))
    for _, pullback in y.node.edges:
        for value in held_by(pullback):
            if isinstance(value, (np.ndarray, np.generic)):
                assert value.dtype not in (np.float64, np.float16), case.op.name


# Ops whose gradient is that of some entries of the value, and of no others.
CHOOSING = {"relu", "thinned", "max", "min", "where", "clip", "maximum", "minimum", "masked_fill"}


def an_infinite_gradient_stays_where_it_belongs(case, ours):
    """Where an entry of the value has no part in the gradient, an infinity there has none either;
    elsewhere all is as with a finite number."""
    if case.op.name not in CHOOSING or case.kink:
        return
    arrays = case.arrays()
    y, cotangent, _ = value_and_gradients(case, ours, arrays)
    if y.size == 0:
        return
    for number in (1e6, np.inf):
        weights = cotangent.copy().reshape(-1)
        weights[0] = number
        gradients = value_and_gradients(case, ours, arrays, weights.reshape(y.shape))[2]
        if number == 1e6:
            finite = gradients
    for large, infinite in zip(finite, gradients):
        assert not np.isnan(infinite).any()
        reached = np.abs(large) > 1e5
        np.testing.assert_array_equal(np.isinf(infinite), reached)
        np.testing.assert_allclose(infinite[~reached], large[~reached])


CHECKS = (
    value_is_numpys,
    shape_and_dtype_are_kept,
    derivatives_are_the_numerical_ones,
    create_graph_changes_no_gradient,
    memory_layout_changes_nothing,
    values_are_pytorchs,
    float32_hides_no_float64,
    an_infinite_gradient_stays_where_it_belongs,
)


def check(case, ours=None):
    """All of them, for one case."""
    with np.errstate(all="ignore"):
        for demand in CHECKS:
            demand(case, ours or case.op.ours)
