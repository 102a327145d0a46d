"""The values of a computation, computed again from the tape: it keeps few of them itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backward import check_unchanged
from ..context import during, recording, replaying
from ..tape import Node, unpack
from ..tensor import Tensor, plain
from .checking import Check, check_rule


class Replay:
    """Runs recorded ops again, on arrays. Each needs those before it to have been run.

    Raises RuntimeError where the graph's numbers were changed since.
    """

    def __init__(self, nodes: list[Node]):
        check_unchanged(nodes)
        self.values: dict[Node, np.ndarray] = {}
        self.args = {node: node.args for node in nodes}  # backward may free the nodes meanwhile
        self.kwargs = {node: node.kwargs for node in nodes}

    def arrays(self, node: Node) -> list[Any]:
        """What the function of the op is given: arrays of one dtype for the inputs."""
        args = tuple(
            Tensor.made_by(None, self.values[arg]) if isinstance(arg, Node) else arg
            for arg in self.args[node]
        )
        return unpack(node.op, args)[0]

    def run(self, node: Node) -> np.ndarray:
        """The value of the op, which is kept for those that use it."""
        value = self.value(node)
        if not node.op.ours and not np.array_equal(value, self.value(node), equal_nan=True):
            raise RuntimeError(
                f"{node.op_name} gives another value each time that it is computed, so it cannot "
                "be looked at again: hand its random numbers over as an array, as mg.dropout does "
                "with its mask"
            )
        self.values[node] = value
        return value

    def value(self, node: Node) -> np.ndarray:
        with during(recording, False), during(replaying, False), np.errstate(all="ignore"):
            value, *_ = node.op.fn(*self.arrays(node), **self.kwargs[node])
        return np.asarray(plain(value)).astype(node.dtype, copy=False)

    def check(self, node: Node, slot: int, g: np.ndarray) -> Check:
        """The rule for the argument number `slot` of an op, held against differences."""
        return check_rule(node, slot, self.arrays(node), self.kwargs[node], g)


def replayed(nodes: list[Node]) -> Replay:
    """A Replay that has run all of the nodes, which come oldest first."""
    replay = Replay(nodes)
    for node in nodes:
        replay.run(node)
    return replay
