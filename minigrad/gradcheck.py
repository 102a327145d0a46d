"""The referee: derivatives by the rules, held against derivatives by their definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .backward import grad
from .tensor import Tensor


class GradcheckError(AssertionError):
    """A derivative by rule that is not the numerical one."""


def gradcheck(
    fn: Callable[..., Tensor],
    *inputs: Any,
    order: int = 1,
    tolerance: float = 1e-6,
    step: float = 1e-6,
    seed: int = 0,
) -> bool:
    """Check every derivative of `fn(*inputs)` against central differences, in float64.

    Every entry of every input of real numbers is moved by +-`step`, and the result is weighed with
    random numbers (the sum alone would be blind: the entries of a softmax always sum to one).
    `order=2` checks the derivatives of the gradients as well. Keep inputs away from kinks.
    `tolerance` bounds the error relative to the larger of 1 and the size of the derivative.

    Returns True, or raises GradcheckError, which names the input, the entry and both values.
    """
    rng = np.random.default_rng(seed)
    values = [as_float64(x) for x in inputs]
    places = [i for i, x in enumerate(values) if isinstance(x, Tensor) and x.dtype.kind == "f"]
    if not places:
        raise TypeError("gradcheck: none of the inputs is an array of real numbers")

    result = fn(*values)
    if not isinstance(result, Tensor):
        raise TypeError(f"gradcheck: fn has to return a Tensor, not {type(result).__name__}")
    weights = rng.standard_normal(result.shape)
    compare(fn, values, places, weights, tolerance, step, "gradient")
    if order > 1:
        along = {i: rng.standard_normal(values[i].shape) for i in places}

        def slope(*moved: Any) -> Any:
            """The gradient along a random direction: as differentiable as `fn` itself."""
            wanted = [moved[i] for i in places]
            gradients = grad(fn(*moved), wanted, weights, create_graph=True, allow_unused=True)
            return sum((g * along[i]).sum() for g, i in zip(gradients, places))

        compare(slope, values, places, 1.0, tolerance, step, "second derivative")
    return True


def as_float64(x: Any) -> Any:
    """A number or an array of real numbers as a leaf in float64; anything else as it is."""
    x = x.data if isinstance(x, Tensor) else x
    if isinstance(x, float) or (isinstance(x, np.ndarray) and x.dtype.kind == "f"):
        return Tensor(np.array(x, np.float64), requires_grad=True)
    return x


def compare(
    function: Callable[..., Tensor],
    inputs: list,
    places: list[int],
    weights: Any,
    tolerance: float,
    step: float,
    what: str,
) -> None:
    """Hold the gradient of (function * weights).sum() against differences, entry by entry."""
    result = function(*inputs)
    if result.requires_grad:
        weights = np.broadcast_to(weights, result.shape)
        wanted = [inputs[i] for i in places]
        analytic = grad(result, wanted, gradient=weights, allow_unused=True)
    else:  # the gradient of a linear function is constant
        analytic = [Tensor(np.zeros(inputs[i].shape)) for i in places]
    for i, by_rule in zip(places, analytic):
        x = inputs[i].data
        for index in np.ndindex(x.shape):
            middle = x[index]
            x[index] = middle + step
            above = function(*inputs).data.copy()
            x[index] = middle - step
            below = function(*inputs).data
            numerical = float(((above - below) * weights).sum()) / (2 * step)
            x[index] = middle
            error = abs(by_rule.data[index] - numerical) / max(1.0, abs(numerical))
            if not error < tolerance:
                raise GradcheckError(
                    f"{what} of input {i} at {list(index)}: "
                    f"by the rule {by_rule.data[index]:.10g}, by differences {numerical:.10g} "
                    f"(relative error {error:.1e})"
                )
