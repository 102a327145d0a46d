"""Greedy decoding: one token at a time, each the most probable after what was written before."""

import numpy as np

from ..models.seq2seq import Seq2Seq, evaluating
from ..text.specials import END, PAD, START
from .rereading import Rereading


def greedy_decode(
    model: Seq2Seq, src: np.ndarray, max_length: int | None = None, cached: bool = True
) -> list[list[int]]:
    """The most probable next token, again and again, until the end token: a list of id lists.

    `src` (B, S) are source ids. Each result is without start and end; one that has not ended after
    `max_length` tokens (default: the model's own limit) is cut there. With `cached` False all that
    was written is read again for every token, which is slower and gives the same.
    """
    limit = model.config.max_length - 1  # the start token is read too
    limit = limit if max_length is None else min(max_length, limit)
    writer = model if cached else Rereading(model)
    src = np.asarray(src)
    written: list[list[int]] = [[] for _ in src]
    with evaluating(model):
        state = writer.start(src)
        rows = np.arange(len(src))  # of the sentences that have not ended
        tokens = np.full(len(src), START)
        for _ in range(limit):
            logits, state = writer.step(state, tokens)
            tokens = writable(logits.data).argmax(axis=-1)  # (B, V) -> (B,)
            going_on = tokens != END
            if not going_on.any():
                break
            if not going_on.all():
                rows, tokens, state = rows[going_on], tokens[going_on], state.select(going_on)
            for row, token in zip(rows.tolist(), tokens.tolist()):
                written[row].append(token)
    return written


def writable(logits: np.ndarray) -> np.ndarray:
    """The logits (B, V) of the next token with those at -inf that stand for no word: padding and
    start. Whatever chooses tokens, of any model, chooses by these. Unknown may be written, and is
    shown: a model learns it where its data has it."""
    logits = logits.copy()
    logits[:, [PAD, START]] = -np.inf
    return logits
