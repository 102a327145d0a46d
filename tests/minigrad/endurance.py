"""Long runs: a chain of very many ops, and the memory of very many training steps."""

import gc
import tracemalloc

import numpy as np

import minigrad as mg


def chain(length):
    """(value, gradient) of x + 1 + 1 + ... at x = 1, with so many ops."""
    x = mg.Tensor([1.0], requires_grad=True)
    y = x
    for _ in range(length):
        y = y + 1.0
    value = y.item()
    y.backward()
    return value, x.grad.item()


def memory_growth(steps):
    """By how many bytes memory grows over so many training steps, without a garbage collector."""
    rng = np.random.default_rng(0)
    w = mg.Parameter(rng.standard_normal((8, 16)))
    v = mg.Parameter(rng.standard_normal((16, 1)))
    optimiser = mg.optim.Adam([w, v], lr=1e-3)

    def train(steps):
        for _ in range(steps):
            x = rng.standard_normal((4, 8))
            loss = mg.mean((mg.tanh(x @ w) @ v) ** 2)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return tracemalloc.get_traced_memory()[0]

    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        return -train(50) + train(steps)
    finally:
        tracemalloc.stop()
        gc.enable()
