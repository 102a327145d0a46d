"""The order in which a Graph was computed, call by call, and which of its parts are equal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from .graph import Cluster, Edge, Graph, GraphNode

Item: TypeAlias = "GraphNode | Cluster"  # an op, or a call of a module
LEAVES = ("parameter", "input", "constant")


class Calls:
    """What was done in each call of a module, oldest first.

    `items` are {call: the ops and calls made directly in it}; `ops` all that was computed, in
    order, so that any call is a stretch of it.
    """

    def __init__(self, graph: Graph):
        self.graph = graph
        self.home = {node.id: call for call in graph.root.walk() for node in call.nodes}
        self.ops = [node for node in graph.nodes if node.kind not in LEAVES]
        self.place = {node.id: i for i, node in enumerate(self.ops)}
        self.inputs: dict[str, list[Edge]] = defaultdict(list)
        self.uses: dict[str, list[Edge]] = defaultdict(list)
        for edge in graph.edges:
            self.inputs[edge.target].append(edge)
            self.uses[edge.source].append(edge)
        self.items: dict[Cluster, list[Item]] = defaultdict(list)
        self.spans: dict[Cluster, tuple[int, int]] = {}
        self._read()
        self._symbols: dict[Hashable, int] = {}  # {what is equal: a number}
        self._symbol_of: dict[Item, int] = {}
        self._kinds = {node.id: (node.shape, node.kind == "parameter") for node in graph.nodes}

    def _read(self) -> None:
        for i, node in enumerate(self.ops):
            item: Item = node
            call: Cluster | None = self.home[node.id]
            while call is not None:
                seen = call in self.spans
                self.spans[call] = (self.spans[call][0] if seen else i, i + 1)
                if item is node or item not in self.items[call][-1:]:
                    self.items[call].append(item)
                item, call = call, call.parent

    def span(self, item: Item) -> tuple[int, int]:
        """The ops of an op or call: from the first to behind the last."""
        place = self.place.get(getattr(item, "id", ""))
        return self.spans[item] if place is None else (place, place + 1)  # type: ignore[index]

    def inside(self, item: Item) -> Iterator[GraphNode]:
        """All nodes of an op or call, leaves too."""
        if item in self.spans:
            for call in item.walk():  # type: ignore[union-attr]
                yield from call.nodes
        else:
            yield item  # type: ignore[misc]

    def symbol(self, item: Item) -> int:
        """A number, the same for all ops or calls that compute alike: of the same module class, by
        the same ops on the same shapes. Settings and names may differ."""
        if item not in self._symbol_of:
            if item in self.spans:
                key: Hashable = (item.module, self.structure([item]))  # type: ignore[union-attr]
            else:
                key = self._op(item)  # type: ignore[arg-type]
            self._symbol_of[item] = self._symbols.setdefault(key, len(self._symbols))
        return self._symbol_of[item]

    def _op(self, node: GraphNode) -> Hashable:
        inputs = tuple((edge.argument, *self._kinds[edge.source]) for edge in self.inputs[node.id])
        label = node.label if node.box else node.label.partition(" ")[0]
        return label, node.shape, node.dtype, inputs

    def structure(self, items: Sequence[Item]) -> Hashable:
        """The ops of items that follow each other, and how these are connected among themselves."""
        start, end = self.span(items[0])[0], self.span(items[-1])[1]
        ops = []
        for i in range(start, end):
            node = self.ops[i]
            sources = [self.place.get(edge.source, -1) for edge in self.inputs[node.id]]
            ops.append((self.symbol(node), *(i - at for at in sources if at >= start)))
        return tuple(ops)

    def follows(self, items: Sequence[Item], before: Sequence[Item]) -> bool:
        """Whether one of the `items` uses what one of those `before` has computed."""
        start, end = self.span(before[0])[0], self.span(before[-1])[1]
        return any(
            start <= self.place.get(edge.source, -1) < end
            for node in self.ops[self.span(items[0])[0] : self.span(items[-1])[1]]
            for edge in self.inputs[node.id]
        )
