"""The recorded graph as plain data: nodes, edges, and a cluster for each call of a module.

Nothing here draws or computes. `draw.py` makes a picture of it.
"""

import difflib
import functools
import inspect
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from .module import Parameter
from .tape import Node
from .tensor import Tensor


@dataclass(eq=False)
class GraphNode:
    """One tensor: what an op computed, a leaf or, after `fold`, what a module returned."""

    id: str
    kind: str  # "op", "parameter", "input", "constant" or, after `fold`, "module"
    label: str  # "matmul", "mul 0.125", "weight", "LayerNorm"
    shape: tuple
    dtype: np.dtype
    path: str = ""  # of the module call that made it; of the module that owns a parameter
    name: str | None = None  # given by Tensor.named; of a parameter: its attribute
    value: np.ndarray | None = field(default=None, repr=False)  # if the tape kept it
    saved: list = field(default_factory=list, repr=False)  # what backward remembers: (name, shape)

    @property
    def full_name(self):
        """`encoder.layers.0.self_attention.scores`; "" for a node without a name."""
        return joined(self.path, self.name) if self.name else ""


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
    parent: "Cluster | None" = field(default=None, repr=False)
    children: list = field(default_factory=list)
    nodes: list = field(default_factory=list)

    def walk(self):
        """This cluster and all within it, outer before inner."""
        stack = [self]
        while stack:
            cluster = stack.pop()
            yield cluster
            stack += reversed(cluster.children)


@dataclass(eq=False, repr=False)
class Graph:
    """All that `output` was computed from. In `nodes` each comes after those that it needs."""

    nodes: list
    edges: list
    root: Cluster
    output: GraphNode

    def __repr__(self):
        return f"<Graph of {len(self.nodes)} nodes and {len(self.edges)} edges>"

    def fold(self, depth):
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

    def find(self, name):
        """The node with that path and name: `find("encoder.layers.0.self_attention.scores")`.

        Parts of the path may be left out as long as one node fits: `find("encoder.scores")`.
        Raises ValueError if none does, or several do.
        """
        times = Counter()
        named = {numbered(node.full_name, times): node for node in self.nodes if node.name}
        fits = [full for full in named if is_short_for(full, name)]
        if name in named or len(fits) == 1:
            return named[name if name in named else fits[0]]
        if fits:
            raise ValueError(f"{name!r} fits {len(fits)} tensors: {', '.join(fits[:8])}")
        near = difflib.get_close_matches(name, named, n=5, cutoff=0.4) or list(named)[:5]
        there_is = f"there is {', '.join(near)}" if near else "none has a name (see Tensor.named)"
        raise ValueError(f"no tensor of this graph is named {name!r}; {there_is}")


# ---- reading the tape


def graph_of(tensor):
    """The Graph that `tensor` was computed by; of a leaf, that leaf alone.

    Raises RuntimeError where backward has freed it.
    """
    calls = history(tensor)
    clusters = clusters_of(call.scope for call in calls)
    owned = parameter_paths(clusters)
    nodes, homes, edges = (
        {},
        {},
        [],
    )  # {id of a Node, Tensor or array: its node}, {...: its cluster}
    for call in calls:
        inputs, settings = arguments(call)
        home = homes[id(call)] = clusters[call.scope]
        # Data is what meets parameters only; an array that meets what was computed is a constant.
        data = all(isinstance(value, (Parameter, np.ndarray)) for _, value in inputs)
        for argument, value in inputs:
            key = id(value)
            if key not in nodes:
                nodes[key] = leaf(f"n{len(nodes)}", value, argument, owned)
            if data and nodes[key].kind == "constant":
                nodes[key].kind = "input"
            if type(value) is not Node:  # a leaf lives in the innermost call that has all its uses
                homes[key] = common(homes.get(key, home), home)
        node = nodes[id(call)] = GraphNode(
            *(f"n{len(nodes)}", "op", f"{call.op_name} {settings}".strip()),
            *(call.shape, call.dtype, home.path, call.name, call.value, saved_by(call)),
        )
        edges += [Edge(nodes[id(value)].id, node.id, argument) for argument, value in inputs]
    if not calls:
        nodes[id(tensor)] = leaf("n0", tensor, "tensor", owned)
    for key, node in nodes.items():
        home = clusters[None] if node.kind == "input" else homes.get(key, clusters[None])
        home.nodes.append(node)
        if node.kind == "parameter":
            node.label = local(node.full_name, home.path) or node.label
    return Graph(list(nodes.values()), edges, clusters[None], nodes[id(tensor.origin)])


def history(tensor):
    """The recorded ops that `tensor` was computed by, in the order in which they ran."""
    seen, stack = set(), [tensor.origin]
    while stack:
        call = stack.pop()
        if type(call) is not Node or call in seen:
            continue
        if call.args is None:
            raise RuntimeError(
                f"the graph at {call.op_name} was freed by backward: draw it before, or call "
                "backward(retain_graph=True)"
            )
        seen.add(call)
        stack += call.args
    return sorted(seen, key=attrgetter("tick"))


def leaf(id, value, argument, owned):
    """The node of a Tensor that no op has made, or of an array given to an op as `argument`."""
    if isinstance(value, np.ndarray):
        label = "array" if argument in ("a", "b") else argument
        return GraphNode(id, "constant", label, value.shape, value.dtype, value=value)
    kind, path, name = "input", "", value.name
    if isinstance(value, Parameter):
        kind = "parameter"
        if value in owned:
            path, _, name = owned[value].rpartition(".")
    label = name or ("tensor" if kind == "input" else kind)
    return GraphNode(id, kind, label, value.shape, value.dtype, path, name, value.data)


