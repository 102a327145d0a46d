"""Greedy decoding: one token at a time, each the most probable after what was written before."""

import numpy as np

from ..models.seq2seq import Seq2Seq
from .writing import limit_of, writable, write


def greedy_decode(
    model: Seq2Seq, src: np.ndarray, max_length: int | None = None, cached: bool = True
) -> list[list[int]]:
    """The most probable next token, again and again, until the end token: a list of id lists.

    `src` (B, S) are source ids. Each result is without start and end; one that has not ended after
    `max_length` tokens (default: the model's own limit) is cut there. With `cached` False all that
    was written is read again for every token, which is slower and gives the same.
    """

    def most_probable(logits: np.ndarray, rows: np.ndarray, time: int) -> np.ndarray:
        return writable(logits).argmax(axis=-1)  # (n, V) -> (n,)

    return write(model, src, most_probable, limit_of(model, max_length), cached)
