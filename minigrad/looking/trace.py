"""The tape, read into a Graph: each recorded op a node, each call of a module a cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import numpy as np

from ..backward import history
from ..context import Scope, dotted
from ..module import Parameter
from ..tape import Node, as_written
from ..tensor import Tensor, plain
from .graph import Cluster, Edge, Graph, GraphNode, local, numbered


def graph_of(tensor: Tensor) -> Graph:
    """The Graph that `tensor` was computed by; of a leaf, that leaf alone.

    Raises RuntimeError where backward has freed it.
    """
    try:
        recorded = history(tensor)
    except RuntimeError as error:
        raise RuntimeError(f"{error}; or look at the graph before backward") from None
    clusters = clusters_of(op.scope for op in recorded)
    owned = parameter_paths(clusters)
    nodes: dict[int, GraphNode] = {}  # {id of an origin or array: its node}
    homes: dict[int, Cluster] = {}
    edges: list[Edge] = []
    for op in recorded:
        inputs, settings = arguments(op)
        home = homes[id(op)] = clusters[op.scope]
        # Data is what meets parameters only; an array that meets what was computed is a constant.
        data = all(isinstance(value, Parameter) or is_constant(value) for _, value in inputs)
        for argument, value in inputs:
            key = id(value)
            if key not in nodes:
                nodes[key] = leaf(f"n{len(nodes)}", value, argument, owned)
            if data and nodes[key].kind == "constant":
                nodes[key].kind = "input"
            if type(value) is not Node:  # a leaf lives in the innermost call that has all its uses
                homes[key] = common(homes.get(key, home), home)
        node = nodes[id(op)] = GraphNode(
            *(f"n{len(nodes)}", "op", f"{op.op_name} {settings}".strip()),
            *(op.shape, op.dtype, home.path, op.name, op.value, saved_by(op), op),
        )
        edges += [Edge(nodes[id(value)].id, node.id, argument) for argument, value in inputs]
    if not recorded:
        alone = nodes[id(tensor)] = leaf("n0", tensor, "tensor", owned)
        alone.kind = "input" if alone.kind == "constant" else alone.kind
    for key, node in nodes.items():
        home = clusters[None] if node.kind == "input" else homes.get(key, clusters[None])
        if node.kind == "constant" and node.name:
            node.path = home.path
        home.nodes.append(node)
        if node.kind == "parameter":
            node.label = local(node.full_name, home.path) or node.label
    output = nodes[id(tensor.origin)]
    tape = {nodes[id(op)].id: op for op in recorded}
    return Graph(list(nodes.values()), edges, clusters[None], output, recorded=tape)


def leaf(id: str, value: Any, argument: str, owned: dict[Tensor, str]) -> GraphNode:
    """The node of a Tensor that no op has made, or of an array given to an op as `argument`."""
    if is_constant(value):
        name = getattr(value, "name", None)  # of a Tensor; an array has none
        label = name or ("array" if argument in ("a", "b") else argument)
        array = plain(value)
        look = {"name": name, "value": array, "origin": value}
        return GraphNode(id, "constant", label, array.shape, array.dtype, **look)
    kind, path, name = "input", "", value.name
    if isinstance(value, Parameter):
        kind = "parameter"
        if value in owned:
            path, _, name = owned[value].rpartition(".")
    label = name or ("tensor" if kind == "input" else kind)
    look = {"value": value.data, "origin": value}
    return GraphNode(id, kind, label, value.shape, value.dtype, path, name, **look)


def is_constant(value: Any) -> bool:
    return isinstance(value, np.ndarray) or (isinstance(value, Tensor) and not value.requires_grad)


def arguments(op: Node) -> tuple[list[tuple[str, Any]], str]:
    """The inputs of a recorded op, as (name of the argument, Node or leaf Tensor or array), and its
    other arguments in short: "0.125", "-1, -2", "axis=0". None and defaults are left out."""
    signature = op.op.signature
    inputs, settings, number = [], [], False
    for name, given in signature.bind(*op.args, **op.kwargs).arguments.items():
        parameter = signature.parameters[name]
        many = parameter.kind is parameter.VAR_POSITIONAL
        for i, value in enumerate(given if many else [given]):
            if isinstance(value, (Node, Tensor)) or (isinstance(value, np.ndarray) and value.ndim):
                inputs.append((f"{name}[{i}]" if many else name, value))
                if number and not many:
                    settings.append("·")  # 2 - x is not x - 2
            elif parameter.default is parameter.empty:
                settings.append(short(value))
                number = isinstance(value, (int, float))
            elif value is not None and short(value) != short(parameter.default):
                settings.append(f"{name}={short(value)}")
    text = ", ".join(settings)
    return inputs, text if len(text) <= 28 else text[:27] + "…"


def short(value: Any) -> str:
    """An argument that is no input, as short text."""
    if isinstance(value, np.ndarray) and value.ndim:
        return f"array{value.shape}"
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.item()
    if isinstance(value, slice):
        ends = [value.start, value.stop, value.step][: 2 if value.step is None else 3]
        return ":".join("" if end is None else str(end) for end in ends)
    if isinstance(value, (tuple, list)):
        parts = [short(part) for part in value[:6]] + (["…"] if len(value) > 6 else [])
        return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"
    if isinstance(value, float):
        return rounded(value)
    return "..." if value is ... else getattr(value, "__name__", None) or str(value)


def rounded(value: float) -> str:
    """A number to four digits, or as many as tell it from a whole number: 1.00001 is not 1."""
    for digits in range(4, 17):
        text = f"{value:.{digits}g}"
        if value.is_integer() or not float(text).is_integer():
            return text
    return repr(value)


def saved_by(op: Node) -> list[tuple[str, tuple[int, ...]]]:
    """(variable, shape) of the arrays that the rules of a recorded op close over."""
    found = {}
    for _, rule in op.edges:
        rule = as_written(rule)
        for variable, cell in zip(rule.__code__.co_freevars, rule.__closure__ or ()):
            with suppress(ValueError):  # of a variable that was never assigned
                held = cell.cell_contents
                many = isinstance(held, (list, tuple))  # such as the inputs `*xs`
                for i, array in enumerate(held if many else [held]):
                    if isinstance(array, np.ndarray):
                        found[f"{variable}[{i}]" if many else variable] = array.shape
    return list(found.items())


# ---- module calls


def clusters_of(scopes: Iterable[Scope | None]) -> dict[Scope | None, Cluster]:
    """{Scope: its Cluster}, outer before inner; None stands for the root of the tree."""
    root = Cluster("", "")
    clusters: dict[Scope | None, Cluster] = {None: root}
    times, within = Counter(), {}
    for innermost in scopes:
        chain, scope = [], innermost
        while scope is not None and scope not in clusters:
            chain.append(scope)
            scope = scope.outer
        for inner in reversed(chain):
            outer = clusters[inner.outer]
            clusters[inner] = Cluster("", type(inner.module).__name__, outer.depth + 1, outer)
            outer.children.append(clusters[inner])
    for scope, cluster in clusters.items():
        if scope is None or cluster.parent is None or root.children == [cluster]:
            continue  # the only outermost call is where paths begin
        path, outer = None, scope.outer
        while outer is not None and not path:  # the nearest caller that has this module
            caller = outer.module
            if id(caller) not in within:
                within[id(caller)] = {id(module): at for at, module in caller.named_modules()}
            if at := within[id(caller)].get(id(scope.module)):
                path = dotted(clusters[outer].path, at)
            outer = outer.outer
        # No caller has one that was built on the fly, nor one of several models.
        path = path or dotted(cluster.parent.path, cluster.module.lower())
        cluster.path = numbered(path, times)
    return clusters


def parameter_paths(clusters: dict[Scope | None, Cluster]) -> dict[Tensor, str]:
    """{Parameter: its path}, as seen from the outermost module that has it."""
    owned, seen = {}, set()
    for scope, cluster in clusters.items():
        if scope is not None and id(scope.module) not in seen:
            seen.add(id(scope.module))
            for path, parameter in scope.module.named_parameters():
                owned.setdefault(parameter, dotted(cluster.path, path))
    return owned


def common(one: Cluster, other: Cluster) -> Cluster:
    """The innermost cluster that both are in."""
    while one is not other:
        if one.depth < other.depth:
            one, other = other, one
        assert one.parent is not None  # it is not the root, which is in every other
        one = one.parent
    return one
