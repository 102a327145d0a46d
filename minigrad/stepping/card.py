"""A step as a card: plain text in columns, or HTML."""

from __future__ import annotations

import html
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..looking.summary import in_words
from .source import SourceLine

if TYPE_CHECKING:  # both are shown by this file
    from ..looking.graph import GraphNode
    from .checking import Check
    from .forward import ForwardStep
    from .step import Step, Way

IN_FULL = 16  # entries; of a larger array the card says mean, spread and range
SIDE_BY_SIDE = 4  # entries of a check
LABEL = 9  # columns of the labels on the left
INDENT, NARROW = 2, 60  # columns; on a narrow card rows are not indented
NARROWEST = 24  # columns, below which nothing is cut any more

# Words, which are broken into lines; lines of text, which are cut; and what has lines of its own.
Content: TypeAlias = "str | list[str] | np.ndarray | SourceLine | Check"


@dataclass
class Section:
    """A part of a card: its title, and rows of (label, content)."""

    title: str
    rows: list[tuple[str, Content]] = field(default_factory=list)


# ---- what stands on a card


def sections(step: Step) -> list[Section]:
    """The card of a step of backward."""
    parts = [heading(f"step {step.number} of {step.total}", step.node, step.line)]
    parts[0].rows.append(("gradient", step.incoming))
    parts += [way_section(way) for way in step.ways]
    parts.append(Section(count(step.left, "left")))
    return parts


def forward_sections(step: ForwardStep) -> list[Section]:
    """The card of a step of the computation itself."""
    top = heading(f"step {step.number} of {step.total}", step.node, step.line)
    if step.equation:
        top.rows.append(("equation", step.equation))
    ins = [
        Section(called(given.argument, given.source), [("value", given.value)])
        for given in step.given
    ]
    out = Section(f"gives {step.node.name or ''}".strip(), [("value", step.value)])
    return [top, *ins, out, Section(count(step.left, "left"))]


def heading(number: str, node: GraphNode, line: SourceLine | None) -> Section:
    named = f" -> {node.name}" if node.name else ""
    top = Section(f"{number}: {node.label}{named}", [("shape", f"{node.shape} {node.dtype}")])
    if node.path:
        top.rows.append(("in", node.path))
    if line is not None:
        top.rows.append(("line", line))
    return top


def way_section(way: Way) -> Section:
    section = Section(f"to {called(way.argument, way.target)}, by the rule {way.rule}")
    if way.source:
        section.rows.append(("rule", way.source.splitlines()))
    section.rows.append(("gives", way.outgoing))
    ways = f"{way.arrived} of {way.expected} ways"
    if way.expected == 1:
        section.rows.append(("so far", "the same: it is the only way"))
    elif way.arrived == 1:
        section.rows.append(("so far", f"the same: {ways}"))
    else:
        section.rows += [("so far", ways), ("", way.accumulated)]
    section.rows += check_rows(way)
    return section


def check_rows(way: Way) -> list[tuple[str, Content]]:
    """What came out of a check, if there was one, and the entries side by side."""
    return [("check", said(way.check)), ("", way.check)] if way.check is not None else []


def called(argument: str, node: GraphNode) -> str:
    """An argument and what was given as it: "a = scores", "weight = encoder.w_q.weight"."""
    name = node.full_name or node.name or (node.label if node.kind == "op" else "")
    return f"{argument} = {name}" if name and name != argument else argument


def count(left: int, what: str) -> str:
    return f"{left:,} op{'s' if left != 1 else ''} {what}"


def said(check: Check) -> str:
    """What came out of a check, in words."""
    part = (
        "every entry"
        if len(check.places) == check.size
        else f"{len(check.places)} of {check.size:,} entries"
    )
    verdict = "agrees" if check.agrees else "DIFFERS: at a kink of the op, or a wrong rule"
    return f"{part} moved a little: {verdict}"


