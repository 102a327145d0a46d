"""What a training is made of, each setting in one place: the checks and the command's flags and
their help are made of these fields (see fields.py)."""

import dataclasses
import difflib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..bugs.table import BUGS, NO_BUG, bug
from ..fields import (
    ABOVE_0,
    COUNT,
    FROM_0,
    FROM_0_TO_BELOW_1,
    YES_OR_NO,
    Must,
    check,
    is_number,
    kept,
    one_of,
    require,
    setting,
    settings_of,
)
from ..models.config import SIZES
from ..models.kinds import KINDS
from ..text.vocabulary_settings import VocabularySettings

SCHEDULES = ("noam", "cosine", "constant")
KIND = "transformer"  # of the model, where nothing is said
MODEL_DEFAULTS = {"dropout": 0.0}  # where a toy wants another model than the paper's
A_PART = Must(
    "a part of the steps, from 0 to 1", lambda value: is_number(value) and 0 <= value <= 1, float
)
MODEL = Must(
    f"one of {[*KINDS]}, or a dictionary of its fields",
    lambda value: isinstance(value, dict) or value in KINDS,
    str,
    (*KINDS,),
)


VOCABULARY = Must(
    "a dictionary, as {'unit': 'bpe', 'vocab_size': 4000}",
    lambda value: isinstance(value, dict),
    dict,
)


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """What a training is made of, besides its task. All randomness comes from `seed`.

    `model` is a kind of model ("lstm"), or a dictionary of fields of its configuration, which may
    have that kind too: {"kind": "lstm", "d_model": 48}. `vocabulary` is a dictionary of fields of
    VocabularySettings: {"unit": "bpe", "vocab_size": 4000}. Raises ValueError for what makes no
    sense.
    """

    size: str = field(default="small", metadata=setting(one_of(SIZES), "of the model"))
    model: str | dict[str, Any] = field(  # each of its fields has a flag of its own
        default_factory=dict, metadata=setting(MODEL, "the kind of model", otherwise=KIND)
    )
    vocabulary: dict[str, Any] = field(  # each of its fields has a flag of its own
        default_factory=dict,
        metadata=setting(VOCABULARY, "what the vocabularies are made of", flag=False),
    )
    steps: int | None = field(
        default=None, metadata=setting(COUNT, "training steps", "what the task recommends")
    )
    batch_size: int = field(default=32, metadata=setting(COUNT, "sentences of one batch"))
    batch_tokens: int | None = field(
        default=None,
        metadata=setting(
            COUNT, "tokens of one batch on either side, padding too", "as --batch-size says"
        ),
    )
    accumulate: int = field(
        default=1, metadata=setting(COUNT, "batches of one step, which is that of all of them")
    )
    train_examples: int = field(default=50_000, metadata=setting(COUNT, "sentences to learn from"))
    warmup_steps: int | None = field(
        default=None,
        metadata=setting(
            COUNT, "in which the rate rises", "a quarter of the steps, and at least 400"
        ),
    )
    lr: float | None = field(
        default=None, metadata=setting(ABOVE_0, "peak of the learning rate", "the paper's (5.3)")
    )
    lr_scale: float = field(
        default=1.0, metadata=setting(ABOVE_0, "times the paper's learning rate")
    )
    schedule: str = field(
        default="noam",
        metadata=setting(one_of(SCHEDULES), "of the rate after the warmup; noam is the paper's"),
    )
    cooldown: float = field(
        default=0.5,
        metadata=setting(A_PART, "last part of the steps, in which the rate falls (not of cosine)"),
    )
    label_smoothing: float = field(
        default=0.0, metadata=setting(FROM_0_TO_BELOW_1, "of the targets (section 5.4)")
    )
    clip: float = field(default=1.0, metadata=setting(ABOVE_0, "largest norm of the gradient"))
    validations: int = field(
        default=8, metadata=setting(COUNT, "how often the model is tried while it learns")
    )
    validation_examples: int = field(
        default=200, metadata=setting(COUNT, "held-out sentences that it is tried on, or all")
    )
    patience: int | None = field(
        default=None,
        metadata=setting(COUNT, "validations without a better loss that end it", "it goes on"),
    )
    average: int | None = field(
        default=None,
        metadata=setting(COUNT, "last checkpoints to try the mean of (section 6.1)", "none"),
    )
    save_every: int | None = field(
        default=None,
        metadata=setting(
            COUNT, "steps after which its state is kept", "at validations, and all 30 seconds"
        ),
    )
    workers: int = field(
        default=1, metadata=setting(COUNT, "processes that divide each batch among them")
    )
    threads: int | None = field(
        default=None,
        metadata=setting(
            COUNT, "of each process, for products of matrices", "one for a small model, else more"
        ),
    )
    seed: int = field(default=0, metadata=setting(FROM_0, "of all that is random"))
    bug: str | None = field(
        default=None, metadata=setting(one_of(BUGS), "a mistake to make, see: bugs", "none")
    )
    quiet: bool = field(
        default=False, metadata=setting(YES_OR_NO, "show nothing while it learns", kept=False)
    )

    def __post_init__(self) -> None:
        for each in settings_of(self):
            object.__setattr__(self, each.name, _plain(getattr(self, each.name)))
        check(self, "training")
        self._check_model()
        VocabularySettings.of(self.vocabulary)  # complains at once
        self._check_bug()
        if self.lr is not None and self.lr_scale != 1:
            raise ValueError("training: give the learning rate as lr or as lr_scale, not as both")

    @property
    def kind(self) -> str:
        """Which kind of model is trained."""
        return self.model if isinstance(self.model, str) else self.model.get("kind", KIND)

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of its configuration that are given."""
        given = {} if isinstance(self.model, str) else self.model
        return {name: value for name, value in given.items() if name != "kind"}

    def _check_model(self) -> None:
        """Raise ValueError for an unknown kind, or a field that such a model does not have."""
        require(self.kind in [*KINDS], "training", "model", f"one of {[*KINDS]}", self.kind)
        of_kind = settings_of(KINDS[self.kind].config)
        known = [each.name for each in of_kind if each.metadata["flag"]]
        for name in (name for name in self.fields if name not in known):
            near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.8)
            guess = f"; did you mean {near[0]}?" if near else f", only {', '.join(known)}"
            raise ValueError(f'training: a model of the kind "{self.kind}" has no {name}{guess}')

    def _check_bug(self) -> None:
        """Raise ValueError for a bug that would do nothing."""
        needed = bug(self.bug).needs
        values = {"label_smoothing": self.label_smoothing, **MODEL_DEFAULTS, **self.fields}
        if needed and not values[needed]:
            raise ValueError(
                f"training: the bug {self.bug!r} does nothing without {needed}; 0.1 would do"
            )
        if self.schedule != "noam" and bug(self.bug).schedule is not NO_BUG.schedule:
            raise ValueError(f"training: the bug {self.bug!r} is one of the schedule noam alone")

    def decided(self, steps: int) -> "TrainingSettings":
        """The same with nothing left open: `steps` are those that the task recommends."""
        steps = steps if self.steps is None else self.steps
        warmup = max(400, steps // 4) if self.warmup_steps is None else self.warmup_steps
        return dataclasses.replace(self, steps=steps, warmup_steps=warmup)

    def scale(self, d_model: int) -> float:
        """What the paper's learning rate is multiplied by: its peak, after the warmup, is
        (d_model * warmup_steps)^-0.5 (equation 3)."""
        assert self.warmup_steps  # once `decided`
        return self.lr_scale if self.lr is None else self.lr * (d_model * self.warmup_steps) ** 0.5

    def peak(self, d_model: int) -> float:
        """The highest rate, after the warmup."""
        assert self.warmup_steps  # once `decided`
        paper = (d_model * self.warmup_steps) ** -0.5
        return self.lr_scale * paper if self.lr is None else self.lr

    def to_json(self) -> dict[str, Any]:
        """The settings that are recorded with a run: those by which it can be repeated."""
        return kept(self)


def _plain(value: Any) -> Any:
    """A NumPy number as a number of Python's, which JSON knows."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value.item() if isinstance(value, np.generic) else value
