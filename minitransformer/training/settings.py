"""What a training is made of, each setting in one place: the checks and the command's flags and
their help are made of these fields (see fields.py)."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np

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
    setting,
    settings_of,
)
from ..models.config import SIZES

MODEL_DEFAULTS = {"dropout": 0.0}  # where a toy wants another model than the paper's
A_PART = Must(
    "a part of the steps, from 0 to 1", lambda value: is_number(value) and 0 <= value <= 1, float
)
FIELDS = Must("a dictionary of its fields", lambda value: isinstance(value, dict), dict)


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """What a training is made of, besides its task. All randomness comes from `seed`.

    Raises ValueError for a value that makes no sense.
    """

    size: str = field(default="small", metadata=setting(one_of(SIZES), "of the model"))
    model: dict[str, Any] = field(  # each of them has a flag of its own
        default_factory=dict, metadata=setting(FIELDS, "of its configuration", flag=False)
    )
    steps: int | None = field(
        default=None, metadata=setting(COUNT, "training steps", "what the task recommends")
    )
    batch_size: int = field(default=32, metadata=setting(COUNT, "sentences of one step"))
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
    cooldown: float = field(
        default=0.5,
        metadata=setting(A_PART, "last part of the steps, in which the rate falls"),
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
    quiet: bool = field(
        default=False, metadata=setting(YES_OR_NO, "show nothing while it learns", kept=False)
    )

    def __post_init__(self) -> None:
        for each in settings_of(self):
            object.__setattr__(self, each.name, _plain(getattr(self, each.name)))
        check(self, "training")
        if self.lr is not None and self.lr_scale != 1:
            raise ValueError("training: give the learning rate as lr or as lr_scale, not as both")

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

    def to_json(self) -> dict[str, Any]:
        """The settings that are recorded with a run: those by which it can be repeated."""
        return kept(self)


def _plain(value: Any) -> Any:
    """A NumPy number as a number of Python's, which JSON knows."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value.item() if isinstance(value, np.generic) else value
