"""How good a model is, on sentences that it has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import minigrad as mg

from ..decoding.greedy import greedy_decode
from ..models.seq2seq import Seq2Seq, evaluating
from ..text.batching import Batch, Pair, make_batch, source_rows
from ..text.specials import PAD, UNKNOWN

BATCH_SIZE = 200  # sentences that are decoded together


@dataclass
class Evaluation:
    """`loss` is the mean over the real target tokens, `predictions` are the decoded ids, `right`
    says of each whether it is the target, token by token, and `exact_match` is the part that is.
    A target with an unknown word is never reached: nothing shows that it was meant."""

    loss: float
    exact_match: float
    predictions: list[list[int]]
    right: list[bool]

    @property
    def perplexity(self) -> float:
        """exp(loss): among so many tokens, equally probable ones, a choice is as hard."""
        return float(np.exp(self.loss))


def batch_loss(model: Seq2Seq, batch: Batch, label_smoothing: float = 0.0) -> mg.Tensor:
    """Cross-entropy per real target token, the decoder being given the right tokens before each."""
    logits = model(batch.src, batch.tgt_in)
    return mg.cross_entropy(
        logits, batch.tgt_out, ignore_index=PAD, label_smoothing=label_smoothing
    )


def evaluate(model: Seq2Seq, pairs: Sequence[Pair], ends: bool = True) -> Evaluation:
    """An Evaluation of `model` on `pairs` of source and target ids; `ends` as for `make_batch`."""
    if not pairs:
        raise ValueError("evaluate: there are no examples to try the model on")
    total, tokens, predictions = 0.0, 0, []
    for start in range(0, len(pairs), BATCH_SIZE):
        part = pairs[start : start + BATCH_SIZE]
        batch = make_batch(part, ends)
        with evaluating(model):
            total += batch_loss(model, batch).item() * batch.num_tokens
        tokens += batch.num_tokens
        predictions += greedy_decode(model, source_rows([src for src, _ in part]))
    right = [
        list(predicted) == list(tgt) and UNKNOWN not in tgt
        for predicted, (_, tgt) in zip(predictions, pairs)
    ]
    return Evaluation(total / tokens, float(np.mean(right)), predictions, right)
