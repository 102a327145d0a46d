"""Optimisers: what to do with the gradients. Also gradient clipping and schedules."""

from .adam import Adam, AdamW
from .gradients import clip_grad_norm
from .optimizer import BLOCK, Optimizer
from .schedule import ConstantSchedule, CosineSchedule, Schedule, WarmupSchedule
from .settings import Setting, number
from .sgd import SGD

__all__ = ["BLOCK", "SGD", "Adam", "AdamW", "Optimizer", "Setting"]
__all__ += ["Schedule", "WarmupSchedule", "ConstantSchedule", "CosineSchedule"]
__all__ += ["clip_grad_norm", "number"]
