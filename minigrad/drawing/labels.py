"""The words in a picture, and the words under it."""

from __future__ import annotations

import copy
import html
from collections.abc import Collection
from typing import TYPE_CHECKING, Protocol

from ..clock import stretch
from ..looking.graph import Cluster, Graph, GraphNode, local
from ..tape import arrays_in
from .numbers import Gradients, Values, in_short

if TYPE_CHECKING:
    from ..tensor import Tensor

GREY = "#5F6B76"
LEAVES = ("parameter", "input", "constant", "again")
MANY = 16  # nodes; in a larger picture what is to be said of all of them is said once


class GradientLines(Protocol):
    """What is said of gradients: of those that are there now, or of those that a film will show."""

    @property
    def of(self) -> Collection[str]:
        """The ids of the nodes that have one."""
        ...

    @property
    def open(self) -> Collection[str]:
        """Those that do not have theirs."""
        ...

    def line(self, node: GraphNode) -> str: ...


class Words:
    """What stands at each node of a graph, and below the picture."""

    def __init__(self, graph: Graph, tensor: Tensor | None, saved: bool, numbers: bool):
        self.graph = graph
        self.saved = kept_by(graph) if saved else {}
        self.values = Values(graph, tensor) if numbers else None
        self.gradients: GradientLines | None = Gradients(graph) if numbers else None
        self.many = len(graph.nodes) > MANY

    def with_gradients(self, gradients: GradientLines) -> Words:
        """The same words, but for those of the gradients."""
        words = copy.copy(self)
        words.gradients = gradients
        return words

    def at(self, node: GraphNode, cluster: Cluster) -> str:
        """A node's label: its name, what made it, its shape and its numbers."""
        lines = [*self.title(node, cluster), *self.numbers(node)]
        if node.id in self.saved and node.kind not in LEAVES:
            lines += self.keeps(node)
        rows = "".join(f"<tr><td>{line}</td></tr>" for line in lines if line)
        table = 'table border="0" cellborder="0" cellspacing="0" cellpadding="0"'
        return f"<<{table}>{rows}</table>>"

    def title(self, node: GraphNode, cluster: Cluster) -> list[str]:
        shape = regular(str(node.shape), 10)
        if node.kind == "op":
            lines = [bold(node.name, 15), regular(node.label, 11 if node.name else 12)]
            said_already = str(node.shape) in node.label  # as in `reshape (2, 4, 8)`
            return lines if said_already or not node.shape else [*lines, shape]
        if node.box and node.box.ops:
            lines = [bold(node.name, 15), bold(node.label, 12), regular(contents(node), 10)]
            if node.kind == "module":
                lines.append(regular(where(node, cluster), 10))
        else:
            lines = [bold(node.label, 13) if node.kind == "input" else regular(node.label, 12)]
            if node.box:
                lines.append(regular(f"{node.box.nodes:,} {node.kind}s", 10))
        return [*lines, shape] if node.shape else lines

    def numbers(self, node: GraphNode) -> list[str]:
        if node.kind == "again":
            return []
        value = self.values.of.get(node.id) if self.values else None
        lines = [] if value is None else [grey(in_short(value))]
        if self.gradients and (not self.many or node.id in self.gradients.of):
            lines.append(grey(self.gradients.line(node)))
        return lines

    def keeps(self, node: GraphNode) -> list[str]:
        size = sum(self.saved[node.id].values())
        if not node.saved:
            return []
        names = [f"{name} {shape}" for name, shape in node.saved]
        names = [f"{len(names)} arrays"] if node.box else names
        names[0] = f"keeps {names[0]}"
        names[-1] += f": {size:,} bytes"
        return [regular(name, 9) for name in names]

    def caption(self) -> str:
        """What is said below the picture, as Graphviz takes it; "" for nothing."""
        output = self.graph.output
        lines = why_empty(output) if output.kind in LEAVES else [folded_in(self.graph)]
        if self.values:
            lines.append(self.values.missing)
        if self.gradients and self.many and self.gradients.open:
            lines.append(
                "grad: not kept for what was computed, unless retain_grad() asked for it"
                if self.gradients.of
                else "grad: not computed, backward has not come by"
            )
        lines = [regular(line, 11) for line in lines if line]
        return f"<{'<br/>'.join(lines)}>" if lines else ""


