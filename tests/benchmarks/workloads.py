"""What is measured: models, batches, and the numbers that every framework is given alike.

NumPy alone is imported here: a worker that measures another framework must not load minigrad, whose
setting of the C library's memory (see minigrad/memory.py) would speed that framework up as well.
"""

from dataclasses import dataclass

import numpy as np

PAD, START, END = 0, 1, 2  # as in minitransformer.text.specials
FIRST_WORD = 4  # ids below it are special
BATCHES = 8  # different ones, given in turn
NEVER = -1e9  # a logit that no argmax picks


@dataclass(frozen=True)
class Workload:
    """An encoder-decoder: post-norm, no dropout, no biases in attention, sinusoidal positions,
    embeddings times sqrt(d_model), as many encoder as decoder layers, float32.

    It is trained (zero the gradients, forward, cross-entropy, backward, Adam) where `cached` is
    None. Otherwise it decodes greedily, with a key/value cache or without.
    """

    name: str
    title: str
    vocab: int
    d_model: int
    num_heads: int
    d_ff: int
    layers: int
    batch: int
    length: int  # of the targets, and of the longest source; when decoding, tokens written
    cached: bool | None = None

    @property
    def trains(self):
        return self.cached is None


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("W0", "overhead only", 13, 8, 2, 8, 2, 2, 3),
        Workload("W1", "d_model 64", 13, 64, 4, 128, 2, 64, 10),
        Workload("W2", "d_model 128, 2,000 words", 2000, 128, 4, 512, 2, 64, 16),
        Workload("W3", "d_model 256, 8,000 words", 8000, 256, 8, 1024, 3, 64, 24),
        Workload("decode", "W2 writes 16 tokens", 2000, 128, 4, 512, 2, 64, 16, cached=True),
        Workload("decode-full", "without the cache", 2000, 128, 4, 512, 2, 64, 16, cached=False),
    )
}
ADAM = {"lr": 1e-3, "betas": (0.9, 0.98), "eps": 1e-9}


def make_data(workload, seed):
    """Batches of random ids: `src` (N, B, T), padded to at least half of its length; `tgt_in` and
    `tgt_out` (N, B, T), without padding, so that the loss is a plain mean in every framework."""
    rng = np.random.default_rng(seed)
    shape = (BATCHES, workload.batch, workload.length)
    src = rng.integers(FIRST_WORD, workload.vocab, shape)
    ends = rng.integers((workload.length + 1) // 2, workload.length + 1, shape[:2])
    src[np.arange(workload.length) >= ends[..., None]] = PAD
    words = rng.integers(FIRST_WORD, workload.vocab, shape)
    tgt_in, tgt_out = words.copy(), words
    tgt_in[..., 1:], tgt_in[..., 0] = words[..., :-1], START
    tgt_out[..., -1] = END
    return {"src": src, "tgt_in": tgt_in, "tgt_out": tgt_out}


def batches(data):
    """[(src, tgt_in, tgt_out)], each (B, T)."""
    return list(zip(data["src"], data["tgt_in"], data["tgt_out"]))


def never_end(weights):
    """The weights with an output bias by which no sentence ends before it is as long as all."""
    bias = weights["output.bias"].copy()
    bias[[PAD, START, END]] = NEVER
    return {**weights, "output.bias": bias}


def sinusoids(length, d_model):
    """The paper's positional encoding (section 3.5), float32 (length, d_model)."""
    angle = np.arange(length)[:, None] / 10000 ** (np.arange(0, d_model, 2) / d_model)
    table = np.stack([np.sin(angle), np.cos(angle)], axis=-1)  # (length, d_model / 2, 2)
    return table.reshape(length, d_model).astype(np.float32)


def save_problem(path, weights, data):
    np.savez(path, **data, **{f"weights/{name}": w for name, w in weights.items()})


def load_problem(path):
    """(weights, data), as given to `save_problem`."""
    with np.load(path) as arrays:
        weights = {name[8:]: arrays[name] for name in arrays if name.startswith("weights/")}
        return weights, {name: arrays[name] for name in ("src", "tgt_in", "tgt_out")}
