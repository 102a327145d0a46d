"""A picture of the recorded graph, by Graphviz."""

from __future__ import annotations

import html
import importlib.util
import os
import re
import shutil
import warnings
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ..tensor import Tensor, TensorLike
from .animate import Film
from .graph import Cluster, Graph, GraphNode, local
from .layout import (
    LEAVES,
    below_titles,
    effort,
    titles_entered,
    with_short_arrows,
    with_small_boxes,
)
from .step import step
from .trace import graph_of

if TYPE_CHECKING:
    from graphviz import Digraph

ENDINGS = ("svg", "png", "pdf", "dot")
MISSING = (
    "drawing needs Graphviz: pip install pygraphviz, or install the system's graphviz package "
    "(the dot program)"
)

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
INK, GREY = "#1F2933", "#5F6B76"
FONT = {"fontname": "Helvetica,Arial,sans-serif", "fontcolor": INK}
GRAPH = {"nodesep": "0.25", "ranksep": "0.3", "newrank": "true"}  # newrank: ranks across clusters
NODE = {**FONT, "fontsize": "12", "height": "0.3", "width": "0.4", "margin": "0.12,0.06"}
EDGE = {**FONT, "fontsize": "9", "fontcolor": GREY, "color": GREY, "arrowsize": "0.6"}
# Each kind has its shape as well as its colour (Okabe & Ito's blue and orange, which colour-blind
# eyes tell apart), so that a print in grey says the same.
LOOK = {
    "op": {"shape": "box", "style": "rounded,filled", "fillcolor": "white", "color": GREY},
    "module": {"shape": "box", "style": "rounded,filled", "fillcolor": "#C9D6E3", "color": INK},
    "parameter": {"shape": "box", "style": "filled", "fillcolor": "#FBE3B5", "color": "#B87700"},
    "input": {"shape": "ellipse", "style": "filled", "fillcolor": "#CFE6F5", "color": "#0072B2"},
    "constant": {"shape": "box", "style": "dashed", "color": GREY},
    # what is drawn a second time, since the arrow from where it stands would be too long
    "again": {"shape": "box", "style": "dotted", "color": GREY, "fontcolor": GREY},
}
TITLE = {"shape": "plain", "margin": "0", "class": "title"}
UNSEEN = {"style": "invis", "weight": "1"}
LOOK["input"]["margin"] = "0.02,0.01"  # an ellipse is roomy by itself
CLUSTER = {"style": "rounded,filled", "color": "#9AA7B3", "labeljust": "l"}
TINTS = ("#F5F7F9", "#EBEFF3", "#E1E7ED", "#D7DFE7")  # of clusters, outermost first
SYMMETRIC = {"add", "mul", "maximum", "minimum"}  # ops that do not mind the order of their inputs


