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
    position on its own, whatever else is in the batch. `real` is as for BatchNorm, and no matter.
    """

    def __init__(self, d_model: int, eps: float = 1e-5):
        self.gamma = mg.Parameter(np.ones(d_model), np.float32)
        self.beta = mg.Parameter(np.zeros(d_model), np.float32)
        self.eps = eps

    def forward(self, x: mg.Tensor, real: np.ndarray | None = None) -> mg.Tensor:
        return mg.normalize(x, -1, self.eps, self.gamma, self.beta).named("normalised")


class BatchNorm(mg.Module):
    """gamma * (x - mean) / sqrt(variance + eps) + beta over all axes but the last (Ioffe & Szegedy
    2015): each feature over the whole batch, of which only the positions count that are `real`: a
    boolean array that broadcasts to the shape of x without its last axis (None: all of them).

    In evaluation it uses running averages, which move by `momentum` at each training step. Here to
    be compared with LayerNorm. In training a sentence depends on the others of its batch and, in
    the decoder, a position on later ones, for all share their mean and variance: a leak of the
    future, if a narrow one. In evaluation there is none, and so decoding writes without what a
    model may have learnt to read there. (In batches of one length it read the length, and was lost
    without; so `train` makes no such batches for it.) Each of several workers has the statistics of
    its own share, and the first one's running averages are kept.
    """

    def __init__(self, d_model: int, eps: float = 1e-5, momentum: float = 0.1):
        self.gamma = mg.Parameter(np.ones(d_model), np.float32)
        self.beta = mg.Parameter(np.zeros(d_model), np.float32)
        self.running_mean = mg.Tensor(np.zeros(d_model), dtype=np.float32)
        self.running_var = mg.Tensor(np.ones(d_model), dtype=np.float32)
        self.eps = eps
        self.momentum = momentum

    def forward(self, x: mg.Tensor, real: np.ndarray | None = None) -> mg.Tensor:
        if self.training:
            mean, variance = self._of_batch(x, True if real is None else real)
        else:
            mean, variance = self.running_mean, self.running_var
        x = (x - mean) / mg.sqrt(variance + self.eps)
        return (x * self.gamma + self.beta).named("normalised")

    def _of_batch(self, x: mg.Tensor, real: np.ndarray | bool) -> tuple[mg.Tensor, mg.Tensor]:
        """Mean and variance (d_model,) of the real positions; the running averages move by them."""
        try:
            real = np.broadcast_to(real, x.shape[:-1])
        except ValueError:
            raise ValueError(
                f"BatchNorm: `real` says of each position of x {x.shape} whether it is one, so its "
                f"shape has to be {x.shape[:-1]}, not {np.shape(real)}"
            ) from None
        count = np.count_nonzero(real)
        if not count:  # a batch of nothing but padding has no statistics
            return self.running_mean, self.running_var
        axes = tuple(range(real.ndim))
        part = real[..., None] / count  # of the mean that each position is: padding none
        mean = (x * part).sum(axes)
        centred = x - mean
        variance = (centred * centred * part).sum(axes)
        self._move(self.running_mean, mean.data)
        self._move(self.running_var, variance.data * (count / max(count - 1, 1)))
        return mean, variance

    def _move(self, average: mg.Tensor, now: np.ndarray) -> None:
        average.data += self.momentum * (now - average.data)


NORMS = {"layer": LayerNorm, "batch": BatchNorm}


class Dropout(mg.Module):
    """In training each entry is 0 with probability p, and the rest grow by 1 / (1 - p).

    The model has it where the paper does (5.4): on the output of each sub-layer, before it is added
    and normalised, and on the sums of embeddings and positions. PyTorch's layers and the Annotated
    Transformer also drop attention weights, and entries inside the feed-forward layers;
    tensor2tensor does so in later settings of the base model, not in the first.
    """

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
        hidden = self.activation(self.linear_1(x)).named("hidden")  # (..., d_ff)
        return self.linear_2(hidden).named("output")
