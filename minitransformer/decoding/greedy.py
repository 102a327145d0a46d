"""From a trained model to text: one token at a time, each chosen from what was written before."""

from contextlib import contextmanager

import numpy as np

import minigrad as mg

from ..models.cache import DecoderCache
from ..text.specials import END, PAD, START


def greedy_decode(model, src, max_length=None, cached=True):
    """The most probable next token, again and again, until the end token: a list of id lists.

    `src` (B, S) are source ids. Each result is without start and end; one that has not ended after
    `max_length` tokens (default: the model's own limit) is cut there. `cached` keeps the keys and
    values of what was written, which is faster and gives the same.
    """
    limit = model.config.max_length - 1  # the decoder reads the start token too
    limit = limit if max_length is None else min(max_length, limit)
    written = np.full((len(src), 1), START)
    ended = np.zeros(len(src), bool)
    with evaluating(model):
        memory = model.encode(src)
        cache = DecoderCache(model.config.num_decoder_layers) if cached else None
        while not ended.all() and written.shape[1] <= limit:
            logits = model.decode(written, memory, src, cache).data[:, -1]  # (B, V)
            token = np.where(ended, PAD, logits.argmax(axis=-1))
            written = np.concatenate([written, token[:, None]], axis=1)  # (B, T) -> (B, T + 1)
            ended |= token == END
    return [until_end(row) for row in written[:, 1:].tolist()]


@contextmanager
def evaluating(model):
    """Within `with evaluating(model):` there is no dropout, and nothing is recorded."""
    was_training = model.training
    model.eval()
    try:
        with mg.no_grad():
            yield
    finally:
        model.train(was_training)


def until_end(ids):
    return ids[: ids.index(END)] if END in ids else ids
