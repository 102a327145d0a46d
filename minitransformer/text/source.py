"""A source text as a model reads it, and what may be done with words that it does not know."""

from typing import NamedTuple

from ..fields import nearest
from .showing import shown

COPY, SHOW, FAIL = "copy", "show", "fail"
WAYS = (COPY, SHOW, FAIL)
NAMED = 5  # unknown words that a message names


class Source(NamedTuple):
    """The text in the task's spelling, its ids without the end, its unknown words, each once."""

    text: str
    ids: list[int]
    unknown: list[str]

    def said(self) -> str:
        """Which words are unknown, for a message."""
        more = len(self.unknown) - NAMED
        named = ", ".join(repr(shown(each)) for each in self.unknown[:NAMED])
        return f"unknown to this model: {named}{f' and {more} more' if more > 0 else ''}"


def require_way(unknown: str) -> str:
    """What is done with unknown words, if there is such a way. Raises ValueError otherwise."""
    if unknown not in WAYS:
        raise ValueError(
            f"unknown words can be met with {', '.join(WAYS)}, not {unknown!r}"
            f"{nearest(unknown, WAYS)}"
        )
    return unknown
