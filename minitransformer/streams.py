"""What is shown, and to whom: showing can fail, and the work goes on.

A reader may leave (`| head -1`), a disk be full, a stream be closed, or its encoding have no
letter "é". A stream that can no longer be written to is replaced by one that leads nowhere, so
that nothing fails because of it, neither a worker when it is forked nor the process at its end.
"""

import errno
import os
import sys
import threading
from contextlib import suppress
from typing import Any

from tqdm import tqdm

from .text.showing import sentence

# tqdm's own lock is shared with forked workers, and kept for ever by one that is killed while it
# shows something; this one is this process's alone.
tqdm.set_lock(threading.RLock())

STREAMS = ("stdout", "stderr")


def prepare_streams() -> None:
    """For a command: standard streams that are there, and that can write any letter."""
    for name in ("stdin", *STREAMS):
        if getattr(sys, name) is None:  # it was closed when this process began
            setattr(sys, name, open(os.devnull, "w" if name in STREAMS else "r", encoding="utf-8"))
    for name in STREAMS:
        stream: Any = getattr(sys, name)
        if getattr(stream, "errors", None) in ("strict", "surrogateescape"):
            with suppress(AttributeError):  # what replaces a stream need not know of encodings
                stream.reconfigure(errors="backslashreplace")


def show(text: str, to: str = "stdout") -> None:
    """Write a text and end the line, above a progress bar, if that can be done."""
    stream = getattr(sys, to)
    encoding = getattr(stream, "encoding", None) or "utf-8"
    text = text.encode(encoding, "backslashreplace").decode(encoding)
    with suppress(OSError, ValueError, AttributeError):  # broken, closed, None
        tqdm.write(text, file=stream)
    settle_streams()


def settle_streams() -> list[str]:
    """Write what still waits in the standard streams. One that cannot is replaced by one that leads
    nowhere; the names of these are returned."""
    failed = []
    for name in STREAMS:
        try:
            getattr(sys, name).flush()
        except (OSError, ValueError, AttributeError):
            failed.append(name)
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
    return failed


def is_terminal(stream: Any) -> bool:
    """Whether somebody watches."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError):  # None, closed
        return False


def is_full(error: BaseException) -> bool:
    """Whether there was no room for what a stream was to write: an error of a file has its name."""
    return getattr(error, "errno", None) == errno.ENOSPC and getattr(error, "filename", 0) is None


def reason(error: BaseException) -> str:
    """What went wrong and what to do about it, in one line."""
    said = sentence(error)
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return (
            f"there is not enough memory ({said or 'it is used up'}). A smaller model or batch, "
            "shorter sentences, or fewer workers need less"
        )
    if isinstance(error, KeyboardInterrupt):
        return f"stopped by {said or 'Ctrl-C'}"
    return said or type(error).__name__
