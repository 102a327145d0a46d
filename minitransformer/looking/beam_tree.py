"""The tree of a beam search: what was kept at each step, what was dropped, and what was found."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from minigrad.drawing.draw import EDGE, FONT, INK, NODE
from minigrad.drawing.labels import GREY, bold, regular, spoken
from minigrad.drawing.picture import Picture

from ..decoding.beam import Beam, Node
from ..text.showing import shown
from ..text.tokenising import without_spacing

if TYPE_CHECKING:
    from graphviz import Digraph

LOOK = {  # by the fate of a node, with a style that a print in grey tells apart
    "kept": {"style": "rounded,filled", "fillcolor": "white", "color": GREY},
    "ended": {"style": "filled", "fillcolor": "#CFE6F5", "color": "#0072B2"},
    "cut": {"style": "filled", "fillcolor": "#FBE3B5", "color": "#B87700"},
    "dropped": {"style": "rounded,dashed", "color": GREY},
    "left": {"style": "rounded,dotted", "color": INK},
}
BEST = {"penwidth": "2", "color": INK}  # the way to the best


def tree_text(beam: Beam, tokens: Sequence[str]) -> str:
    """The tree in lines, a token each below the one that it follows, with the log probability of
    all up to it, the score where it is the last, and what became of it. `tokens` are those of the
    target vocabulary."""
    lines = [f"{'log p':>8} {'score':>8}  {_title(beam)}"]
    for node, branches in _walk(beam):
        score = f"{beam.score(node):8.3f}" if node.fate in ("ended", "cut") else " " * 8
        fate = f"  {_fate(beam, node)}".rstrip()
        word = _word(node, tokens)
        lines.append(f"{node.log_prob:8.3f} {score}  {branches}{word}{fate}")
    return "\n".join(lines)


def draw_tree(beam: Beam, tokens: Sequence[str]) -> Picture:
    """The tree as a Picture, as `tree_text`; on an arrow stands the probability of the token after
    those before it, and the way to the best is drawn with a thick line."""
    import graphviz  # noqa: PLC0415  only who draws waits for it

    digraph: Digraph = graphviz.Digraph(
        graph_attr={**FONT, "rankdir": "LR", "nodesep": "0.12", "ranksep": "0.35"},
        node_attr={**NODE, "shape": "box"},
        edge_attr=EDGE,
    )
    reads = (
        "in a box: the log probability of all up to it; on an arrow: the probability of its token"
    )
    title = f"{bold(_title(beam), 11)}<br/>{regular(reads, 9)}"
    digraph.attr(label=f"<{title}>", labelloc="t")
    names = {node: f"n{i}" for i, node in enumerate(beam.nodes)}
    best = set(_way_to(beam.best[0])) if beam.best else set()
    for node, name in names.items():
        way = BEST if node in best else {}
        words = spoken(" ".join(_word(each, tokens) for each in [*_way_to(node)][::-1]))
        digraph.node(name, _label(beam, node, tokens), tooltip=words, **LOOK[node.fate] | way)
        if node.parent is not None:
            probability = f"{math.exp(node.log_prob - node.parent.log_prob):.2g}"
            look = {"style": "dashed"} if node.fate == "dropped" else way
            digraph.edge(names[node.parent], name, probability, tooltip=words, **look)
    return Picture(digraph)


def _walk(beam: Beam) -> Iterator[tuple[Node, str]]:
    """Each node, below its parent and the more probable ones first, and the branches before it."""
    children: dict[Node | None, list[Node]] = {}
    for node in beam.nodes:
        children.setdefault(node.parent, []).append(node)
    left = [(beam.nodes[0], "", "")]
    while left:
        node, branches, below = left.pop()
        yield node, branches
        inside = sorted(children.get(node, []), key=lambda child: child.log_prob)
        for i, child in enumerate(inside):  # the last one is taken first
            corner, line = ("└ ", "  ") if i == 0 else ("├ ", "│ ")
            left.append((child, below + corner, below + line))


def _title(beam: Beam) -> str:
    settings = beam.settings
    return f"beam of {settings.width}, length penalty {settings.length_penalty:g}"


def _word(node: Node, tokens: Sequence[str]) -> str:
    return shown(without_spacing(tokens[node.token])) or "␣"


def _fate(beam: Beam, node: Node) -> str:
    """What became of a node, in words; of one that was gone on with nothing."""
    place = f"number {beam.best.index(node) + 1}" if node in beam.best else "not among the best"
    words = {"kept": "", "ended": place, "cut": f"cut, {place}", "left": "left open"}
    return words.get(node.fate, node.fate)


def _label(beam: Beam, node: Node, tokens: Sequence[str]) -> str:
    lines = [bold(_word(node, tokens), 13), regular(f"{node.log_prob:.3f}", 9)]
    if node.fate in ("ended", "cut"):
        lines.append(regular(f"score {beam.score(node):.3f}", 9))
    lines.append(regular(_fate(beam, node), 9))
    rows = "".join(f"<tr><td>{line}</td></tr>" for line in lines if line)
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="0">{rows}</table>>'


def _way_to(node: Node | None) -> Iterator[Node]:
    while node is not None:
        yield node
        node = node.parent
