"""What is done after a step of training: each is called with the Step, in the order of a list.

To add one, write a class with `__call__(self, step)` and put it into the list in trainer.py.
"""

import math
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tqdm.auto import tqdm  # in a notebook its own bar

from ..models.seq2seq import Seq2Seq
from ..run import Run
from ..streams import is_terminal, show
from ..text.batching import Pair
from ..text.showing import fitted
from .loop import Step
from .metrics import Evaluation, evaluate

Listener = Callable[[Step], None]

SHOWN = 5  # validation examples that are printed each time
LOGGED = 10  # steps from one line of the log to the next
ROOM = 4  # columns behind the bar, where a terminal writes ^C: without them it begins a new line
SMOOTHING = 0.95  # of the loss on the progress bar: a mean over about the last twenty steps


class Pace:
    """Real target tokens a second, over all steps so far; what listeners take does not count."""

    def __init__(self) -> None:
        self.tokens, self.seconds = 0, 0.0

    def __call__(self, step: Step) -> None:
        self.tokens += step.tokens
        self.seconds += step.seconds

    @property
    def tokens_per_second(self) -> float:
        return self.tokens / self.seconds


class Bar(tqdm):
    """tqdm's, which lets go of its lock also where it could not be shown: its own thread, and
    whoever shows something from another thread, would wait for it for ever."""

    def refresh(self, nolock: bool = False, lock_args: Any = None) -> Any:
        with self.get_lock():
            return super().refresh(nolock=True)


class ProgressBar:
    """Shows how far the training is, its smoothed loss and its pace; used in a `with`.

    Nothing is shown where nobody watches: a file gets no bar, nor does a terminal that is gone.
    """

    def __init__(self, steps: int, pace: Pace, hidden: bool, done: int = 0):
        hidden = hidden or not is_terminal(sys.stderr)
        try:
            # Nothing yet: with the first step it is as wide as it shall be.
            about = {"total": steps, "initial": done, "unit": "step", "disable": hidden}
            self.bar = Bar(**about, dynamic_ncols=True, delay=1e-6)
            self._leave_room()
        except (OSError, ValueError):
            self.bar = Bar(disable=True)
        self.pace = pace
        self.loss: float | None = None

    def _leave_room(self) -> None:
        shape: Any = getattr(self.bar, "dynamic_ncols", None)  # (columns, rows) of a stream

        def narrower(stream: Any) -> tuple[int | None, int | None]:
            columns, rows = shape(stream)
            return columns and max(columns - ROOM, 1), rows

        if shape:
            self.bar.dynamic_ncols = narrower

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(self, *error: Any) -> None:
        with suppress(OSError, ValueError):
            self.bar.close()

    def __call__(self, step: Step) -> None:
        before = step.loss if self.loss is None else self.loss
        self.loss = SMOOTHING * before + (1 - SMOOTHING) * step.loss
        text = f"loss {self.loss:.3f}, {self.pace.tokens_per_second:,.0f} tokens/s"
        self.bar.set_postfix_str(text, refresh=False)
        with suppress(OSError, ValueError):
            self.bar.update()


class Log:
    """Writes loss, learning rate and pace into the log of the run, every few steps."""

    def __init__(self, run: Run, pace: Pace, validated_at: Collection[int]):
        self.run, self.pace, self.validated_at = run, pace, validated_at

    def __call__(self, step: Step) -> None:
        if step.number % LOGGED == 0 or step.number in self.validated_at:
            self.run.add_to_log(
                step=step.number,
                loss=step.loss,
                lr=step.lr,
                tokens_per_second=round(self.pace.tokens_per_second),
                seconds=round(self.pace.seconds, 3),  # since the first step
            )


@dataclass
class Best:
    """The weights with the lowest validation loss so far, after which step they were, and how many
    validations (`stale`) have found no lower one since."""

    loss: float = math.inf
    step: int = 0
    stale: int = 0
    weights: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    def compare(self, step: int, loss: float, model: Seq2Seq) -> None:
        """Take over the weights of `model`, if they are as good."""
        if loss <= self.loss:
            self.loss, self.step, self.stale, self.weights = loss, step, 0, model.state_dict()
        else:
            self.stale += 1


class Validation:
    """Tries the model on held-out examples at some steps, and shows the first few translations:
    always those of the same sentences, so that one watches the model learn, where they changed."""

    def __init__(
        self,
        run: Run,
        pairs: Sequence[Pair],
        validated_at: Collection[int],
        quiet: bool,
        best: Best | None = None,
    ):
        self.run, self.pairs = run, pairs
        self.validated_at, self.quiet = validated_at, quiet
        self.best = best or Best()
        self.shown: list[str] = []  # the translations as they stood the last time

    def __call__(self, step: Step) -> None:
        if step.number not in self.validated_at:
            return
        result = evaluate(self.run.model, self.pairs, self.run.task.ends)
        if not math.isfinite(result.loss):  # the last update can do that, without another step
            raise FloatingPointError(
                f"the training diverged: after step {step.number} the validation loss is "
                f"{result.loss:g}. Try a smaller --lr or --lr-scale"
            )
        self.best.compare(step.number, result.loss, self.run.model)
        ends = self.run.task.ends  # else nothing can be written that is right, as a whole
        forced, free = result.teacher_forced, result.free_running
        right = {"exact_match": result.exact_match, "free_running": free} if ends else {}
        self.run.add_to_log(
            step=step.number,
            validation_loss=result.loss,
            **right,
            teacher_forced=forced,
            written=[self.run.target_vocab.decode(ids) for ids in result.predictions[:SHOWN]],
        )
        if not self.quiet:
            title = f"step {step.number}: validation loss {result.loss:.4f}"
            perplexity = f"perplexity {result.perplexity:.2f}"
            show(f"{title}, " + (f"exact {result.exact_match:.1%}" if ends else perplexity))
            show(f"  tokens: {forced:.1%} teacher-forced" + (f", {free:.1%} free" if ends else ""))
            lines = self._translations(result)
            for line, before in zip(lines, self.shown or [""] * SHOWN):
                if line != before:  # what did not change need not be read again
                    show(line)
            self.shown = lines

    def _translations(self, result: Evaluation) -> list[str]:
        lines = []
        for (source, _), predicted, right in list(
            zip(self.pairs, result.predictions, result.right)
        )[:SHOWN]:
            texts = [self.run.source_vocab.decode(source), self.run.target_vocab.decode(predicted)]
            read, written = fitted(texts, others=10)
            mark = ("ok " if right else "  x") if self.run.task.ends else "   "
            lines.append(f"  {mark} {read} -> {written}")
        return lines
