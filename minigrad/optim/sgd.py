"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .optimizer import Optimizer, Parameters
from .settings import Number, Setting, number, yes_or_no


class SGD(Optimizer):
    """p -= lr * v with v = momentum * v + g: stochastic gradient descent (Robbins & Monro 1951)
    with momentum (Polyak 1964). With `nesterov` the step looks ahead, p -= lr * (g + momentum * v)
    (Sutskever et al. 2013). `weight_decay` times p is added to g: an L2 penalty."""

    averages = ("velocity",)
    momentum = Setting(number)
    weight_decay = Setting(number)
    nesterov = Setting(yes_or_no)

    def __init__(
        self,
        parameters: Parameters,
        lr: Number,
        momentum: Number = 0.0,
        weight_decay: Number = 0.0,
        nesterov: bool = False,
    ):
        settings = {"momentum": momentum, "weight_decay": weight_decay, "nesterov": nesterov}
        super().__init__(parameters, lr, **settings)
        if any(group["nesterov"] and not group["momentum"] for group in self.param_groups):
            raise ValueError("nesterov looks ahead along the momentum: give a momentum above 0")

    def update(
        self,
        p: np.ndarray,
        g: np.ndarray,
        averages: list[np.ndarray],
        steps: int,
        settings: Mapping[str, Any],
    ) -> None:
        momentum, weight_decay = settings["momentum"], settings["weight_decay"]
        if weight_decay:
            g = g + np.multiply(p, weight_decay, dtype=g.dtype)
        if momentum:
            (velocity,) = averages
            velocity *= momentum
            velocity += g
            g = g + momentum * velocity if settings["nesterov"] else velocity
        p -= settings["lr"] * g
