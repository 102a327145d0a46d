"""Backward as a film: a page that plays it over the picture, one op at a time, with the numbers."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..looking.graph import Graph, GraphNode
from ..stepping.card import array_lines, called, summary
from ..stepping.step import Step, Stepper, Way
from .arrows import unique
from .labels import GREY
from .numbers import in_short
from .page import assembled

STYLES = ("colours.css", "picture.css", "animation.css")
SCRIPTS = ("dom.js", "view.js", "address.js", "card.js", "picture.js", "zoom.js", "save.js")
SCRIPTS += ("player.js", "keys.js", "animation.js")
MOST_STEPS = 2_000  # of a page: what a browser shows at once, and what anyone will step through
WIDTH = 64  # columns of the arrays on a card
NOTHING = "grad: –"  # in a box that no gradient has come to
SVG = "http://www.w3.org/2000/svg"


class Film:
    """What the page shows: each step as plain text, and where in the picture it takes place.

    In the words of a picture it stands for the gradients, so that there is room for each. Raises
    ValueError for no steps, or more than a page can hold.
    """

    def __init__(self, stepper: Stepper, graph: Graph):
        if not stepper.total:
            raise ValueError("there is no step to show: no op has made this tensor")
        if stepper.total > MOST_STEPS:
            raise ValueError(
                f"backward through this takes {stepper.total:,} steps, and a page holds at most "
                f"{MOST_STEPS:,}: compute it with fewer layers or a shorter input, or animate a "
                "part of it, mg.draw(part).animate(path, gradient)"
            )
        self.graph = graph
        self.edge_ids: dict[tuple[str, ...], str] = {}
        times = Counter()
        for source, target, argument in graph.edges:
            id = unique(f"edge-{source}-{target}", times)
            self.edge_ids.setdefault((source, target, argument), id)
            self.edge_ids.setdefault((source, target), id)  # of all that a closed module uses
        self.rules: dict[str, int] = {}  # {source text: its number}, each once
        self.of: dict[str, str] = {}  # {box: the longest line that ever stands in it}
        self.open: set[str] = set()
        # Not to its end, at which it would add to `.grad` and free the graph.
        self.steps = [self.shown(step) for step in islice(stepper, stepper.total)]
        numbers = {step["node"]: i for i, step in enumerate(self.steps, start=1)}
        for step in self.steps:
            for way in step["ways"]:
                way["step"] = numbers.get(way["target"])  # None: a leaf has no step

    def shown(self, step: Step) -> dict[str, Any]:
        """A step as the scripts of the page take it."""
        node, line = step.node, step.line
        box = self.graph.drawn_as[node.id]
        return {
            "node": node.id,
            "box": box,
            "op": node.label,
            "name": node.name or "",
            "path": node.path,
            "shape": f"{node.shape} {node.dtype}",
            "line": f"{Path(line.file).name}:{line.number}  {line.text}".rstrip() if line else "",
            "incoming": in_full(step.incoming),
            "brief": in_short(step.incoming),
            "gradient": self.noted(node.id, f"grad: {in_short(step.incoming)}"),
            "ways": [self.shown_way(way, box) for way in step.ways],
            "left": step.left,
        }

    def shown_way(self, way: Way, box: str) -> dict[str, Any]:
        target = self.graph.drawn_as[way.target.id]
        rule = way.source or f"{way.rule}: its text is not to be had"
        edge = self.edge_ids.get((target, box, way.argument)) or self.edge_ids.get((target, box))
        some = f" ({way.arrived} of {way.expected})" if way.arrived < way.expected else ""
        return {
            "target": way.target.id,
            "box": target,
            "edge": edge,  # None within a closed module
            "said": called(way.argument, way.target),
            "rule": self.rules.setdefault(rule, len(self.rules)),
            "outgoing": in_full(way.outgoing),
            "brief": in_short(way.outgoing),
            "accumulated": in_full(way.accumulated),
            "gradient": self.noted(way.target.id, f"grad: {in_short(way.accumulated)}{some}"),
            "arrived": way.arrived,
            "expected": way.expected,
        }

    def noted(self, box: str, line: str) -> str:
        """The line, for which there has to be room in the box."""
        self.of[box] = max(self.of.get(box, NOTHING), line, key=len)
        return line

    def line(self, node: GraphNode) -> str:
        """The longest line that ever stands at a node; "" where there is none."""
        leaves = node.box is not None and not node.box.ops  # several, each with its own gradient
        return "" if leaves else self.of.get(node.id, "")

    def page(self, picture: str, name: str) -> str:
        """The text of the page. `picture` is an SVG with room for it; pictures that are saved from
        the page are files of this `name`."""
        of = self.steps[0]["name"] or self.steps[0]["op"]
        data = {
            "name": name,
            "total": len(self.steps),
            "nothing": NOTHING,
            "opening": f"Backward goes from {of} to all that it was computed from, against the "
            "arrows. Play, or press the right arrow key for the first step.",
            "rules": list(self.rules),
            "steps": self.steps,
        }
        return assembled(
            "animation.html",
            STYLES,
            SCRIPTS,
            data,
            title=f"Backward of {of}",
            subtitle=f"{len(self.steps):,} steps, one op each",
            total=str(len(self.steps)),
            picture=with_places(picture, f"The computation of {of}"),
        )


def in_full(array: np.ndarray) -> str:
    """An array as it stands on the card of `mg.step`; what is said in words is one line here."""
    lines = array_lines(array, WIDTH)
    return summary(array) if lines[0].startswith("(") else "\n".join(lines)


def with_places(picture: str, label: str) -> str:
    """The SVG in which each node says what it is of, and which line is there for its gradient."""
    root = ElementTree.fromstring(picture)
    root.set("role", "img")
    root.set("aria-label", label)
    for group in root.iter(f"{{{SVG}}}g"):
        box = re.fullmatch(r"node-(\w+?)(_for_\w+)?", group.get("id", ""))
        if box is None:
            continue
        group.set("data-box", box[1])
        for line in group.findall(f"{{{SVG}}}text"):
            if (line.text or "").startswith("grad: ") and line.get("fill") == GREY.lower():
                line.text = NOTHING
                line.attrib |= {"class": "gradient", "text-anchor": "middle"}
                line.set("x", f"{middle(group):.2f}")
    return ElementTree.tostring(root, encoding="unicode")


def middle(group: ElementTree.Element) -> float:
    """The x of the middle of a node, round which its lines are centred."""
    xs = []
    for shape in group:
        if "cx" in shape.attrib:
            return float(shape.attrib["cx"])
        xs += re.findall(r"(-?[\d.]+),", shape.get("points") or shape.get("d") or "")
    return (min(map(float, xs)) + max(map(float, xs))) / 2
