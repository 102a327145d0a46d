"""The training loop. It knows no task, no files and nothing to show: who wants to do something
after each step listens to what `fit` yields."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import minigrad as mg

from ..models.seq2seq import Seq2Seq
from ..text.batching import Batch
from .metrics import batch_loss
from .parallel import Alone


@dataclass(frozen=True)
class Step:
    """What one step of training was, of the whole batch."""

    number: int  # from 1
    loss: float  # per real target token
    norm: float  # of the gradient, before it was clipped
    lr: float
    tokens: int  # real target tokens
    seconds: float  # that the step took, without those who listened to the one before


def fit(
    model: Seq2Seq,
    batches: Iterable[Batch],
    optimizer: mg.optim.Optimizer,
    schedule: mg.optim.WarmupSchedule,
    clip: float = 1.0,
    label_smoothing: float = 0.0,
    group: Alone | None = None,
    loss_of: Callable[[Seq2Seq, Batch, float], mg.Tensor] | None = None,
) -> Iterator[Step]:
    """Train the model by teacher forcing, a step for each batch, and yield what each step was.

    Every worker of a `group` runs this loop, on the same batches; `loss_of` is the loss, if not
    `batch_loss`. Raises FloatingPointError, with the model as it was, when the loss or its gradient
    is no longer a finite number.
    """
    group = Alone() if group is None else group
    model.train()
    started = time.perf_counter()
    for number, batch in enumerate(batches, start=1):
        optimizer.zero_grad()
        mine, weight = group.share(batch)
        loss = 0.0
        if mine is not None:
            with mg.names_only():
                part = (loss_of or batch_loss)(model, mine, label_smoothing) * weight
            part.backward()
            loss = part.item()
        schedule.step()
        norm, loss = group.step(optimizer, clip, loss)
        if not math.isfinite(norm + loss):
            raise FloatingPointError(
                f"the training diverged: at step {number} the loss is {loss:g} and its gradient "
                f"{norm:g}. The rate was {optimizer.lr:.2g}; try a smaller --lr or --lr-scale"
            )
        seconds = time.perf_counter() - started
        yield Step(number, loss, norm, optimizer.lr, batch.num_tokens, seconds)
        started = time.perf_counter()