class Drawing:
    """A picture that is ready to be written. It shows itself in Jupyter.

    `graph` is what it shows, after folding, and `tensor` what it was drawn from (None: a Graph).
    In the SVG each part is a group with an id: "node-n12" for the node n12, "edge-n3-n12" for the
    edge between two (the second such one "edge-n3-n12-2") and "cluster-encoder.layers.0".
    """

    def __init__(self, digraph: Digraph, graph: Graph, tensor: Tensor | None):
        self.digraph = digraph
        self.graph = graph
        self.tensor = tensor

    @property
    def source(self) -> str:
        """The picture in Graphviz's language, DOT."""
        return self.digraph.source

    def svg(self) -> str:
        """The picture as the text of an SVG. Raises RuntimeError where Graphviz is missing."""
        if not can_render():
            raise RuntimeError(MISSING)
        return rendered(self.digraph, "svg").decode()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to `path`, which ends in .svg, .png, .pdf or .dot; returns its Path.

        Where Graphviz is missing it warns, and writes (and returns) the .dot file instead.
        """
        path = Path(path)
        ending = path.suffix[1:].lower()
        if ending not in ENDINGS:
            raise ValueError(
                f"cannot draw to {path.name!r}: its ending has to be one of ." + ", .".join(ENDINGS)
            )
        if ending != "dot" and not can_render():
            ending, path = "dot", path.with_suffix(".dot")
            warnings.warn(f"{MISSING}; wrote {path} instead", stacklevel=2)
        write(path, self.source.encode() if ending == "dot" else rendered(self.digraph, ending))
        return path

    def animate(self, path: str | os.PathLike[str], gradient: TensorLike | None = None) -> Path:
        """Write a page to `path`, which ends in .html, that plays backward over this picture, one
        op at a time with its numbers; returns its Path. It is one file, and loads nothing.

        Backward runs for it alone: no `.grad` is changed, and the graph is not freed. A tensor of
        several numbers needs `gradient`, as `backward` does. Raises ValueError for a drawing of a
        Graph and for more than 2,000 steps, RuntimeError where Graphviz is missing.
        """
        path = Path(path)
        if path.suffix.lower() != ".html":
            raise ValueError(f"cannot animate to {path.name!r}: its ending has to be .html")
        if self.tensor is None:
            raise ValueError(
                "a Graph has no gradients to show: draw the tensor itself, mg.draw(loss)"
            )
        if not can_render():
            raise RuntimeError(MISSING)
        film = Film(step(self.tensor, gradient), self.graph, edge_ids(self.graph))
        picture = rendered(film.with_room(self.digraph), "svg").decode()
        write(path, film.page(picture, path.stem).encode())
        return path

    def _repr_svg_(self) -> str | None:
        return self.svg() if can_render() else None

    def __repr__(self) -> str:
        missing = "" if can_render() else f"; {MISSING}"
        return f"<Drawing: .svg(), .save(path) or .source{missing}>"


def draw(
    tensor: Tensor | Graph, depth: int | None = None, direction: str = "TB", saved: bool = False
) -> Drawing:
    """The graph that `tensor` was computed by (or a Graph), as a Drawing.

    `depth` is how many levels of module calls are drawn open (None: all of them); `direction` is
    "TB" (from top to bottom) or "LR" (from left to right). With `saved` each op says which arrays
    it keeps for backward. Of a tensor that nothing was recorded of, the picture says so; raises
    RuntimeError where backward has freed the graph.

    A large graph is laid out with less care, so that it is there in seconds; and an arrow that is
    too long to follow is cut: what it comes from is drawn again, dotted, where it is used. A call
    of more than 600 nodes has no box of its own.
    """
    if not isinstance(tensor, (Tensor, Graph)):
        raise TypeError(f"draw takes a Tensor or a Graph, not {type(tensor).__name__}")
    if direction not in ("TB", "LR", "BT", "RL"):
        raise ValueError(f'direction is "TB", "LR", "BT" or "RL", not {direction!r}')
    shown = tensor if isinstance(tensor, Graph) else graph_of(tensor)
    if depth is not None:
        shown = shown.fold(depth)
    import graphviz  # noqa: PLC0415  to import minigrad is quick: only who draws waits for it

    graph = with_short_arrows(with_small_boxes(shown))
    digraph = graphviz.Digraph(
        graph_attr={**FONT, "rankdir": direction, **GRAPH, **effort(graph)},
        node_attr=NODE,
        edge_attr=EDGE,
    )
    if graph.output.kind in LEAVES:
        lines = (regular(line, 11) for line in why_empty(graph.output))
        digraph.attr(label=f"<{'<br/>'.join(lines)}>")
    names = {cluster: f"cluster_{i}" for i, cluster in enumerate(graph.root.walk())}
    add_cluster(digraph, graph.root, names, saved, graph.output, Counter())
    add_edges(digraph, graph, edge_ids(shown))
    for cluster, inside in below_titles(graph).items():
        for node, rows in inside:
            below = title_of(names[node]) if isinstance(node, Cluster) else node.id
            digraph.edge(title_of(names[cluster]), below, minlen=str(rows), **UNSEEN)
    return Drawing(digraph, shown, tensor if isinstance(tensor, Tensor) else None)


def edge_ids(graph: Graph) -> list[str]:
    """The id of each edge in the SVG."""
    times = Counter()
    return [unique(f"edge-{source}-{target}", times) for source, target, _ in graph.edges]


def unique(id: str, times: Counter[str]) -> str:
    """`id` with what an id in an SVG may hold, and with "-2" behind it when it comes again."""
    id = re.sub(r"[^\w.-]+", "_", id, flags=re.ASCII)
    times[id] += 1
    return id if times[id] == 1 else unique(f"{id}-{times[id]}", times)


def why_empty(leaf: GraphNode) -> list[str]:
    """Lines that say why there is nothing to see but the tensor itself."""
    if leaf.kind == "parameter":
        return ["nothing was recorded: a parameter is given, no op computes it"]
    return [
        "nothing was recorded: no op has made this tensor,",
        "or one under no_grad, or from tensors none of which requires a gradient",
    ]


def add_cluster(
    digraph: Digraph,
    cluster: Cluster,
    names: dict[Cluster, str],
    saved: bool,
    output: GraphNode,
    times: Counter[str],
) -> None:
    """The nodes of a module call, and in boxes the calls that were made in it."""
    for node in cluster.nodes:
        look = {**LOOK[node.kind], **({"penwidth": "2"} if node is output else {})}
        look |= {"id": f"node-{node.id}", "tooltip": spoken(said(node))}
        digraph.node(node.id, label=text(node, cluster, saved), **look)
    for child in cluster.children:
        look = CLUSTER | {"fillcolor": TINTS[min(child.depth, len(TINTS)) - 1]}
        title = [bold(local(child.path, cluster.path), 11), regular(child.module, 11)]
        tooltip = spoken(f"{child.path} {child.module}".strip())
        inside = digraph.subgraph(name=names[child])
        assert inside is not None  # it is, without a graph to take over
        with inside as box:
            id = unique(f"cluster-{child.path or child.module}", times)
            box.attr(tooltip=tooltip, id=id, **look)
            # The title is a node, since arrows go round nodes but straight through labels.
            words = f"<{'  '.join(filter(None, title))}>"
            box.node(title_of(names[child]), label=words, tooltip=tooltip, **TITLE)
            add_cluster(box, child, names, saved, output, times)


def title_of(cluster: str) -> str:
    return f"title_of_{cluster}"


def add_edges(digraph: Digraph, graph: Graph, ids: list[str]) -> None:
    """Arrows in the direction of the computation, labelled where inputs could be mixed up."""
    by_id = {node.id: node for node in graph.nodes}
    # {node: how many values meet there, parameters and constants apart}
    values: Counter[str] = Counter()
    # {node: how many inputs do not say by their own name which they are}
    unclear: Counter[str] = Counter()
    named = {}
    for edge in graph.edges:
        source, target = by_id[edge.source], by_id[edge.target]
        values[edge.target] += source.kind not in ("parameter", "constant")
        named[edge] = edge.argument in ("", source.name, source.label)
        unclear[edge.target] += not named[edge] and target.label.split()[0] not in SYMMETRIC
    entered = titles_entered(graph)
    for edge, id in zip(graph.edges, ids):
        source, target = by_id[edge.source], by_id[edge.target]
        # Lines stay short up to where values meet: so Q, K and V, of one x, stand side by side.
        look = {"id": id, "weight": "30" if values[edge.target] < 2 else "10"}
        way = f"{source.full_name or source.label} -> {target.full_name or target.label}"
        look["tooltip"] = spoken(f"{way} {source.shape}")
        if entered[edge]:
            look["minlen"] = str(entered[edge] + 1)
        if unclear[edge.target] > 1 and not named[edge]:
            look["label"] = escaped(f" {edge.argument} ")
        digraph.edge(edge.source, edge.target, **look)


def said(node: GraphNode) -> str:
    """A node in words: its full name, or else its op and where it is; and its shape."""
    place = f" in {node.path}" if node.path and not node.full_name else ""
    return f"{node.full_name or node.label} {node.shape}{place}"


def text(node: GraphNode, cluster: Cluster, saved: bool) -> str:
    """A node's label: its name, what made it, and its shape (the number itself, if that is all)."""
    if node.kind == "op":
        lines = [bold(node.name, 15), regular(node.label, 11 if node.name else 12)]
    elif node.kind == "module":
        path = local(node.path, cluster.path)
        lines = [bold(node.name, 15), bold(node.label, 12), regular(path, 10)]
    else:
        lines = [bold(node.label, 13) if node.kind == "input" else regular(node.label, 12)]
    if node.shape and str(node.shape) not in node.label:  # it is there in `reshape (2, 4, 8)`
        lines.append(regular(str(node.shape), 10))
    elif not node.shape and node.value is not None:
        lines.append(regular(f"{node.value.item():.4g}", 10))
    if saved and node.saved:
        kept = [f"{name} {shape}" for name, shape in node.saved]
        kept = [f"{len(kept)} arrays"] if node.kind == "module" else kept
        kept[0] = f"keeps {kept[0]}"
        lines += [regular(entry, 9) for entry in kept]
    rows = "".join(f"<tr><td>{line}</td></tr>" for line in lines if line)
    table = 'table border="0" cellborder="0" cellspacing="0" cellpadding="0"'
    return f"<<{table}>{rows}</table>>"


