"""Text in a message or on a terminal: one line, no longer than there is room."""

import shutil
import sys
import textwrap
from collections.abc import Sequence

MOST = 60  # characters of what a message repeats of its reader's own text
MESSAGE = 400  # of a whole message


def shown(text: str, width: int = MOST) -> str:
    """The text in one line of at most `width` characters, with … where something was left out, and
    without characters that would do something to a terminal."""
    line = "".join(c if c.isprintable() else " " for c in text[: 4 * width + 4])
    line = " ".join(line.split())
    return line if len(line) <= width and len(text) <= 4 * width + 4 else line[: width - 1] + "…"


def sentence(message: object) -> str:
    """A message in one line, which keeps its beginning and its end where it is far too long."""
    line = " ".join(str(message).split())
    if len(line) <= MESSAGE:
        return line
    return f"{line[: MESSAGE // 2]} … {line[-MESSAGE // 2 :]}"


def columns() -> int | None:
    """How many characters a line of the terminal has; None where the output is no terminal, as a
    file, which takes whole lines."""
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    return shutil.get_terminal_size().columns


def fitted(parts: Sequence[str], others: int) -> list[str]:
    """The parts of a line so short that they, and so many other characters, fit the terminal."""
    width = columns()
    if width is None:
        return [shown(part, max(len(part), 1)) for part in parts]
    left, short = width - others, {}
    for i in sorted(range(len(parts)), key=lambda i: len(parts[i])):  # short ones leave more room
        short[i] = shown(parts[i], max(8, left // (len(parts) - len(short))))
        left -= len(short[i])
    return [short[i] for i in range(len(parts))]


def wrapped(text: str, indent: str = "", width: int | None = None) -> str:
    """The text in lines that the terminal need not break, or of a width; all but the first are
    indented, and a path that is longer than a line loses its middle."""
    width = width or columns()
    if width is None:
        return text
    most = max(width - len(indent), 8)
    words = [
        word if len(word) <= most else f"{word[: most // 2 - 1]}…{word[-(most - most // 2) :]}"
        for word in text.split(" ")
    ]
    return textwrap.fill(
        " ".join(words),
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
