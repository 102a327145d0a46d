"""A picture of the recorded graph, by Graphviz."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ..looking.fold import patterns_in
from ..looking.graph import Cluster, Graph, GraphNode, local
from ..looking.trace import graph_of
from ..stepping.step import step
from ..tensor import Tensor, TensorLike
from .animate import Film
from .arrows import Labels, arrows_of, cut_at_labels, unique
from .labels import GREY, Words, bold, regular, said, spoken
from .layout import below_titles, effort, turned, with_short_arrows, with_small_boxes
from .picture import MISSING, Picture, can_render, rendered, write

if TYPE_CHECKING:
    from graphviz import Digraph

DIRECTIONS = ("TB", "LR", "BT", "RL", "backward")
INK = "#1F2933"
FONT = {"fontname": "Helvetica,Arial,sans-serif", "fontcolor": INK}
GRAPH = {"nodesep": "0.25", "ranksep": "0.3", "newrank": "true"}  # newrank: ranks across clusters
NODE = {**FONT, "fontsize": "12", "height": "0.3", "width": "0.4", "margin": "0.12,0.06"}
EDGE = {"color": GREY, "arrowsize": "0.6"}
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
LABEL = {"shape": "plain", "fontsize": "9", "fontcolor": GREY, "class": "label"}
UNSEEN = {"style": "invis", "weight": "1"}
LOOK["section"] = LOOK["module"] | {"style": "rounded,filled,dashed"}
LOOK["input"]["margin"] = "0.02,0.01"  # an ellipse is roomy by itself
CLUSTER = {"style": "rounded,filled", "color": "#9AA7B3", "labeljust": "l"}
TINTS = ("#F5F7F9", "#EBEFF3", "#E1E7ED", "#D7DFE7")  # of clusters, outermost first


class Drawing(Picture):
    """The picture of a graph.

    `graph` is what it shows, after folding, and `tensor` what it was drawn from (None: a Graph).
    In the SVG each part is a group with an id: "node-n12" for the node n12, "edge-n3-n12" for the
    edge between two (the second such one "edge-n3-n12-2") and "cluster-encoder.layers.0".
    """

    def __init__(self, graph: Graph, tensor: Tensor | None, words: Words, direction: str):
        self.graph = graph
        self.tensor = tensor
        self.words = words
        self.direction = direction
        super().__init__(digraph_of(graph, words, direction))

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
        film = Film(step(self.tensor, gradient), self.graph)
        with_room = digraph_of(self.graph, self.words.with_gradients(film), self.direction)
        picture = rendered(with_room, "svg").decode()
        write(path, film.page(picture, path.stem).encode())
        return path


def draw(
    tensor: Tensor | Graph,
    depth: int | None = None,
    direction: str = "TB",
    saved: bool = False,
    expand: str | Iterable[str] = (),
    numbers: bool = True,
) -> Drawing:
    """The graph that `tensor` was computed by (or a Graph), as a Drawing.

    `depth` is how many levels of module calls are drawn open; with None there are about 60 boxes
    at most, and the picture says what is in them. `expand`, a pattern of paths or several, opens
    calls besides: "decoder.layers.0.*", or "*" for everything. A Graph that was folded is drawn as
    it is.

    `direction` is "TB" (from top to bottom), "LR" (from left to right) or "backward": the way of
    the gradient, from the loss on, each arrow with the shape of the gradient and as wide as it is
    large. With `saved` each op says which arrays it keeps for backward, and how many bytes. With
    `numbers` there is the value at each node, if it has 6 entries at most, or else its mean and
    spread (the standard deviation); and its gradient, once backward (with retain_graph=True) has
    come by.

    Of a tensor that nothing was recorded of, the picture says so. Raises RuntimeError where
    backward has freed the graph, ValueError for a pattern that fits no call.

    A large graph is laid out with less care, so that it is there in seconds; and an arrow that is
    too long to follow is cut: what it comes from is drawn again, dotted, where it is used. A call
    of more than 600 nodes has no box of its own.
    """
    if not isinstance(tensor, (Tensor, Graph)):
        raise TypeError(f"draw takes a Tensor or a Graph, not {type(tensor).__name__}")
    if direction not in DIRECTIONS:
        *others, last = (f'"{each}"' for each in DIRECTIONS)
        raise ValueError(f"direction is {', '.join(others)} or {last}, not {direction!r}")
    graph = tensor if isinstance(tensor, Graph) else graph_of(tensor)
    patterns = patterns_in(expand)
    if depth is not None or patterns or not graph.folded:
        graph = graph.fold(depth, patterns)
    source = tensor if isinstance(tensor, Tensor) else None
    return Drawing(graph, source, Words(graph, source, saved, numbers), direction)


def digraph_of(graph: Graph, words: Words, direction: str) -> Digraph:
    """The picture as Graphviz takes it."""
    import graphviz  # noqa: PLC0415  to import minigrad is quick: only who draws waits for it

    backward = direction == "backward"
    # The same in boxes that can be laid out, and from top to bottom as it is to be seen.
    laid = with_short_arrows(with_small_boxes(graph))
    arrows = arrows_of(graph, laid, backward)
    laid = turned(laid) if backward else laid
    arrows, labels = cut_at_labels(arrows, laid)
    digraph = graphviz.Digraph(
        graph_attr={**FONT, "rankdir": "TB" if backward else direction, **GRAPH, **effort(laid)},
        node_attr=NODE,
        edge_attr=EDGE,
    )
    if caption := words.caption():
        digraph.attr(label=caption)
    names = {cluster: f"cluster_{i}" for i, cluster in enumerate(laid.root.walk())}
    add_cluster(digraph, laid.root, names, words, laid.output, Counter(), labels)
    for tail, head, look in arrows:
        digraph.edge(tail, head, **look)
    for cluster, inside in below_titles(laid).items():
        for node, rows in inside:
            below = title_of(names[node]) if isinstance(node, Cluster) else node.id
            digraph.edge(title_of(names[cluster]), below, minlen=str(rows), **UNSEEN)
    return digraph


def add_cluster(
    digraph: Digraph,
    cluster: Cluster,
    names: dict[Cluster, str],
    words: Words,
    output: GraphNode,
    times: Counter[str],
    labels: Labels,
) -> None:
    """The nodes of a module call, and in boxes the calls that were made in it."""
    for label in labels.get(cluster, ()):
        digraph.node(label.id, label=label.words, id=label.id, **LABEL)
        if label.above is not None:
            digraph.edge(label.id, title_of(names[label.above]), **UNSEEN)
    for node in cluster.nodes:
        look = {**LOOK[node.kind], **({"penwidth": "2"} if node is output else {})}
        look |= {"id": f"node-{node.id}", "tooltip": spoken(said(node))}
        digraph.node(node.id, label=words.at(node, cluster), **look)
    for child in cluster.children:
        look = CLUSTER | {"fillcolor": TINTS[min(child.depth, len(TINTS)) - 1]}
        title = [bold(local(child.path, cluster.path), 11), regular(child.module, 11)]
        tooltip = spoken(f"{child.path} {child.module}".strip())
        inside = digraph.subgraph(name=names[child])
        assert inside is not None  # it is, without a graph to take over
        with inside as box:
            id = unique(f"cluster-{child.path or child.module}", times)
            box.attr(label="", tooltip=tooltip, id=id, **look)
            # The title is a node, since arrows go round nodes but straight through labels.
            label = f"<{'  '.join(filter(None, title))}>"
            box.node(title_of(names[child]), label=label, tooltip=tooltip, **TITLE)
            add_cluster(box, child, names, words, output, times, labels)


def title_of(cluster: str) -> str:
    return f"title_of_{cluster}"
