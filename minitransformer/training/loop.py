"""The training loop. It knows no task, no files and nothing to show: who wants to do something
after each step listens to what `fit` yields."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import minigrad as mg

from ..models.seq2seq import Seq2Seq
from ..text.batching import Batch
from .metrics import batch_loss
from .parallel import Alone


@dataclass(frozen=True)
class Step:
    """What one step of training was, of its whole batch, or of all its batches together."""

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
    schedule: mg.optim.Schedule,
    clip: float = 1.0,
    label_smoothing: float = 0.0,
    group: Alone | None = None,
    loss_of: Callable[[Seq2Seq, Batch, float], mg.Tensor] | None = None,
    accumulate: int = 1,
    done: int = 0,
) -> Iterator[Step]:
    """Train the model by teacher forcing, a step for each batch, and yield what each step was. With
    `accumulate` a step is of so many batches: its gradient is that of one large batch, the mean
    over all real tokens (what BatchNorm has learnt of a batch is of each on its own). `done` steps
    were made before.

    Every worker of a `group` runs this loop, on the same batches; `loss_of` is the loss, if not
    `batch_loss`. Raises FloatingPointError, with the model as it was, when the loss or its gradient
    is no longer a finite number.
    """
    group = Alone() if group is None else group
    model.train()
    started = time.perf_counter()
    left = iter(batches)
    number = done
    while together := list(islice(left, accumulate)):
        number += 1
        optimizer.zero_grad()
        tokens, loss = sum(batch.num_tokens for batch in together), 0.0
        for batch in together:
            mine, weight = group.share(batch)
            if mine is not None:
                weight *= batch.num_tokens / tokens
                with mg.names_only():
                    part = (loss_of or batch_loss)(model, mine, label_smoothing) * weight
                part.backward()
                loss += part.item()
        schedule.step()
        norm, loss = group.step(optimizer, clip, loss)
        if not math.isfinite(norm + loss):
            raise FloatingPointError(
                f"the training diverged: at step {number} the loss is {loss:g} and its gradient "
                f"{norm:g}. The rate was {optimizer.lr:.2g}; try a smaller --lr or --lr-scale"
            )
        seconds = time.perf_counter() - started
        yield Step(number, loss, norm, optimizer.lr, tokens, seconds)
        started = time.perf_counter()
