"""Products of matrices."""

import math

import numpy as np

from ..tape import op


@op
def matmul(a, b):
    """a @ b, batched over the leading axes: (..., n, k) @ (..., k, m) -> (..., n, m).

    With a 2-D `b` the leading axes of `a` are just rows: one flat product, forward and backward,
    which is many times faster than a batch of small ones. 1-D operands work as in NumPy.
    """

    def da(g):
        d = product(g.reshape(full), columns.mT, like=rows)
        return d.reshape(a_shape) if flat else d

    def db(g):
        d = product(rows.mT, g.reshape(full), like=columns)
        return d.reshape(b_shape) if flat else d

    try:
        a_shape, b_shape = a.shape, b.shape
        flat = b.ndim <= 2
        rows = as_rows(a) if flat or a.ndim == 1 else a
        columns = b.reshape(len(b), 1) if b.ndim == 1 else b
        y = product(rows, columns, like=columns)
    except Exception:
        check_inner(a, b)
        raise
    full = y.shape
    if flat or a.ndim == 1:
        leading = a_shape[:-1] if flat else b_shape[:-2]
        y = y.reshape(leading + b_shape[-2:][1:])
    return y, da, db


@op
def linear(x, weight, bias=None):
    """x @ weight + bias in one pass: (..., k) @ (k, m) + (m,) -> (..., m)."""

    def dx(g):
        return np.dot(as_rows(g), weight.T).reshape(x_shape)

    def dweight(g):
        return np.dot(rows.T, as_rows(g))

    def dbias(g):
        return g

    try:
        x_shape, (_, m) = x.shape, weight.shape
        rows = as_rows(x)
        y = np.dot(rows, weight)  # of small matrices twice as fast as @
    except Exception:
        check_inner(x, weight)
        if weight.ndim != 2:
            problem = f"weight has shape {weight.shape}; it has to be 2-D (inputs, outputs)"
            raise ValueError(problem) from None
        raise
    if bias is not None:
        if np.shape(bias) not in ((m,), (1,), ()):
            raise ValueError(f"bias has shape {bias.shape}; it has to be ({m},)")
        y += bias
    return y.reshape(*x_shape[:-1], m), dx, dweight, dbias


def product(a, b, like):
    """a @ b, its axes in memory in the order of `like`: the heads of attention stay side by side in
    each vector, as they are in the whole, so that joining them needs no copy."""
    shape = a.shape[:-1] + b.shape[-1:]
    if type(like) is not np.ndarray or like.ndim < 3 or a.shape[:-2] != b.shape[:-2]:
        return a @ b  # no axes before the last two, or not the same
    if like.strides[-1] != like.itemsize and like.shape != shape:
        return a @ b  # `like` is a transposed view, as K^T is, and the result is none
    return np.matmul(a, b, out=np.empty_like(like, shape=shape))


def as_rows(x):
    """(..., k) -> (N, k). N is said, since -1 could not be told where k is 0."""
    return x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def check_inner(a, b):
    """Raise ValueError with the reason why a @ b cannot be; called once NumPy has refused it."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        raise ValueError(
            f"{np.shape(a)} @ {np.shape(b)}: a matrix product needs axes; use * for a number"
        )
    inner = b.shape[0] if b.ndim == 1 else b.shape[-2]
    if a.shape[-1] != inner:
        raise ValueError(
            f"{a.shape} @ {b.shape}: inner sizes {a.shape[-1]} and {inner} differ; the last axis "
            "of the left has to be as long as the last but one of the right"
        )
    if any(n != m and n != 1 != m for n, m in zip(a.shape[-3::-1], b.shape[-3::-1])):
        raise ValueError(
            f"{a.shape} @ {b.shape}: the batch axes {a.shape[:-2]} and {b.shape[:-2]} do not fit "
            "together; aligned at their last, sizes must be equal or 1"
        )
