"""The recorded graph as plain data: nodes, edges, and a cluster for each call of a module.

Nothing here draws or computes. `draw.py` makes a picture of it.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..context import dotted
from .boxes import Box
from .fold import folded

if TYPE_CHECKING:
    from ..tape import Node


@dataclass(eq=False)
class GraphNode:
    """One tensor: what an op computed, a leaf or, after `fold`, what comes out of a box."""

    id: str
    kind: str  # "op", "parameter", "input", "constant" or, after `fold`, "module" or "section"
    label: str  # "matmul", "mul 0.125", "weight", "LayerNorm x6", "mul, add x50"
    shape: tuple[int, ...]
    dtype: np.dtype
    path: str = ""  # of the module call that made it; of the module that owns a parameter
    name: str | None = None  # given by Tensor.named; of a parameter: its attribute
    value: np.ndarray | None = field(default=None, repr=False)  # if the tape kept it
    saved: list[tuple[str, tuple[int, ...]]] = field(
        default_factory=list, repr=False
    )  # what backward remembers: (name, shape)
    origin: Any = field(default=None, repr=False)  # the recorded op; the tensor or array of a leaf
    box: Box | None = None  # what `fold` has put into it

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient is computed for it: for all ops, and for leaves that say so."""
        return getattr(self.origin, "requires_grad", self.kind not in ("input", "constant"))

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
    """All that `output` was computed from. In `nodes` each comes after those that it needs.

    `drawn_as` is {id of a node of the unfolded graph: id of the node that stands for it in this
    one}; in the unfolded graph itself each stands for itself.
    """

    nodes: list[GraphNode]
    edges: list[Edge]
    root: Cluster
    output: GraphNode
    drawn_as: dict[str, str] = field(default_factory=dict)
    folded: bool = False  # whether `fold` has made it
    recorded: dict[str, Node] = field(default_factory=dict)  # {id: op on the tape}, oldest first
    passing: dict[Edge, list[GraphNode]] = field(default_factory=dict)  # where they are several

    def __post_init__(self) -> None:
        self.drawn_as = self.drawn_as or {node.id: node.id for node in self.nodes}

    def passed_along(self, edge: Edge) -> list[GraphNode]:
        """The tensors that an edge stands for: several where a box hands on several."""
        return self.passing.get(edge) or [self.by_id[edge.source]]

    @cached_property
    def by_id(self) -> dict[str, GraphNode]:
        return {node.id: node for node in self.nodes}

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
            if node.box and not node.box.ops:
                name, made = node.label, f"{node.box.nodes:,} {node.kind}s"
            elif node.box or node.kind == "op":
                fn, _, settings = (node.label, "", "") if node.box else node.label.partition(" ")
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

    def fold(self, depth: int | None = None, expand: str | Iterable[str] = ()) -> Graph:
        """A Graph in which calls of modules and repeated ops are single boxes; see fold.py.

        `depth` is how many levels of module calls stay open; with None it is chosen so that there
        are about 60 boxes at most. `expand` are patterns of paths, such as "decoder.layers.0.*",
        of calls that are open besides, with those around them; "*" opens everything. Equal calls
        that follow each other are one box. A box has the shape, name and value of what it returns.

        Raises ValueError for a depth below 0 and for a pattern that fits no call.
        """
        return folded(self, depth, expand)

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
