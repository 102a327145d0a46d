"""Going to and fro among the steps: those that were made are kept, or made again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import numpy as np

from ..context import Scope
from ..looking.graph import Cluster, Graph, GraphNode
from ..looking.replay import Replay, replayed
from ..stepping.checking import check_rule
from ..stepping.forward import ForwardStep, ForwardStepper
from ..stepping.step import Step, Stepper, Way
from ..tape import Node
from ..tensor import Tensor

KEPT = 256 * 2**20  # bytes of steps that are kept to go back to; older ones are made again


class Visit:
    """A place among the steps of backward, or of the computation itself: `at` is the number of the
    step, 0 before the first. The graph is kept, so all of them can be made again."""

    def __init__(self, loss: Tensor, forward: bool):
        self.loss = loss
        self.forward = forward
        self.at = 0
        self.stepper = self.steps(1)
        self.walk = self.stepper.walk
        self.total = self.stepper.total
        self.made = 0  # the latest step that `stepper` has made
        self.kept: dict[int, Step | ForwardStep] = {}
        self.bytes = 0
        self.ended = False

    def steps(self, first: int) -> Stepper | ForwardStepper:
        """The steps from a number on."""
        if self.forward:
            return ForwardStepper(self.loss, first)
        return Stepper(self.loss, retain_graph=True, until=first)

    # ---- steps

    def step(self, number: int) -> Step | ForwardStep:
        """The step of that number: kept, made now, or made again."""
        while self.made < number:
            step = next(self.stepper, None)
            if step is None:  # as every iterator that has raised an error
                raise RuntimeError(f"step {self.made + 1} has failed, so there is no way on")
            self.made = step.number
            self.keep(step)
        if number not in self.kept:
            self.keep(next(self.steps(number)))
        return self.kept[number]

    def keep(self, step: Step | ForwardStep) -> None:
        """Keep a step, and not more than KEPT bytes of them."""
        self.kept[step.number] = step
        self.bytes += bytes_of(step)
        while self.bytes > KEPT and len(self.kept) > 1:
            self.bytes -= bytes_of(self.kept.pop(next(iter(self.kept))))

    def end(self) -> None:
        """Go past the last step: the gradients are added to the leaves."""
        self.at = self.total
        self.step(self.total)
        if not self.ended:
            self.ended = next(self.stepper, None) is None

    def node(self, number: int) -> Node:
        """The recorded op of a step."""
        return self.walk.order[number - 1][0]

    # ---- places

    def find(self, fits: Callable[[int], bool]) -> int | None:
        """The number of the next step that fits."""
        return next(filter(fits, range(self.at + 1, self.total + 1)), None)

    def calls(self, number: int) -> set[Scope]:
        """The module calls that a step is in."""
        found, scope = set(), self.node(number).scope
        while scope is not None:
            found.add(scope)
            scope = scope.outer
        return found

    # ---- what there is to see

    @cached_property
    def again(self) -> Replay:
        return replayed(self.walk.oldest_first)

    def checked(self, step: Step) -> list[Way]:
        """The ways of a step, each with its rule held against differences."""
        node = self.node(step.number)
        return [
            replace(way, check=check_rule(self.again, node, slot, step.incoming))
            for way, (slot, _) in zip(step.ways, node.edges)
        ]

    def value(self, node: GraphNode) -> np.ndarray:
        """The value of a tensor, computed again where nobody has kept it."""
        if node.value is not None:
            return node.value
        return next(self.again.values[op] for op, seen in self.walk.order if seen is node)

    def last_way(self, node: GraphNode) -> Way | None:
        """The last way, up to here, by which a gradient came in for a tensor."""
        users = {target for (target, _), source in self.walk.given.items() if source is node}
        passed = range(self.at, 0, -1)
        for number in (n for n in passed if self.walk.order[n - 1][1].id in users):
            step = self.step(number)
            for way in reversed(step.ways) if isinstance(step, Step) else ():
                if way.target is node:
                    return way
        return None

    def passed(self) -> Graph:
        """The part of the graph that the steps up to here have to do with."""
        graph, ops = self.walk.graph, {node.id for _, node in self.walk.order[: self.at]}
        edges = [edge for edge in graph.edges if edge.target in ops]
        seen = ops | {edge.source for edge in edges}
        nodes = [node for node in graph.nodes if node.id in seen]
        output = self.walk.order[self.at - 1][1] if self.forward else graph.output
        return Graph(nodes, edges, part_of(graph.root, None, seen), output)


def bytes_of(step: Step | ForwardStep) -> int:
    """The memory of a step's arrays."""
    if isinstance(step, Step):
        arrays = [step.incoming]
        arrays += [array for way in step.ways for array in (way.outgoing, way.accumulated)]
    else:
        arrays = [step.value, *(given.value for given in step.given)]
    return sum(array.nbytes for array in arrays)


def part_of(cluster: Cluster, parent: Cluster | None, seen: set[str]) -> Cluster:
    """A copy of the tree of calls with the nodes in `seen` alone."""
    nodes = [node for node in cluster.nodes if node.id in seen]
    copy = replace(cluster, parent=parent, nodes=nodes, children=[])
    parts = [part_of(child, copy, seen) for child in cluster.children]
    copy.children = [part for part in parts if part.nodes or part.children]
    return copy
