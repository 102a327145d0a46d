"""The learning rate over the steps of a training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .optimizer import Optimizer
from .settings import Number, number, whole


class Schedule:
    """The base of all: it grows linearly for `warmup_steps` and then goes as its subclass says in
    `curve(step)`.

    Call `step()` before each step of the optimiser. `scale` multiplies the whole curve. The curve
    is the rate of the optimiser's first group; others keep their ratio to it.
    """

    def __init__(self, optimizer: Optimizer, warmup_steps: Number = 4000, scale: Number = 1.0):
        self.optimizer = optimizer
        self.warmup_steps = number("warmup_steps", warmup_steps, low=1)
        self.scale = number("scale", scale)
        self.steps = 0
        self.last = self.cooling = math.inf
        first, *others = (group["lr"] for group in optimizer.param_groups)
        if not first and any(others):
            raise ValueError(
                f"{type(self).__name__}: rates have no ratio to the first group's, which is 0"
            )
        self.ratios = [1.0, *(lr / first if lr != first else 1.0 for lr in others)]

    def curve(self, step: int) -> float:
        """The rate of the given step, counted from 1, as long as it does not cool down."""
        raise NotImplementedError(f"{type(self).__name__} has no curve method: define one")

    def cool_down(self, last: int, part: float) -> None:
        """Let the rate also fall linearly to 0 over the last `part` (0 to 1) of `last` steps, and
        stay there. The paper averages its last checkpoints instead, to the same end: the weights
        come to rest."""
        self.last, self.cooling = last, part * last

    def rate(self, step: int) -> float:
        """The learning rate of the given step, counted from 1."""
        rate = self.curve(step)
        left = self.last - step + 1
        return rate if left >= self.cooling else rate * max(left, 0) / max(self.cooling, 1)

    def step(self) -> None:
        """Set the rate of the next step."""
        self.steps += 1
        rate = self.rate(self.steps)
        for group, ratio in zip(self.optimizer.param_groups, self.ratios):
            group["lr"] = ratio * rate

    def state_dict(self) -> dict[str, Any]:
        """The steps made, and where the rate cools down: the steps `last` and how many before it
        (infinity: it does not)."""
        return {"steps": self.steps, "last": self.last, "cooling": self.cooling}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`. Raises ValueError, with nothing changed, for anything else."""
        if state.keys() != self.state_dict().keys():
            raise ValueError(
                f"load_state_dict: this is no state of a {type(self).__name__}: it has "
                + (", ".join(sorted(map(str, state))) or "nothing in it")
            )
        steps = whole("steps", state["steps"])
        last, cooling = (number(name, state[name], finite=False) for name in ("last", "cooling"))
        self.steps, self.last, self.cooling = steps, last, cooling


class WarmupSchedule(Schedule):
    """The paper's learning rate (section 5.3, equation 3): it grows linearly for `warmup_steps` and
    then falls with the root of the step: d_model^-0.5 * min(step^-0.5, step * warmup_steps^-1.5).
    """

    def __init__(
        self,
        optimizer: Optimizer,
        d_model: Number,
        warmup_steps: Number = 4000,
        scale: Number = 1.0,
    ):
        self.d_model = number("d_model", d_model, low=1)
        super().__init__(optimizer, warmup_steps, scale)

    def curve(self, step: int) -> float:
        return self.scale * self.d_model**-0.5 * min(step**-0.5, step * self.warmup_steps**-1.5)


class ConstantSchedule(Schedule):
    """After the warmup the rate is `scale` for good, or until it cools down."""

    def curve(self, step: int) -> float:
        return self.scale * min(1.0, step / self.warmup_steps)


class CosineSchedule(Schedule):
    """After the warmup the rate falls from `scale` to 0 along half a cosine, and is 0 after
    `total_steps` (Loshchilov & Hutter 2017, equation 5, without restarts)."""

    def __init__(
        self,
        optimizer: Optimizer,
        total_steps: Number,
        warmup_steps: Number = 4000,
        scale: Number = 1.0,
    ):
        self.total_steps = number("total_steps", total_steps, low=1)
        super().__init__(optimizer, warmup_steps, scale)

    def curve(self, step: int) -> float:
        if step <= self.warmup_steps:
            return self.scale * step / self.warmup_steps
        # The step after the last is where it is 0: the last one still changes something.
        way = (step - self.warmup_steps) / max(self.total_steps + 1 - self.warmup_steps, 1)
        return self.scale * 0.5 * (1 + math.cos(math.pi * min(way, 1.0)))
