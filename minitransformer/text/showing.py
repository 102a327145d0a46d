"""Text in a message or on a terminal: one line, no longer than there is room."""

import shutil
import textwrap

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


def columns() -> int:
    """How many characters a line of the terminal has, or of a usual one."""
    return shutil.get_terminal_size().columns


def wrapped(text: str, indent: str = "") -> str:
    """The text in lines that the terminal need not break; later ones are indented."""
    return textwrap.fill(
        text,
        columns(),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
