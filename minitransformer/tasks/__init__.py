"""The tasks by name. A file in this folder that registers a task is all it takes to add one."""

from difflib import get_close_matches
from typing import Any

from .checking import check_made
from .loading import load_file, load_folder
from .split import SPLITS
from .task import Task, option_names, register, registered

__all__ = ["SPLITS", "Task", "get", "load_file", "names", "register"]

load_folder(__name__, __path__)


def __dir__() -> list[str]:
    return sorted(__all__)


def names() -> list[str]:
    """The names of all the tasks, in alphabetical order."""
    return sorted(registered)


def get(name: str, /, **options: Any) -> Task:
    """The task of that name, made with these options."""
    if name not in registered:
        raise ValueError(f'there is no task "{name}", {_only(names(), name)}')
    task = registered[name]
    known = option_names(task)
    for option in options:
        if option not in known:
            raise ValueError(f'the task "{name}" has no option "{option}", {_only(known, option)}')
    made = task(**options)
    if not made.lazy:
        check_made(made)
    return made


def _only(known: list[str], wrong: str) -> str:
    """Only copy, numbers, reverse; did you mean "reverse"?"""
    nearest = get_close_matches(wrong, known, n=1)
    guess = f'; did you mean "{nearest[0]}"?' if nearest else ""
    return f"only {', '.join(known)}{guess}" if known else "nor any other"
