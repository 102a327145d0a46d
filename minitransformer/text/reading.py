"""What people type, pipe and paste, made into clean lines: the one place where input is read."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from .showing import shown
from .tokenising import normalize

LINES = 200  # that are handed on together, at most
LONGEST = 100_000  # characters of a text; nobody means more, and memory stays bounded
MOST = 4 * LONGEST + 4  # bytes that are kept of a line: more than LONGEST characters, in any case
BLOCK = 1 << 16

# What programs send to a terminal: colours and cursors, titles and links, and all else.
ESCAPES = re.compile(
    "\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|[ -/]+[0-~]|[0-Z\\\\^-~])"
)
# What comes with text from web pages and is never seen: soft hyphens, joiners, directions.
INVISIBLE = re.compile("[\u00ad\u2060\u200e\u200f\u202a-\u202e\u2066-\u2069]")
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ufeff]")


def cleaned(text: str) -> str:
    """A text as a task and a model see it: normalised (see `normalize`), and without what a
    terminal, an editor or a web page leaves in it, as colours, control characters, byte order marks
    and soft hyphens.

    Raises TypeError for what is no text, ValueError for bytes that were not UTF-8.
    """
    if not isinstance(text, str):
        raise TypeError(f"a text is a string, not {shown(repr(text))}")
    if len(text) > LONGEST:
        raise ValueError(f"this text is far too long: it has more than {LONGEST:,} characters")
    try:  # bytes that an encoding does not have are surrogates, also where that is only ASCII
        text = text.encode(errors="surrogateescape").decode()
    except UnicodeError:
        raise ValueError("this is not UTF-8 text; convert it, for instance with iconv") from None
    return normalize(CONTROLS.sub(" ", INVISIBLE.sub("", ESCAPES.sub("", text))))


def lines_of(stream: BinaryIO) -> Iterator[list[str]]:
    """The lines of a stream, some at a time: all that are there without waiting for more, so that
    each can be answered when it comes, but never many.

    A line ends with "\\n" or "\\r\\n", as `wc -l` counts; any other separator is a space in it.
    What is not UTF-8, or far too long, is left for `cleaned` to refuse.
    """
    read = getattr(stream, "read1", stream.read)
    rest = b""
    while block := read(BLOCK):
        *whole, last = block.split(b"\n")
        if whole:
            whole[0] = rest + whole[0]
            rest = b""
        rest = (rest + last)[:MOST]
        for i in range(0, len(whole), LINES):
            yield [_decoded(line) for line in whole[i : i + LINES]]
    if rest:
        yield [_decoded(rest)]


def _decoded(line: bytes) -> str:
    return line[:MOST].decode("utf-8", errors="surrogateescape")
