"""Optimisers: what to do with the gradients. Also gradient clipping and the paper's schedule."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .memory import keep_freed_memory
from .tensor import Tensor

BLOCK = 2**15  # entries that are updated at a time: they and their moments stay in the cache


class Optimizer:
    """The base of all: parameters in one flat buffer, so that many small arrays cost no more time
    than one. Each parameter's `.data` becomes a view into it.

    A subclass names its running averages in `averages` (each is a flat buffer too) and defines
    `update(p, g, averages)`, which changes 1-D arrays in place.
    """

    averages: tuple[str, ...] = ()

    def __init__(self, parameters: Iterable[Tensor], lr: float):
        keep_freed_memory()  # here training begins
        self.parameters = list(parameters)
        self.lr = lr
        self.steps = 0
        if not self.parameters:
            raise ValueError("the optimiser was given no parameters; pass model.parameters()")
        if not all(isinstance(p, Tensor) and p.node is None for p in self.parameters):
            raise TypeError("an optimiser changes Parameters: pass model.parameters(), or a list")
        if len(set(self.parameters)) < len(self.parameters):
            raise ValueError("the optimiser was given a parameter twice, and would move it twice")
        dtypes = {p.dtype for p in self.parameters}
        if len(dtypes) > 1 or not all(p.requires_grad for p in self.parameters):
            raise ValueError(
                "an optimiser needs parameters that require a gradient, of one dtype; these have "
                + ", ".join(sorted(map(str, dtypes)))
            )
        ends = np.cumsum([p.size for p in self.parameters]).tolist()
        self.slices = [slice(end - p.size, end) for p, end in zip(self.parameters, ends)]
        self.groups = grouped(self.slices)
        self.use_buffer(np.empty(ends[-1], dtypes.pop()))
        self.state = {name: np.zeros_like(self.flat) for name in self.averages}

    def use_buffer(self, flat: np.ndarray) -> None:
        """Keep the parameters in this flat buffer, which may be shared with other processes."""
        self.flat = flat
        self.views = [flat[s].reshape(p.shape) for p, s in zip(self.parameters, self.slices)]
        self.adopt()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for p in self.parameters:
            p.grad = None

    def step(self) -> None:
        """Change every parameter that has a gradient."""
        self.adopt()
        self.steps += 1
        self.prepare()
        for group in self.groups:
            members = [i for i in group if self.parameters[i].grad is not None]
            if members == group:
                self.update_blocks(
                    slice(self.slices[group[0]].start, self.slices[group[-1]].stop), group
                )
            else:
                for i in members:
                    self.update_blocks(self.slices[i], [i])
        for p in self.parameters:
            p.mark_changed()

    def update_blocks(self, where: slice, members: list[int]) -> None:
        """Update the neighbouring parameters `members`, which lie at `where` in the flat buffer."""
        gradients = [self.parameters[i].grad.data.reshape(-1) for i in members]
        g = gradients[0] if len(gradients) == 1 else np.concatenate(gradients)
        for start in range(where.start, where.stop, BLOCK):
            block = slice(start, min(start + BLOCK, where.stop))
            averages = [average[block] for average in self.state.values()]
            within = slice(start - where.start, block.stop - where.start)
            self.update(self.flat[block], g[within], averages)

    def adopt(self) -> None:
        """Let every parameter's data be a view of the flat buffer, whoever replaced it since."""
        for p, view in zip(self.parameters, self.views):
            if p.data is not view:
                view[...] = p.data
                p.data = view

    def prepare(self) -> None:
        """What has to be computed once for a step."""

    def update(self, p: np.ndarray, g: np.ndarray, averages: list[np.ndarray]) -> None:
        raise NotImplementedError(f"{type(self).__name__} has no update method: define one")

    def state_dict(self) -> dict[str, Any]:
        """Copies of the running averages, the number of steps and the learning rate."""
        averages = {name: average.copy() for name, average in self.state.items()}
        return {"steps": self.steps, "lr": self.lr, **averages}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict` of the same kind of optimiser for the same parameters."""
        expected = {"steps", "lr", *self.state}
        sizes = {np.size(state[name]) for name in self.state if name in state}
        if state.keys() != expected or sizes - {self.flat.size}:
            raise ValueError(
                f"load_state_dict: this is no state of {type(self).__name__} for "
                f"{self.flat.size} parameter entries: it has {', '.join(sorted(state))}"
            )
        arrays = {name: np.asarray(state[name], self.flat.dtype) for name in self.state}
        self.steps, self.lr = int(state["steps"]), float(state["lr"])
        for name, average in self.state.items():
            average[...] = arrays[name]


def grouped(slices: list[slice]) -> list[list[int]]:
    """Neighbouring parameters, put together as long as they make no more than a block."""
    groups: list[list[int]] = []
    size = BLOCK
    for i, s in enumerate(slices):
        length = s.stop - s.start
        if size + length > BLOCK:
            groups.append([])
            size = 0
        groups[-1].append(i)
        size += length
    return groups


class SGD(Optimizer):
    """p -= lr * v with v = momentum * v + g: stochastic gradient descent."""

    averages = ("velocity",)

    def __init__(self, parameters: Iterable[Tensor], lr: float, momentum: float = 0.0):
        super().__init__(parameters, lr)
        self.momentum = momentum

    def update(self, p: np.ndarray, g: np.ndarray, averages: list[np.ndarray]) -> None:
        (velocity,) = averages
        velocity *= self.momentum
        velocity += g
        p -= self.lr * velocity


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015): the step is the mean gradient over the root of its mean square, both
    running averages, corrected for starting at zero."""

    averages = ("mean", "square")

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ):
        super().__init__(parameters, lr)
        self.betas = betas
        self.eps = eps
        self.scratch = np.empty(min(BLOCK, self.flat.size), self.flat.dtype)

    def prepare(self) -> None:
        beta_1, beta_2 = self.betas
        self.step_size = self.lr / (1 - beta_1**self.steps)
        self.root_correction = 1 / math.sqrt(1 - beta_2**self.steps)

    def update(self, p: np.ndarray, g: np.ndarray, averages: list[np.ndarray]) -> None:
        mean, square = averages
        beta_1, beta_2 = self.betas
        t = self.scratch[: len(p)]
        mean *= beta_1
        mean += np.multiply(g, 1 - beta_1, out=t)
        square *= beta_2
        np.multiply(g, g, out=t)
        t *= 1 - beta_2
        square += t
        np.sqrt(square, out=t)
        t *= self.root_correction
        t += self.eps
        np.divide(mean, t, out=t)
        t *= self.step_size
        p -= t


class AdamW(Adam):
    """Adam with weight decay apart from the gradient (Loshchilov & Hutter 2019)."""

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ):
        super().__init__(parameters, lr, betas, eps)
        self.weight_decay = weight_decay

    def update(self, p: np.ndarray, g: np.ndarray, averages: list[np.ndarray]) -> None:
        p *= 1 - self.lr * self.weight_decay
        super().update(p, g, averages)


def clip_grad_norm(parameters: Iterable[Tensor], max_norm: float) -> float:
    """Scale all gradients down together so that their norm, taken as one long vector, is at most
    `max_norm`. Returns the norm that they had."""
    gradients = [p.grad.data for p in parameters if p.grad is not None]
    norm = math.sqrt(sum(float(np.vdot(g, g)) for g in gradients))
    if norm > max_norm:
        for g in gradients:
            g *= max_norm / norm
    return norm


class WarmupSchedule:
    """The paper's learning rate (section 5.3, equation 3): it grows linearly for `warmup_steps` and
    then falls with the root of the step: d_model^-0.5 * min(step^-0.5, step * warmup_steps^-1.5).

    Call `step()` before each step of the optimiser. `scale` multiplies the whole curve.
    """

    def __init__(
        self, optimizer: Optimizer, d_model: int, warmup_steps: int = 4000, scale: float = 1.0
    ):
        self.optimizer = optimizer
        self.d_model = d_model
        self.warmup_steps = warmup_steps
        self.scale = scale
        self.steps = 0
        self.last = self.cooling = math.inf

    def cool_down(self, last: int, part: float) -> None:
        """Let the rate also fall linearly to 0 over the last `part` (0 to 1) of `last` steps. The
        paper averages its last checkpoints instead, to the same end: the weights come to rest."""
        self.last, self.cooling = last, part * last

    def rate(self, step: int) -> float:
        """The learning rate of the given step, counted from 1."""
        rate = self.scale * self.d_model**-0.5 * min(step**-0.5, step * self.warmup_steps**-1.5)
        left = self.last - step + 1
        return rate * left / self.cooling if left < self.cooling else rate

    def step(self) -> None:
        """Set the rate of the next step."""
        self.steps += 1
        self.optimizer.lr = self.rate(self.steps)

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.steps = int(state["steps"])
