"""The numbers that an optimiser is told, which groups of parameters may differ in."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, overload

import numpy as np

from ..tensor import Tensor

if TYPE_CHECKING:
    from typing import Self

    from .optimizer import Optimizer

Value = TypeVar("Value")
Number: TypeAlias = float | np.generic | Tensor  # a Tensor stands for the one number in it


def number(
    name: str, value: Any, low: float = 0.0, high: float = math.inf, finite: bool = True
) -> float:
    """`value` as a Python number, from `low` on and below `high`. Raises TypeError for what is no
    number and ValueError for one that is out of range or NaN; `name` says whose it is."""
    if type(value) is float and low <= value < high:  # so it is at nearly every step
        return value
    x: Any = value._data if isinstance(value, Tensor) else value
    if isinstance(x, (np.ndarray, np.generic)) and (x.ndim == 0 or x is not value and x.size == 1):
        x = x.item()
    if isinstance(x, bool) or not isinstance(x, numbers.Real):
        what = f"an array of shape {x.shape}" if isinstance(x, np.ndarray) else type(x).__name__
        raise TypeError(f"{name} has to be one number, not {what}")
    try:
        x = float(x)
    except OverflowError:
        x = math.inf
    if not (low <= x < high or x == math.inf and not finite):
        limit = f"at least {low:g}" if high == math.inf else f"at least {low:g} and below {high:g}"
        raise ValueError(
            f"{name} has to be a number that is {limit}{' and finite' * finite}; it is {x}"
        )
    return x


def whole(name: str, value: Any, low: int = 0) -> int:
    """`value` as an integer, from `low` on."""
    x = number(name, value, low)
    if x != int(x):
        raise ValueError(f"{name} has to be a whole number; it is {x}")
    return int(x)


def pair_of_rates(name: str, value: Any) -> tuple[float, float]:
    """Two numbers, each at least 0 and below 1."""
    try:
        first, second = value
    except (TypeError, ValueError):
        raise TypeError(f"{name} has to be two numbers, as in (0.9, 0.999)") from None
    return number(f"{name}[0]", first, high=1.0), number(f"{name}[1]", second, high=1.0)


def yes_or_no(name: str, value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} has to be True or False, not {type(value).__name__}")
    return bool(value)


class Setting(Generic[Value]):
    """An attribute of an optimiser that each group of parameters may have its own value of. What is
    read is the first group's; what is assigned is checked, and then holds for all of them."""

    def __init__(self, check: Callable[[str, Any], Value]):
        self.check = check

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, optimizer: None, owner: type) -> Self: ...
    @overload
    def __get__(self, optimizer: Optimizer, owner: type) -> Value: ...
    def __get__(self, optimizer: Optimizer | None, owner: type) -> Self | Value:
        return self if optimizer is None else optimizer.param_groups[0][self.name]

    def __set__(self, optimizer: Optimizer, value: Any) -> None:
        checked = self.check(self.name, value)
        for group in optimizer.param_groups:
            group[self.name] = checked
