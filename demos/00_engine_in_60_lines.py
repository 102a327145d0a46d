"""The idea alone: an engine for gradients of numbers and matrices, in about 60 lines.

Write it along, a cell at a time. The last cell holds it against minigrad, and says
what that adds.

Run it: python demos/00_engine_in_60_lines.py
"""

# %% A tensor is an array that remembers what it was made of, and how to go back to that
from collections.abc import Callable

import numpy as np


class Tensor:
    def __init__(self, data, ways=()):
        self.data = np.asarray(data, dtype=float)
        self.grad = np.zeros_like(self.data)  # how the loss moves when this moves
        self.ways = ways  # pairs of an input and its rule

    def __add__(self, other):
        return add(self, other)

    def __mul__(self, other):
        return mul(self, other)

    def __matmul__(self, other):
        return matmul(self, other)


# %% An op is a function of arrays. It returns its value and, for each input, a rule: the gradient
# of the loss with respect to the value goes in, that with respect to the input comes out.
def op(fn) -> Callable[..., Tensor]:
    def call(*args):
        inputs = [x if isinstance(x, Tensor) else Tensor(x) for x in args]
        value, *rules = fn(*(x.data for x in inputs))
        return Tensor(value, list(zip(inputs, rules)))

    return call


@op
def add(a, b):
    def da(g):
        return g

    def db(g):
        return g

    return a + b, da, db


@op
def mul(a, b):
    def da(g):
        return g * b

    def db(g):
        return g * a

    return a * b, da, db


@op
def matmul(a, b):
    def da(g):
        return g @ b.T

    def db(g):
        return a.T @ g

    return a @ b, da, db


@op
def tanh(x):
    y = np.tanh(x)

    def dx(g):
        return g * (1 - y * y)

    return y, dx


@op
def mean(x):
    def dx(g):
        return np.full(x.shape, g / x.size)

    return x.mean(), dx


# %% Backward: from the loss to all that it was made of, each tensor after everything that used it
def in_order(tensor, seen):
    """The tensors that `tensor` was made of, and then itself."""
    if tensor not in seen:
        for source, _ in tensor.ways:
            in_order(source, seen)
        seen[tensor] = True  # a dict keeps the order in which it was filled
    return seen


def backward(loss):
    loss.grad = np.ones_like(loss.data)
    for tensor in reversed(list(in_order(loss, {}))):
        for source, rule in tensor.ways:
            source.grad += summed_to(source.data.shape, rule(tensor.grad))


def summed_to(shape, g):
    """The gradient of what NumPy has repeated: the sum of its copies' gradients."""
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


# %% A use: one number, by hand. loss = (a b + c)^2, so d loss / da = 2 (a b + c) b
a, b, c = Tensor(2.0), Tensor(-3.0), Tensor(10.0)
total = a * b + c
loss = total * total  # used twice: both ways add up
backward(loss)
print(f"da = {a.grad}, db = {b.grad}, dc = {c.grad}")

# %% Another: two layers learn the exclusive or, which one layer cannot
x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y = np.array([[0.0], [1.0], [1.0], [0.0]])
rng = np.random.default_rng(0)
start = [rng.normal(size=shape) for shape in ((2, 8), (8,), (8, 1), (1,))]


def error_of(x, y, parameters, tanh):
    """How far off each answer is, (4, 1)."""
    w1, b1, w2, b2 = parameters
    hidden = tanh(x @ w1 + b1)  # (4, 8)
    return hidden @ w2 + b2 + y * -1.0


parameters = [Tensor(array) for array in start]
first = []
for step in range(101):
    for p in parameters:
        p.grad = np.zeros_like(p.data)
    error = error_of(Tensor(x), Tensor(y), parameters, tanh)
    loss = mean(error * error)
    backward(loss)
    first = first or [p.grad for p in parameters]
    for p in parameters:
        p.data = p.data - 0.2 * p.grad
    if step % 25 == 0:
        print(f"step {step:3}: loss {loss.data:.4f}")

# %% The first of these gradients, by minigrad
import minigrad as mg

theirs = [mg.Parameter(array) for array in start]
error = error_of(mg.Tensor(x), mg.Tensor(y), theirs, mg.tanh)
(error * error).mean().backward()
for ours, parameter in zip(first, theirs):
    assert parameter.grad is not None and np.allclose(ours, parameter.grad.data, rtol=1e-12)
print("minigrad's gradients are the same")

# What it adds: some sixty ops in this very form (see `mul` in minigrad/ops/elementwise.py), each
# with checks; gradients of gradients by the same rules; no recursion, so that 100,000 ops are
# nothing special; float32, modules and optimisers; and ways to see all of it.
