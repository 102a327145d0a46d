"""`minitransformer translate`."""

import argparse
import io
import sys
from typing import Any, BinaryIO

from ..run import load
from ..text.reading import lines_of
from .arguments import add_run, command, complain


def add_translate(commands: Any) -> None:
    sub = command(
        commands,
        "translate",
        translate_command,
        "Translate texts with a trained model, a line each. From standard input each line stands "
        "for itself: where one cannot be translated, the output has an empty line, and standard "
        "error the number of the line and the reason. The exit status is 0 if all went well, 1 if "
        "some lines could not be translated, 2 if nothing could be done.",
        'minitransformer translate runs/reverse "abcdef" "jihg"',
        'minitransformer translate runs/numbers "nine hundred and fifty-four"',
        "minitransformer translate runs/numbers < numbers.txt",
    )
    add = sub.add_argument
    add_run(sub)
    add("texts", metavar="TEXT", nargs="*", help="what to translate (default: each line of input)")


def translate_command(options: argparse.Namespace) -> int:
    if not options.texts and sys.stdin is not None and sys.stdin.isatty():
        raise ValueError('give a text to translate: minitransformer translate RUN "text"')
    run = load(options.run, options.task_file)
    if options.texts:
        print("\n".join(run.translate(options.texts)))
        return 0
    number, failed = 0, 0
    for lines in lines_of(standard_input()):
        for result in run.translate_each(lines):
            number += 1
            if isinstance(result, ValueError):
                failed += 1
                complain(f"line {number}: {result}")
                result = ""  # so that line 7 of the output still belongs to line 7 of the input
            print(result)
        sys.stdout.flush()
    return 1 if failed else 0


def standard_input() -> BinaryIO:
    """The bytes of standard input."""
    if sys.stdin is None:
        raise ValueError("there is no standard input; give the texts as arguments")
    if isinstance(sys.stdin, io.TextIOWrapper):
        return sys.stdin.buffer  # pyright: ignore[reportReturnType]
    return io.BytesIO(sys.stdin.read().encode(errors="surrogateescape"))  # text from a program
