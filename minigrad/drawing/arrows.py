"""The arrows of a picture: of values on their way forward, or of gradients on their way back."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from typing import NamedTuple, TypeAlias

from ..looking.graph import Cluster, Edge, Graph, GraphNode
from ..looking.trace import common
from .labels import escaped, spoken
from .layout import titles_entered, turned

SYMMETRIC = {"add", "mul", "maximum", "minimum"}  # ops that do not mind the order of their inputs
GRADIENT = "#D55E00"  # Okabe & Ito's vermilion
NO_GRADIENT = {"style": "dotted", "arrowhead": "none"}
Arrow: TypeAlias = "tuple[str, str, dict[str, str]]"  # from, to and look


def arrows_of(graph: Graph, laid: Graph, backward: bool) -> list[Arrow]:
    """An arrow for each edge of `graph`, between the nodes of `laid`, in which some edges begin at
    a copy of their node."""
    by_id = {node.id: node for node in laid.nodes}
    unclear = arguments_unclear(laid, by_id)
    # {node: how many values meet there, parameters and constants apart}
    meeting = Counter(
        edge.target
        for edge in laid.edges
        if by_id[edge.source].kind not in ("parameter", "constant")
    )
    way = turned(laid) if backward else laid
    entered = dict(zip(laid.edges, titles_entered(way).values()))
    arrows, times = [], Counter()
    for edge, drawn in zip(graph.edges, laid.edges):
        source, target = by_id[drawn.source], by_id[drawn.target]
        look = {"id": unique(f"edge-{edge.source}-{edge.target}", times)}
        # Lines stay short up to where values meet: so Q, K and V, of one x, stand side by side.
        look["weight"] = "30" if meeting[drawn.target] < 2 else "10"
        if entered[drawn]:
            look["minlen"] = str(entered[drawn] + 1)
        passed = graph.passed_along(edge)
        if backward:
            passed = [node for node in passed if node.requires_grad]
            look |= gradient_look(passed)
            source, target = target, source
        else:
            across = bool(source.box or target.box)
            words = [drawn.argument] if drawn in unclear else []
            words += [shapes_of(passed)] if across else []
            if any(words):
                look["label"] = escaped(" ".join(words))
        ends = " -> ".join(node.full_name or node.label for node in (source, target))
        look["tooltip"] = spoken(f"{ends} {shapes_of(passed)}".strip())
        arrows.append((source.id, target.id, look))
    return arrows


class Label(NamedTuple):
    """What is written on an arrow, as a node between the two parts of it."""

    id: str  # the arrow's, with "-label"; the second part of the arrow has it with "-on"
    words: str
    above: Cluster | None  # the outermost call that its arrow enters after it


Labels: TypeAlias = "dict[Cluster, list[Label]]"  # by the call in which they stand


def cut_at_labels(arrows: list[Arrow], laid: Graph) -> tuple[list[Arrow], Labels]:
    """The arrows, each that something is written on in two parts, with a node for that between
    them: `dot` keeps a node off titles, other labels and the borders of calls, but not what is
    written on an arrow itself. It stands in the innermost call that has both ends."""
    homes = {node.id: cluster for cluster in laid.root.walk() for node in cluster.nodes}
    parts: list[Arrow] = []
    labels: Labels = defaultdict(list)
    for tail, head, look in arrows:
        if "label" not in look:
            parts.append((tail, head, look))
            continue
        within, above = common(homes[tail], homes[head]), None
        inner = homes[head]
        while inner is not None and inner is not within:
            inner, above = inner.parent, inner
        id, words = f"{look['id']}-label", f" {look.pop('label')} "
        labels[within].append(Label(id, words, above))
        parts.append((tail, id, look | {"arrowhead": "none", "minlen": "1"}))
        parts.append((id, head, look | {"id": f"{look['id']}-on"}))
    return parts, labels


def arguments_unclear(graph: Graph, by_id: dict[str, GraphNode]) -> set[Edge]:
    """The edges of inputs that could be mixed up: several that do not say by their own name which
    they are."""
    unnamed = []
    for edge in graph.edges:
        source, op = by_id[edge.source], by_id[edge.target].label.split()[0]
        if edge.argument not in ("", source.name, source.label) and op not in SYMMETRIC:
            unnamed.append(edge)
    count = Counter(edge.target for edge in unnamed)
    return {edge for edge in unnamed if count[edge.target] > 1}


def gradient_look(passed: list[GraphNode]) -> dict[str, str]:
    """How the arrow of the gradients of these tensors looks: its width grows with the digits of
    the number of their entries."""
    if not passed:
        return NO_GRADIENT
    size = sum(math.prod(node.shape) for node in passed)
    width = 0.7 + 0.7 * math.log10(max(size, 1))
    look = {"color": GRADIENT, "penwidth": f"{width:.2f}"}
    return look | {"label": escaped(shapes_of(passed))}


def shapes_of(nodes: list[GraphNode]) -> str:
    """Their shapes, "(2, 5, 8)", or "7 shapes"."""
    shapes = list(dict.fromkeys(str(node.shape) for node in nodes))
    return ", ".join(shapes) if len(shapes) < 3 else f"{len(shapes)} shapes"


def unique(id: str, times: Counter[str]) -> str:
    """`id` with what an id in an SVG may hold, and with "-2" behind it when it comes again."""
    id = re.sub(r"[^\w.-]+", "_", id, flags=re.ASCII)
    times[id] += 1
    return id if times[id] == 1 else unique(f"{id}-{times[id]}", times)
