"""Where does the NaN come from? In anomaly mode every op and every rule is looked at as it runs."""

import functools
import sys
import weakref
import zlib
from pathlib import Path

import numpy as np

from .context import during, scope, watching
from .tensor import plain

HERE = str(Path(__file__).parent)


def detect_anomaly():
    """Inside `with mg.detect_anomaly():` the first op, or rule in backward, that makes a NaN or an
    infinity raises FloatingPointError, which names it, the line that called it, the module and the
    shapes. An infinity that was put in (the -inf of a mask) is none that was made.

    It also notices, at backward, when an array that a rule remembered was changed since, in ways
    that the tensors themselves cannot see (`t.data[0] = 1`): RuntimeError.
    """
    return during(watching, AnomalyWatcher())


class AnomalyWatcher:
    """Runs ops and rules in their place, and looks at what they return."""

    def __init__(self):
        # {rule: where its op was called, and the checksums of the arrays that it remembers}
        self.calls = weakref.WeakKeyDictionary()

    def watched(self, fn):
        @functools.wraps(fn)
        def run(*args, **kwargs):
            place = f"{user_line()}{module_path()}"
            value, *rules = fn(*args, **kwargs)
            check(fn.__name__, "", plain(value), [*args, *kwargs.values()], place)
            for rule in rules:
                self.calls[rule] = place, checksums(rule)
            return value, *rules

        return run

    def watched_rule(self, node, rule):
        def run(g):
            place, before = self.calls.get(rule, ("an op that ran before detect_anomaly", None))
            if before is not None and checksums(rule) != before:
                raise RuntimeError(
                    f"an array that {node.op_name} remembers for backward was changed since, so "
                    f"its gradient would be wrong. It was called at {place}"
                )
            d = rule(g)
            check(node.op_name, f", in its rule {rule_name(rule)},", plain(d), [g], place)
            return d

        return run


def check(op_name, when, value, inputs, place):
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


def is_number(x):
    return isinstance(x, (int, float)) or (isinstance(x, np.ndarray) and x.dtype.kind in "fiub")


def rule_name(rule):
    return rule.func.__name__ if isinstance(rule, functools.partial) else rule.__name__


def checksums(rule):
    """A number for each array that a rule remembers."""
    closure = (rule.func if isinstance(rule, functools.partial) else rule).__closure__ or ()
    arrays = [plain(cell.cell_contents) for cell in closure]
    return [zlib.crc32(np.ascontiguousarray(a)) for a in arrays if isinstance(a, np.ndarray)]


def user_line():
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


def module_path():
    """The modules whose calls are under way, the outermost first."""
    names, current = [], scope.get()
    while current is not None:
        outer = current.outer
        inside = outer.module.named_modules() if outer else ()
        path = [path for path, module in inside if module is current.module]
        names.append(path[0] if path else type(current.module).__name__)
        current = outer
    return f" (in {'.'.join(reversed(names))})" if names else ""
