"""`python -m minigrad.step SCRIPT.py`: run a script, then step through a tensor that it made."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from ..tensor import Tensor
from .commands import talk


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status: 0, 1 where the script failed, 2 for what could not be done,
    said in a sentence, 141 where nobody reads what is written any more, or what the script says."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # what stands in for a stream need not know of encodings
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    options = parser().parse_args(arguments)
    path, variable = split(options.script)
    try:
        status, variables = run(path, [str(path), *options.arguments])
        if status:
            return status
        talk(chosen(variables, variable, path), variable, options.until, options.forward)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still in the buffer cannot be written either, when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        print(f"minigrad.step: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m minigrad.step",
        description="Run a script, then step through backward of a tensor that it has made, one op "
        "at a time. `help` lists the commands there.",
        epilog="example: python -m minigrad.step demos/05_step_through_backward.py:loss",
        allow_abbrev=False,
    )
    add = top.add_argument
    add("--until", metavar="NAME", help="begin at a tensor, a module or an op")
    add("--forward", action="store_true", help="step through the computation itself")
    add("script", metavar="SCRIPT.py[:VARIABLE]", help="the variable is `loss` if none is named")
    rest = add("arguments", nargs=argparse.REMAINDER, help="what the script itself is given")
    rest.required = False  # there may be none
    return top


def split(text: str) -> tuple[Path, str]:
    """The file and the variable of "SCRIPT.py:loss"."""
    file, colon, variable = text.rpartition(":")
    if colon and variable.isidentifier() and not Path(text).exists():
        return Path(file), variable
    return Path(text), "loss"


def run(path: Path, argv: list[str]) -> tuple[int, dict[str, Any]]:
    """Run a file as `python` would, as `__main__` with these arguments: its exit status, and its
    variables. What it raises is printed with the script's own part of the traceback."""
    if not path.is_file():
        raise ValueError(f"there is no script {str(path)!r}")
    text = path.read_bytes()
    main = ModuleType("__main__")
    main.__file__ = str(path)
    sys.modules["__main__"] = main
    sys.argv[:] = argv
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        exec(compile(text, str(path), "exec", dont_inherit=True), main.__dict__)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return (end.code if isinstance(end.code, int) else int(end.code is not None)), vars(main)
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        return 130, {}
    except BaseException as error:
        own = error.__traceback__
        while own is not None and own.tb_frame.f_code.co_filename == __file__:
            own = own.tb_next
        traceback.print_exception(type(error), error, own)
        return 1, {}
    return 0, vars(main)


def chosen(variables: dict[str, Any], name: str, path: Path) -> Tensor:
    """The tensor of that name. Raises ValueError, with what else there is, where it is none."""
    value = variables.get(name)
    if isinstance(value, Tensor):
        if value.node is not None and value.node.freed:
            raise ValueError(
                f"{path.name} has gone backward from {name} itself, which freed the graph: take "
                "that line out, or let it keep the graph, with backward(retain_graph=True)"
            )
        return value
    made = [key for key, each in variables.items() if isinstance(each, Tensor) and each.node]
    others = f"its tensors that an op made are {', '.join(made)}" if made else "it has made none"
    what = f"is of type {type(value).__name__}, no Tensor" if name in variables else "is not there"
    raise ValueError(
        f"after {path.name} has run, its variable {name!r} {what}; {others}. "
        f"Name one as {path.name}:NAME"
    )
