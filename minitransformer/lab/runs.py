"""What a training has left: whether its model reads what it is given, and its log."""

import dataclasses

import numpy as np

import minigrad as mg

from ..decoding.greedy import greedy_decode
from ..models.seq2seq import Seq2Seq, evaluating
from ..text.batching import Batch, make_batch, source_rows
from ..text.showing import sentence
from ..text.specials import PAD
from ..training.schedules import schedule_of
from ..training.settings import TrainingSettings
from .subject import TIGHT, Finding, Subject, distance

EXAMPLES = 100
FIRST = 3  # tokens of a target that goes on for ever
FALLS = 0.05  # part of the tokens by which a model has to be better with the right source


def sources(subject: Subject) -> Finding:
    """Other sources give other outputs; of a trained model: other translations, and its tokens are
    right less often where sources are shuffled."""
    batch, run = subject.batch, subject.run
    logits = subject.logits(batch.src, np.repeat(batch.tgt_in[:1], len(batch.src), axis=0))
    for row in range(1, len(logits)):
        differ = (batch.src[row] != batch.src[0]).any()
        if differ and not distance(logits[row], logits[0]) > TIGHT:
            return Finding(False, "two different sources give the very same logits")
    if run is None or not any("lr" in line for line in run.log()):
        return Finding(True, "different sources give different logits (it is not that of a run)")
    try:
        count = max(1, run.task.available("validation", EXAMPLES))
        texts = run.task.examples("validation", count, subject.rng())
    except (OSError, ValueError) as error:  # of the task's file, and no fault of the model
        return Finding(None, f"there are no sentences to try: {sentence(error)}")
    pairs = run.ids_of(texts)
    targets, model = {tuple(target) for _, target in pairs}, subject.copied(np.float32)
    right = make_batch(pairs, run.task.ends)
    others = right.src[np.roll(np.arange(len(pairs)), 1)]
    if not run.task.ends:  # what a text goes on with soon depends on that alone
        right = Batch(right.src, right.tgt_in[:, :FIRST], right.tgt_out[:, :FIRST])
    outputs = {tuple(ids) for ids in greedy_decode(model, source_rows([s for s, _ in pairs]))}
    if run.task.ends and len(targets) > 1 and len(outputs) <= len(targets) / 2:
        return Finding(
            False, f"{len(pairs)} sources are translated into {len(outputs)} texts: a collapse"
        )
    good, bad = (part_right(model, src, right.tgt_in, right.tgt_out) for src in (right.src, others))
    which = "tokens" if run.task.ends else f"first {FIRST} tokens"
    said = (
        f"{len(outputs)} translations of {len(targets)} targets; {which} right {good:.0%}, with "
        f"shuffled sources {bad:.0%}"
    )
    return Finding(len(pairs) == 1 or good - bad > FALLS, said)


def part_right(model: Seq2Seq, src: np.ndarray, tgt_in: np.ndarray, tgt_out: np.ndarray) -> float:
    """The part of the real target tokens that is the most probable, given those before."""
    with evaluating(model):
        chosen = model(src, tgt_in).data.argmax(axis=-1)
    return float((chosen == tgt_out)[tgt_out != PAD].mean())


def schedule(subject: Subject) -> Finding:
    """The rates of the log are those of its settings (for noam equation 3)."""
    run = subject.run
    lines = run.log() if run else []
    count = sum("lr" in line for line in lines)
    if run is None or not count:
        return Finding(None, "there is no log of a training")
    settings = TrainingSettings(**run.settings)
    if settings.steps is None or settings.warmup_steps is None:
        return Finding(None, "its settings do not say how many steps there were to be")
    width = run.model.config.d_model
    optimizer = mg.optim.SGD([mg.Parameter([0.0])], lr=1.0)
    settings = dataclasses.replace(settings, bug=None)
    expected = schedule_of(settings, optimizer, width)
    for line in lines:
        if "steps" in line:  # so many there were to be from here on: it may have been made longer
            settings = dataclasses.replace(settings, steps=line["steps"])
            expected = schedule_of(settings, optimizer, width)
        if "lr" not in line:
            continue
        rate = expected.rate(line["step"])
        if not abs(line["lr"] - rate) <= 1e-9 * rate:
            return Finding(
                False, f"at step {line['step']} it was {line['lr']:.3g}, and should be {rate:.3g}"
            )
    return Finding(True, f"as its settings say at {count} steps of the log")
