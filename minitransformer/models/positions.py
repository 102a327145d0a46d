"""Where a token stands: attention sees a set, so the order has to come in by itself."""

import numpy as np

import minigrad as mg


def sinusoids(length: int, d_model: int) -> np.ndarray:
    """sin(t / 10000^(2i/d)) in the even columns and the cosine in the odd: (length, d_model) (3.5).

    Each pair of columns is a hand turning at its own speed, so a shift in time is a rotation. Sine
    and cosine in turn are the formula of the paper; the Annotated Transformer writes it so too.
    """
    time = np.arange(length)[:, None]
    pair = np.arange(d_model)[None, :] // 2
    angle = time / 10000 ** (2 * pair / d_model)
    return np.where(np.arange(d_model) % 2 == 0, np.sin(angle), np.cos(angle))


def concatenated_sinusoids(length: int, d_model: int) -> np.ndarray:
    """All sines, then all cosines: (length, d_model); an odd width ends with zeros.

    So do tensor2tensor, the paper's own program, and fairseq. To a model that learns it is the same
    but for the order of the columns, and for the speeds: here the slowest hand is slower by exactly
    10000 than the fastest, which the formula of the paper does not quite reach.
    """
    hands = d_model // 2
    speed = 10000 ** -(np.arange(hands) / max(hands - 1, 1))
    angle = np.arange(length)[:, None] * speed
    return np.concatenate([np.sin(angle), np.cos(angle), np.zeros((length, d_model % 2))], axis=1)


def places(start: int | np.ndarray, length: int) -> slice | np.ndarray:
    """So many places, one after another: an index into a table of positions. Where `start` is
    that of each row (B,), so is the index (B, length)."""
    if isinstance(start, np.ndarray):
        return start[:, None] + np.arange(length)
    return slice(start, start + length)


class SinusoidalEncoding(mg.Module):
    """x + sinusoids: (B, T, d_model) in and out. `start` is the time of the first position, or
    that of each row (B,)."""

    def __init__(self, d_model: int, max_length: int, rng: np.random.Generator | None = None):
        self.table = sinusoids(max_length, d_model)

    def forward(self, x: mg.Tensor, start: int | np.ndarray = 0) -> mg.Tensor:
        rows = self.table[places(start, x.shape[1])]  # (T, d_model), or (B, T, d_model)
        return (x + mg.Tensor(rows, dtype=x.dtype, name="positions")).named("with positions")


class ConcatenatedEncoding(SinusoidalEncoding):
    """x + concatenated_sinusoids: the same in the form of tensor2tensor."""

    def __init__(self, d_model: int, max_length: int, rng: np.random.Generator | None = None):
        self.table = concatenated_sinusoids(max_length, d_model)


class LearnedEncoding(mg.Module):
    """x + one learned row for each position: (B, T, d_model) in and out (3.5, table 3 row E)."""

    def __init__(self, d_model: int, max_length: int, rng: np.random.Generator):
        rows = rng.normal(0, 0.02, (max_length, d_model))
        self.weight = mg.Parameter(rows, np.float32)

    def forward(self, x: mg.Tensor, start: int | np.ndarray = 0) -> mg.Tensor:
        rows = self.weight[places(start, x.shape[1])].named("positions")  # as of the sinusoids
        return (x + rows).named("with positions")


class NothingAdded(mg.Module):
    """x as it is: with rotary positions it is self-attention that knows them, see `rotated`."""

    def __init__(self, d_model: int, max_length: int, rng: np.random.Generator | None = None):
        pass

    def forward(self, x: mg.Tensor, start: int | np.ndarray = 0) -> mg.Tensor:
        return x


def rotated(x: mg.Tensor, start: int | np.ndarray = 0) -> mg.Tensor:
    """Queries or keys (..., T, d_k), each pair of columns turned by t / 10000^(2i/d_k), where t is
    the time of the position: `start` that of the first, or of the first of each row, (B,), of
    queries (B, H, T, d_k) (Su et al. 2021, equation 34).

    A query's product with a key then depends on how far they are apart, and not on where.
    """
    time, d_k = x.shape[-2:]
    t = np.add.outer(start, np.arange(time))[..., None]  # (T, 1), or (B, T, 1)
    t = t if t.ndim == 2 else t[:, None]  # (B, 1, T, 1): the same in each head
    angle = t / 10000 ** (2 * (np.arange(d_k) // 2) / d_k)  # (..., T, d_k), equal in each pair
    quarter = np.zeros((d_k, d_k))  # x @ quarter is x with each pair (a, b) turned to (-b, a)
    even = np.arange(0, d_k, 2)
    quarter[even + 1, even], quarter[even, even + 1] = -1, 1
    return x * np.cos(angle) + (x @ quarter) * np.sin(angle)


# To add one, write its class here, made of (d_model, max_length, rng), and name it in this table.
POSITIONS = {
    "sinusoidal": SinusoidalEncoding,
    "concatenated": ConcatenatedEncoding,
    "learned": LearnedEncoding,
    "rotary": NothingAdded,
}