def regular(words: str | None, size: int) -> str:
    """Words in Graphviz's HTML-like labels."""
    words = html.escape(printable(words or "")).replace("\\", "\\\\")  # \N would be the id
    return f'<font point-size="{size}">{words}</font>' if words.strip() else ""


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


def can_render() -> bool:
    """Whether there is Graphviz: the `dot` program, or pygraphviz, whose wheels carry it."""
    return bool(shutil.which("dot") or importlib.util.find_spec("pygraphviz"))


def rendered(digraph: Digraph, ending: str) -> bytes:
    """The picture as bytes."""
    if ending == "png":
        digraph = digraph.copy()
        digraph.attr(dpi="192")  # sharp on a slide
    if shutil.which("dot"):
        picture: bytes = digraph.pipe(format=ending)
    else:
        import pygraphviz  # noqa: PLC0415  an extra

        whole = pygraphviz.AGraph(string=digraph.source)
        picture = cast(bytes, whole.draw(format=ending, prog="dot"))
    return titled(picture) if ending == "svg" else picture


def titled(svg: bytes) -> bytes:
    """The SVG with the tooltips as titles, which browsers show and read aloud, in the place of
    Graphviz's own, such as `n1`."""
    for prefix, uri in (("", SVG), ("xlink", XLINK)):
        ElementTree.register_namespace(prefix, uri)
    root = ElementTree.fromstring(svg)
    for group in list(root.iter(f"{{{SVG}}}g")):
        title = group.find(f"{{{SVG}}}title")
        for inner in group.findall(f"{{{SVG}}}g"):
            link = inner.find(f"{{{SVG}}}a")
            if title is not None and link is not None:
                title.text = link.get(f"{{{XLINK}}}title")
                place = list(group).index(inner)
                group[place : place + 1] = list(link)  # it leads nowhere: what is in it is kept
    return ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(content)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
