"""Reverse-mode differentiation: from the loss back along the recorded graph."""

from sys import getrefcount

import numpy as np

from .context import during, recording, watching
from .fit import fitted, seed
from .history import check_unchanged, history, leading_to
from .tape import Node
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
    watcher = watching.get()
    own = set()  # the origins whose pending array nobody else can see, so it may be added into
    nodes = history(output)
    check_unchanged(nodes)
    rules = replay(nodes) if create_graph else None
    needed = None if found is None else leading_to(found, nodes)
    with during(recording, create_graph), np.errstate(all="ignore"):
        while nodes:
            node = nodes.pop()  # the latest: whatever used its value has been passed already
            g = pending.pop(node, None)
            if g is None:
                continue
            if found is not None or node.retained is not None:
                keep(node, g, found)
            for origin, rule, pullback in node.edges:
                if needed is not None and origin not in needed:
                    continue
                run = rules[node][rule] if create_graph else pullback
                d = run(g) if watcher is None else watcher.watched_rule(node, run)(g)
                if type(d) is not kind or d.dtype is not origin.dtype or d.shape != origin.shape:
                    d = fitted(d, origin, kind, node)
                before = pending.get(origin)
                if before is not None:
                    if origin in own:
                        np.add(before, d, out=before)
                        continue
                    d = before + d  # of 0-d arrays NumPy makes a scalar
                    d = d if create_graph else np.asarray(d)
                if not create_graph and getrefcount(d) == ALONE and d.base is None:
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
    if not all(isinstance(x, Tensor) for x in inputs):
        raise TypeError("grad: the inputs have to be the Tensors that the output was computed from")
    found = {x.origin: None for x in inputs}
    backward(output, gradient, create_graph, retain_graph=True, found=found)
    gradients = [(x, found[x.origin]) for x in inputs]
    return [
        Tensor(np.zeros(x.shape, x.dtype)) if g is None else g if create_graph else Tensor(g.copy())
        for x, g in gradients
    ]


def replay(nodes):
    """The rules of `nodes` once more, made by calling the same functions on tensors, so that what
    the rules compute is recorded: {node: its pullbacks}. This gives derivatives of any order."""
    tensors, rules = {}, {}
    for node in nodes:
        args = [tensors.get(arg, arg) if type(arg) is Node else arg for arg in node.args]
        value, *rules[node] = node.fn(*args, **node.kwargs)
        tensors[node] = Tensor.made_by(node, plain(value))  # the original's place in the graph
    return rules


def keep(origin, g, found):
    """Hand a finished gradient to `grad`, or add it to the `.grad` of its tensor."""
    if found is not None:
        if origin in found:
            found[origin] = g
        return
    tensor = origin if isinstance(origin, Tensor) else origin.retained()
    if tensor is None:
        return
    if tensor is not origin and type(g) is np.ndarray:
        g = g.copy()  # the gradients of what it was made from may still be the same array
    if tensor.grad is None:
        tensor.grad = g if isinstance(g, Tensor) else Tensor.made_by(None, g)
    elif isinstance(g, Tensor) or tensor.grad.requires_grad:
        tensor.grad = tensor.grad + g
    else:
        tensor.grad.data += g


def references():
    fresh = np.empty(1)
    return getrefcount(fresh)


ALONE = references()  # what getrefcount says of an array that only one local variable holds
