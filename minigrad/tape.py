"""The tape: `op` makes a function of arrays differentiable and records each call as a Node."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from sys import _getframe
from typing import Any, ParamSpec, Protocol, TypeAlias, overload

import numpy as np

from .clock import tick
from .context import Scope, recording, scope, watching
from .dtypes import make_uniform, result_in, widen
from .errors import explained, rules_differ, without_derivative
from .tensor import PLAIN, Tensor, numpy_functions, plain

P = ParamSpec("P")
Array: TypeAlias = Any  # in an op's body an array; its caller may give a Tensor, a number or lists
Rule: TypeAlias = Callable[..., Any]  # the gradient of the value in, that of one input out
Edge: TypeAlias = tuple[int, Rule]  # the slot of an input, and its rule
Origin: TypeAlias = "Node | Tensor"  # what gradients are collected for


class Op(Protocol[P]):
    """An op takes what its function takes, and gives a Tensor. `fn` is the function."""

    fn: Callable[..., tuple]
    __name__: str

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Tensor: ...


FLOAT32 = np.dtype(np.float32)
FREED: Any = []  # in place of what a node held, once backward has come by
NO_KWARGS: Any = {}


class Definition:
    """An op as its source defines it: a function, and which of its inputs have a rule."""

    def __init__(self, fn: Callable[..., tuple], cast: bool, wide: bool, real: bool):
        self.fn = fn
        self.name = fn.__name__
        self.cast = cast  # whether the inputs are brought to one dtype
        self.wide = wide or real  # whether that has to hold more than the result
        self.real = real  # and fractions of integers
        self.signature = inspect.signature(fn)
        parameters = list(self.signature.parameters.values())
        defined = {code.co_name for code in fn.__code__.co_consts if type(code) is types.CodeType}
        self.slots = [i for i, p in enumerate(parameters) if f"d{p.name}" in defined]
        if not self.slots:
            raise TypeError(
                f"op {self.name}: no rule found. For each input x that has a derivative, define an "
                "inner function dx(g) and return (value, dx)"
            )
        self.inputs = [parameters[i].name for i in self.slots]
        self.rule_names = [f"d{name}" for name in self.inputs]
        # {slot: (which of the rules is its own, and the name of that)}
        self.rule_of = {slot: (i, self.rule_names[i]) for i, slot in enumerate(self.slots)}
        self.count = len(self.slots)
        self.many = parameters[self.slots[-1]].kind is inspect.Parameter.VAR_POSITIONAL
        self.ours = str(fn.__module__).startswith("minigrad.")  # None: by `exec`
        self.places = functools.cache(self._places)
        self.tried = False  # whether a call has shown that it returns the rules that it defines

    def _places(self, count: int) -> tuple[list[int], list[int]]:
        """Which of `count` arguments are inputs that have a rule, and which are none."""
        slots = range(self.slots[0], count) if self.many else self.slots
        count = count if self.many else min(count, len(self.signature.parameters))
        inputs = [i for i in range(count) if i in slots]
        return inputs, [i for i in range(count) if i not in slots]

    def sorted_arguments(self, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        """The arguments with every input among the positional ones, and the numbers of the rest."""
        if not kwargs.keys().isdisjoint(self.inputs):
            bound = self.signature.bind(*args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        return args, {name: without_derivative(value) for name, value in kwargs.items()}

    def sorted_rules(self, rules: list[Rule]) -> list[Rule]:
        """The rules that a call has returned, in the order of the inputs that they are named for.
        Raises TypeError where one is missing, or is named for none."""
        names = [getattr(rule, "__name__", None) for rule in rules]
        if sorted(map(str, names)) != sorted(self.rule_names):
            raise TypeError(rules_differ(self.name, names, self.rule_names))
        return [rules[names.index(name)] for name in self.rule_names]

    def rule_name(self, slot: int) -> str:
        """What the rule for the argument number `slot` is called."""
        return self.rule_of[min(slot, self.slots[-1])][1]

    def edges(self, rules: list[Rule], slots: list[int]) -> list[Edge]:
        """Each of these slots with the one of the returned rules that is named for it; a rule that
        nobody needs is not kept, nor what it closes over."""
        if len(rules) != self.count:
            raise TypeError(rules_differ(self.name, rules, self.rule_names))
        if self.many:
            (rule,) = rules
            return [(slot, functools.partial(rule, i=slot - self.slots[0])) for slot in slots]
        edges = []
        for slot in slots:
            number, name = self.rule_of[slot]
            rule = rules[number]
            if getattr(rule, "__name__", None) != name:  # another branch has another order
                return self.edges(self.sorted_rules(rules), slots)
            edges.append((slot, rule))
        return edges


class Node:
    """One recorded call of an op.

    `args` are the call's arguments, where a tensor stands as its *origin*: the Node that made it,
    or the leaf Tensor itself. They are the graph, and with `op` they suffice to compute it again.
    `edges` are pairs (slot, rule), one for each argument that needs a gradient: its number, and
    the rule that gives its gradient.
    A node never holds its own tensor, so a graph is freed by reference counts alone.
    """

    __slots__ = (
        *("args", "changed", "dtype", "edges", "instruction", "kwargs", "name", "op", "retained"),
        *("scope", "shape", "tick", "value", "within"),
    )

    def __init__(
        self,
        op: Definition,
        args: list,
        kwargs: dict,
        edges: list[Edge],
        value: np.ndarray,
    ):
        self.op = op
        self.args = args
        self.kwargs = kwargs
        self.edges = edges
        self.shape = value.shape
        self.dtype = value.dtype
        self.tick = tick()
        self.changed = 0  # the tick at which its tensor's data was changed in place
        self.name: str | None = None  # given by Tensor.named, which keeps the `value` too
        self.value: np.ndarray | None = None
        # A weak reference to who wants its `.grad`.
        self.retained: Callable[[], Tensor | None] | None = None
        self.scope: Scope | None = scope.get()
        caller = _getframe(3)  # past __init__, record and the op itself
        if caller.f_globals is OPERATORS:
            caller = caller.f_back or caller
        self.within, self.instruction = caller.f_code, caller.f_lasti  # the line is found by `line`

    @property
    def freed(self) -> bool:
        """Whether backward has come by."""
        return self.args is FREED

    @property
    def op_name(self) -> str:
        return self.op.name

    @property
    def line(self) -> tuple[str, int]:
        """The file and the line from which the op was called."""
        lines = self.within.co_lines()
        number = next((line for start, end, line in lines if start <= self.instruction < end), None)
        return self.within.co_filename, number or self.within.co_firstlineno

    def free(self) -> None:
        """Drop all that backward needed; the node stays, as a mark that it was there."""
        self.args = self.edges = FREED
        self.kwargs = NO_KWARGS
        self.value = None

    def __repr__(self) -> str:
        """<mul (2, 3) float32, made in encoder.layers.0 at demo.py:12>"""
        what = f"{self.op_name} {self.shape} {self.dtype}"
        name = f"{self.name!r} = " if self.name else ""
        path = f" in {self.scope.path or type(self.scope.module).__name__}" if self.scope else ""
        file, number = self.line
        freed = ", freed by backward" if self.freed else ""
        return f"<{name}{what}, made{path} at {Path(file).name}:{number}{freed}>"


def held_by(node: Node) -> Iterator[np.ndarray]:
    """All arrays that the graph needs at a node."""
    return arrays_in([node.args, *node.kwargs.values(), *(rule for _, rule in node.edges)])


def arrays_in(values: Iterable[Any]) -> Iterator[np.ndarray]:
    """The arrays among values, in lists and in what functions close over, such as rules, too."""
    left, seen = list(values), set()
    while left:
        value = left.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Tensor):
            yield value._data
        elif isinstance(value, np.ndarray):
            yield value
        elif isinstance(value, (list, tuple)):
            left += value
        elif isinstance(value, functools.partial):
            left += [value.func, *value.args]
        elif isinstance(value, types.FunctionType):
            for cell in value.__closure__ or ():
                with suppress(ValueError):  # of a variable that was never assigned
                    left.append(cell.cell_contents)


# Where the one-line methods stand that only say which op it is.
OPERATORS = Tensor.__add__.__globals__


@overload
def op(fn: Callable[P, tuple]) -> Op[P]: ...
@overload
def op(
    *, cast: bool = True, wide: bool = False, real: bool = False, ufunc: np.ufunc | None = None
) -> Callable[[Callable[P, tuple]], Op[P]]: ...
def op(
    fn: Any = None,
    *,
    cast: bool = True,
    wide: bool = False,
    real: bool = False,
    ufunc: np.ufunc | None = None,
) -> Any:
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
    `cast=False` leaves the dtypes to the function. `wide=True` is for what may need more digits, or
    larger numbers, on the way to its value than in it, as sums do: of float16 it is computed in
    float32 (the result is float16 again). `real=True` is for fractions: integers are taken as real
    numbers too. `ufunc=np.sinh` makes the op what that function of NumPy's does to a Tensor,
    everywhere in this process.

    Raises TypeError for a function without a rule; and when it is called, for one that returns
    other rules than it defines.
    """
    if fn is None:
        return functools.partial(op, cast=cast, wide=wide, real=real, ufunc=ufunc)
    definition = Definition(fn, cast, wide, real)

    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Tensor:
        values: Any = args
        try:
            if kwargs:
                args, kwargs = definition.sorted_arguments(args, kwargs)
            values, kept, needing, dtype = unpack(definition, args)
            watcher = watching.get()
            run = fn if watcher is None else watcher.watched(fn)
            result = run(*values, **kwargs)
        except (ValueError, TypeError, IndexError) as error:
            raise explained(fn.__name__, values, error) from None
        return record(definition, result, dtype, needing, kept, kwargs)

    call.fn = fn  # type: ignore[attr-defined]
    call.__signature__ = definition.signature.replace(  # type: ignore[attr-defined]
        return_annotation=Tensor  # so that help() says what a call gives
    )
    if ufunc is not None:
        numpy_functions[ufunc] = call
    return call


