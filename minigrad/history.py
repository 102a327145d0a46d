"""The recorded graph as a list, and what backward has to know of it before it starts."""

from operator import attrgetter

from . import tensor
from .tape import Node
from .tensor import Tensor


def history(output):
    """The Nodes that `output` was computed by, oldest first; none for a leaf.

    Raises RuntimeError where a part of the graph was freed.
    """
    seen = {output.origin} if output.node is not None else set()
    stack = list(seen)
    while stack:  # no recursion: a chain of 100,000 ops is nothing special
        node = stack.pop()
        if node.edges is None:
            raise RuntimeError(
                f"the graph at {node.op_name} was freed by an earlier backward: compute the tensor "
                "again, or call that backward with retain_graph=True"
            )
        for origin, _, _ in node.edges:
            if type(origin) is Node and origin not in seen:
                seen.add(origin)
                stack.append(origin)
    return sorted(seen, key=attrgetter("tick"))


def check_unchanged(nodes):
    """Refuse a graph whose numbers are no longer those that it was recorded with."""
    if not nodes or tensor.latest_change < nodes[0].tick:
        return
    for node in nodes:
        for origin in (node, *node.args):
            if isinstance(origin, (Node, Tensor)) and origin.changed > node.tick:
                raise RuntimeError(
                    f"backward: a tensor of shape {origin.shape} that {node.op_name} used or made "
                    "was changed in place since, so its gradient would be wrong. Change a copy, or "
                    "change it after backward"
                )


def leading_to(found, nodes):
    """The origins on the way from `found` to the output: no other gradient is worth computing."""
    needed = set(found)
    for node in nodes:
        if any(edge[0] in needed for edge in node.edges):
            needed.add(node)
    return needed
