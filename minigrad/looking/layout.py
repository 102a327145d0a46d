"""What is told to Graphviz's `dot` beside the graph itself, so that any picture is laid out in
seconds and no arrow runs through a title."""

from __future__ import annotations

from collections import defaultdict

from .graph import Cluster, Edge, Graph, GraphNode

LONGEST = 64  # rows that an arrow may go down: to bend one round the boxes of more takes seconds
BENDS = 3  # rows a node that all arrows together may pass: `dot` lays out each as one node more
NEAR = 3  # rows: a value whose arrows are cut keeps those that are shorter
LEAVES = ("parameter", "input", "constant")
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


def effort(graph: Graph, cut: set[Edge]) -> dict[str, str]:
    """Limits on the steps by which `dot` improves a layout, so that its time hardly grows faster
    than the picture. A small picture has none."""
    rows = rows_passed(graph)
    size = len(graph.nodes) + sum(n for edge, n in rows.items() if edge not in cut)
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
