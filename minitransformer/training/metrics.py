"""How good a model is, on sentences that it has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import minigrad as mg

from ..decoding.greedy import greedy_decode
from ..models.seq2seq import Seq2Seq, evaluating
from ..text.batching import Batch, Pair, make_batch, source_rows
from ..text.specials import END, PAD, UNKNOWN

BATCH_SIZE = 200  # sentences that are decoded together


@dataclass
class Evaluation:
    """`loss` is the mean over the real target tokens, `predictions` are the decoded ids, `right`
    says of each whether it is the target, token by token, and `exact_match` is the part that is.
    A target with an unknown word is never reached: nothing shows that it was meant.

    `teacher_forced` and `free_running` are parts of the real target tokens, ends among them: those
    that are the most probable after the right ones before, and those that stand where they should
    in what the model wrote by itself."""

    loss: float
    exact_match: float
    predictions: list[list[int]]
    right: list[bool]
    teacher_forced: float = 0.0
    free_running: float = 0.0


def batch_loss(model: Seq2Seq, batch: Batch, label_smoothing: float = 0.0) -> mg.Tensor:
    """Cross-entropy per real target token, the decoder being given the right tokens before each."""
    logits = model(batch.src, batch.tgt_in)
    return mg.cross_entropy(
        logits, batch.tgt_out, ignore_index=PAD, label_smoothing=label_smoothing
    )


def evaluate(model: Seq2Seq, pairs: Sequence[Pair]) -> Evaluation:
    """An Evaluation of `model` on `pairs` of source and target ids."""
    if not pairs:
        raise ValueError("evaluate: there are no examples to try the model on")
    total, tokens, predictions = 0.0, 0, []
    forced = free = 0
    for start in range(0, len(pairs), BATCH_SIZE):
        part = pairs[start : start + BATCH_SIZE]
        batch = make_batch(part)
        with evaluating(model):
            logits = model(batch.src, batch.tgt_in)
            loss = mg.cross_entropy(logits, batch.tgt_out, ignore_index=PAD)
        total += loss.item() * batch.num_tokens
        chosen = logits.data.argmax(axis=-1)
        forced += int((chosen == batch.tgt_out)[batch.tgt_out != PAD].sum())
        tokens += batch.num_tokens
        written = greedy_decode(model, source_rows([src for src, _ in part]))
        free += sum(
            mine == its
            for ids, (_, tgt) in zip(written, part)
            for mine, its in zip([*ids, END], [*tgt, END])
        )
        predictions += written
    right = [
        list(predicted) == list(tgt) and UNKNOWN not in tgt
        for predicted, (_, tgt) in zip(predictions, pairs)
    ]
    exact = float(np.mean(right))
    return Evaluation(total / tokens, exact, predictions, right, forced / tokens, free / tokens)