def table(check: Check, width: int) -> list[str]:
    """The largest entries of a check side by side, or those that differ most where it does not
    agree: as exact as there is room for."""
    weight = np.abs(check.by_rule if check.agrees else check.by_rule - check.by_differences)
    few = sorted(np.argsort(-weight, kind="stable")[:SIDE_BY_SIDE].tolist())
    lines: list[str] = []
    for digits, heads in ((6, ("by the rule", "by differences")), (4, ("rule", "differences"))):
        rows = [("at", *heads)]
        for i in few:
            place = ",".join(map(str, check.places[i]))
            rule, differences = check.by_rule[i], check.by_differences[i]
            rows.append((f"[{place}]", f"{rule:.{digits}g}", f"{differences:.{digits}g}"))
        a, b, c = (max(map(len, column)) for column in zip(*rows))
        lines = [f"{at:{a}} {rule:>{b}} {differences:>{c}}" for at, rule, differences in rows]
        if a + b + c + 2 <= width:
            break
    if len(few) < len(check.places):
        lines.append(f"(the {len(few)} {'largest' if check.agrees else 'that differ most'})")
    return [cut(line, width) for line in lines] if check.places else []


# ---- arrays


def array_lines(array: np.ndarray, width: int) -> list[str]:
    """An array in lines of at most `width` characters: in full where it is small, else in words."""
    if 0 < array.size <= IN_FULL:
        text = np.array2string(array, max_line_width=max(width, 1), precision=4, separator=" ")
        lines = text.splitlines()
        if len(lines) <= IN_FULL and all(len(line) <= width for line in lines):
            return lines
    return textwrap.wrap(summary(array), max(width, 1)) or [""]


def summary(array: np.ndarray) -> str:
    """Its shape, and what is said of its entries."""
    return f"{array.shape}: {in_words(array, brief=False)}"


# ---- as text


def text_card(step: Step, width: int) -> str:
    return as_text(sections(step), width)


def forward_text_card(step: ForwardStep, width: int) -> str:
    return as_text(forward_sections(step), width)


def as_text(parts: list[Section], width: int) -> str:
    """Sections under each other, their rows in two columns."""
    width = max(width, NARROWEST)
    lines = []
    for part in parts:
        lines += broken(part.title, width)
        for label, content in part.rows:
            indent = " " * (INDENT if width >= NARROW else 0)
            for i, line in enumerate(content_lines(content, width - LABEL - len(indent))):
                lines.append(f"{indent}{label if i == 0 else '':{LABEL}}{line}".rstrip())
    return "\n".join(lines)


def content_lines(content: Content, width: int) -> list[str]:
    if isinstance(content, np.ndarray):
        return array_lines(content, width)
    if isinstance(content, str):
        return broken(content, width)
    if isinstance(content, SourceLine):
        place = f"{Path(content.file).name}:{content.number}"
        line = f"{place}  {content.text}".rstrip()
        content = [line] if len(line) <= width else [place, content.text]
    elif not isinstance(content, list):
        return table(content, width)
    return [cut(line, width) for line in content]


def broken(words: str, width: int) -> list[str]:
    """Words in lines; one that is longer than a line is broken too."""
    return textwrap.wrap(printable(words), width, break_on_hyphens=False) or [""]


def cut(line: str, width: int) -> str:
    """A line that ends with … where it would be too long."""
    line = printable(line.expandtabs(4))
    return line if len(line) <= width else line[: width - 1] + "…"


def printable(words: str) -> str:
    """Without what would do something to a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in words)


# ---- as HTML


def html_card(step: Step) -> str:
    return as_html(sections(step))


def forward_html_card(step: ForwardStep) -> str:
    return as_html(forward_sections(step))


def as_html(parts: list[Section]) -> str:
    """The same rows as a table, which takes the page's own colours."""
    rows = []
    left = 'style="text-align: left; vertical-align: top"'
    for part in parts:
        rows.append(f'<tr><th colspan="2" {left}>{escaped(part.title)}</th></tr>')
        for label, content in part.rows:
            text = escaped("\n".join(content_lines(content, 100)))
            cell = f'<pre style="margin: 0">{text}</pre>'
            rows.append(f"<tr><td {left}>{escaped(label)}</td><td {left}>{cell}</td></tr>")
    return f"<table>{''.join(rows)}</table>"


def escaped(words: Any) -> str:
    return html.escape(str(words))
