"""The values of a computation, computed again from the tape: it keeps few of them itself."""

from __future__ import annotations

import types
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..backward import check_unchanged
from ..context import during, recording, replaying
from ..tape import Node, record, unpack
from ..tensor import Tensor


class Replay:
    """Runs recorded ops again, on arrays. Each needs those before it to have been run.

    Raises RuntimeError where the graph's numbers were changed since.
    """

    def __init__(self, nodes: list[Node]):
        check_unchanged(nodes)
        self.values: dict[Node, np.ndarray] = {}
        self.args = {node: node.args for node in nodes}  # backward may free the nodes meanwhile
        self.kwargs = {node: node.kwargs for node in nodes}

    def given(self, node: Node) -> list[Any]:
        """The arguments of the op, where a tensor stands for each that was computed."""
        return [
            Tensor.made_by(None, self.values[arg]) if isinstance(arg, Node) else arg
            for arg in self.args[node]
        ]

    def arrays(self, node: Node) -> list[Any]:
        """What the function of the op is given: arrays of one dtype for the inputs."""
        return unpack(node.op, tuple(self.given(node)))[0]

    def run(self, node: Node) -> np.ndarray:
        """The value of the op, which is kept for those that use it."""
        value = called(node, self.given(node), self.kwargs[node])
        if value is None:
            raise RuntimeError(
                f"{node.op_name} gives another value each time that it is computed, so it cannot "
                "be looked at again: hand its random numbers over as an array, as mg.dropout does "
                "with its mask"
            )
        self.values[node] = value
        return value


def replayed(nodes: list[Node]) -> Replay:
    """A Replay that has run all of the nodes, which come oldest first."""
    replay = Replay(nodes)
    for node in nodes:
        replay.run(node)
    return replay


def computed_again(recorded: list[Node]) -> Iterator[tuple[Node, np.ndarray | None, bool]]:
    """(op, its value, whether it is random) for all recorded ops, oldest first. The value is None
    for what is random, and for what was computed from that."""
    left = Counter(arg for node in recorded for arg in node.args if type(arg) is Node)
    values: dict[Node, Tensor | None] = {}
    for node in recorded:
        inputs = [arg for arg in node.args if type(arg) is Node]
        value, known = None, all(values[arg] is not None for arg in inputs)
        if known:
            args = [values[arg] if type(arg) is Node else arg for arg in node.args]
            value = called(node, args, node.kwargs)
        yield node, value, known and value is None
        value = node.value if value is None else value
        values[node] = None if value is None else Tensor.made_by(None, value)
        left.subtract(inputs)
        for arg in inputs:
            if not left[arg] and arg in values:
                del values[arg]  # large arrays, that nothing needs any more


def called(node: Node, args: list[Any], kwargs: dict[str, Any]) -> np.ndarray | None:
    """What a recorded op gives for `args`, as when it was recorded; None if it is random."""

    def value() -> np.ndarray:
        values, _, _, dtype = unpack(node.op, tuple(args))
        return record(node.op, node.op.fn(*values, **kwargs), dtype, [], [], {}).data

    quiet = np.errstate(all="ignore")
    with during(recording, False), during(replaying, False), quiet:
        if node.op.ours:
            return value()
        with unmoved(generators(node)):
            try:
                once, again = value(), value()
            except Exception:  # of an op of somebody's that can be called once only
                return None
            return once if same(once, again) else None


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def generators(node: Node) -> list[Any]:
    """The generators of random numbers that a user's op can reach."""
    fn = node.op.fn
    held = [*node.args, *node.kwargs.values()]
    if isinstance(fn, types.FunctionType):
        held += [fn.__globals__.get(name) for name in fn.__code__.co_names]
        held += [cell.cell_contents for cell in fn.__closure__ or ()]
    return [x for x in held if isinstance(x, np.random.Generator)]


@contextmanager
def unmoved(rngs: list[np.random.Generator]) -> Iterator[None]:
    """Put generators back to where they were: who looks at a computation does not change what
    comes after it."""
    states = [rng.bit_generator.state for rng in rngs]
    shared = np.random.get_state()
    try:
        yield
    finally:
        np.random.set_state(shared)
        for rng, state in zip(rngs, states):
            rng.bit_generator.state = state
