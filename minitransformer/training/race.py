"""A race: the models of the story, of as many parameters, learn from the same data."""

import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from .. import tasks
from ..looking.race import Racer
from ..looking.ways import Ways, ways_to_first_word
from ..models.kinds import KINDS, from_json
from ..models.seq2seq import Seq2Seq, in_mode
from ..run import Run
from ..streams import show
from ..text.batching import Batch, make_batch
from ..text.specials import SPECIALS
from .metrics import batch_loss, evaluate
from .threads import using_threads
from .trainer import train

FIRST = "transformer"  # is made as its size says; the others get as many parameters
OTHERS = {"lstm": {"num_layers": 1}, "attention-lstm": {"num_layers": 1}}
TOLERANCE = 0.05  # by which numbers of parameters may differ
EXAMPLES = 2_000  # held-out sentences, or all where there are fewer
GROUPS = 8  # of lengths, where none are named
BATCH = 32  # sentences of a step
ROUNDS = 5  # of the steps that are timed


def race(
    task: tasks.Task,
    folder: Path,
    steps: int,
    seed: int = 0,
    size: str = "small",
    lengths: Sequence[int] | None = None,
    quiet: bool = False,
) -> list[Racer]:
    """Train each model into a folder of its own in `folder`, and measure it. The same seed on the
    same machine gives the same, but for the times. Raises ValueError as `train` does, where no
    width gives a model as many parameters as the others, and for a task without held-out examples;
    KeyboardInterrupt where a training was stopped."""
    lengths = checked_lengths(lengths, task.max_length)
    if not task.available("test", 1):
        raise ValueError(f'race: the task "{task.name}" with these options has no test examples')
    enough = max(1, min(50_000, steps * BATCH))  # examples; more would never be seen
    settings: dict[str, Any] = {"steps": steps, "seed": seed, "train_examples": enough}
    settings |= {"size": size, "batch_size": BATCH, "validations": 1, "quiet": True}

    def trained(kind: str, **model: Any) -> Run:
        report(f"training the {kind}", quiet)
        run = train(task, folder / kind, model={"kind": kind, **model}, **settings)
        if run.log()[-1]["step"] < steps:  # it has said so; to go on would be no fair race
            raise KeyboardInterrupt
        return run

    first = trained(FIRST)
    runs: list[Run] = []
    for kind, fields in OTHERS.items():
        width = matching_width(kind, fields, first.model)
        runs.append(trained(kind, d_model=width, **fields))
    runs.append(first)
    report("measuring all of them", quiet)
    seconds = times_of([run.model for run in runs], lengths)
    return [measured(run, lengths, times) for run, times in zip(runs, seconds)]


def report(what: str, quiet: bool) -> None:
    if not quiet:
        show(f"race: {what} ...", to="stderr")


def checked_lengths(lengths: Sequence[int] | None, most: int) -> list[int]:
    """The lengths in order; where none are given, up to GROUPS of them, evenly."""
    if lengths is None:
        return sorted({round(most * i / GROUPS) for i in range(1, GROUPS + 1)} - {0})
    wrong = [length for length in lengths if not 1 <= length <= most]
    if wrong or not lengths:
        which = f"not {wrong[0]}" if wrong else "and there has to be one"
        raise ValueError(f"race: lengths are whole numbers from 1 to {most} here, {which}")
    return sorted({*lengths})


def parameters(model: Seq2Seq) -> int:
    return sum(parameter.size for parameter in model.parameters())


def matching_width(kind: str, fields: dict[str, Any], other: Seq2Seq) -> int:
    """The d_model that gives a model of this kind as many parameters as `other` has, or nearly."""
    config, wanted = other.config, parameters(other)
    given = {**fields, "max_length": config.max_length}

    def count(width: int) -> int:
        sizes = config.src_vocab_size, config.tgt_vocab_size
        made = KINDS[kind].config(*sizes, d_model=width, **given)
        return parameters(KINDS[kind].model(made))

    low, high = 1, 2
    while count(high) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < wanted else (low, middle)
    width = min((low, high), key=lambda width: abs(count(width) - wanted))
    if abs(count(width) - wanted) > TOLERANCE * wanted:
        raise ValueError(
            f"race: no width gives the {kind} {wanted:,} parameters, as the {other.kind} has; the "
            f"nearest are {count(low):,} and {count(high):,}. Choose a larger size"
        )
    return width


def measured(run: Run, lengths: Sequence[int], seconds: dict[int, float]) -> Racer:
    """What became of a model. The examples are the same for all."""
    task, model = run.task, run.model
    count = task.available("test", EXAMPLES)
    pairs = run.ids_of(task.examples("test", count, np.random.default_rng(0)))
    result = evaluate(model, pairs)
    right: dict[int, list[bool]] = {}
    for (source, _), exact in zip(pairs, result.right):
        for lower, upper in pairwise([0, *lengths]):
            if lower < len(source) <= upper:
                right.setdefault(upper, []).append(exact)
    right = dict(sorted(right.items()))  # a length of which there is no example is left out
    return Racer(
        model.kind,
        model.config.d_model,
        parameters(model),
        counts={length: len(each) for length, each in right.items()},
        exact={length: float(np.mean(each)) for length, each in right.items()},
        seconds=seconds,
        ways={length: ways_of(model, length) for length in lengths},
        curve=[(line["seconds"], line["loss"]) for line in run.log() if "seconds" in line],
        loss=result.loss,
    )


def ways_of(model: Seq2Seq, length: int) -> Ways:
    """The ways of a gradient in such a model, which depend on no weights."""
    anew: Any = from_json(model.kind, model.config.to_json())
    batch = any_batch(anew.astype(np.float64).eval(), length, 1)
    return ways_to_first_word(batch_loss(anew, batch), batch.src)


def times_of(models: Sequence[Seq2Seq], lengths: Sequence[int]) -> list[dict[int, float]]:
    """For each model the seconds of a step by length: the shortest of several, in which the models
    take turns."""
    best: list[dict[int, float]] = [{} for _ in models]
    for length in lengths:
        for _ in range(ROUNDS):
            for model, seconds in zip(models, best):
                batch = any_batch(model, length, BATCH)
                with using_threads(1, model.config.d_model, threads=1):
                    seconds[length] = min(seconds.get(length, np.inf), time_of(model, batch))
    return best


def time_of(model: Seq2Seq, batch: Batch) -> float:
    """The processor's seconds for loss and gradient: nobody else's work counts."""
    with in_mode(model, training=True):
        started = time.process_time()
        batch_loss(model, batch).backward()
        seconds = time.process_time() - started
    for parameter in model.parameters():
        parameter.grad = None
    return seconds


def any_batch(model: Seq2Seq, length: int, count: int) -> Batch:
    """So many sentences of this length, of words by chance."""
    rng, config = np.random.default_rng(length), model.config
    source, target = (
        rng.integers(len(SPECIALS), size, (count, length)).tolist()
        for size in (config.src_vocab_size, config.tgt_vocab_size)
    )
    return make_batch([*zip(source, target)])
