"""`minitransformer check`."""

import argparse
from typing import Any

from ..lab.check import check
from ..run import load
from ..streams import show
from .arguments import add_run, command


def add_check(commands: Any) -> None:
    sub = command(
        commands,
        "check",
        check_command,
        "Check a model as a careful person would: gradients, leaks, masks, the cache, the loss, "
        "and whether it can learn. The exit status is 1 where something fails.",
        "minitransformer check runs/reverse",
    )
    add_run(sub)
    sub.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of all chance (default: %(default)s)"
    )


def check_command(options: argparse.Namespace) -> int:
    if options.seed < 0:
        raise ValueError(f"--seed has to be at least 0, not {options.seed}")
    report = check(load(options.run, options.task_file), seed=options.seed)
    show(str(report))
    return 0 if report.ok else 1
