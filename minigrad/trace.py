"""The tape, read into a Graph: each recorded op a node, each call of a module a cluster."""

import functools
import inspect
from collections import Counter
from contextlib import suppress

import numpy as np

from .graph import Cluster, Edge, Graph, GraphNode, joined, local, numbered
from .history import history
from .module import Parameter
from .tape import Node
from .tensor import Tensor, plain


def graph_of(tensor):
    """The Graph that `tensor` was computed by; of a leaf, that leaf alone.

    Raises RuntimeError where backward has freed it.
    """
    calls = history(tensor)
    clusters = clusters_of(call.scope for call in calls)
    owned = parameter_paths(clusters)
    nodes, homes, edges = {}, {}, []  # {id of an origin or array: its node}, {...: its cluster}
    for call in calls:
        inputs, settings = arguments(call)
        home = homes[id(call)] = clusters[call.scope]
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
        node = nodes[id(call)] = GraphNode(
            *(f"n{len(nodes)}", "op", f"{call.op_name} {settings}".strip()),
            *(call.shape, call.dtype, home.path, call.name, call.value, saved_by(call)),
        )
        edges += [Edge(nodes[id(value)].id, node.id, argument) for argument, value in inputs]
    if not calls:
        alone = nodes[id(tensor)] = leaf("n0", tensor, "tensor", owned)
        alone.kind = "input" if alone.kind == "constant" else alone.kind
    for key, node in nodes.items():
        home = clusters[None] if node.kind == "input" else homes.get(key, clusters[None])
        home.nodes.append(node)
        if node.kind == "parameter":
            node.label = local(node.full_name, home.path) or node.label
    return Graph(list(nodes.values()), edges, clusters[None], nodes[id(tensor.origin)])


def leaf(id, value, argument, owned):
    """The node of a Tensor that no op has made, or of an array given to an op as `argument`."""
    if is_constant(value):
        name = getattr(value, "name", None)  # of a Tensor; an array has none
        label = name or ("array" if argument in ("a", "b") else argument)
        value = plain(value)
        return GraphNode(id, "constant", label, value.shape, value.dtype, name=name, value=value)
    kind, path, name = "input", "", value.name
    if isinstance(value, Parameter):
        kind = "parameter"
        if value in owned:
            path, _, name = owned[value].rpartition(".")
    label = name or ("tensor" if kind == "input" else kind)
    return GraphNode(id, kind, label, value.shape, value.dtype, path, name, value.data)


def is_constant(value):
    return isinstance(value, np.ndarray) or (isinstance(value, Tensor) and not value.requires_grad)


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


def common(one, other):
    """The innermost cluster that both are in."""
    while one is not other:
        if one.depth >= other.depth:
            one = one.parent
        else:
            other = other.parent
    return one