def unpack(op: Definition, args: tuple) -> tuple[list, list, list[int], Any]:
    """The arguments of an op as four things: what its function is given, which is arrays of one
    dtype in place of the inputs; the same with origins in place of the tensors, to be kept; the
    slots of those that need a gradient; and the dtype."""
    values, kept, needing = [*args], [*args], []
    dtype: Any = None
    uniform = True
    places = op.places
    slots, others = places(len(args))
    for slot in slots:
        arg = args[slot]
        if isinstance(arg, Tensor):
            array = values[slot] = arg._data
            kept[slot] = arg.node or arg
            if arg._requires_grad:
                needing.append(slot)
            if dtype is None:
                dtype = array.dtype
            elif array.dtype is not dtype:
                uniform = False
        elif arg is not None and type(arg) is not float and type(arg) is not int:
            uniform = False
    for slot in others:
        if type(args[slot]) not in PLAIN:
            values[slot] = without_derivative(args[slot])
            kept[slot] = args[slot] if isinstance(args[slot], Tensor) else values[slot]
    if op.cast and (dtype is None or not uniform):
        tensors = {slot for slot, arg in enumerate(args) if isinstance(arg, Tensor)}
        dtype = make_uniform(values, slots, tensors)
        kept = [k if slot in tensors else values[slot] for slot, k in enumerate(kept)]
    if op.wide and dtype is not FLOAT32:
        dtype = widen(values, slots, dtype, op.real)
    return values, kept, needing, dtype


