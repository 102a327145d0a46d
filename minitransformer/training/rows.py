"""All gradients of one worker in a row, so that those of several are summed in one go."""

from collections.abc import Iterable

import numpy as np

import minigrad as mg
from minigrad.optim.gradients import gradient_of


def join_tied(optimizer: mg.optim.Optimizer) -> None:
    """Parameters that share one array have one gradient, the sum; the first of them gets it."""
    for i, owner in optimizer.tied:
        first, other = optimizer.parameters[owner], optimizer.parameters[i]
        g, more = gradient_of(first), gradient_of(other)
        if more is not None:
            first.grad, other.grad = mg.Tensor(more if g is None else g + more), None


def empty_row(optimizer: mg.optim.Optimizer) -> np.ndarray:
    """An array for all gradients of one worker, and behind them for each parameter a 1 if it has
    one: what had none in any worker is not moved, as in a training of one process."""
    dtype = np.promote_types(optimizer.flat.dtype, np.float32)  # MPI knows no float16
    return np.empty(optimizer.size + len(optimizer.parameters), dtype)


def gather(optimizer: mg.optim.Optimizer, row: np.ndarray) -> None:
    """Write all gradients into a row; a parameter without one counts as zero."""
    join_tied(optimizer)
    for i, (p, where) in enumerate(zip(optimizer.parameters, optimizer.slices)):
        row[optimizer.size + i] = p.grad is not None
        if i == optimizer.owners[i]:
            g = gradient_of(p)
            row[where] = 0 if g is None else g.reshape(-1)


def scatter(
    optimizer: mg.optim.Optimizer, row: np.ndarray, counts: np.ndarray, members: Iterable[int]
) -> None:
    """Let the gradients of `members` that are counted be those of the row, and all others none."""
    optimizer.zero_grad()
    for i in members:
        if counts[i]:
            p = optimizer.parameters[i]
            g = row[optimizer.slices[i]].reshape(p.shape)
            p.grad = mg.Tensor(g.astype(p.dtype, copy=False))
