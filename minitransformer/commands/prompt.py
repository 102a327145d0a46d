"""A prompt at which texts are typed, one after another."""

import io
import sys
from collections.abc import Iterator
from contextlib import suppress

from ..streams import is_terminal

PROMPT = "> "


def typed_lines() -> Iterator[str]:
    """The lines that are typed, until an empty one or the end of the input (Ctrl-D). Where nobody
    types, as from a pipe, there is no prompt, and a line is what it is in a file."""
    watched = is_terminal(sys.stdin)
    if watched:
        with suppress(ImportError):  # where there is one, lines can be edited and come again
            import readline  # noqa: F401, PLC0415
    if isinstance(sys.stdin, io.TextIOWrapper):  # what is no UTF-8 is left for `cleaned` to refuse
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")
    while True:
        try:
            line = input(PROMPT if watched else "")
        except EOFError:
            if watched:
                print()  # the prompt stands in this line
            return
        if not line.strip():
            return
        yield line
