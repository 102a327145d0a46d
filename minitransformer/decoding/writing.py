"""What all ways to write a sentence share: how long it may get, what stands for a word, and how
probable each word is."""

from collections.abc import Callable

import numpy as np

from ..fields import FROM_0, require
from ..models.seq2seq import Seq2Seq, evaluating
from ..text.specials import END, PAD, START
from .rereading import Rereading

# Chooses tokens (n,) by logits (n, V): those of the sentences `rows` (n,), at position `time`.
Choose = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


def write(
    model: Seq2Seq, src: np.ndarray, choose: Choose, limit: int, cached: bool = True
) -> list[list[int]]:
    """One token at a time, the one that `choose` gives, until it is the end token or there are
    `limit`: an id list for each source, without start and end."""
    src = sources(src)
    writer = writer_of(model, cached)
    written: list[list[int]] = [[] for _ in src]
    rows = np.arange(len(src))  # of the sentences that have not ended
    tokens = np.full(len(src), START)
    if not len(src):
        return written
    with evaluating(model):
        state = writer.start(src)
        for time in range(limit):
            logits, state = writer.step(state, tokens)
            tokens = choose(logits.data, rows, time)  # (n, V) -> (n,)
            going_on = tokens != END
            if not going_on.any():
                break
            if not going_on.all():
                rows, tokens, state = rows[going_on], tokens[going_on], state.select(going_on)
            for row, token in zip(rows.tolist(), tokens.tolist()):
                written[row].append(token)
    return written


def sources(src: np.ndarray) -> np.ndarray:
    """The sources as an array (B, S) of ids. Raises ValueError for anything else."""
    src = np.asarray(src)
    if src.size == 0 and src.ndim < 2:  # an empty list is a batch of no sentence
        return np.zeros((0, 1), int)
    if src.ndim != 2 or src.dtype.kind not in "iu":
        raise ValueError(
            f"the source ids are {src.dtype} of shape {src.shape}; give integers (batch, time), as "
            "source_rows makes them"
        )
    return src


def limit_of(model: Seq2Seq, max_length: int | None) -> int:
    """How many tokens a sentence may have, its end token among them: `max_length`, and no more than
    the model has positions for."""
    most = model.config.max_length - 1  # the start token is read too
    if max_length is None:
        return most
    require(FROM_0.allows(max_length), "decoding", "max_length", FROM_0.words, max_length)
    return min(max_length, most)


def writer_of(model: Seq2Seq, cached: bool) -> Seq2Seq | Rereading:
    """Who starts and steps: the model, or one that reads all again for every token."""
    return model if cached else Rereading(model)


def writable(logits: np.ndarray) -> np.ndarray:
    """The logits (B, V) of the next token with those at -inf that stand for no word: padding and
    start. Whatever chooses tokens, of any model, chooses by these. Unknown may be written, and is
    shown: a model learns it where its data has it."""
    logits = logits.copy()
    logits[:, [PAD, START]] = -np.inf
    return logits


def log_probabilities(logits: np.ndarray) -> np.ndarray:
    """The log probability of each token, float64 (B, V), as the model has it: padding and start
    take their share, and are -inf then, as in `writable`."""
    logits = logits.astype(np.float64)
    with np.errstate(invalid="ignore"):  # what is no number is refused below
        shifted = logits - logits.max(axis=-1, keepdims=True)
    log_probs = writable(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))
    require_words(log_probs)
    return log_probs


def require_words(logits: np.ndarray) -> None:
    """Raise FloatingPointError where `writable` logits (B, V) are no numbers, or allow no word."""
    if not np.isfinite(logits.max(axis=-1)).all():  # a maximum with NaN is NaN
        raise FloatingPointError(
            "the model has no finite number for the next word: its weights, or what it computes of "
            "them, are too large or not numbers (NaN). Its training may have diverged"
        )
