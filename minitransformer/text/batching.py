"""From pairs of token ids to arrays: padding after the end, and the shift of teacher forcing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .specials import END, PAD, START

Pair = tuple[Sequence[int], Sequence[int]]  # source ids and target ids, without start and end

POOL = 32  # batches' worth of examples that are usually sorted by length together


@dataclass
class Batch:
    """`src` (B, S); `tgt_in` and `tgt_out` (B, T): at each position the decoder reads `tgt_in` up
    to there and is asked for `tgt_out`, the next token. Rows are padded after their end."""

    src: np.ndarray
    tgt_in: np.ndarray
    tgt_out: np.ndarray

    @property
    def num_tokens(self) -> int:
        """How many target tokens are real: what the loss is a mean over."""
        return int((self.tgt_out != PAD).sum())


def make_batch(pairs: Sequence[Pair], ends: bool = True) -> Batch:
    """A Batch of (source ids, target ids). Here alone start and end are added: the decoder
    is given the target shifted right by one (figure 1). Where no target `ends`, being cut, nothing
    is asked for after its last token."""
    end = END if ends else PAD
    return Batch(
        src=source_rows([src for src, _ in pairs]),
        tgt_in=padded([[START, *tgt] for _, tgt in pairs]),
        tgt_out=padded([[*tgt, end] for _, tgt in pairs]),
    )


def source_rows(sources: Sequence[Sequence[int]]) -> np.ndarray:
    """Source ids as an array (B, S), each row with its end token."""
    return padded([[*src, END] for src in sources])


def padded(rows: Sequence[Sequence[int]]) -> np.ndarray:
    """Rows of ids of unequal length as one array, with padding after the end of the shorter."""
    width = max(len(row) for row in rows)
    ids = np.full((len(rows), width), PAD)
    for row, values in zip(ids, rows):
        row[: len(values)] = values
    return ids


def shuffled_batches(
    pairs: Sequence[Pair],
    batch_size: int,
    rng: np.random.Generator,
    pool: int = POOL,
    ends: bool = True,
) -> Iterator[Batch]:
    """One pass over `pairs` in random order, in batches of similar length: little padding. `pool`
    batches' worth of examples are sorted by length together; with 1 a batch has all lengths.
    `ends` is as for `make_batch`."""
    for members in shuffled_order(pairs, batch_size, rng, pool):
        yield make_batch([pairs[i] for i in members], ends)


def shuffled_order(
    pairs: Sequence[Pair],
    batch_size: int,
    rng: np.random.Generator,
    pool: int = POOL,
    batch_tokens: int | None = None,
) -> list[list[int]]:
    """Which examples are together in the batches of `shuffled_batches`, by their numbers. With
    `batch_tokens` a batch has as many as fit: at most so many tokens on either side, padding and
    ends among them; one that is longer is a batch by itself."""
    order = rng.permutation(len(pairs))
    batches: list[list[int]] = []
    for start in range(0, len(order), pool * batch_size):
        near = sorted(order[start : start + pool * batch_size], key=lambda i: _length(pairs[i]))
        if batch_tokens is None:
            batches += [near[i : i + batch_size] for i in range(0, len(near), batch_size)]
        else:
            batches += _filled(pairs, near, batch_tokens)
    return [batches[i] for i in rng.permutation(len(batches))]


def _filled(pairs: Sequence[Pair], order: Sequence[int], most: int) -> Iterator[list[int]]:
    """The examples in this order, as many together as fit into `most` tokens on either side."""
    batch: list[int] = []
    width = 0
    for i in order:
        wider = max(width, 1 + max(map(len, pairs[i])))  # with the end, or the start
        if batch and wider * (len(batch) + 1) > most:
            yield batch
            batch, wider = [], 1 + max(map(len, pairs[i]))
        batch.append(i)
        width = wider
    yield batch


def _length(pair: Pair) -> int:
    src, tgt = pair
    return len(src) + len(tgt)
