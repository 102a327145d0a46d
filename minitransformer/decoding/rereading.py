"""Writing without a cache: every step reads again all that was written."""

from dataclasses import dataclass

import numpy as np

import minigrad as mg

from ..models.seq2seq import Seq2Seq


@dataclass
class Prefix:
    """The sources (B, S), and what was written so far (B, T)."""

    src: np.ndarray
    tgt: np.ndarray

    def select(self, rows: np.ndarray) -> "Prefix":
        return Prefix(self.src[rows], self.tgt[rows])


class Rereading:
    """`start` and `step` of the contract (models/seq2seq.py), made of a model's `forward` alone.

    It writes what the model's own `step` writes, only slower: to compare with, and to time. The
    source too is read again for every token: of what a model does with it `forward` says nothing,
    and a reference that relied on `start` would not notice where that is wrong. What the cache
    alone saves is measured by tests/benchmarks/caching.py, which reads the source once.
    """

    def __init__(self, model: Seq2Seq):
        self.model = model

    def start(self, src: np.ndarray) -> Prefix:
        return Prefix(src, np.zeros((len(src), 0), int))

    def step(self, state: Prefix, tokens: np.ndarray) -> tuple[mg.Tensor, Prefix]:
        tgt = np.concatenate([state.tgt, tokens[:, None]], axis=1)  # (B, T) -> (B, T + 1)
        return self.model(state.src, tgt)[:, -1], Prefix(state.src, tgt)
