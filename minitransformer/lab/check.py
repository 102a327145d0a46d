"""`check`: what a careful person would look at before a model is trusted, as a table."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

import minigrad as mg

from ..bugs.table import bug
from ..models.seq2seq import Seq2Seq
from ..run import Run
from ..text.showing import sentence, wrapped
from ..training.metrics import batch_loss
from . import attention, beginnings, leaks, learning, runs
from .subject import Finding, Loss, Subject


class Check(NamedTuple):
    """`find` looks, and `meaning` says what is wrong where it fails."""

    find: Callable[[Subject], Finding]
    meaning: str


# To add one, write a function of a Subject that returns a Finding, and name it in this table.
CHECKS = {
    "gradients": Check(
        learning.gradients,
        "a derivative rule is wrong, or a parameter is used where nothing is recorded",
    ),
    "future": Check(leaks.future, "a token is predicted by one who sees it: look at the masks"),
    "padding": Check(leaks.padding, "what a sentence means depends on how far it was filled up"),
    "masks": Check(attention.masks, "a layer is given the wrong mask, or none"),
    "rows": Check(attention.rows, "the softmax is over another axis, or something follows it"),
    "heads": Check(attention.heads, "a head that looks everywhere has learnt nothing"),
    "scores": Check(attention.scores, "without the scale the softmax is nearly a maximum (3.2.1)"),
    "cached": Check(leaks.cached, "what is written is not what was trained"),
    "batch": Check(leaks.batch, "a translation depends on what else is translated"),
    "beginning": Check(
        beginnings.beginning, "weights begin too large, or the loss is not the cross-entropy"
    ),
    "embeddings": Check(
        beginnings.embeddings, "positions drown the words: are they times sqrt(d_model) (3.4)?"
    ),
    "norms": Check(beginnings.norms, "a norm is missing, or stands elsewhere than norm_first says"),
    "dropout": Check(learning.dropout, "what is dropped has to be drawn anew, in training alone"),
    "loss": Check(learning.loss, "padding has a part in the loss"),
    "overfit": Check(
        learning.overfit,
        "what cannot learn a few sentences by heart, and write them, learns nothing",
    ),
    "sources": Check(runs.sources, "the source is not read: all targets are alike to it"),
    "schedule": Check(runs.schedule, "the schedule is stepped more, or less, than once a step"),
}

WORDS = {True: "passed", False: "FAILED", None: "-"}


@dataclass(frozen=True)
class Row:
    """One check: `passed` is None where it is not for this model; `measured` says what was seen,
    `meaning` what it means to fail."""

    name: str
    passed: bool | None
    measured: str
    meaning: str = field(repr=False)


@dataclass(frozen=True)
class Report:
    """The rows of a check, which print as a table. `ok` is whether nothing failed."""

    title: str
    rows: list[Row]

    @property
    def ok(self) -> bool:
        return not self.failed

    @property
    def failed(self) -> list[str]:
        """The names of the checks that failed."""
        return [row.name for row in self.rows if row.passed is False]

    def __str__(self) -> str:
        width = max(map(len, CHECKS)) + 1
        lines = [self.title]
        for row in self.rows:
            start = f"{WORDS[row.passed]:6}  {row.name:{width}} "
            said = f"not for this model: {row.measured}" if row.passed is None else row.measured
            lines.append(wrapped(start + said, indent=" " * len(start)))
            if row.passed is False:
                why = f"{'':{len(start)}}which means: {row.meaning}"
                lines.append(wrapped(why, indent=" " * len(start)))
        passed = sum(row.passed is True for row in self.rows)
        others = len(self.rows) - passed - len(self.failed)
        lines.append(f"{passed} passed, {len(self.failed)} failed, {others} not for this model")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


def check(model: Seq2Seq | Run, loss: Loss | None = None, seed: int = 0) -> Report:
    """What a careful person would check of a model, or of a run, with its log and its task: the
    Report prints as a table, and its `ok` says whether all is well.

    Any model of the contract (models/seq2seq.py) is checked, also one with layers of your own; it
    stays as it is. `loss(model, batch, label_smoothing)` is that of its training, if not
    `batch_loss`. What is drawn by chance comes from `seed`.
    """
    run = model if isinstance(model, Run) else None
    of = model.model if isinstance(model, Run) else model
    if not (isinstance(of, mg.Module) and hasattr(of, "config")):
        raise TypeError(
            f"check: give a model, as in models/seq2seq.py, or a Run; not {type(of).__name__}. "
            "The run in a folder is load(folder)"
        )
    mistake = bug(run.settings.get("bug") if run else None)
    subject = Subject(of, loss or mistake.loss or batch_loss, run, seed)
    with np.errstate(all="ignore"):  # what is no number fails a check, and is said there
        rows = [_row(name, each, subject) for name, each in CHECKS.items()]
    size = sum(parameter.size for parameter in of.parameters())
    what = f"{run.folder}: " if run else ""
    told = f", with the bug {run.settings['bug']}" if run and run.settings.get("bug") else ""
    return Report(f"{what}{type(of).__name__} of {size:,} parameters{told}", rows)


def _row(name: str, each: Check, subject: Subject) -> Row:
    """What raises an error has failed: it is the model's own, whatever it is."""
    try:
        passed, measured = each.find(subject)
    except Exception as error:
        passed, measured = False, f"{type(error).__name__}: {sentence(error)}"
    return Row(name, passed, measured, each.meaning)
