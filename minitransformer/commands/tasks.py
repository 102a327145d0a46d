"""`minitransformer tasks`."""

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .. import tasks
from ..text.showing import columns, shown, wrapped
from .arguments import command

WIDTH = 80  # of a line, where no terminal says another
NAME, TITLE = 11, 10  # columns of the name of a task, and of the title of a line about it
EXAMPLES = 5  # of one task in full


def add_tasks(commands: Any) -> None:
    sub = command(
        commands,
        "tasks",
        tasks_command,
        "List the tasks, or one in full.",
        "minitransformer tasks",
        "minitransformer tasks numbers",
    )
    sub.add_argument("task", metavar="TASK", nargs="?", help="one, with its options and splits")
    sub.add_argument("--task-file", metavar="FILE.py", help="the file of a task of your own")


def tasks_command(options: argparse.Namespace) -> None:
    if options.task_file is not None:
        tasks.load_file(options.task_file)
    if options.task is not None:
        task = tasks.get(options.task)
        print_task(task, in_full(task))
        return
    for number, name in enumerate(tasks.names()):
        if number:
            print()
        task = tasks.get(name)
        print_task(task, in_short(task))
    print(wrapped("\nOne in full: minitransformer tasks TASK"))


def print_task(task: tasks.Task, lines: Iterator[tuple[str, str]]) -> None:
    """A name and a summary, and what there is to say of it: titles and texts."""
    width = columns() or WIDTH
    print(wrapped(f"{task.name:{NAME - 1}} {task.summary}", " " * NAME, width))
    for title, text in lines:
        print(wrapped(f"{'':{NAME}}{title:{TITLE}}{text}", " " * (NAME + TITLE), width))


def in_short(task: tasks.Task) -> Iterator[tuple[str, str]]:
    yield "example", examples(task, 1)[0]
    yield from known(task)
    yield "options", options_of(task)


def in_full(task: tasks.Task) -> Iterator[tuple[str, str]]:
    for number, example in enumerate(examples(task, EXAMPLES)):
        yield "" if number else "examples", example
    yield from known(task)
    yield "unit", task.unit
    yield "steps", f"{task.steps:,}, where nothing else is said"
    yield "options", options_of(task)
    for name, what in task.apart.items():
        yield "apart", f"{name}: {what}"
    if task.preset:
        yield "preset", "; ".join(settings(task.preset))
    options = task.options()
    one = "".join(f" --option {name}={value}" for name, value in [*options.items()][:1])
    yield "train", f"minitransformer train {task.name}{' FILE' if 'file' in options else one}"


def known(task: tasks.Task) -> Iterator[tuple[str, str]]:
    """What the task says of itself."""
    said = {"size": task.how_many, "time": task.how_long, "expect": task.expect}
    yield from ((title, text) for title, text in said.items() if text)


def examples(task: tasks.Task, count: int) -> list[str]:
    rng = np.random.default_rng(0)
    room = (columns() or WIDTH) - NAME - TITLE
    pairs = [task.pair(task.sample(rng)) for _ in range(count)]
    return [shown(f"{source} -> {target}", max(2 * room, 20)) for source, target in pairs]


def options_of(task: tasks.Task) -> str:
    return ", ".join(f"{key}={value}" for key, value in task.options().items()) or "none"


def settings(preset: Mapping[str, Any], inside: str = "") -> Iterator[str]:
    """The settings as flags have them: `size tiny`, `model.dropout 0.1`."""
    for name, value in preset.items():
        if isinstance(value, Mapping):
            yield from settings(value, f"{inside}{name}.")
        else:
            yield f"{inside}{name} {value}"