def given_float32(rule: Rule, g: Array) -> Array:
    """What the rule of an op that was computed in float32 says to a gradient in float16."""
    return rule(g.astype(np.float32))


def as_written(rule: Any) -> Any:
    """The function that an op has returned, of a rule that is told for which input it is, that is
    given float32, or that a decorator stands around."""
    while True:
        if isinstance(rule, functools.partial):
            rule = rule.args[0] if rule.func is given_float32 else rule.func
        elif hasattr(rule, "__wrapped__"):
            rule = rule.__wrapped__
        else:
            return rule


def record(
    op: Definition, result: Any, dtype: Any, needing: list[int], kept: list, kwargs: dict
) -> Tensor:
    """The Tensor that a call of an op gives; it has a Node if any input needs a gradient."""
    value, *rules = result if type(result) is tuple else (result,)
    if not op.tried:
        rules = op.sorted_rules(rules)
        op.tried = True
    if type(value) is not np.ndarray or (value.dtype is not dtype and op.cast):
        value = plain(value)
        value = result_in(value, dtype) if op.cast else np.asarray(value)
    if not needing or not recording.get():
        return Tensor.made_by(None, value)
    edges = op.edges(rules, needing)
    if dtype is not FLOAT32 and op.wide and dtype.char == "e":
        edges = [(slot, functools.partial(given_float32, rule)) for slot, rule in edges]
    return Tensor.made_by(Node(op, kept, kwargs, edges, value), value)
