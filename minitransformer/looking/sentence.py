"""One sentence, and what a model writes for it: whose computation is drawn, or stepped through."""

import numpy as np

from ..decoding.greedy import greedy_decode
from ..run import Run
from ..text.batching import Batch, make_batch, source_rows


def example_text(run: Run) -> str:
    """A source that was not in training, neither short nor long; where there is none, one that
    was."""
    held_out = run.task.available("test", 5)
    split, count = ("test", held_out) if held_out else ("train", 5)
    texts = run.task.examples(split, count, np.random.default_rng(0))
    return sorted((source for source, _ in texts), key=len)[len(texts) // 2]


def sentence_batch(run: Run, text: str) -> Batch:
    """The batch of a text and of the model's own translation of it. Raises ValueError for a text
    that the model cannot read."""
    source = run.encode_source(text)
    (written,) = greedy_decode(run.model, source_rows([source]))
    return make_batch([(source, written)])
