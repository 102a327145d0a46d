"""`minitransformer bugs`."""

import argparse
from typing import Any

from ..bugs.table import BUGS
from ..streams import show
from ..text.showing import wrapped
from .arguments import command

INDENT = " " * 4


def add_bugs(commands: Any) -> None:
    command(
        commands,
        "bugs",
        bugs_command,
        "List the mistakes that people make. Each can be trained with: train TASK --bug NAME",
        "minitransformer bugs",
        "minitransformer train reverse --size tiny --bug future-leak --run runs/leak",
        "minitransformer check runs/leak",
    )


def bugs_command(options: argparse.Namespace) -> None:
    for name, bug in BUGS.items():
        show(wrapped(f"{name}: {bug.wrong}", INDENT))
        show(wrapped(f"{INDENT}one sees: {bug.seen}", INDENT))
        show(wrapped(f"{INDENT}found by: {', '.join(bug.found_by)}", INDENT))
        if bug.needs:
            flag = "--" + bug.needs.replace("_", "-")
            show(wrapped(f"{INDENT}does nothing without {flag}", INDENT))
