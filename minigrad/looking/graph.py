"""The recorded graph as plain data: nodes, edges, and a cluster for each call of a module.

Nothing here draws or computes. `draw.py` makes a picture of it.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from ..context import dotted


@dataclass(eq=False)
class GraphNode:
    """One tensor: what an op computed, a leaf or, after `fold`, what a module returned."""

    id: str
    kind: str  # "op", "parameter", "input", "constant" or, after `fold`, "module"
    label: str  # "matmul", "mul 0.125", "weight", "LayerNorm"
    shape: tuple[int, ...]
    dtype: np.dtype
    path: str = ""  # of the module call that made it; of the module that owns a parameter
    name: str | None = None  # given by Tensor.named; of a parameter: its attribute
    value: np.ndarray | None = field(default=None, repr=False)  # if the tape kept it
    saved: list[tuple[str, tuple[int, ...]]] = field(
        default_factory=list, repr=False
    )  # what backward remembers: (name, shape)

    @property
    def full_name(self) -> str:
        """`encoder.layers.0.self_attention.scores`; "" for a node without a name."""
        return dotted(self.path, self.name) if self.name else ""


class Edge(NamedTuple):
    """The value of the node `source`, used by the node `target` as its op's `argument`."""

    source: str
    target: str
    argument: str = ""  # such as "a", "weight", "arrays[1]"; "" where a folded module uses it


@dataclass(eq=False)
class Cluster:
    """One call of a module: the nodes made in it, and the calls made in it (`children`)."""

    path: str
    module: str  # its class; "" for the root of the tree, which is no call but holds all
    depth: int = 0
    parent: Cluster | None = field(default=None, repr=False)
    children: list[Cluster] = field(default_factory=list)
    nodes: list[GraphNode] = field(default_factory=list)

    def walk(self) -> Iterator[Cluster]:
        """This cluster and all within it, outer before inner."""
        stack: list[Cluster] = [self]
        while stack:
            cluster = stack.pop()
            yield cluster
            stack.extend(reversed(cluster.children))


@dataclass(eq=False, repr=False)
class Graph:
    """All that `output` was computed from. In `nodes` each comes after those that it needs."""

    nodes: list[GraphNode]
    edges: list[Edge]
    root: Cluster
    output: GraphNode

    def __repr__(self) -> str:
        return f"<Graph of {len(self.nodes)} nodes and {len(self.edges)} edges>"

    def __str__(self) -> str:
        """The computation as text, a line for each node, in the order in which it was made:

        n2        = matmul(a=n0, b=n1)  (2, 4, 3, 3) float32 in encoder.layers.0.self_attention
        n3 scores = mul(a=n2, 0.125)    (2, 4, 3, 3) float32 in encoder.layers.0.self_attention
        """
        inputs: dict[str, list[str]] = {}
        for source, target, argument in self.edges:
            inputs.setdefault(target, []).append(f"{argument}={source}" if argument else source)
        rows = []
        for node in self.nodes:
            name, made = node.name, node.kind
            if node.kind in ("op", "module"):
                fn, _, settings = node.label.partition(" ")
                arguments = inputs.get(node.id, []) + ([settings] if settings else [])
                made = f"{fn}({', '.join(arguments)})"
            else:
                name = name or node.label
            place = node.path and f"in {node.path}"
            rows.append((node.id, name or "", f"= {made}", f" {node.shape} {node.dtype}", place))
        # A column is as wide as its widest entry, but a very long one moves its own line only.
        widths = [min(max(map(len, column)), 48) for column in list(zip(*rows))[:-1]] + [0]
        lines = (" ".join(f"{cell:{w}}" for cell, w in zip(row, widths)) for row in rows)
        return "\n".join(line.rstrip() for line in lines)

    def fold(self, depth: int) -> Graph:
        """A graph with only `depth` levels of module calls open: a call below them is one node,
        with the shape, name and value of what it returned. Edges that fall together are merged."""
        if depth < 0:
            raise ValueError(f"depth is how many levels stay open, 0 or more; not {depth}")
        folded = {}  # {id of a node: the call that it disappears into}
        for call in self.root.walk():
            if call.depth == depth + 1:
                folded |= {node.id: call for part in call.walk() for node in part.nodes}
        returned = {self.output.id}  # the nodes whose value leaves the call they were made in
        for source, target, _ in self.edges:
            if folded.get(source) is not folded.get(target):
                returned.add(source)
        modules, saved = {}, {call: [] for call in folded.values()}
        for node in self.nodes:
            if call := folded.get(node.id):
                saved[call] += node.saved
                if node.id in returned:  # the last one stands for the call
                    look = {"kind": "module", "label": call.module, "path": call.path}
                    modules[call] = replace(node, saved=saved[call], **look)
        new = {n.id: modules[folded[n.id]] if n.id in folded else n for n in self.nodes}
        # A module takes the place of its last node: after all it needs, before all that need it.
        nodes = list(dict.fromkeys(new[node.id] for node in reversed(self.nodes)))[::-1]
        edges = dict.fromkeys(
            Edge(new[source].id, new[target].id, "" if target in folded else argument)
            for source, target, argument in self.edges
            if new[source] is not new[target]
        )
        return Graph(nodes, list(edges), pruned(self.root, None, modules), new[self.output.id])

    def named(self) -> dict[str, GraphNode]:
        """The nodes that have a name, by path and name; one that comes a second time is "x (2)"."""
        times = Counter()
        return {numbered(node.full_name, times): node for node in self.nodes if node.name}

    def find(self, name: str) -> GraphNode:
        """The node with that path and name: `find("encoder.layers.0.self_attention.scores")`.

        Parts of the path may be left out as long as one node fits: `find("encoder.scores")`.
        Raises ValueError if none does, or several do.
        """
        named = self.named()
        fits = [full for full in named if is_short_for(full, name)]
        if name in named or len(fits) == 1:
            return named[name if name in named else fits[0]]
        if fits:
            raise ValueError(f"{name!r} fits {len(fits)} tensors: {', '.join(fits[:8])}")
        near = difflib.get_close_matches(name, named, n=5, cutoff=0.4)
        if not near:  # to the whole path; perhaps to the name alone
            last = {full.split(".")[-1] for full in named}
            fits = difflib.get_close_matches(name.split(".")[-1], last, n=1)
            near = [full for full in named if full.split(".")[-1] in fits][:5] or list(named)[:5]
        there_is = f"there is {', '.join(near)}" if near else "none has a name (see Tensor.named)"
        raise ValueError(f"no tensor of this graph is named {name!r}; {there_is}")


def pruned(cluster: Cluster, parent: Cluster | None, modules: dict[Cluster, GraphNode]) -> Cluster:
    """A copy of the tree, with a node in place of each call in `modules`, {call: its node}."""
    copy = replace(cluster, parent=parent, children=[], nodes=list(cluster.nodes))
    for child in cluster.children:
        if child in modules:
            copy.nodes.append(modules[child])
        else:
            copy.children.append(pruned(child, copy, modules))
    return copy


# ---- paths


def local(path: str, base: str) -> str:
    """`path` as seen from within `base`."""
    return path.removeprefix(f"{base}.") if base else path


def numbered(text: str, times: Counter) -> str:
    """`text`, or "text (2)" when it comes a second time."""
    times[text] += 1
    return text if times[text] == 1 else f"{text} ({times[text]})"


def is_short_for(full: str, path: str) -> bool:
    """Whether `path` is the path `full` with parts left out, though not the last."""
    whole, part = full.split("."), path.split(".")
    rest = iter(whole)
    return part[-1] == whole[-1] and all(name in rest for name in part)