def arguments(call):
    """The inputs of a recorded op, as (name of the argument, Node or leaf Tensor or array), and its
    other arguments in short: "0.125", "-1, -2", "axis=0". None and defaults are left out."""
    signature = signature_of(call.fn)
    inputs, settings, number = [], [], False
    for name, given in signature.bind(*call.args, **call.kwargs).arguments.items():
        parameter = signature.parameters[name]
        many = parameter.kind is parameter.VAR_POSITIONAL
        for i, value in enumerate(given if many else [given]):
            if isinstance(value, (Node, Tensor)) or (isinstance(value, np.ndarray) and value.ndim):
                inputs.append((f"{name}[{i}]" if many else name, value))
                settings += ["·"] * (number and not many)  # 2 - x is not x - 2
            elif parameter.default is parameter.empty:
                settings.append(short(value))
                number = isinstance(value, (int, float))
            elif value is not None and short(value) != short(parameter.default):
                settings.append(f"{name}={short(value)}")
    text = ", ".join(settings)
    return inputs, text if len(text) <= 28 else text[:27] + "…"


signature_of = functools.lru_cache(maxsize=256)(inspect.signature)


def short(value):
    """An argument that is no input, as short text."""
    if isinstance(value, np.ndarray) and value.ndim:
        return f"array{value.shape}"
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.item()
    if isinstance(value, slice):
        ends = [value.start, value.stop, value.step][: 2 if value.step is None else 3]
        return ":".join("" if end is None else str(end) for end in ends)
    if isinstance(value, (tuple, list)):
        entries = [short(entry) for entry in value[:6]] + ["…"] * (len(value) > 6)
        return f"({', '.join(entries)}{',' * (len(entries) == 1)})"
    if isinstance(value, float):
        return f"{value:.4g}"
    return "..." if value is ... else getattr(value, "__name__", None) or str(value)


def saved_by(call):
    """(variable, shape) of the arrays that the rules of a recorded op close over."""
    found = {}
    for _, _, pullback in call.edges:
        rule = pullback.func if isinstance(pullback, functools.partial) else pullback
        for variable, cell in zip(rule.__code__.co_freevars, rule.__closure__ or ()):
            with suppress(ValueError):  # of a variable that was never assigned
                held = cell.cell_contents
                many = isinstance(held, (list, tuple))  # such as the inputs `*xs`
                for i, array in enumerate(held if many else [held]):
                    if isinstance(array, np.ndarray):
                        found[f"{variable}[{i}]" if many else variable] = array.shape
    return list(found.items())


# ---- module calls


def clusters_of(scopes):
    """{Scope: its Cluster}, outer before inner; None stands for the root of the tree."""
    root = Cluster("", "")
    clusters, times, within = {None: root}, Counter(), {}
    for scope in scopes:
        chain = []
        while scope not in clusters:
            chain.append(scope)
            scope = scope.outer
        for inner in reversed(chain):
            outer = clusters[inner.outer]
            clusters[inner] = Cluster("", type(inner.module).__name__, outer.depth + 1, outer)
            outer.children.append(clusters[inner])
    for scope, cluster in clusters.items():
        if cluster is root or root.children == [cluster]:
            continue  # the only outermost call is where paths begin
        path, outer = None, scope.outer
        while outer is not None and not path:  # the nearest caller that has this module
            caller = outer.module
            if id(caller) not in within:
                within[id(caller)] = {id(module): at for at, module in caller.named_modules()}
            if at := within[id(caller)].get(id(scope.module)):
                path = joined(clusters[outer].path, at)
            outer = outer.outer
        # No caller has one that was built on the fly, nor one of several models.
        path = path or joined(cluster.parent.path, cluster.module.lower())
        cluster.path = numbered(path, times)
    return clusters


def parameter_paths(clusters):
    """{Parameter: its path}, as seen from the outermost module that has it."""
    owned, seen = {}, set()
    for scope, cluster in clusters.items():
        if scope is not None and id(scope.module) not in seen:
            seen.add(id(scope.module))
            for path, parameter in scope.module.named_parameters():
                owned.setdefault(parameter, joined(cluster.path, path))
    return owned


def pruned(cluster, parent, modules):
    """A copy of the tree, with a node in place of each call in `modules`, {call: its node}."""
    copy = replace(cluster, parent=parent, children=[], nodes=list(cluster.nodes))
    for child in cluster.children:
        if child in modules:
            copy.nodes.append(modules[child])
        else:
            copy.children.append(pruned(child, copy, modules))
    return copy


def common(one, other):
    """The innermost cluster that both are in."""
    while one is not other:
        if one.depth >= other.depth:
            one = one.parent
        else:
            other = other.parent
    return one


# ---- paths


def joined(path, name):
    return f"{path}.{name}" if path and name else path or name


def local(path, base):
    """`path` as seen from within `base`."""
    return path.removeprefix(f"{base}.") if base else path


def numbered(text, times):
    """`text`, or "text (2)" when it comes a second time."""
    times[text] += 1
    return text if times[text] == 1 else f"{text} ({times[text]})"


def is_short_for(full, path):
    """Whether `path` is the path `full` with parts left out, though not the last."""
    full, path = full.split("."), path.split(".")
    parts = iter(full)
    return path[-1] == full[-1] and all(part in parts for part in path)
