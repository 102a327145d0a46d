"""The numbers at the nodes of a Graph: values, which the tape does not keep, and gradients."""

from __future__ import annotations

import numpy as np

from ..backward import check_unchanged
from ..looking.graph import Graph, GraphNode
from ..looking.replay import computed_again, same
from ..looking.summary import in_words
from ..tape import Node
from ..tensor import Tensor

NOT_COMPUTED = "grad: not computed"
NOT_KEPT = "grad: not kept"


class Values:
    """`of` is {id of a node: its value}, for every node of the graph whose value is known, and
    `missing` says why it is not for others ("" where all are).

    The tape keeps the values of named tensors alone. The others are computed again, from the leaves
    on and by the same functions, so they are the same to the bit.
    """

    def __init__(self, graph: Graph, output: Tensor | None = None):
        self.of = {node.id: node.value for node in graph.nodes if node.value is not None}
        self.missing = ""
        wanted = {id(node.origin): node.id for node in graph.nodes if type(node.origin) is Node}
        if any(id not in self.of for id in wanted.values()):
            self._compute(list(graph.recorded.values()), wanted, output)

    def _compute(self, recorded: list[Node], wanted: dict[int, str], output: Tensor | None) -> None:
        if any(node.freed for node in recorded):
            self.missing = "values are not known: backward has freed the graph (retain_graph=True)"
            return
        try:
            check_unchanged(recorded)
        except RuntimeError:
            self.missing = "values are not known: a tensor was changed since it was used"
            return
        found, random = {}, set()
        for node, value, is_random in computed_again(recorded):
            kept = output.data if output is not None and node is output.node else node.value
            if is_random and kept is None:
                random.add(node.op_name)
            if value is None:
                continue
            if kept is not None and not same(kept, value):
                self.missing = "values are not known: an array was written to since it was used"
                return
            if id(node) in wanted:
                found[wanted[id(node)]] = value
        if random:
            ops = ", ".join(sorted(random))
            self.missing = f"some values are not known: computed again, {ops} gives others"
        self.of = found | self.of


# ---- gradients


class Gradients:
    """The gradients at the nodes of a graph, as they are now."""

    def __init__(self, graph: Graph):
        self.of: dict[str, np.ndarray] = {}
        self.asked: set[str] = set()  # ids of the nodes for which backward keeps one
        self.open: set[str] = set()  # ids of those that require one and do not have it
        for node in graph.nodes:
            if not node.requires_grad:
                continue
            tensor = holder(node)
            if tensor is not None:
                self.asked.add(node.id)
            if tensor is not None and tensor._grad is not None:
                self.of[node.id] = tensor._grad.data
            else:
                self.open.add(node.id)

    def line(self, node: GraphNode) -> str:
        """The gradient at a node in words; "" where there is none to be had."""
        if node.id in self.of:
            return f"grad: {in_short(self.of[node.id])}"
        if node.id not in self.open:
            return ""
        return NOT_KEPT if self.of and node.id not in self.asked else NOT_COMPUTED


def holder(node: GraphNode) -> Tensor | None:
    """The tensor that gets the gradient of a node; None where none was asked to keep it."""
    if isinstance(node.origin, Tensor):
        return node.origin
    return node.origin.retained() if type(node.origin) is Node and node.origin.retained else None


# ---- in words

FEW = 6  # entries that are shown one by one


def in_short(array: np.ndarray) -> str:
    """The entries of a small array, mean and spread of a large one: "[0.5, -1]", "mean 0.02, spread
    1.1"."""
    return entries(array) if 0 < array.size <= FEW else in_words(array, brief=True)


def entries(array: np.ndarray) -> str:
    if array.ndim == 0:
        return number(array.item())
    return f"[{', '.join(entries(row) for row in array)}]"


def number(value: float) -> str:
    return str(value) if isinstance(value, (bool, np.bool_, int)) else f"{value:.4g}"
