"""What training does, as it is written by mistake."""

import minigrad as mg

from ..models.seq2seq import Seq2Seq
from ..text.batching import Batch
from ..text.specials import PAD


def not_shifted(model: Seq2Seq, batch: Batch, label_smoothing: float = 0.0) -> mg.Tensor:
    """The decoder is given the very tokens that it is asked for."""
    logits = model(batch.src, batch.tgt_out)
    return mg.cross_entropy(logits, batch.tgt_out, PAD, label_smoothing)


def with_padding(model: Seq2Seq, batch: Batch, label_smoothing: float = 0.0) -> mg.Tensor:
    """Padding counts as a word that has to be written."""
    logits = model(batch.src, batch.tgt_in)
    return mg.cross_entropy(logits, batch.tgt_out, label_smoothing=label_smoothing)


def smoothed_over_padding(model: Seq2Seq, batch: Batch, label_smoothing: float = 0.0) -> mg.Tensor:
    """Padding does not count, but for label smoothing: there the mean is over all positions."""
    logits = model(batch.src, batch.tgt_in)
    of_target = mg.cross_entropy(logits, batch.tgt_out, PAD)
    of_all = mg.cross_entropy(logits, batch.tgt_out, label_smoothing=1.0)
    return (1 - label_smoothing) * of_target + label_smoothing * of_all


class SteppedPerTensor(mg.optim.WarmupSchedule):
    """It is stepped where a parameter is updated: once for each tensor, not once for each step."""

    def step(self) -> None:
        for group in self.optimizer.param_groups:
            for _ in group["params"]:
                super().step()
