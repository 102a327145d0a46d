"""A Graph in which groups of nodes are single ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from .calls import Item

if TYPE_CHECKING:
    from .graph import Cluster, Edge, Graph, GraphNode


class Box(NamedTuple):
    """What a node stands for in a folded graph."""

    nodes: int
    ops: int
    parameters: int  # numbers in the parameters that disappear into it
    calls: tuple[str, ...]  # the paths of the calls of modules that are closed


@dataclass(eq=False)
class Group:
    """Items of the call `home` that are to be one box: `times` equal sections, one after another;
    or leaves alone, without any items."""

    home: Cluster
    nodes: list[GraphNode]  # all that disappear, in any order
    items: list[Item] = field(default_factory=list)
    times: int = 1
    leaves: list[GraphNode] = field(default_factory=list)  # that disappear as well
    beside: list[Group] = field(default_factory=list)  # its inputs, of which each section has one

    @property
    def calls(self) -> list[Cluster]:
        """The calls, where there is nothing but calls in it."""
        calls: list[Any] = [item for item in self.items if is_call(item)]
        return calls if len(calls) == len(self.items) else []

    @property
    def size(self) -> int:
        """How many nodes more there would be without it."""
        return len(self.nodes) + len(self.leaves) - 1 + sum(group.size for group in self.beside)


def with_boxes(graph: Graph, groups: Iterable[Group]) -> Graph:
    """The graph with each group as one node, which has the shape, name and value of the last that
    leaves it. Edges that fall together are merged."""
    of = {node.id: group for group in groups for node in (*group.nodes, *group.leaves)}
    leaving = {graph.output.id}  # the nodes whose value leaves their group
    for source, target, _ in graph.edges:
        if of.get(source) is not of.get(target):
            leaving.add(source)
    inside: dict[Group, list[GraphNode]] = {group: [] for group in of.values()}
    for node in graph.nodes:
        if node.id in of:
            inside[of[node.id]].append(node)
    boxes = {group: box_of(group, nodes, leaving) for group, nodes in inside.items()}
    new = {node.id: boxes[of[node.id]] if node.id in of else node for node in graph.nodes}
    # A box takes the place of its last node: after all it needs, before all that need it.
    nodes = list(dict.fromkeys(new[node.id] for node in reversed(graph.nodes)))[::-1]
    passing: dict[Edge, dict[GraphNode, None]] = {}
    for edge in graph.edges:
        source, target, argument = new[edge.source], new[edge.target], edge.argument
        if edge.target in of:
            argument = ""
        elif edge.source in of:
            argument = argument.partition("[")[0]  # of many that come from it no one is told apart
        if source is not target:
            edge_now = edge._replace(source=source.id, target=target.id, argument=argument)
            passed = dict.fromkeys(graph.passed_along(edge))
            passing.setdefault(edge_now, {}).update(passed)
    return replace(
        graph,
        nodes=nodes,
        edges=list(passing),
        root=pruned(graph, of, boxes),
        output=new[graph.output.id],
        drawn_as={id: new[at].id for id, at in graph.drawn_as.items()},
        passing={edge: list(nodes) for edge, nodes in passing.items()},
        folded=True,
    )


def box_of(group: Group, nodes: list[GraphNode], leaving: set[str]) -> GraphNode:
    """The node that stands for `nodes`."""
    stands = next(node for node in reversed(nodes) if node.id in leaving)
    ops = sum(node.box.ops if node.box else node.kind == "op" for node in nodes)
    parameters = sum(
        node.box.parameters if node.box else numbers_in(node)
        for node in nodes
        if node.box or node.kind == "parameter"
    )
    inner = [path for node in nodes if node.box for path in node.box.calls]
    closed = [item.path or name_of(item) for item in group.items if is_call(item)]
    box = Box(len(nodes), ops, parameters, (*closed, *inner))
    saved = [entry for node in nodes for entry in node.saved]
    if not group.items:
        label = " ... ".join(dict.fromkeys([nodes[0].label, nodes[-1].label]))
        return replace(stands, label=label, name=None, value=None, origin=None, box=box)
    if group.calls:
        kind, label, path = "module", group.calls[-1].module, group.calls[-1].path
    else:
        kind, label, path = "section", names_of(group), group.home.path
    if group.times > 1:
        label += f" x{group.times:,}"
    return replace(stands, kind=kind, label=label, path=path, saved=saved, box=box)


def numbers_in(node: GraphNode) -> int:
    size = 1
    for n in node.shape:
        size *= n
    return size


def names_of(group: Group, most: int = 3) -> str:
    """What is done in a section, in short: "mul, add, tanh"; of very many the most frequent."""
    section = group.items[: len(group.items) // group.times]
    names = Counter(name_of(item) for item in section)
    frequent = {name for name, _ in names.most_common(most)}
    in_order = [name for name in names if name in frequent]
    return ", ".join(in_order) + (", ..." if len(names) > most else "")


def name_of(item: Any) -> str:
    """The class of a call, the name of an op."""
    if is_call(item):
        return item.module
    return item.label if item.box else item.label.partition(" ")[0]


def is_call(item: Item) -> bool:
    return hasattr(item, "walk")


def pruned(graph: Graph, of: dict[str, Group], boxes: dict[Group, GraphNode]) -> Cluster:
    """A copy of the tree of calls, with a node in place of each group."""
    of_home: dict[Cluster, list[Group]] = {}
    for group in boxes:
        of_home.setdefault(group.home, []).append(group)
    closed = {item for group in boxes for item in group.items}

    def copied(call: Cluster, parent: Cluster | None) -> Cluster:
        copy = replace(call, parent=parent)
        copy.nodes = [node for node in call.nodes if node.id not in of]
        copy.nodes += [boxes[group] for group in of_home.get(call, ())]
        copy.children = [copied(child, copy) for child in call.children if child not in closed]
        return copy

    return copied(graph.root, None)
