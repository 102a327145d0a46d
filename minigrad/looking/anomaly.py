"""Where does the NaN come from? In anomaly mode every op and every rule is looked at as it runs."""

from __future__ import annotations

import functools
import sys
import weakref
import zlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from ..context import scope, watched_by
from ..tape import Node, arrays_in, as_written
from ..tensor import plain

HERE = str(Path(__file__).parent.parent)


def detect_anomaly() -> AbstractContextManager[AnomalyWatcher]:
    """Inside `with mg.detect_anomaly():` the first op, or rule in backward, that makes a NaN or an
    infinity raises FloatingPointError, which names it, the line that called it, the module and the
    shapes. An infinity that was put in (the -inf of a mask) is none that was made.

    It also notices, at backward, when an array that a rule remembered was changed since, in ways
    that the tensors themselves cannot see (`t.data[0] = 1`): RuntimeError.
    """
    return watched_by(AnomalyWatcher())


class AnomalyWatcher:
    """Runs ops and rules in their place, and looks at what they return."""

    def __init__(self) -> None:
        # {rule: where its op was called, and the checksums of the arrays that it remembers}
        self.seen: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()

    def watched(self, fn: Callable[..., tuple]) -> Callable[..., tuple]:
        @functools.wraps(fn)
        def run(*args: Any, **kwargs: Any) -> tuple:
            place = f"{user_line()}{module_path()}"
            value, *rules = fn(*args, **kwargs)
            check(fn.__name__, "", plain(value), [*args, *kwargs.values()], place)
            for rule in rules:
                self.seen[rule] = place, checksums(rule)
            return value, *rules

        return run

    def watched_rule(self, node: Node, rule: Callable[..., Any]) -> Callable[..., Any]:
        name = as_written(rule).__name__

        def run(g: Any, **which: Any) -> Any:  # one for many inputs is told which one is meant
            place, before = self.seen.get(
                as_written(rule), ("an op that ran before detect_anomaly", None)
            )
            if before is not None and checksums(rule) != before:
                raise RuntimeError(
                    f"an array that {node.op_name} remembers for backward was changed since, so "
                    f"its gradient would be wrong. It was called at {place}"
                )
            d = rule(g, **which)
            check(node.op_name, f", in its rule {name},", plain(d), [g], place)
            return d

        run.__name__ = name
        return run


def check(op_name: str, when: str, value: Any, inputs: Sequence, place: str) -> None:
    """Raise FloatingPointError if the array `value` holds what none of `inputs` did."""
    value = np.asarray(value)
    if value.dtype.kind != "f" or np.isfinite(value).all():
        return
    arrays = [np.asarray(plain(x)) for x in inputs if is_number(plain(x))]
    shapes = ", ".join(str(array.shape) for array in arrays if array.ndim)
    for name, test in (("a NaN", np.isnan), ("an infinity", np.isinf)):
        count = int(test(value).sum())
        given = any(test(array).any() for array in arrays)
        if count and not (given and test is np.isinf):
            raise FloatingPointError(
                f"{op_name}{when} {'was given' if given else 'made'} {name} in {count} of "
                f"{value.size} entries of shape {value.shape}, from inputs of shape "
                f"{shapes or '()'}. It was called at {place}"
            ) from None


def is_number(x: Any) -> bool:
    return isinstance(x, (int, float)) or (isinstance(x, np.ndarray) and x.dtype.kind in "fiub")


def checksums(rule: Any) -> list[int]:
    """A number for each array that a rule remembers."""
    return [zlib.crc32(array.tobytes()) for array in arrays_in([as_written(rule)])]


def user_line() -> str:
    """File, line and text of the innermost call from outside this package."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename.startswith(HERE):
        frame = frame.f_back
    name, number = frame.f_code.co_filename, frame.f_lineno
    try:
        text = Path(name).read_text().splitlines()[number - 1].strip()
    except (OSError, IndexError, UnicodeDecodeError):  # a notebook cell or the prompt
        return f"{name}, line {number}"
    return f"{name}, line {number}: {text}"


def module_path() -> str:
    """The module whose call is under way: " (in Transformer.encoder.layers.0)"."""
    module = scope.get()
    if module is None:
        return ""
    outermost = module
    while outermost.outer is not None:
        outermost = outermost.outer
    path = f".{module.path}" if module.path else ""
    return f" (in {type(outermost.module).__name__}{path})"
