"""Products of matrices."""

from __future__ import annotations

import numpy as np

from ..tape import Array, op
from .rows import as_rows, sum_of_rows

__all__ = ["linear", "matmul"]


@op(wide=True, ufunc=np.matmul)
def matmul(a: Array, b: Array):
    """a @ b, batched over the leading axes: (..., n, k) @ (..., k, m) -> (..., n, m).

    With a 2-D `b` the leading axes of `a` are just rows: one flat product, forward and backward,
    which is many times faster than a batch of small ones. 1-D operands work as in NumPy.
    """

    def da(g):  # g @ b^T
        d = product(g.reshape(y_shape), right.mT, like=left)
        return d.reshape(a_shape) if flat else d

    def db(g):  # a^T @ g
        d = product(left.mT, g.reshape(y_shape), like=right)
        return d.reshape(b_shape) if flat else d

    try:
        a_shape, b_shape, flat = a.shape, b.shape, b.ndim <= 2
        left = as_rows(a) if flat or a.ndim == 1 else a
        right = b.reshape(len(b), 1) if b.ndim == 1 else b
        y = product(left, right, like=right)
    except Exception:
        check_product(a, b)
        raise
    y_shape = y.shape
    if flat or a.ndim == 1:
        y = y.reshape((a_shape[:-1] if flat else b_shape[:-2]) + b_shape[-2:][1:])
    return y, da, db


def product(a: Array, b: Array, like: Array) -> Array:
    """a @ b."""
    result = in_order_of(like, a.shape[:-1] + b.shape[-1:], a, b)
    return a @ b if result is None else np.matmul(a, b, out=result)


def in_order_of(like: Array, shape: tuple[int, ...], a: Array, b: Array) -> np.ndarray | None:
    """An empty array for a @ b, whose axes lie in memory in the order of `like`; None where that
    makes no difference. So the heads of attention stay side by side in each vector, as they are in
    the whole, and joining them needs no copy."""
    if type(like) is not np.ndarray or like.ndim < 3 or a.shape[:-2] != b.shape[:-2]:
        return None  # there are no axes before the last two, or the result has others
    if like.strides[-1] != like.itemsize and like.shape != shape:
        return None  # `like` is a transposed view, as K^T is, and the result is none
    return np.empty_like(like, shape=shape)


@op(wide=True)
def linear(x: Array, weight: Array, bias: Array = None):
    """x @ weight + bias in one pass: (..., k) @ (k, m) + (m,) -> (..., m)."""

    def dx(g):
        return np.dot(as_rows(g), weight.T).reshape(x_shape)

    def dweight(g):
        return np.dot(rows.T, as_rows(g))

    def dbias(g):
        return sum_of_rows(as_rows(g)) if np.ndim(bias) == 1 else g

    try:
        x_shape, (_, m) = x.shape, weight.shape
        rows = as_rows(x)
        y = np.dot(rows, weight)  # of small matrices twice as fast as @
    except Exception:
        check_product(x, weight)
        if weight.ndim != 2:
            raise ValueError(
                f"weight has shape {weight.shape}; it has to be 2-D (inputs, outputs)"
            ) from None
        raise
    if bias is not None:
        if np.shape(bias) not in ((m,), (1,), ()):
            raise ValueError(f"bias has shape {bias.shape}; it has to be ({m},)")
        y += bias
    return y.reshape(x_shape[:-1] + (m,)), dx, dweight, dbias


def check_product(a: Array, b: Array) -> None:
    """Raise ValueError with the reason why a @ b cannot be; called once NumPy has refused it."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        raise ValueError(
            f"{np.shape(a)} @ {np.shape(b)}: a matrix product needs axes; use * for a number"
        ) from None
    inner = b.shape[0] if b.ndim == 1 else b.shape[-2]
    if a.shape[-1] != inner:
        raise ValueError(
            f"{a.shape} @ {b.shape}: inner sizes {a.shape[-1]} and {inner} differ; the last axis "
            "of the left has to be as long as the last but one of the right"
        ) from None
    if any(n != m and n != 1 and m != 1 for n, m in zip(a.shape[-3::-1], b.shape[-3::-1])):
        raise ValueError(
            f"{a.shape} @ {b.shape}: the batch axes {a.shape[:-2]} and {b.shape[:-2]} do not fit "
            "together; aligned at their last, sizes must be equal or 1"
        ) from None
