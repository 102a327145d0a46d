"""The layers that have no attention in them."""

import math

import numpy as np

import minigrad as mg


class Linear(mg.Module):
    """x @ weight + bias: (..., inputs) -> (..., outputs). Weights as in Glorot & Bengio 2010."""

    def __init__(self, inputs: int, outputs: int, rng: np.random.Generator, bias: bool = True):
        bound = math.sqrt(6 / (inputs + outputs))
        self.weight = mg.Parameter(rng.uniform(-bound, bound, (inputs, outputs)), np.float32)
        self.bias = mg.Parameter(np.zeros(outputs), np.float32) if bias else None

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return mg.linear(x, self.weight, self.bias)


class Embedding(mg.Module):
    """One learned row for each id: (...) integers -> (..., d_model), times sqrt(d_model) (3.4)."""

    def __init__(self, vocab_size: int, d_model: int, rng: np.random.Generator):
        rows = rng.normal(0, d_model**-0.5, (vocab_size, d_model))
        self.weight = mg.Parameter(rows, np.float32)
        self.scale = math.sqrt(d_model)

    def forward(self, ids: mg.Tensor | np.ndarray) -> mg.Tensor:
        return mg.embedding(self.weight, ids) * self.scale


class LayerNorm(mg.Module):
    """gamma * (x - mean) / sqrt(variance + eps) + beta over the last axis (Ba et al. 2016): each
    position on its own, whatever else is in the batch."""

    def __init__(self, d_model: int, eps: float = 1e-5):
        self.gamma = mg.Parameter(np.ones(d_model), np.float32)
        self.beta = mg.Parameter(np.zeros(d_model), np.float32)
        self.eps = eps

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return mg.normalize(x, -1, self.eps, self.gamma, self.beta)


class BatchNorm(mg.Module):
    """gamma * (x - mean) / sqrt(variance + eps) + beta over all axes but the last (Ioffe & Szegedy
    2015): each feature over the whole batch. In evaluation it uses running averages, which move by
    `momentum` at each training step. Here to be compared with LayerNorm.
    """

    def __init__(self, d_model: int, eps: float = 1e-5, momentum: float = 0.1):
        self.gamma = mg.Parameter(np.ones(d_model), np.float32)
        self.beta = mg.Parameter(np.zeros(d_model), np.float32)
        self.running_mean = mg.Tensor(np.zeros(d_model), dtype=np.float32)
        self.running_var = mg.Tensor(np.ones(d_model), dtype=np.float32)
        self.eps = eps
        self.momentum = momentum

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        if not self.training:
            scale = self.gamma / mg.sqrt(self.running_var + self.eps)
            return (x - self.running_mean) * scale + self.beta
        axes = tuple(range(x.ndim - 1))
        rows = x.size // x.shape[-1]
        self._move(self.running_mean, x.data.mean(axis=axes))
        self._move(self.running_var, x.data.var(axis=axes) * (rows / max(rows - 1, 1)))
        return mg.normalize(x, axes, self.eps, self.gamma, self.beta)

    def _move(self, average: mg.Tensor, now: np.ndarray) -> None:
        average.data += self.momentum * (now - average.data)


class Dropout(mg.Module):
    """In training each entry is 0 with probability p, and the rest grow by 1 / (1 - p) (5.4)."""

    def __init__(self, p: float, rng: np.random.Generator):
        self.p = p
        self.rng = rng

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return mg.dropout(x, self.p, self.rng) if self.training else x


ACTIVATIONS = {"relu": mg.relu, "gelu": mg.gelu}


class FeedForward(mg.Module):
    """activation(x W_1 + b_1) W_2 + b_2, each position on its own (section 3.3, equation 2)."""

    def __init__(self, d_model: int, d_ff: int, rng: np.random.Generator, activation: str = "relu"):
        self.linear_1 = Linear(d_model, d_ff, rng)
        self.linear_2 = Linear(d_ff, d_model, rng)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return self.linear_2(self.activation(self.linear_1(x)))
