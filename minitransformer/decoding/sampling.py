"""Sampling: each token is drawn by chance, as probable as the model says, or bolder or tamer."""

from dataclasses import dataclass, field

import numpy as np

from ..fields import COUNT, Must, check, is_number, setting
from ..models.seq2seq import Seq2Seq
from .writing import limit_of, require_words, sources, writable, write

FROM_0 = Must("a finite number from 0", lambda value: is_number(value) and value >= 0, float)
ABOVE_0_TO_1 = Must(
    "above 0 and at most 1", lambda value: is_number(value) and 0 < value <= 1, float
)


@dataclass(frozen=True)
class SamplingSettings:
    """How a distribution is changed before a token is drawn, in this order."""

    temperature: float = field(
        default=1.0,
        metadata=setting(FROM_0, "logits are divided by it: below 1 tamer, 0 is greedy"),
    )
    top_k: int | None = field(
        default=None,
        metadata=setting(COUNT, "draw from the N most probable tokens alone", "all"),
    )
    top_p: float | None = field(
        default=None,
        metadata=setting(
            ABOVE_0_TO_1, "draw from the fewest tokens that together reach this probability", "all"
        ),
    )

    def __post_init__(self) -> None:
        check(self, "sampling")


def sample(
    model: Seq2Seq,
    src: np.ndarray,
    rng: np.random.Generator,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    max_length: int | None = None,
    cached: bool = True,
) -> list[list[int]]:
    """Tokens drawn by chance, until the end token: an id list for each source, as `greedy_decode`.

    Logits are divided by `temperature`; 0 means greedy. Then only the `top_k` most probable tokens
    are left (Fan et al. 2018), all where the vocabulary has no more; then, of their distribution,
    only the fewest whose probabilities sum to at least `top_p` (Holtzman et al. 2020). Of equal
    ones the first in the vocabulary counts as more probable.

    A sentence takes as many numbers from `rng` as it may have tokens, so a batch is drawn as its
    sentences one after another. Raises ValueError for settings that make no sense.
    """
    settings = SamplingSettings(temperature, top_k, top_p)
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"sample draws from a np.random.Generator, as np.random.default_rng(seed) makes it, "
            f"not from {rng!r}"
        )
    src, limit = sources(src), limit_of(model, max_length)
    chance = rng.random((len(src), limit))

    def drawn(logits: np.ndarray, rows: np.ndarray, time: int) -> np.ndarray:
        reached = next_probabilities(logits, settings).cumsum(axis=-1)  # (n, V)
        target = chance[rows, time, None] * reached[:, -1:]
        return (reached <= target).sum(axis=-1)  # the first token at which more is reached: (n,)

    return write(model, src, drawn, limit, cached)


def next_probabilities(logits: np.ndarray, settings: SamplingSettings) -> np.ndarray:
    """What the next token is drawn by: float64 (B, V) for logits (B, V)."""
    logits = writable(logits.astype(np.float64))
    require_words(logits)
    below_best = logits - logits.max(axis=-1, keepdims=True)
    if settings.temperature == 0:
        probabilities = np.zeros_like(logits)
        np.put_along_axis(probabilities, logits.argmax(axis=-1)[:, None], 1.0, axis=-1)
        return probabilities
    with np.errstate(over="ignore"):  # -inf is right there
        probabilities = np.exp(below_best / settings.temperature)
    probabilities /= probabilities.sum(axis=-1, keepdims=True)
    if settings.top_k is None and settings.top_p is None:
        return probabilities
    order = np.argsort(-logits, axis=-1, kind="stable")  # most probable first
    ranked = np.take_along_axis(probabilities, order, axis=-1)
    if settings.top_k is not None:
        ranked[:, settings.top_k :] = 0
        ranked /= ranked.sum(axis=-1, keepdims=True)
    if settings.top_p is not None:
        before = ranked.cumsum(axis=-1) - ranked
        ranked[before >= settings.top_p] = 0
        ranked /= ranked.sum(axis=-1, keepdims=True)
    np.put_along_axis(probabilities, order, ranked, axis=-1)
    return probabilities
