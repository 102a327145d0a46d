"""The learning rate of a training, as its settings say."""

import minigrad as mg

from ..bugs.table import bug
from .settings import TrainingSettings


def schedule_of(
    settings: TrainingSettings, optimizer: mg.optim.Optimizer, d_model: int
) -> mg.optim.Schedule:
    """The schedule of a training with these settings, which are `decided`. Whatever its form, it
    rises for `warmup_steps` to the peak."""
    assert settings.steps and settings.warmup_steps
    warmup, peak = settings.warmup_steps, settings.peak(d_model)
    if settings.schedule == "cosine":  # it comes to rest by itself
        return mg.optim.CosineSchedule(optimizer, settings.steps, warmup, peak)
    if settings.schedule == "constant":
        schedule = mg.optim.ConstantSchedule(optimizer, warmup, peak)
    else:
        noam = bug(settings.bug).schedule
        schedule = noam(optimizer, d_model, warmup, settings.scale(d_model))
    schedule.cool_down(settings.steps, settings.cooldown)
    return schedule
