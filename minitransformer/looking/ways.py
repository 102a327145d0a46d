"""The ways of a gradient from the loss to the first word of the source, on the recorded graph."""

from typing import Any, NamedTuple

import numpy as np

import minigrad as mg
from minigrad.backward import history
from minigrad.tape import Node


class Ways(NamedTuple):
    """How many ops lie on them, that which looks the word up and the loss included."""

    shortest: int
    longest: int


def ways_to_first_word(loss: mg.Tensor, src: np.ndarray) -> Ways:
    """The shortest and the longest way from the first word of the source ids (1, S) to the loss
    that a model computed from them.

    Most tensors hold several words, so that an edge of the graph alone does not say that the first
    one goes that way. Therefore the graph is computed twice, the second time with another embedding
    of that word: what changes is what it reaches. (Compute the loss in float64: over many steps a
    change becomes small.) Raises ValueError where no embedding of `src` leads to the loss.
    """
    before: dict[Any, np.ndarray] = {}
    after: dict[Any, np.ndarray] = {}
    ways: dict[Any, Ways] = {}
    for node in history(loss):
        before[node], after[node] = computed(node, before), computed(node, after)
        if node.op_name == "embedding" and np.array_equal(node.args[1], src):
            after[node] = before[node].copy()
            after[node][0, 0] += np.random.default_rng(0).standard_normal(after[node].shape[-1])
            ways[node] = Ways(1, 1)
        elif not np.array_equal(before[node], after[node]):
            come = [ways[arg] for arg in node.args if isinstance(arg, Node) and arg in ways]
            ways[node] = Ways(min(w.shortest for w in come) + 1, max(w.longest for w in come) + 1)
    if loss.node not in ways:
        raise ValueError("no embedding of these source ids leads to this loss")
    return ways[loss.node]


def computed(node: Node, values: dict[Any, np.ndarray]) -> np.ndarray:
    """What a recorded op gives, once more, of the `values` that others have given."""
    args = []
    for arg in node.args:
        arg = values[arg] if isinstance(arg, Node) else arg
        args.append(arg.data if isinstance(arg, mg.Tensor) else arg)
    return np.asarray(node.op.fn(*args, **node.kwargs)[0])
