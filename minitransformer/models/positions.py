"""Where a token stands: attention sees a set, so the order has to be added to the embeddings."""

import numpy as np

import minigrad as mg


def sinusoids(length: int, d_model: int) -> np.ndarray:
    """sin(t / 10000^(2i/d)) in the even columns and the cosine in the odd: (length, d_model) (3.5).

    Each pair of columns is a hand turning at its own speed, so a shift in time is a rotation.
    """
    time = np.arange(length)[:, None]
    pair = np.arange(d_model)[None, :] // 2
    angle = time / 10000 ** (2 * pair / d_model)
    return np.where(np.arange(d_model) % 2 == 0, np.sin(angle), np.cos(angle))


class SinusoidalEncoding(mg.Module):
    """x + sinusoids: (B, T, d_model) in and out. `start` is the time of the first position."""

    def __init__(self, d_model: int, max_length: int, rng: np.random.Generator | None = None):
        self.table = sinusoids(max_length, d_model)  # added in the dtype of x

    def forward(self, x: mg.Tensor, start: int = 0) -> mg.Tensor:
        return x + self.table[start : start + x.shape[1]]


class LearnedEncoding(mg.Module):
    """x + one learned row for each position: (B, T, d_model) in and out."""

    def __init__(self, d_model: int, max_length: int, rng: np.random.Generator):
        rows = rng.normal(0, 0.02, (max_length, d_model))
        self.weight = mg.Parameter(rows, np.float32)

    def forward(self, x: mg.Tensor, start: int = 0) -> mg.Tensor:
        return x + self.weight[start : start + x.shape[1]]


# To add one, write its class here, made of (d_model, max_length, rng), and name it in this table.
POSITIONS = {"sinusoidal": SinusoidalEncoding, "learned": LearnedEncoding}
