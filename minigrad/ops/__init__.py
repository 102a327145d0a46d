"""Every rule of calculus in the project: one op is one function with its derivatives beside it."""

from .einsum import einsum
from .elementwise import (
    abs,
    add,
    astype,
    clip,
    cos,
    div,
    erf,
    exp,
    gelu,
    log,
    maximum,
    minimum,
    mul,
    neg,
    pow,
    relu,
    sigmoid,
    sin,
    sqrt,
    sub,
    tanh,
)
from .linear import linear, matmul
from .normalise import cross_entropy, log_softmax, logsumexp, normalize, softmax
from .reduce import cumsum, max, mean, min, prod, std, sum, var
from .select import (
    add_rows,
    dropout,
    embedding,
    getitem,
    masked_fill,
    put,
    take,
    thinned,
    where,
)
from .shape import (
    broadcast_to,
    concatenate,
    expand_dims,
    flip,
    joined,
    pad,
    reshape,
    split,
    squeeze,
    stack,
    swapaxes,
    transpose,
)

__all__ = [name for name, value in globals().items() if callable(value)]
