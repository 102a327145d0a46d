"""The pictures of the bug lab, as SVGs of a few kilobytes: text stays text, and every cell of
attention that is all but zero is left out."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any

import minitransformer as mt

RIGHT, WRONG = "#08519c", "#d95f02"
WIDTH = 760
PANEL = 250  # wide, of a curve
CELL = 11  # of attention
NOTHING = "nothing"
SEEN = 0.02  # a weight below leaves its cell white
MEASURES = {
    "loss": "training loss",
    "validation_loss": "validation loss",
    "exact_match": "exact match",
}
SHORT = {"<start>": "▷", "<end>": "□", "<pad>": "·"}  # a token in as little room as a letter


def curves(right: mt.Run, wrong: mt.Run) -> str:
    """Training loss, validation loss and exact match of both, against the step."""
    parts = []
    for i, (key, title) in enumerate(MEASURES.items()):
        lines = [_points(run, key) for run in (right, wrong)]
        parts += _panel(i * PANEL + 34, 30, title, lines, key == "exact_match")
    parts.append(_text(34, 12, "right", colour=RIGHT, anchor="start"))
    parts.append(_text(68, 12, "with the bug", colour=WRONG, anchor="start"))
    return _svg(178, parts)


def _points(run: mt.Run, key: str) -> list[tuple[float, float]]:
    return [(line["step"], line[key]) for line in run.log() if key in line]


def _panel(
    left: float, top: float, title: str, lines: Sequence[list[tuple[float, float]]], part: bool
) -> Iterator[str]:
    """Axes and the two lines, the right one first."""
    width, height = PANEL - 50, 120
    last = max(x for line in lines for x, _ in line)
    highest = 1.0 if part else max(y for line in lines for _, y in line)
    yield _text(left + width / 2, top - 4, title)
    yield (f'<path d="M{left:g} {top:g}v{height}h{width}" fill="none" stroke="#888"/>')
    for y, label in ((top + height, "0"), (top, "100%" if part else f"{highest:.2g}")):
        yield _text(left - 4, y + 3, label, anchor="end")
    for x, label in ((left, "0"), (left + width, f"step {last:,}")):
        yield _text(x, top + height + 13, label, anchor="middle" if x == left else "end")
    for line, colour, dashes in zip(lines, (RIGHT, WRONG), ("", ' stroke-dasharray="5 2"')):
        at = " ".join(
            f"{left + width * x / last:.1f},{top + height * (1 - y / highest):.1f}" for x, y in line
        )
        yield f'<polyline points="{at}" fill="none" stroke="{colour}"{dashes}/>'


def attention(right: mt.Run, wrong: mt.Run, text: str) -> str:
    """Every map of attention while `text` is translated, a column for each head: of the right model
    in the first row, with the bug in the second. A row of a map is the token that looks."""
    parts, top = [], 14.0
    for run, colour, whose in ((right, RIGHT, "right"), (wrong, WRONG, "with the bug")):
        maps = [
            (f"{title} {head}", each, weights)
            for title, each in mt.attention_maps(run, text).items()
            for head, weights in enumerate(each.weights[0], start=1)
        ]
        step = (WIDTH - 14) / len(maps)
        parts.append(
            _text(
                14, top, f"{whose}: {text} to {run.translate(text)[0] or NOTHING}", colour, "start"
            )
        )
        for i, (title, each, weights) in enumerate(maps):
            parts += _map(14 + i * step, top + 16, title, weights, each.queries, each.keys)
        top += 50 + CELL * max(len(each.queries) for _, each, _ in maps)
    return _svg(top - 8, parts)


def _map(
    left: float, top: float, title: str, weights: Any, queries: Sequence[str], keys: Sequence[str]
) -> Iterator[str]:
    """The weights of one head: a square for each query (down) and key (across), darker for more."""
    across, down = len(keys) * CELL, len(queries) * CELL
    yield _text(left + across / 2, top, title)
    top += 6
    yield _square(left, top, across, down, 'fill="none" stroke="#bbb"')
    for row, query in zip(weights, queries):
        yield _text(left - 6, top + CELL - 2, SHORT.get(query, query))
        for i, weight in enumerate(row):
            if weight >= SEEN:
                look = f'fill="{RIGHT}" opacity="{weight:.2f}"'
                yield _square(left + i * CELL, top, CELL, CELL, look)
        top += CELL
    for i, key in enumerate(keys):
        yield _text(left + (i + 0.5) * CELL, top + 10, SHORT.get(key, key))


def _square(x: float, y: float, across: int, down: int, look: str) -> str:
    return f'<path d="M{x:.0f} {y:g}h{across}v{down}h-{across}z" {look}/>'


def _text(x: float, y: float, text: str, colour: str = "", anchor: str = "") -> str:
    """Text at a place, in the middle of it and dark where nothing else is said."""
    look = f' fill="{colour}"' if colour else ""
    look += f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{x:.0f}" y="{y:g}"{look}>{escape(text)}</text>'


def _svg(height: float, parts: Iterable[str]) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:g}" '
            f'viewBox="0 0 {WIDTH} {height:g}" font-family="sans-serif" font-size="10" '
            'fill="#222" text-anchor="middle">',
            '<rect width="100%" height="100%" fill="#fff"/>',
            *parts,
            "</svg>\n",
        ]
    )
