"""Where does the time go? Every op and rule, timed as it runs, by op and by module."""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ..context import Scope, scope, watched_by
from ..tape import Node
from ..tensor import plain

Key: TypeAlias = tuple[str, str, "Scope | None"]  # (op, "forward" or "backward", module call)
PRODUCTS = {"matmul": ("da", "db"), "linear": ("dx", "dweight")}  # ops, and rules that are some too
WIDEST = 44  # characters of a name in the table


def profile() -> AbstractContextManager[Profile]:
    """Inside `with mg.profile() as p:` every op and every rule is timed; `print(p)` shows a table.

    `p.by_op()` and `p.by_module()` give the rows as data. Measuring itself costs a few microseconds
    a call, which are in no row.
    """
    return watched_by(Profile())


@dataclass
class Row:
    """What one op (or module) cost: calls, seconds, bytes written, and operations of arithmetic (a
    product of matrices (n, k) @ (k, m) counts 2nkm, any other result one an entry)."""

    calls: int = 0
    seconds: float = 0.0
    bytes: int = 0
    flops: float = 0.0

    def add(self, other: Row) -> None:
        self.calls += other.calls
        self.seconds += other.seconds
        self.bytes += other.bytes
        self.flops += other.flops


class Profile:
    """Runs ops and rules in their place, and keeps their times."""

    def __init__(self) -> None:
        self.rows: defaultdict[Key, Row] = defaultdict(Row)
        self.inner = [0.0]  # the time of ops called within the op (or rule) that is running

    def watched(self, fn: Callable[..., tuple]) -> Callable[..., tuple]:
        return self.timed((fn.__name__, "forward", scope.get()), fn)

    def watched_rule(self, node: Node, rule: Callable[..., Any]) -> Callable[..., Any]:
        return self.timed((node.op_name, "backward", node.scope), rule)

    def timed(self, key: Key, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, which adds what it cost to the row of `key` whenever it is called."""

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            self.inner.append(0.0)
            started = time.perf_counter()
            result = function(*args, **kwargs)
            elapsed = time.perf_counter() - started
            within = self.inner.pop()
            self.inner[-1] += elapsed
            value = np.asarray(plain(result[0] if isinstance(result, tuple) else result))
            if key[1] == "forward":
                flops = products(key[0], args, value)
            else:
                flops = self.backward_flops(key, function)
            self.rows[key].add(Row(1, elapsed - within, value.nbytes, flops or value.size))
            return result

        return run

    def backward_flops(self, key: Key, rule: Callable[..., Any]) -> float:
        """A rule of a product that is one itself costs as much as the product did."""
        if getattr(rule, "__name__", None) not in PRODUCTS.get(key[0], ()):
            return 0
        forward = self.rows[(key[0], "forward", key[2])]
        return forward.flops / forward.calls if forward.calls else 0

    def by_op(self) -> dict[tuple[str, str], Row]:
        """{(op, direction): Row}, the slowest first."""
        return summed(((op, way), row) for (op, way, _), row in self.rows.items())

    def by_module(self) -> dict[tuple[str, str], Row]:
        """{(path of the module, direction): Row}, the slowest first."""
        return summed(((name_of(call), way), row) for (_, way, call), row in self.rows.items())

    def __str__(self) -> str:
        return "\n\n".join(
            self.table(title, rows)
            for title, rows in (("op", self.by_op()), ("module", self.by_module()))
        )

    def table(self, title: str, rows: dict[tuple[str, str], Row]) -> str:
        """A line for each row, with its share of the whole time."""
        total = sum(row.seconds for row in rows.values()) or 1.0
        names = {name: shortened(name) for name, _ in rows}
        width = max(map(len, [title, *names.values()]))
        lines = [
            f"{title:{width}} {'':8} {'calls':>7} {'ms':>9} {'share':>6} {'MB':>8} {'GFLOP/s':>8}"
        ]
        for (name, direction), row in rows.items():
            speed = row.flops / row.seconds / 1e9 if row.seconds else 0.0
            lines.append(
                f"{names[name]:{width}} {direction:8} {row.calls:7} {row.seconds * 1e3:9.2f} "
                f"{row.seconds / total:6.1%} {row.bytes / 1e6:8.1f} {speed:8.2f}"
            )
        return "\n".join(lines)


def shortened(name: str) -> str:
    """A name that is too wide for the table, without its middle."""
    half = (WIDEST - 1) // 2
    return name if len(name) <= WIDEST else f"{name[:half]}…{name[-half:]}"


def products(op_name: str, args: tuple, value: np.ndarray) -> float:
    """The operations of a product of matrices: 2nkm."""
    return 2 * value.size * args[0].shape[-1] if op_name in PRODUCTS else 0


def summed(rows: Iterable[tuple[tuple[str, str], Row]]) -> dict[tuple[str, str], Row]:
    """The rows with equal keys added up, the slowest first."""
    total: defaultdict[tuple[str, str], Row] = defaultdict(Row)
    for key, row in rows:
        total[key].add(row)
    return dict(sorted(total.items(), key=lambda item: -item[1].seconds))


def name_of(call: Scope | None) -> str:
    """How the table names a module's call: "encoder.layers.0"."""
    return "(no module)" if call is None else call.path or type(call.module).__name__
