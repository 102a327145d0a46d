"""The computation in its own order, one op at a time: values in, value out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from ..looking.graph import GraphNode
from ..looking.replay import Replay
from ..tape import Node
from ..tensor import Tensor
from .card import forward_html_card, forward_text_card
from .source import SourceLine, equation_of
from .walk import Place, Walk, line_of


@dataclass(frozen=True, eq=False)
class Given:
    """An array that an op was given."""

    argument: str  # "a", "arrays[1]"
    source: GraphNode
    value: np.ndarray = field(repr=False)


@dataclass(frozen=True, eq=False)
class ForwardStep:
    """One op of the computation. Its arrays are copies. `print(step)` shows it as a card."""

    number: int  # 1 is the first op that was recorded
    total: int
    node: GraphNode
    line: SourceLine | None  # that called the op
    equation: str  # in the docstring of the function or module that called it, or ""
    given: list[Given]
    value: np.ndarray = field(repr=False)

    @property
    def left(self) -> int:
        """How many ops are still to come."""
        return self.total - self.number

    def text(self, width: int = 80) -> str:
        """The card as plain text of that many columns."""
        return forward_text_card(self, width)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return forward_html_card(self)


class ForwardStepper(Iterator[ForwardStep]):
    """An iterator over a computation, one ForwardStep for each op; see `step`."""

    def __init__(self, output: Tensor, until: Place | None = None):
        if not output.requires_grad:
            raise RuntimeError(
                "step: this tensor depends on nothing that requires a gradient (or was computed "
                "under no_grad), so nothing was recorded of how it was computed"
            )
        self.walk = Walk(output, forward=True)
        self.graph = self.walk.graph
        self.total = len(self.walk.order)
        first = 1 if until is None else self.walk.numbers(until)[0]
        self._steps = computed(self.walk, Replay(self.walk.oldest_first), first)

    def __next__(self) -> ForwardStep:
        return next(self._steps)

    def __repr__(self) -> str:
        return f"<steps forward through {self.total} ops>"


def computed(walk: Walk, again: Replay, first: int) -> Iterator[ForwardStep]:
    """The steps from the number `first` on."""
    inputs: dict[str, list[tuple[str, GraphNode]]] = {}
    for (target, argument), source in walk.given.items():
        inputs.setdefault(target, []).append((argument, source))
    made: dict[str, Node] = {seen.id: node for node, seen in walk.order}
    for number, (node, seen) in enumerate(walk.order, start=1):
        value = again.run(node)
        if number < first:
            continue
        given = []
        for argument, source in inputs.get(seen.id, []):
            array = again.values[made[source.id]] if source.id in made else source.value
            assert array is not None  # a leaf has one
            given.append(Given(argument, source, array.copy()))
        yield ForwardStep(
            number, len(walk.order), seen, line_of(node), equation_of(node), given, value.copy()
        )
