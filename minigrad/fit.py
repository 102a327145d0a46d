"""Gradients in the shape and dtype of what they belong to: here broadcasting is undone."""

import functools
import math

import numpy as np

from .tensor import Tensor, plain


def seed(output, gradient, kind):
    """The gradient to begin with, at the output itself."""
    if gradient is None:
        if output.size != 1:
            raise ValueError(
                f"backward from a tensor of shape {output.shape} needs `gradient`, an array of "
                "that shape; or make it one number first, with .sum() or .mean()"
            )
        gradient = np.ones(output.shape, output.dtype)
    g = gradient if isinstance(gradient, Tensor) else Tensor(gradient, dtype=output.dtype)
    if g.shape != output.shape:
        raise ValueError(f"backward: gradient has shape {g.shape}, the tensor has {output.shape}")
    g = g if g.dtype == output.dtype else g.astype(output.dtype)
    return g if kind is Tensor else g.data


def fitted(d, origin, kind, node):
    """What a rule returned, in the shape and dtype of its input."""
    if type(d) is not kind:
        d = np.asarray(plain(d)) if kind is np.ndarray else Tensor(d)
    if d.shape != origin.shape:
        kept = d.shape[d.ndim - len(origin.shape) :]
        if d.ndim < len(origin.shape) or any(n not in (1, m) for n, m in zip(origin.shape, kept)):
            raise ValueError(
                f"a rule of {node.op_name} gave a gradient of shape {d.shape} for an input of "
                f"shape {origin.shape}: it has to have the input's shape"
            )
        d = summed_to(origin.shape, d)
    return d if d.dtype == origin.dtype else d.astype(origin.dtype)


def summed_to(shape, d):
    """The gradient of an array that was repeated from `shape`: summed over the repeated axes."""
    new = d.ndim - len(shape)
    if d.shape[new:] != shape:
        repeated = [new + i for i, n in enumerate(shape) if n == 1 != d.shape[new + i]]
        d = d.sum(axis=tuple(repeated), keepdims=True)
    if new:  # over the leading axes: a product with ones is faster than .sum of short rows
        rows = math.prod(d.shape[:new])
        d = np.dot(full(rows, d.dtype), d.reshape(rows, math.prod(d.shape[new:])))
    return d.reshape(shape)


@functools.lru_cache(maxsize=256)
def full(n, dtype, value=1.0):
    """A vector of n times the same value, made once and not to be written to."""
    vector = np.full(n, value, dtype)
    vector.flags.writeable = False
    return vector
