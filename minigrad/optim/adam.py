"""Adam, and Adam with decoupled weight decay."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .optimizer import Optimizer, Parameters
from .settings import Number, Setting, number, pair_of_rates


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015): the step is the mean gradient over the root of its mean square, both
    running averages, corrected for starting at zero. `weight_decay` times p is added to the
    gradient: an L2 penalty."""

    averages = ("mean", "square")
    betas = Setting(pair_of_rates)
    eps = Setting(number)
    weight_decay = Setting(number)

    def __init__(
        self,
        parameters: Parameters,
        lr: Number = 1e-3,
        betas: tuple[Number, Number] = (0.9, 0.999),
        eps: Number = 1e-8,
        weight_decay: Number = 0.0,
    ):
        super().__init__(parameters, lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def update(
        self,
        p: np.ndarray,
        g: np.ndarray,
        averages: list[np.ndarray],
        steps: int,
        settings: Mapping[str, Any],
    ) -> None:
        if settings["weight_decay"]:
            g = g + np.multiply(p, settings["weight_decay"], dtype=g.dtype)
        p -= self.change(g, averages, steps, settings)

    def change(
        self,
        g: np.ndarray,
        averages: list[np.ndarray],
        steps: int,
        settings: Mapping[str, Any],
    ) -> np.ndarray:
        """What to subtract from the parameters, in the scratch array. The corrections are put into
        the rate and epsilon, which saves a pass (section 2 of the paper)."""
        mean, square = averages
        beta_1, beta_2 = settings["betas"]
        t = self.scratch[: len(g)]
        mean *= beta_1
        mean += np.multiply(g, 1 - beta_1, out=t)
        square *= beta_2
        np.multiply(g, g, out=t)
        t *= 1 - beta_2
        square += t
        np.sqrt(square, out=t)
        correction = math.sqrt(1 - beta_2**steps)
        t += settings["eps"] * correction
        np.divide(mean, t, out=t)
        t *= settings["lr"] * correction / (1 - beta_1**steps)
        return t


class AdamW(Adam):
    """Adam with weight decay apart from the gradient (Loshchilov & Hutter 2019)."""

    def __init__(
        self,
        parameters: Parameters,
        lr: Number = 1e-3,
        betas: tuple[Number, Number] = (0.9, 0.999),
        eps: Number = 1e-8,
        weight_decay: Number = 0.01,
    ):
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def update(
        self,
        p: np.ndarray,
        g: np.ndarray,
        averages: list[np.ndarray],
        steps: int,
        settings: Mapping[str, Any],
    ) -> None:
        change = self.change(g, averages, steps, settings)
        p *= 1 - settings["lr"] * settings["weight_decay"]
        p -= change
