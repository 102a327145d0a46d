"""Where things are written: the line that called an op, a rule's own text, and the equation that
its docstring opens with."""

from __future__ import annotations

import functools
import inspect
import linecache
import re
import sys
import textwrap
from dataclasses import dataclass
from types import CodeType
from typing import Any

from ..tape import Node, as_written


@dataclass(frozen=True)
class SourceLine:
    """A line of a file or of a notebook's cell."""

    file: str
    number: int

    @property
    def text(self) -> str:
        """What it says, read when it is asked for; "" where its source is gone."""
        return linecache.getline(self.file, self.number).strip()

    def around(self, lines: int) -> list[str]:
        """The lines about it, numbered, with a mark before it; none where its source is gone."""
        numbers = range(max(1, self.number - lines), self.number + lines + 1)
        texts = {number: linecache.getline(self.file, number) for number in numbers}
        return [
            f"{'->' if number == self.number else '  '} {number:4}  {text.rstrip()}"
            for number, text in texts.items()
            if text
        ]


def op_source(node: Node) -> str:
    """The text of an op, with all its rules; "" where it cannot be had."""
    return _text_of(node.op.fn.__code__)


def rule_source(rule: Any) -> str:
    """The text of a rule, from its `def` on; "" where it cannot be had."""
    code = getattr(as_written(rule), "__code__", None)
    return _text_of(code) if code is not None else ""


@functools.lru_cache(maxsize=1024)
def _text_of(code: CodeType) -> str:
    try:
        return textwrap.dedent(inspect.getsource(code)).rstrip()
    except (OSError, TypeError, SyntaxError, IndexError):  # typed at a prompt, or changed since
        return ""


# ---- equations

CALL, OPERATOR = r"[A-Za-z_]\w*\(", r" (?:[-+*/@^=]|\*\*) "
OPENING = re.compile(rf"{CALL}|\w+{OPERATOR}")
HAS_DOCSTRING = 0x4000000  # CO_HAS_DOCSTRING


def equation_of(node: Node) -> str:
    """The equation that the function which called the op gives in its docstring, or else the module
    in whose call it was; "" where neither does."""
    module = type(node.scope.module) if node.scope else None
    written = equation_in(docstring(node.within))
    return written or (equation_in(module.__doc__ or "", module.__name__) if module else "")


def equation_in(text: str, own_name: str = "") -> str:
    """What a docstring says up to the first colon or full stop outside brackets, if that opens with
    an expression: a name and an operator, as `x @ weight + bias`, or a call and an operator later
    on, as `softmax(Q K^T / sqrt(d_k)) V, equation 1 of the paper`. A call of `own_name` is how the
    thing is used, no equation."""
    text = " ".join(text.split())
    depth = 0
    for end, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if letter in ":.;" and depth == 0 and text[end + 1 : end + 2] in ("", " "):
            text = text[:end]
            break
    opens = OPENING.match(text) and not (own_name and text.startswith(f"{own_name}("))
    return text if opens and re.search(OPERATOR, text) else ""


def docstring(code: CodeType) -> str:
    """The docstring of the function that a code object is of."""
    if sys.version_info >= (3, 14) and not code.co_flags & HAS_DOCSTRING:
        return ""
    if code.co_name.startswith("<"):  # a file or a cell, a lambda, a comprehension
        return ""
    # Of a function without one the first constant is None, up to Python 3.13.
    first = code.co_consts[0] if code.co_consts else None
    return first if isinstance(first, str) else ""
