"""The folder of a run while it is trained into: claimed, so that no other training writes there."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from .. import tasks
from ..config_file import is_run
from ..files import Claim, naming
from .state import STATE


@contextmanager
def claimed(folder: str | Path | None, task: tasks.Task) -> Iterator[Path]:
    """The folder of a new run, claimed: the one asked for, or the first of runs/TASK, runs/TASK-2,
    ... that this process can make."""
    with Claim(Path(folder)) if folder is not None else _new_folder(task) as mine:
        if is_run(mine):
            raise FileExistsError(
                f"{folder} holds a run already: name another folder for this one, or go on with "
                f"its training: minitransformer train --resume {folder}"
            )
        with naming(mine / STATE):  # of a training that ended before there was a run
            (mine / STATE).unlink(missing_ok=True)
        yield mine


def _new_folder(task: tasks.Task) -> Claim:
    runs = Path("runs")
    with naming(runs):
        runs.mkdir(exist_ok=True)
    numbers = count(1)
    while True:
        number = next(numbers)
        with suppress(FileExistsError):
            return Claim(runs / (task.name if number == 1 else f"{task.name}-{number}"), new=True)
