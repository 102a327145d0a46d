"""What is told to Graphviz's `dot` beside the graph itself, so that any picture is laid out in
seconds and no arrow runs through a title."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from ..looking.graph import Cluster, Edge, Graph, GraphNode

LONGEST = 64  # rows that an arrow may go down: to bend one round the boxes of more takes seconds
BENDS = 3  # rows a node that all arrows together may pass: `dot` lays out each as one node more
LARGEST = 600  # nodes in a box
NEAR = 3  # rows: a value whose arrows are cut keeps those that are shorter
LEAVES = ("parameter", "input", "constant", "again")
SMALL = 300  # nodes and bends that are laid out without limits, as well as `dot` can


def rows_passed(graph: Graph) -> dict[Edge, int]:
    """How many rows each arrow goes down, where every value stands right above its first use."""
    height = dict.fromkeys((node.id for node in graph.nodes), 0)
    into = defaultdict(list)
    for edge in graph.edges:
        into[edge.target].append(edge.source)
    for node in reversed(graph.nodes):
        for source in into[node.id]:
            height[source] = max(height[source], height[node.id] + 1)
    return {edge: height[edge.source] - height[edge.target] for edge in graph.edges}


def cut_arrows(graph: Graph) -> set[Edge]:
    """The arrows that are so long that what they come from is better drawn again where it is used.

    An unrolled loop of n steps that shares a weight has arrows over n^2 rows, more than `dot` can
    lay out, and more than an eye can follow. As few are cut as keep all others within bounds; no
    picture of a small graph has any.
    """
    rows = rows_passed(graph)
    longest, most = LONGEST, BENDS * (SMALL + len(graph.nodes))
    while longest > NEAR and sum(n - 1 for n in rows.values() if n <= longest) > most:
        longest //= 2
    far = {edge.source for edge, n in rows.items() if n > longest}
    return {edge for edge, n in rows.items() if edge.source in far and n > NEAR}


def with_short_arrows(graph: Graph) -> Graph:
    """The graph with a node of kind "again" at the end of each arrow that is cut, in its place."""
    cut = cut_arrows(graph)
    if not cut:
        return graph
    by_id = {node.id: node for node in graph.nodes}
    again: dict[str, dict[str, GraphNode]] = defaultdict(dict)  # {target: {source: its copy}}
    for source, target, _ in cut:
        node, id = by_id[source], f"{source}_for_{target}"
        label = node.name or node.label
        again[target][source] = replace(node, id=id, kind="again", label=label, value=None)
    edges = [
        edge._replace(source=again[edge.target][edge.source].id) if edge in cut else edge
        for edge in graph.edges
    ]
    used = {edge.source for edge in edges} | {graph.output.id}

    def with_copies(nodes: list[GraphNode]) -> list[GraphNode]:
        kept = (node for node in nodes if node.id in used)
        return [each for node in kept for each in (*again[node.id].values(), node)]

    def copied(cluster: Cluster, parent: Cluster | None) -> Cluster:
        copy = replace(cluster, parent=parent, nodes=with_copies(cluster.nodes))
        copy.children = [copied(child, copy) for child in cluster.children]
        return copy

    return Graph(with_copies(graph.nodes), edges, copied(graph.root, None), graph.output)


def turned(graph: Graph) -> Graph:
    """The graph with every edge the other way round, as the gradient goes."""
    edges = [Edge(target, source, argument) for source, target, argument in graph.edges]
    return replace(graph, nodes=graph.nodes[::-1], edges=edges)


def with_small_boxes(graph: Graph) -> Graph:
    """The graph without the boxes of calls of more than LARGEST nodes, whose border is out of sight
    of most that it holds: the time that `dot` takes for one grows with the square of that."""
    size = {cluster: len(cluster.nodes) for cluster in graph.root.walk()}
    for cluster in reversed(list(graph.root.walk())):
        if cluster.parent is not None:
            size[cluster.parent] += size[cluster]
    if size[graph.root] <= LARGEST:
        return graph
    root = replace(graph.root, nodes=[], children=[])
    stands_for = {}  # {a call: its copy, or that of the one around it}
    for cluster in graph.root.walk():
        around = root if cluster.parent is None else stands_for[cluster.parent]
        if size[cluster] > LARGEST:
            around.nodes += cluster.nodes
            stands_for[cluster] = around
        else:
            stands_for[cluster] = replace(
                cluster, parent=around, nodes=list(cluster.nodes), children=[]
            )
            around.children.append(stands_for[cluster])
    return replace(graph, root=root)


def effort(graph: Graph) -> dict[str, str]:
    """Limits on the steps by which `dot` improves a layout, so that its time hardly grows faster
    than the picture. A small picture has none."""
    size = len(graph.nodes) + sum(rows_passed(graph).values())
    if size <= SMALL:
        return {}
    share = f"{max(SMALL / size, 0.05):.2f}"
    return {"nslimit": share, "nslimit1": share, "mclimit": share}


def below_titles(graph: Graph) -> dict[Cluster, list[tuple[Cluster | GraphNode, int]]]:
    """{a call: what has to stand how many rows below its title, so that all of it does}.

    These are the calls within and the ops that begin it: all others come after one of them, and a
    leaf stands right above its first use.
    """
    home = {node.id: cluster for cluster in graph.root.walk() for node in cluster.nodes}
    kinds = {node.id: node.kind for node in graph.nodes}
    into = defaultdict(list)
    for edge in graph.edges:
        into[edge.target].append(edge.source)
    found: dict[Cluster, dict[Cluster | GraphNode, int]] = defaultdict(dict)
    for node in graph.nodes:
        if node.kind in LEAVES and node is not graph.output:
            continue
        inner: Cluster | GraphNode = node
        cluster = home[node.id]
        rows = 1 + any(kinds[source] in LEAVES for source in into[node.id])
        computed = [home[source] for source in into[node.id] if kinds[source] not in LEAVES]
        # Outwards up to the first call in which something else comes before.
        while cluster.parent is not None and not any(is_within(at, cluster) for at in computed):
            found[cluster].setdefault(inner, rows)
            inner, cluster, rows = cluster, cluster.parent, 1
    return {cluster: list(inside.items()) for cluster, inside in found.items()}


def titles_entered(graph: Graph) -> dict[Edge, int]:
    """How many titles each arrow of a computed value goes by: as many rows longer it has to be."""
    home = {node.id: cluster for cluster in graph.root.walk() for node in cluster.nodes}
    leaves = {node.id for node in graph.nodes if node.kind in LEAVES}
    entered = {}
    for edge in graph.edges:
        inner: Cluster | None = home[edge.target]
        entered[edge] = 0
        while edge.source not in leaves and inner and not is_within(home[edge.source], inner):
            inner, entered[edge] = inner.parent, entered[edge] + 1
    return entered


def is_within(cluster: Cluster | None, outer: Cluster) -> bool:
    while cluster is not None and cluster.depth > outer.depth:
        cluster = cluster.parent
    return cluster is outer
