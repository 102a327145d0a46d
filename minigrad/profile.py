"""Where does the time go? Every op and rule, timed as it runs, by op and by module."""

import functools
import time
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from .context import Scope, during, scope, watching
from .tensor import plain


def profile():
    """Inside `with mg.profile() as p:` every op and every rule is timed; `print(p)` shows a table.

    `p.by_op()` and `p.by_module()` give the rows as data. Measuring itself costs a few microseconds
    a call, which are in no row.
    """
    return during(watching, Profile())


@dataclass
class Row:
    """What one op (or module) cost: calls, seconds, bytes written, and operations of arithmetic (a
    product of matrices (n, k) @ (k, m) counts 2nkm, any other result one an entry)."""

    calls: int = 0
    seconds: float = 0.0
    bytes: int = 0
    flops: float = 0.0

    def add(self, other):
        self.calls += other.calls
        self.seconds += other.seconds
        self.bytes += other.bytes
        self.flops += other.flops


class Profile:
    """Runs ops and rules in their place, and keeps their times."""

    def __init__(self):
        self.rows = defaultdict(Row)  # {(op, "forward" or "backward", Scope): Row}
        self.inner = [0.0]  # the time of ops called within the op (or rule) that is running

    def watched(self, fn):
        return functools.partial(self.timed, (fn.__name__, "forward", scope.get()), fn)

    def watched_rule(self, node, rule):
        key = (node.op_name, "backward", node.scope)
        return functools.partial(self.timed, key, rule)

    def timed(self, key, function, *args, **kwargs):
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

    def backward_flops(self, key, rule):
        """A rule of a product that is one itself costs as much as the product did."""
        if getattr(rule, "__name__", None) not in PRODUCTS.get(key[0], ()):
            return 0
        forward = self.rows[(key[0], "forward", key[2])]
        return forward.flops / forward.calls if forward.calls else 0

    def by_op(self):
        """{(op, direction): Row}, the slowest first."""
        return summed((key[:2], row) for key, row in self.rows.items())

    def by_module(self):
        """{(path of the module, direction): Row}, the slowest first."""
        return summed(((path_of(key[2]), key[1]), row) for key, row in self.rows.items())

    def __str__(self):
        total = sum(row.seconds for row in self.rows.values()) or 1.0
        tables = []
        for title, rows in (("op", self.by_op()), ("module", self.by_module())):
            lines = [
                f"{title:34} {'':8} {'calls':>7} {'ms':>9} {'share':>6} {'MB':>8} {'GFLOP/s':>8}"
            ]
            for (name, direction), row in rows.items():
                speed = row.flops / row.seconds / 1e9 if row.seconds else 0.0
                lines.append(
                    f"{name[-34:]:34} {direction:8} {row.calls:7} {row.seconds * 1e3:9.2f} "
                    f"{row.seconds / total:6.1%} {row.bytes / 1e6:8.1f} {speed:8.2f}"
                )
            tables.append("\n".join(lines))
        return "\n\n".join(tables)


PRODUCTS = {"matmul": ("da", "db"), "linear": ("dx", "dweight")}  # ops, and rules that are some too


def products(op_name, args, value):
    """The operations of a product of matrices: 2nkm."""
    return 2 * value.size * args[0].shape[-1] if op_name in PRODUCTS else 0


def summed(keyed_rows):
    total = defaultdict(Row)
    for key, row in keyed_rows:
        total[key].add(row)
    return dict(sorted(total.items(), key=lambda item: -item[1].seconds))


def path_of(call: Scope | None):
    """The path of a module's call below the outermost module: "encoder.layers.0"."""
    if call is None:
        return "(no module)"
    outermost = call
    while outermost.outer is not None:
        outermost = outermost.outer
    for path, module in outermost.module.named_modules():
        if module is call.module:
            return path or type(module).__name__
    return type(call.module).__name__
