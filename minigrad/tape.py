"""The tape: `op` makes a function of arrays differentiable and records each call as a Node."""

import functools
import inspect

import numpy as np

from .context import recording, scope, watching
from .dtypes import make_uniform, result_in
from .errors import constant, explained, rules_differ
from .rules import inputs_with_a_rule, rule_for_each
from .tensor import PLAIN, Tensor, plain, tick

numpy_rules = {}  # {a function of NumPy's: what it does when it meets a Tensor}, see methods.py


class Node:
    """One recorded call of an op.

    `args` are the call's arguments, where a tensor stands as its *origin*: the Node that made it,
    or the leaf Tensor itself. They are the graph, and with `fn` they suffice to compute it again.
    `edges` are triples (origin, number of the rule, pullback); `replay` goes by the number.
    A node never holds its own tensor, so a graph is freed by reference counts alone.
    """

    __slots__ = ("__dict__", "args", "dtype", "edges", "fn", "kwargs", "scope", "shape", "tick")

    changed = 0  # the tick at which its tensor's data was changed in place
    name = None  # given by Tensor.named, which keeps the `value` too
    value = None
    retained = None  # a weak reference to the tensor that wants its `.grad`
    op_name = property(lambda self: self.fn.__name__)

    def __init__(self, fn, args, kwargs, edges, value):
        self.fn = fn
        self.args = args
        self.kwargs = kwargs
        self.edges = edges
        self.shape = value.shape
        self.dtype = value.dtype
        self.tick = tick()
        self.scope = scope.get()

    def free(self):
        """Drop all that backward needed; the node stays, as a mark that it was there."""
        self.args = self.kwargs = self.edges = self.value = None


def op(fn=None, *, cast=True):
    """Make `fn` an op: a differentiable function of tensors, recorded when it is called.

    `fn` is a plain function of arrays. It returns its value and then, for each input that has a
    derivative, a rule: an inner function named `d` + the input's name, which takes the gradient of
    the loss with respect to the value and returns that with respect to the input (the pullback).

        @mg.op
        def sinh(x):
            def dx(g): return g * np.cosh(x)
            return np.sinh(x), dx

    Broadcasting is undone and the dtype kept for it. For higher derivatives the same function is
    called on tensors, where NumPy's functions and operators are ops themselves: write a rule with
    these, and fill no arrays in place except temporaries (`e -= m`).
    An input `*xs` stands for any number; its rule `dxs(g, i)` is told which one is meant.
    `cast=False` leaves the dtypes to the function.
    """
    if fn is None:
        return functools.partial(op, cast=cast)
    signature = inspect.signature(fn)
    slots, many = inputs_with_a_rule(fn, signature)
    named = {list(signature.parameters)[i] for i in slots}
    # For each parameter the number of its rule, or None.
    rules = [slots.index(i) if i in slots else None for i in range(len(signature.parameters))]
    if many:
        fn = rule_for_each(fn, slots[0])

    @functools.wraps(fn)
    def call(*args, **kwargs):
        if kwargs:
            if not named.isdisjoint(kwargs):
                bound = signature.bind(*args, **kwargs)
                bound.apply_defaults()
                args, kwargs = bound.args, bound.kwargs
            kwargs = {key: constant(fn.__name__, value) for key, value in kwargs.items()}
        values, kept = list(args), list(args)  # what the function gets, and what the node keeps
        tracked = []  # (origin, number of its rule) for the inputs that need a gradient
        dtype, uniform = None, True
        which = [None] * slots[0] + list(range(len(args) - slots[0])) if many else rules
        for i, (arg, rule) in enumerate(zip(args, which)):
            if rule is None:
                if type(arg) not in PLAIN:
                    values[i] = constant(fn.__name__, arg)
            elif isinstance(arg, Tensor):
                array = values[i] = arg._data
                origin = kept[i] = arg.node or arg
                if arg._requires_grad:
                    tracked.append((origin, rule))
                if dtype is None:
                    dtype = array.dtype
                elif array.dtype is not dtype:
                    uniform = False
            elif type(arg) is not float and type(arg) is not int and arg is not None:
                uniform = False
        try:
            if cast and (not uniform or dtype is None):
                tensors = {i for i, arg in enumerate(args) if isinstance(arg, Tensor)}
                inputs = [i for i, rule in enumerate(which[: len(args)]) if rule is not None]
                dtype = make_uniform(values, inputs, tensors)
                kept = [k if i in tensors else v for i, (k, v) in enumerate(zip(kept, values))]
            watcher = watching.get()
            run = fn if watcher is None else watcher.watched(fn)
            value, *pullbacks = run(*values, **kwargs)
            expected = len(args) - slots[0] if many else len(slots)
            if len(pullbacks) != expected:
                raise TypeError(rules_differ(len(pullbacks), expected))
        except (ValueError, TypeError, IndexError) as error:
            raise explained(fn.__name__, values, error) from error

        if type(value) is not np.ndarray or (value.dtype is not dtype and cast):
            value = plain(value)
            value = result_in(value, dtype) if cast else np.asarray(value)
        if not (tracked and recording.get()):
            return Tensor.made_by(None, value)
        edges = []
        for origin, rule in tracked:
            edges.append((origin, rule, pullbacks[rule]))
        return Tensor.made_by(Node(fn, kept, kwargs, edges, value), value)

    call.fn = fn
    ufunc = getattr(np, fn.__name__, None)
    if isinstance(ufunc, np.ufunc) and not hasattr(numpy_rules.get(ufunc), "fn"):
        numpy_rules[ufunc] = call  # an op `sinh` is what np.sinh does to a Tensor
    return call
