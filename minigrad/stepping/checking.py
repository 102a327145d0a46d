"""One rule of one recorded op, held against differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..backward import fitted
from ..context import during, recording, replaying
from ..looking.replay import Replay
from ..tape import Node
from ..tensor import Tensor, plain

MOST = 12  # entries of one input that are moved
STEPS = (1e-4, 1e-6, 1e-8)  # a kink that the first one reaches is out of reach of a smaller one
TOLERANCE = 1e-6  # relative to the largest entry looked at


@dataclass(frozen=True, eq=False)
class Check:
    """What a rule gives and what differences give, both in float64, at some entries of an input."""

    places: list[tuple[int, ...]]  # all entries, or MOST of them: the largest, and evenly spread
    by_rule: np.ndarray
    by_differences: np.ndarray
    size: int  # how many entries the input has
    agrees: bool

    @property
    def error(self) -> float:
        """The largest difference between the two."""
        return float(np.abs(self.by_rule - self.by_differences).max(initial=0.0))


def check_rule(again: Replay, node: Node, slot: int, g: np.ndarray) -> Check:
    """Hold the rule of `node` for its argument number `slot` against central differences of fourth
    order, in float64, weighed with `g`, the gradient that came in."""
    arrays, kwargs = again.arrays(node), again.kwargs[node]
    given = [
        x.astype(np.float64) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x
        for x in arrays
    ]
    g, x = g.astype(np.float64), given[slot]

    def value() -> np.ndarray:
        y = node.op.fn(*given, **kwargs)[0]
        return np.array(plain(y), np.float64)  # a copy: it may be a view of what is moved

    with during(recording, False), during(replaying, False), np.errstate(all="ignore"):
        _, *rules = node.op.fn(*given, **kwargs)
        ((_, rule),) = node.op.edges(node.op.sorted_rules(rules), [slot])
        d = fitted(rule(g), Tensor(x), node, slot, False)
        places = chosen(d)
        by_rule = np.array([d[place] for place in places])
        scale = np.abs(by_rule[np.isfinite(by_rule)]).max(initial=0.0)
        size = np.abs(np.where(np.isfinite(y := value()), y, 0) * g).sum()
        noise = 16 * np.finfo(np.float64).eps * size  # of a difference, before it is divided by h
        numerical, agrees = np.empty(len(places)), np.zeros(len(places), bool)
        for i, place in enumerate(places):
            unit = max(1.0, abs(x[place])) if np.isfinite(x[place]) else 1.0
            for h in [step * unit for step in STEPS]:
                numerical[i] = difference(value, x, place, g, h)
                error = abs(numerical[i] - by_rule[i])
                largest = max(scale, abs(numerical[i]))
                # Where a small step drowns in rounding, anything would agree with it.
                slack = noise / h if h >= STEPS[0] else min(noise / h, 1e-3 * largest)
                agrees[i] = error <= TOLERANCE * largest + slack
                if agrees[i]:
                    break
    return Check(places, by_rule, numerical, x.size, bool(agrees.all()))


def chosen(d: np.ndarray) -> list[tuple[int, ...]]:
    """The places of all entries of an array, or of MOST: the largest, and some from end to end."""
    flat = np.abs(d.reshape(-1))
    if d.size > MOST:
        largest = np.argsort(-flat, kind="stable")[: MOST // 3]
        spread = np.linspace(0, d.size - 1, MOST - len(largest)).astype(int)
        numbers = sorted({*largest.tolist(), *spread.tolist()})
    else:
        numbers = list(range(d.size))
    return [tuple(map(int, np.unravel_index(number, d.shape))) for number in numbers]


def difference(
    value: Callable[[], np.ndarray], x: np.ndarray, place: tuple[int, ...], g: np.ndarray, h: float
) -> float:
    """The derivative of (value() * g).sum() by the entry of x at a place, to fourth order in h."""
    middle, total = x[place], 0.0
    for step, weight in ((h, 8), (-h, -8), (2 * h, -1), (-2 * h, 1)):
        x[place] = middle + step
        y = value()
        x[place] = middle
        total = total + weight * y
    still = value()
    # An entry that is infinite stays so, and has not moved.
    moved = np.where(np.isinf(still), 0.0, total)
    return float((moved * g)[g != 0].sum()) / (12 * h)
