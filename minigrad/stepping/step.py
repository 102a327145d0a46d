"""Backward, one op at a time: the loop of `backpropagate`, with all that it passes shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, overload

import numpy as np

from ..backward import (
    Gradients,
    Steps,
    add_to_grad,
    check_unchanged,
    fitted,
    seed,
    watched,
)
from ..clock import clock
from ..context import during, recording, replaying, watching
from ..looking.graph import GraphNode
from ..looking.replay import Replay, replayed
from ..tape import Edge
from ..tensor import Tensor, TensorLike
from .card import html_card, text_card
from .checking import Check, check_rule
from .forward import ForwardStepper
from .source import SourceLine, rule_source
from .walk import Place, Walk, argument_at, line_of


@dataclass(frozen=True, eq=False)
class Way:
    """One way that the gradient takes out of an op: to one of its inputs, by one rule."""

    argument: str  # "a", "arrays[1]"
    target: GraphNode  # what was given as that argument
    rule: str  # "da"
    source: str = field(repr=False)  # the text of the rule; "" where it cannot be had
    outgoing: np.ndarray = field(repr=False)  # what the rule gives, in the input's shape and dtype
    accumulated: np.ndarray = field(repr=False)  # all that came in there so far, this included
    arrived: int  # by so many of ...
    expected: int  # ... so many ways
    check: Check | None = field(repr=False)  # held against differences, if that was asked for


@dataclass(frozen=True, eq=False)
class Step:
    """One op that backward passes. Its arrays are copies. `print(step)` shows it as a card."""

    number: int  # 1 is the op that made the loss
    total: int
    node: GraphNode
    line: SourceLine | None  # that called the op
    incoming: np.ndarray = field(repr=False)  # the gradient of the loss for this op's value
    ways: list[Way]

    @property
    def left(self) -> int:
        """How many ops are still to be passed."""
        return self.total - self.number

    def text(self, width: int = 80) -> str:
        """The card as plain text of that many columns."""
        return text_card(self, width)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return html_card(self)


class Stepper(Iterator[Step]):
    """An iterator over backward, one Step for each op; see `step`."""

    def __init__(
        self,
        loss: Tensor,
        gradient: TensorLike | None = None,
        retain_graph: bool = False,
        check: bool = False,
        until: Place | None = None,
    ):
        g = seed(loss, gradient, False)
        self.walk = Walk(loss, forward=False)
        first = 1 if until is None else self.walk.numbers(until)[0]
        self.graph = self.walk.graph
        self.total = len(self.walk.order)
        nodes = self.walk.oldest_first
        check_unchanged(nodes)
        # They are taken here, before anybody can free the nodes.
        steps: Steps = [(node, node.args, node.edges) for node in nodes]
        rules = [node.edges for node in nodes]  # as they are written, whoever watches
        if (watcher := watching.get()) is not None:
            steps = watched(steps, watcher)
        again = replayed(nodes) if check else None
        gradients = Gradients(recorded=False)
        gradients.sums[loss.origin] = g
        self._steps = passed(self.walk, steps, rules, gradients, again, first, retain_graph)

    def __next__(self) -> Step:
        return next(self._steps)

    def __repr__(self) -> str:
        return f"<steps back through {self.total} op{'s' * (self.total != 1)}>"


# The loop is a function that knows no Stepper: a generator that its owner holds, and that holds its
# owner, would be a cycle, and keep the graph until the garbage collector comes by.
def passed(
    walk: Walk,
    steps: Steps,
    rules: list[list[Edge]],
    gradients: Gradients,
    again: Replay | None,
    first: int,
    retain_graph: bool,
) -> Iterator[Step]:
    """The steps from the number `first` on, computed as `backpropagate` does; when they are over,
    `.grad` is as after it. With `again` their rules are checked."""
    nodes, arrived, latest_change = walk.oldest_first, Counter[str](), 0
    for number, (_, seen) in enumerate(walk.order, start=1):
        if clock.latest_change > latest_change:  # between two steps anything can be done
            check_unchanged(nodes[: len(steps)])
            latest_change = clock.latest_change
        node, origins, edges = steps.pop()
        g = gradients.sums.pop(node)
        if node.retained is not None:
            gradients.kept[node] = g.copy()
        incoming, ways = g.copy(), []
        quiet = np.errstate(all="ignore")
        with during(recording, False), during(replaying, False), quiet:
            for (slot, rule), (_, written) in zip(edges, rules.pop()):
                origin, argument = origins[slot], argument_at(node, slot)
                d = fitted(rule(g), origin, node, slot, False)
                outgoing = d.copy()
                gradients.add(origin, d, node, slot)
                target = walk.given[seen.id, argument]
                arrived[target.id] += 1
                if number < first:
                    continue
                way = Way(
                    argument,
                    target,
                    node.op.rule_name(slot),
                    rule_source(written),
                    outgoing,
                    gradients.sums[origin].copy(),
                    arrived[target.id],
                    walk.ways[target.id],
                    check_rule(again, node, slot, incoming) if again else None,
                )
                ways.append(way)
        if again:
            del again.values[node]  # none of those that are left was given it
        if number >= first:
            yield Step(number, len(nodes), seen, line_of(node), incoming, ways)
    if not retain_graph:
        for node in nodes:
            node.free()
    add_to_grad(gradients.finished())


@overload
def step(
    loss: Tensor,
    gradient: TensorLike | None = None,
    *,
    until: Place | None = None,
    check: bool = False,
    forward: Literal[False] = False,
    retain_graph: bool = False,
) -> Stepper: ...
@overload
def step(
    loss: Tensor,
    gradient: TensorLike | None = None,
    *,
    until: Place | None = None,
    check: bool = False,
    forward: Literal[True],
    retain_graph: bool = False,
) -> ForwardStepper: ...
def step(
    loss: Tensor,
    gradient: TensorLike | None = None,
    *,
    until: Place | None = None,
    check: bool = False,
    forward: bool = False,
    retain_graph: bool = False,
) -> Stepper | ForwardStepper:
    """Go through `loss.backward()` one op at a time: `for step in mg.step(loss): print(step)`.

    Each Step tells the op, where it was made, the gradient that comes in, and for each input the
    rule, what it gives and what has accumulated there. The arithmetic is backward's own: when the
    iterator has ended, every `.grad` is bit for bit what `backward(gradient)` gives, and the graph
    is freed unless `retain_graph`. Left halfway it has changed nothing: no `.grad`, no graph.

    `until` does the steps before a place without showing them: a tensor (itself or its path and
    name: the op that made it), a module (itself or its path: the first op within it), the name of
    an op, or a step's number. Where a name fits several, it is the first that comes. `check` holds
    every rule against differences. With `forward` it walks the computation in its own order
    instead, values in and value out, and changes nothing; the other arguments are backward's.

    Raises ValueError for a place that does not occur, and otherwise what `backward` raises.
    """
    if not isinstance(loss, Tensor):
        raise TypeError(f"step takes the Tensor to step through, not {type(loss).__name__}")
    if not forward:
        return Stepper(loss, gradient, retain_graph, check, until)
    if gradient is not None or check or retain_graph:
        raise ValueError(
            "gradient, check and retain_graph are about backward: with forward=True "
            "there is no gradient, and nothing is freed"
        )
    return ForwardStepper(loss, until)
