"""The recorded ops in the order in which they are visited, and where in it a name is."""

from __future__ import annotations

import difflib
from collections import Counter
from typing import TypeAlias

from ..backward import history
from ..context import dotted
from ..looking.graph import GraphNode, is_short_for
from ..looking.trace import graph_of
from ..module import Module
from ..tape import Node
from ..tensor import Tensor
from .source import SourceLine

Place: TypeAlias = "str | int | Tensor | Module"  # where to stop: see `Walk.numbers`


class Walk:
    """All ops of a computation, the oldest first or, backward, the latest first. A step's number is
    an op's place in this order, from 1 on.

    Raises RuntimeError where a part of the graph was freed.
    """

    def __init__(self, output: Tensor, forward: bool):
        self.graph = graph_of(output)
        self.oldest_first = history(output)
        ops = [node for node in self.graph.nodes if node.kind == "op"]
        order = list(zip(self.oldest_first, ops))
        self.order: list[tuple[Node, GraphNode]] = order if forward else order[::-1]
        self.by_id = {node.id: node for node in self.graph.nodes}
        # {(op, argument): what was given as that argument}
        self.given = {
            (target, argument): self.by_id[source] for source, target, argument in self.graph.edges
        }
        # {tensor: by how many ways its gradient comes in}
        self.ways = Counter(
            self.given[seen.id, argument_at(node, slot)].id
            for node, seen in self.order
            for slot, _ in node.edges
        )

    def numbers(self, place: Place) -> list[int]:
        """The numbers of the steps at a place, at least one, in order:

        of a tensor (itself, or its path and name, or a part of them as in `Graph.find`) the step of
        the op that made it, and of a leaf those of the ops that use it; of a module (itself, or its
        path) all within its calls; of an op's name all calls of that op. A number is its own.

        Raises ValueError for what does not occur.
        """
        if isinstance(place, str):
            return self._named(place)
        if isinstance(place, int):
            if not 1 <= place <= len(self.order):
                raise ValueError(f"there is no step {place}: they are 1 to {len(self.order)}")
            return [place]
        if isinstance(place, Tensor):
            users = (place.node,) if place.node is not None else ()
            found = [
                number
                for number, (node, _) in enumerate(self.order, start=1)
                if node in users or (not users and any(arg is place for arg in node.args))
            ]
            what = f"the tensor {place.name!r}" if place.name else f"a tensor of {place.shape}"
        elif isinstance(place, Module):
            found = [
                number for number, (node, _) in enumerate(self.order, 1) if _within(node, place)
            ]
            what = f"the module {type(place).__name__}"
        else:
            raise TypeError(
                "a place is a Tensor, a Module, a name (of a tensor, a module or an op) or the "
                f"number of a step, not {type(place).__name__}"
            )
        if not found:
            raise ValueError(f"{what} is no part of this computation")
        return found

    def tensor(self, name: str, number: int) -> GraphNode:
        """The tensor of that name, as somebody at the step of that number means it: one of the same
        module, what the op there was given as its argument of that name, or else as `Graph.find`
        finds it."""
        here = self.order[number - 1][1]
        full = {node.full_name: node for node in self.graph.nodes if node.name}
        found = full.get(dotted(here.path, name)) or full.get(name)
        return found or self.given.get((here.id, name)) or self.graph.find(name)

    def _named(self, name: str) -> list[int]:
        if not name:
            raise ValueError("the place to go to is empty: name a tensor, a module or an op")
        tensors = {node.id: node.full_name for node in self.graph.nodes if node.name}
        modules = {cluster.path: cluster for cluster in self.graph.root.walk() if cluster.path}
        paths = (
            [name] if name in modules else [path for path in modules if is_short_for(path, name)]
        )
        calls = [call for path in paths for call in modules[path].walk()]
        meant = {id for id, full in tensors.items() if full == name}
        meant = meant or {id for id, full in tensors.items() if is_short_for(full, name)}
        numbers = (
            self._steps_of(meant)
            or self._steps_of({target for (target, _), x in self.given.items() if x.id in meant})
            or self._steps_of({node.id for call in calls for node in call.nodes})
            or [number for number, (op, _) in enumerate(self.order, 1) if op.op_name == name]
        )
        if not numbers:
            ops = sorted({op.op_name for op, _ in self.order})
            names = list(dict.fromkeys([*tensors.values(), *modules, *ops]))
            near = nearest(name, names) or names[:5]
            raise ValueError(
                f"no tensor, module or op here is named {name!r}; there is {', '.join(near)}"
            )
        return numbers

    def _steps_of(self, ids: set[str]) -> list[int]:
        return [number for number, (_, node) in enumerate(self.order, 1) if node.id in ids]


def nearest(name: str, names: list[str]) -> list[str]:
    """Those of the names that were probably meant: first by their last part, then as a whole."""
    last = {full: full.rpartition(".")[2] for full in names}
    parts = difflib.get_close_matches(name.rpartition(".")[2], set(last.values()), n=2, cutoff=0.7)
    ends = [full for part in parts for full in names if last[full] == part]
    whole = difflib.get_close_matches(name, names, n=5, cutoff=0.5)
    return list(dict.fromkeys([*(full for full in whole if full in ends), *ends, *whole]))[:5]


def line_of(node: Node) -> SourceLine:
    """The line that called a recorded op."""
    return SourceLine(*node.line)


def argument_at(node: Node, slot: int) -> str:
    """The name of the argument number `slot` of a recorded op: "a", "arrays[1]"."""
    op = node.op
    if op.many:
        return f"{op.inputs[-1]}[{slot - op.slots[0]}]"
    return op.rule_name(slot).removeprefix("d")


def _within(node: Node, module: Module) -> bool:
    scope = node.scope
    while scope is not None:
        if scope.module is module:
            return True
        scope = scope.outer
    return False
