"""A failure inside an op, said as a sentence with the op's name and its shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .context import recording, scope
from .tensor import Tensor, plain

KNOWN = (np.exceptions.AxisError, IndexError, ValueError, TypeError)

PLAINER = {  # what NumPy says, and what it means
    "has no identity": "there is no largest or smallest among no entries",
    "axes don't match array": "the new order has to name every axis once",
    "an axis to squeeze out": "only an axis of size 1 can be dropped",
    "NoneType": "an argument is None: give a tensor, an array or a number",
    "did not contain a loop": "every argument has to be a number or an array of numbers",
}


def explained(name: str, arguments: Sequence, error: Exception) -> Exception:
    """The exception to raise instead of `error`, of the type that NumPy would raise: it names the
    op, the shapes of its arguments and the module in which it was called."""
    values = [plain(argument) for argument in arguments]
    shapes = [np.shape(value) for value in values if isinstance(value, (np.ndarray, np.generic))]
    listed = " and ".join(map(str, shapes))
    message = str(error)
    message = next((ours for theirs, ours in PLAINER.items() if theirs in message), message)
    if "could not be broadcast" in message and len(shapes) > 1:
        message = (
            f"shapes {listed} do not fit together: aligned at their last axis, sizes must be equal "
            "or 1"
        )
    elif shapes and not any(str(shape) in message for shape in shapes):
        message = f"{message} (input of shape {listed})"
    module = scope.get()
    where = f" (in {module.path or type(module.module).__name__})" if module else ""
    kind = next(kind for kind in KNOWN if isinstance(error, kind))
    return kind(f"{name}: {message}{where}").with_traceback(error.__traceback__)


def without_derivative(value: Any) -> Any:
    """The numbers of an argument that its op has no rule for. Raises TypeError for a tensor that
    requires a gradient, which would be lost."""
    if isinstance(value, Tensor) and value.requires_grad and recording.get():
        raise TypeError(
            f"it has no derivative with respect to its argument of shape {value.shape}, which "
            "requires a gradient; hand over .detach() if that is meant to be a constant"
        )
    return plain(value)


def rules_differ(name: str, returned: Sequence, defined: Sequence) -> str:
    """The sentence for an op that returns other rules than it defines."""
    given = ", ".join(str(rule or "one without a name") for rule in returned) or "none"
    return (
        f"{name}: the op returned {len(returned)} rules ({given}) and defines {len(defined)} that "
        f"are named after an input ({', '.join(defined)}). For each input x with a derivative "
        "define an inner function dx(g), and return them all after the value"
    )
