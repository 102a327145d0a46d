"""`minitransformer tasks`."""

import argparse
from typing import Any

from .. import tasks
from ..text.showing import wrapped
from .arguments import command


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
        settings = ", ".join(f"{key}={value}" for key, value in task.options().items()) or "none"
        about = f"options: {settings}; {task.steps:,} steps recommended"
        print(wrapped(f"{name:10} {task.summary}", indent=" " * 11))
        print(wrapped(f"{'':10} {about}", indent=" " * 11))
