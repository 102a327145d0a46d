"""Reverse-mode differentiation: from the loss back along the recorded graph."""

import sys
from operator import attrgetter

import numpy as np

from .tape import Node, recorded
from .tensor import Tensor, plain


def backward(output, gradient=None, create_graph=False, retain_graph=False, *, found=None):
    """Add the derivative of `output` to the `.grad` of every leaf that it was computed from.

    `gradient` is the derivative of the loss with respect to `output`, in its shape; a tensor of one
    entry needs none. The graph is freed on the way unless `retain_graph`. With `create_graph` the
    gradients are recorded too, and can be differentiated again.
    (`found` is for `grad`: a dict {origin: None} to fill in place of any `.grad`.)

    Raises RuntimeError where there is no graph, or where it was freed or changed since.
    """
    if not output.requires_grad:
        raise RuntimeError(
            "backward: this tensor depends on nothing that requires a gradient (or was computed "
            "under no_grad), so there is no graph to go back through"
        )
    kind = Tensor if create_graph else np.ndarray  # what gradients are: recorded, or numbers
    pending = {output.origin: seed(output, gradient, kind)}  # {origin: its gradient so far}
    own = set()  # the origins whose pending array nobody else can see, so it may be added into
    nodes = history(output)
    rules = replay(nodes) if create_graph else None
    needed = None if found is None else leading_to(found, nodes)
    with recorded(create_graph), np.errstate(all="ignore"):
        while nodes:
            node = nodes.pop()  # the latest: whatever used its value has been passed already
            g = pending.pop(node, None)
            if g is None:
                continue
            keep(node, g, found)
            for origin, rule, pullback in node.edges:
                if needed is not None and origin not in needed:
                    continue
                d = rules[node][rule](g) if create_graph else pullback(g)
                if type(d) is not kind or d.shape != origin.shape or d.dtype != origin.dtype:
                    d = fitted(d, origin, kind, node)
                if origin in own:
                    np.add(pending[origin], d, out=pending[origin])
                    continue
                if origin in pending:
                    d = pending[origin] + d
                if not create_graph and sys.getrefcount(d) == ALONE and d.base is None:
                    own.add(origin)
                pending[origin] = d
            if not (retain_graph or create_graph):
                node.free()
    for leaf, g in pending.items():
        keep(leaf, g if leaf in own or create_graph else g.copy(), found)


def grad(output, inputs, gradient=None, create_graph=False):
    """The derivative of `output` with respect to each of `inputs` (a tensor, or a list of them).

    Touches no `.grad` and frees nothing. An input that `output` does not depend on gets zeros.
    """
    if isinstance(inputs, Tensor):
        return grad(output, [inputs], gradient, create_graph)[0]
    found = {x.origin: None for x in inputs}
    backward(output, gradient, create_graph, retain_graph=True, found=found)
    results = [found[x.origin] for x in inputs]
    return [
        Tensor(np.zeros(x.shape, x.dtype)) if g is None else g if create_graph else Tensor(g.copy())
        for x, g in zip(inputs, results)
    ]


def seed(output, gradient, kind):
    """The gradient to begin with, at the output itself."""
    if gradient is None:
        if output.size != 1:
            raise ValueError(
                f"backward from a tensor of shape {output.shape} needs `gradient`, an array of that "
                "shape; or make it one number first, with .sum() or .mean()"
            )
        gradient = np.ones(output.shape, output.dtype)
    g = gradient if isinstance(gradient, Tensor) else Tensor(gradient, dtype=output.dtype)
    if g.shape != output.shape:
        raise ValueError(f"backward: gradient has shape {g.shape}, the tensor has {output.shape}")
    g = g if g.dtype == output.dtype else g.astype(output.dtype)
    return g if kind is Tensor else g.data


def history(output):
    """The recorded ops that `output` was computed by, in the order in which they ran."""
    seen, stack = set(), [output.origin]
    while stack:
        node = stack.pop()
        if type(node) is not Node or node in seen:
            continue
        if node.edges is None:
            raise RuntimeError(
                f"backward: the graph at {node.op_name} was freed by an earlier backward. Compute "
                "the loss again, or call the earlier one with retain_graph=True"
            )
        seen.add(node)
        for origin in (node, *(edge[0] for edge in node.edges)):
            if origin.changed > node.tick:
                raise RuntimeError(
                    f"backward: a tensor of shape {origin.shape} that {node.op_name} used or made "
                    "was changed in place since, so its gradient would be wrong. Change a copy, or "
                    "change it after backward"
                )
            stack.append(origin)
    return sorted(seen, key=attrgetter("tick"))


def replay(nodes):
    """The rules of `nodes` once more, made by calling the same functions on tensors, so that what
    the rules compute is recorded: {node: its pullbacks}. This gives derivatives of any order."""
    tensors, rules = {}, {}
    for node in nodes:
        args = [tensors.get(arg, arg) if type(arg) is Node else arg for arg in node.args]
        value, *rules[node] = node.fn(*args, **node.kwargs)
        tensors[node] = Tensor.made_by(node, plain(value))  # the original's place in the graph
    return rules


def leading_to(found, nodes):
    """The origins on the way from `found` to the output: no other gradient is worth computing."""
    needed = set(found)
    for node in nodes:
        if any(edge[0] in needed for edge in node.edges):
            needed.add(node)
    return needed


def fitted(d, origin, kind, node):
    """What a rule returned, in the shape and dtype of its input: here broadcasting is undone, by
    summing over the axes along which the input was repeated."""
    d = np.asarray(plain(d)) if kind is np.ndarray else d if isinstance(d, Tensor) else Tensor(d)
    if d.shape != origin.shape:
        new = d.ndim - len(origin.shape)
        repeated = [new + i for i, n in enumerate(origin.shape) if n == 1 != d.shape[new + i]]
        if new < 0 or any(n not in (1, m) for n, m in zip(origin.shape, d.shape[new:])):
            raise ValueError(
                f"a rule of {node.op_name} gave a gradient of shape {d.shape} for an input of "
                f"shape {origin.shape}: it has to have the input's shape"
            )
        if repeated:
            d = d.sum(axis=tuple(repeated), keepdims=True)
        if new:  # over the leading axes: a product with ones is faster than .sum of short rows
            rows = int(np.prod(d.shape[:new]))
            d = np.ones(rows, d.dtype) @ d.reshape(rows, -1)  # one row an entry of the input
        d = d.reshape(origin.shape)
    return d if d.dtype == origin.dtype else d.astype(origin.dtype)


def keep(origin, g, found):
    """Hand a finished gradient over: to `grad`, or to the `.grad` of a leaf (added to what is
    there) or of a tensor that asked for it."""
    if found is not None:
        if origin in found:
            found[origin] = g
        return
    tensor = origin if isinstance(origin, Tensor) else origin.retained and origin.retained()
    if tensor is None:
        return
    if type(origin) is Node and type(g) is np.ndarray:
        g = g.copy()  # its parents' gradients may still be the same array
    if tensor.grad is None:
        tensor.grad = g if isinstance(g, Tensor) else Tensor(g)
    elif isinstance(g, Tensor) or tensor.grad.requires_grad:
        tensor.grad = tensor.grad + g
    else:
        tensor.grad.data += g


def references():
    fresh = np.empty(1)
    return sys.getrefcount(fresh)


ALONE = references()  # what getrefcount says of an array that only one local variable holds
