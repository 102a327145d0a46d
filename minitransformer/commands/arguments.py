"""What all commands share: how their arguments are read, and how a fault is said."""

import argparse
import difflib
import textwrap
from collections.abc import Callable
from typing import Any, NoReturn

from ..streams import show
from ..text.showing import sentence

Command = Callable[[argparse.Namespace], int | None]  # its exit status; None is 0


class Parser(argparse.ArgumentParser):
    """Says what was wrong in one sentence, and where help is. A flag is written in full."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs, allow_abbrev=False)

    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, args: Any = None, namespace: Any = None
    ) -> Any:
        """Here the flags of a command meet the parser of that command, which knows its own."""
        options, unknown = super().parse_known_args(args, namespace)
        many = [each.dest for each in self._actions if each.nargs == "*"]
        if many and not any(word.startswith("-") for word in unknown):
            # argparse takes none that stands behind a flag: `translate RUN --beam 4 TEXT`
            setattr(options, many[0], [*getattr(options, many[0]), *unknown])
            unknown = []
        if unknown:
            flag = unknown[0].split("=")[0]
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._nearest(flag)}")
        return options, unknown

    def _nearest(self, flag: str) -> str:
        """The flag that was probably meant, as a question."""
        if not flag.startswith("--"):
            return ""
        flags = [action for action in self._actions if action.option_strings]
        helps = {action.option_strings[-1]: action.help or "" for action in flags}
        word = flag.strip("-")
        named = [each for each in helps if len(word) > 2 and word in each]
        said = [each for each in helps if len(word) > 2 and word.replace("-", " ") in helps[each]]
        near = named or difflib.get_close_matches(flag, helps, n=1, cutoff=0.7) or said
        return f"; did you mean {near[0]}?" if near else ""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {sentence(message)} (see {self.prog} --help)\n")


def command(commands: Any, name: str, function: Command, description: str, *usage: str) -> Parser:
    """Add a command, and return the parser of its arguments."""
    sub = commands.add_parser(
        name,
        help=description.split(". ")[0].rstrip(".") + ".",
        description=textwrap.fill(description, 80),
        epilog=examples(*usage),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sub.set_defaults(command=function)
    return sub


def add_run(sub: Parser) -> None:
    """The arguments of every command that uses a run."""
    sub.add_argument("run", metavar="RUN", help="the folder of a run")
    add_task_file(sub)


def add_task_file(sub: Parser) -> None:
    sub.add_argument("--task-file", metavar="FILE.py", help="the file of a task of your own")


def examples(*lines: str) -> str:
    return "examples:\n" + textwrap.indent("\n".join(lines), "  ")


def complain(what: object) -> None:
    """Say in a line of standard error what is wrong."""
    show(f"minitransformer: {what}", to="stderr")
