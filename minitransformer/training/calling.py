"""How `train` is called: with the settings of a training by keyword, over those of its task."""

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ParamSpec, Protocol

from .. import tasks
from ..run import Run
from .overlaying import overlaid
from .settings import TrainingSettings

P = ParamSpec("P")


class Train(Protocol[P]):
    """A function of a task, a folder, and the settings of a training by keyword."""

    def __call__(
        self,
        task: str | tasks.Task,
        folder: str | Path | None = None,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Run: ...


def with_settings_of(
    settings: Callable[P, TrainingSettings],
) -> Callable[[Callable[[tasks.Task, str | Path | None, TrainingSettings], Run]], Train[P]]:
    """Let a function take the fields of `settings` by keyword: an editor, `help` and Python itself
    know them from there, and they are written nowhere else. Those that are not given are the
    task's presets."""

    def decorate(
        function: Callable[[tasks.Task, str | Path | None, TrainingSettings], Run],
    ) -> Train[P]:
        @functools.wraps(function)
        def train(
            task: str | tasks.Task,
            folder: str | Path | None = None,
            *args: P.args,
            **kwargs: P.kwargs,
        ) -> Run:
            task = tasks.get(task) if isinstance(task, str) else task
            return function(task, folder, settings(*args, **with_preset(task, kwargs)))

        taken = inspect.signature(function)
        named, folder, _ = taken.parameters.values()
        fields = inspect.signature(settings).parameters.values()
        parameters = [named, folder.replace(default=None), *fields]
        vars(train)["__signature__"] = taken.replace(parameters=parameters)
        return train

    return decorate


def with_preset(task: tasks.Task, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are given, over those that the task presets (see `overlaid`)."""
    preset = dict(task.preset)
    if "vocabulary" in preset:
        preset["vocabulary"] = {"unit": task.unit, **preset["vocabulary"]}
    return overlaid(preset, given)
