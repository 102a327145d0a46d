"""`minitransformer tasks`."""

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import tasks
from ..text.showing import wrapped
from .arguments import command

INDENT = " " * 11


def add_tasks(commands: Any) -> None:
    command(
        commands,
        "tasks",
        tasks_command,
        "List the tasks and their options.",
        "minitransformer tasks",
    )


def tasks_command(options: argparse.Namespace) -> None:
    for name in tasks.names():
        task = tasks.get(name)
        print(wrapped(f"{name:10} {task.summary}", indent=INDENT))
        for line in about(task):
            print(wrapped(INDENT + line, indent=INDENT))


def about(task: tasks.Task) -> Iterator[str]:
    """What stands of a task under its name, a line each."""
    yield f"example: {' -> '.join(task.pair(task.sample(np.random.default_rng(0))))}"
    known = {"size": task.how_many, "time": task.how_long, "expect": task.expect}
    yield from (f"{title}: {text}" for title, text in known.items() if text)
    settings = ", ".join(f"{key}={value}" for key, value in task.options().items()) or "none"
    yield f"options: {settings}; {task.steps:,} steps recommended"
