"""What a model looked at while it wrote: where a word comes from that it has no word for."""

import numpy as np

import minigrad as mg
from minigrad.context import during, keeping, recording

from ..models.seq2seq import Seq2Seq, in_mode
from ..text.batching import make_batch


def looked_at(model: Seq2Seq, source: list[int], written: list[int]) -> list[int] | None:
    """For each token that was written, which of the source it attends to most: the last layer that
    attends from target to source, the mean over its heads, without the end of the source. None for
    a model that has no such attention. Source and written ids are without start and end.

    An unknown word is translated by the source word found like this (Luong et al. 2015, "Addressing
    the Rare Word Problem", learn an alignment for it; attention is one already).
    """
    across = [
        kind.names[-1]
        for kind in model.attention_tensors()
        if (kind.queries, kind.keys) == ("target", "source")
    ]
    if not across or not source:
        return None
    batch = make_batch([(source, written)])
    with in_mode(model, training=False), during(recording, True), during(keeping, True):
        logits = model(batch.src, batch.tgt_in)
    weights = mg.graph_of(logits).find(across[-1]).value  # (1, H, T, S)
    assert weights is not None
    each = np.asarray(weights)[0].mean(axis=0)  # (T, S)
    return each[: len(written), : len(source)].argmax(axis=-1).tolist()