def contents(node: GraphNode) -> str:
    """ "138 ops · 3.1M parameters" """
    assert node.box is not None
    ops = f"{node.box.ops:,} {plural('op', node.box.ops)}"
    return f"{ops} · {rounded(node.box.parameters)} parameters" if node.box.parameters else ops


def rounded(count: int) -> str:
    """3,100,000 as "3.1M"."""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.3g}{letter}"
    return str(count)


def plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def where(node: GraphNode, cluster: Cluster) -> str:
    """The path of a closed call; of several the first and the last."""
    assert node.box is not None
    last = local(node.path, cluster.path)
    count = int(node.label.partition(" x")[2].replace(",", "") or 1)
    return last if count == 1 else f"{local(node.box.calls[0], cluster.path)} ... {last}"


def folded_in(graph: Graph) -> str:
    """ "138 ops in 9 boxes: 4 modules are closed; depth= or expand= opens them" """
    boxes = [node for node in graph.nodes if node.kind not in LEAVES]
    folds = [node for node in graph.nodes if node.box]
    if not folds:
        return ""
    ops = sum(node.box.ops if node.box else 1 for node in boxes)
    closed = sum(len(node.box.calls) for node in folds if node.box)
    sections = [node for node in folds if node.kind == "section"]
    leaves = [node for node in folds if node.box and not node.box.ops]
    said = [f"{closed:,} {plural('module', closed)} {'is' if closed == 1 else 'are'} closed"]
    said = said if closed else []
    if sections:
        hidden = sum(node.box.ops for node in sections if node.box)
        said.append(f"{hidden:,} ops stand in {len(sections)} {plural('section', len(sections))}")
    if leaves:
        hidden = sum(node.box.nodes for node in leaves if node.box)
        said.append(f"{hidden:,} leaves are drawn as {len(leaves)}")
    count = f"{ops:,} {plural('op', ops)} in {len(boxes)} box{'es' * (len(boxes) > 1)}"
    return f"{count}: {', '.join(said)}; depth= or expand= opens them"


def why_empty(leaf: GraphNode) -> list[str]:
    """Lines that say why there is nothing to see but the tensor itself."""
    if leaf.kind == "parameter":
        return ["nothing was recorded: a parameter is given, no op computes it"]
    return [
        "nothing was recorded: no op has made this tensor,",
        "or one under no_grad, or from tensors none of which requires a gradient",
    ]


def kept_by(graph: Graph) -> dict[str, dict[tuple[int, int], int]]:
    """{id of a node: {stretch of memory: bytes}} of what backward remembers, so that an array that
    is kept twice counts once."""
    kept: dict[str, dict[tuple[int, int], int]] = {}
    for id, op in graph.recorded.items():
        at = kept.setdefault(graph.drawn_as[id], {})
        for array in arrays_in(rule for _, rule in op.edges):
            first, end = stretch(array)
            at[first, end] = min(array.nbytes, end - first)
    return kept


def said(node: GraphNode) -> str:
    """A node in words: its full name, or else its op and where it is; and its shape."""
    place = f" in {node.path}" if node.path and not node.full_name else ""
    return f"{node.full_name or node.label} {node.shape}{place}"


# ---- for Graphviz


def regular(words: str | None, size: int, colour: str = "") -> str:
    """Words in Graphviz's HTML-like labels."""
    words = html.escape(printable(words or "")).replace("\\", "\\\\")  # \N would be the id
    look = f'point-size="{size}"' + (f' color="{colour}"' if colour else "")
    return f"<font {look}>{words}</font>" if words.strip() else ""


def grey(words: str) -> str:
    return regular(words, 9, GREY)


def bold(words: str | None, size: int) -> str:
    words = regular(words, size)
    return words and f"<b>{words}</b>"


def printable(words: str) -> str:
    """Without the control characters, which SVG cannot hold."""
    return "".join(c if c.isprintable() else " " for c in words)


def escaped(words: str) -> str:
    """Words as Graphviz's quoted strings take them, to the letter."""
    import graphviz  # noqa: PLC0415

    return graphviz.escape(printable(words).replace("&", "&amp;"))


def spoken(words: str) -> str:
    """Words for a tooltip, where Graphviz takes backslashes away twice."""
    return escaped(words.replace("\\", 2 * "\\"))
