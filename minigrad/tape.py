"""The tape: `op` makes a function of arrays differentiable and records each call as a Node."""

from __future__ import annotations

import functools
import inspect
import itertools
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeAlias, overload

import numpy as np

from . import tensor
from .context import Scope, recording, scope, watching
from .dtypes import make_uniform, result_in
from .errors import explained, rules_differ, without_derivative
from .tensor import PLAIN, Tensor, numpy_functions, plain, tick

P = ParamSpec("P")
Array: TypeAlias = Any  # in an op's body an array; its caller may give a Tensor, a number or lists
Rule: TypeAlias = Callable[..., Any]  # the gradient of the value in, that of one input out
Origin: TypeAlias = "Node | Tensor"  # what gradients are collected for
Edge: TypeAlias = tuple[Origin, int, Rule]  # (where from, slot, rule)


class Op(Protocol[P]):
    """An op takes what its function takes, and gives a Tensor. `fn` is the function."""

    fn: Callable[..., tuple]
    __name__: str

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Tensor: ...


class Definition:
    """An op as its source defines it: a function, and which of its inputs have a rule."""

    def __init__(self, fn: Callable[..., tuple], cast: bool):
        self.fn = fn
        self.name = fn.__name__
        self.cast = cast  # whether the inputs are brought to one dtype
        self.signature = inspect.signature(fn)
        parameters = list(self.signature.parameters.values())
        defined = {code.co_name for code in fn.__code__.co_consts if type(code) is types.CodeType}
        self.inputs = [p.name for p in parameters if f"d{p.name}" in defined]
        if not self.inputs:
            raise TypeError(
                f"op {self.name}: no rule found. For each input x that has a derivative, define an "
                "inner function dx(g) and return (value, dx)"
            )
        self.rule_names = [sys.intern(f"d{name}") for name in self.inputs]
        # For each parameter the number of its rule, or None.
        self.numbers = [
            self.inputs.index(p.name) if p.name in self.inputs else None for p in parameters
        ]
        many = [i for i, p in enumerate(parameters) if p.kind is p.VAR_POSITIONAL]
        self.many = many[0] if many else None  # the slot from which on `*xs` stand

    def slots(self, count: int) -> list[int | None]:
        """For each of `count` arguments the number of its rule, or None."""
        if self.many is None:
            return self.numbers
        return self.numbers[: self.many] + [self.numbers[self.many]] * (count - self.many)

    def sorted_arguments(self, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        """The arguments with every input among the positional ones, and the numbers of the rest."""
        if not kwargs.keys().isdisjoint(self.inputs):
            bound = self.signature.bind(*args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        return args, {name: without_derivative(value) for name, value in kwargs.items()}

    def split(self, result: Any) -> tuple[Any, list[Rule]]:
        """What the function returned, as the value and the rules, in the order of the inputs that
        they are named for. Raises TypeError where one is missing, or is named for none."""
        value, *rules = result if type(result) is tuple else (result,)
        for rule, name in zip(rules, self.rule_names):
            if getattr(rule, "__name__", None) is not name:
                break
        else:
            if len(rules) == len(self.rule_names):
                return value, rules
        by_name = {getattr(rule, "__name__", None): rule for rule in rules}
        if len(by_name) != len(rules) or by_name.keys() != set(self.rule_names):
            raise TypeError(rules_differ(self.name, [*by_name], self.rule_names))
        return value, [by_name[name] for name in self.rule_names]

    def rule_for(self, slot: int, rules: list[Rule]) -> Rule:
        """Which of the rules gives the gradient of the argument number `slot`."""
        if self.many is not None and slot >= self.many:
            return functools.partial(rules[-1], i=slot - self.many)
        return rules[self.numbers[slot]]  # type: ignore[index]


class Node:
    """One recorded call of an op.

    `args` are the call's arguments, where a tensor stands as its *origin*: the Node that made it,
    or the leaf Tensor itself. They are the graph, and with `op` they suffice to compute it again.
    `edges` are triples (origin, slot, rule): for the argument number `slot`, where it came from and
    the rule for its gradient.
    A node never holds its own tensor, so a graph is freed by reference counts alone.
    """

    __slots__ = (
        *("__dict__", "args", "dtype", "edges", "instruction", "kwargs", "op", "scope", "shape"),
        *("tick", "within"),
    )

    changed = 0  # the tick at which its tensor's data was changed in place
    name: str | None = None  # given by Tensor.named, which keeps the `value` too
    value: np.ndarray | None = None
    retained: Callable[[], Tensor | None] | None = None  # a weak reference to who wants its `.grad`

    def __init__(
        self, op: Definition, args: list, kwargs: dict, edges: list[Edge], value: np.ndarray
    ):
        self.op = op
        self.args: list | None = args
        self.kwargs: dict | None = kwargs
        self.edges: list[Edge] | None = edges
        self.shape = value.shape
        self.dtype = value.dtype
        self.tick = tick()
        self.scope: Scope | None = scope.get()
        caller = sys._getframe(3)  # past __init__, record and the op itself
        if caller.f_globals is OPERATORS and caller.f_back is not None:
            caller = caller.f_back
        self.within, self.instruction = caller.f_code, caller.f_lasti  # the line is found by `line`

    @property
    def op_name(self) -> str:
        return self.op.name

    @property
    def line(self) -> tuple[str, int]:
        """The file and the line from which the op was called."""
        positions = itertools.islice(self.within.co_positions(), self.instruction // 2, None)
        return self.within.co_filename, next(positions)[0] or self.within.co_firstlineno

    def free(self) -> None:
        """Drop all that backward needed; the node stays, as a mark that it was there."""
        self.args = self.kwargs = self.edges = self.value = None

    def __repr__(self) -> str:
        """<mul (2, 3) float32, made in encoder.layers.0 at demo.py:12>"""
        what = f"{self.op_name} {self.shape} {self.dtype}"
        name = f"{self.name!r} = " if self.name else ""
        path = f" in {self.scope.path or type(self.scope.module).__name__}" if self.scope else ""
        file, number = self.line
        freed = "" if self.edges is not None else ", freed by backward"
        return f"<{name}{what}, made{path} at {Path(file).name}:{number}{freed}>"


OPERATORS = vars(tensor)  # where the one-line methods stand that only say which op it is


@overload
def op(fn: Callable[P, tuple]) -> Op[P]: ...
@overload
def op(
    *, cast: bool = True, ufunc: np.ufunc | None = None
) -> Callable[[Callable[P, tuple]], Op[P]]: ...
def op(fn: Any = None, *, cast: bool = True, ufunc: np.ufunc | None = None) -> Any:
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
    `cast=False` leaves the dtypes to the function. `ufunc=np.sinh` makes the op what that function
    of NumPy's does to a Tensor, everywhere in this process.

    Raises TypeError for a function without a rule; and when it is called, for one that returns
    other rules than it defines.
    """
    if fn is None:
        return functools.partial(op, cast=cast, ufunc=ufunc)
    definition = Definition(fn, cast)

    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Tensor:
        values: Any = args
        try:
            if kwargs:
                args, kwargs = definition.sorted_arguments(args, kwargs)
            values, dtype = unpack(definition, args)
            watcher = watching.get()
            run = fn if watcher is None else watcher.watched(fn)
            result = run(*values, **kwargs)
        except (ValueError, TypeError, IndexError) as error:
            raise explained(fn.__name__, values, error) from None
        return record(definition, args, kwargs, values, dtype, result)

    call.fn = fn  # type: ignore[attr-defined]
    if ufunc is not None:
        numpy_functions[ufunc] = call
    return call


def unpack(op: Definition, args: tuple) -> tuple[list, np.dtype | None]:
    """What the function of an op is given: arrays of one dtype in place of the inputs, and the
    numbers of all other arguments. Returns them, and the dtype."""
    values, dtype, uniform = list(args), None, True
    for i, (arg, number) in enumerate(zip(args, op.slots(len(args)))):
        if number is None:
            if type(arg) not in PLAIN:
                values[i] = without_derivative(arg)
        elif isinstance(arg, Tensor):
            array = values[i] = arg._data
            if dtype is None:
                dtype = array.dtype
            elif array.dtype is not dtype:
                uniform = False
        elif type(arg) is not float and type(arg) is not int and arg is not None:
            uniform = False
    if op.cast and not (uniform and dtype):
        inputs = [
            i for i, number in enumerate(op.slots(len(args))[: len(args)]) if number is not None
        ]
        tensors = {i for i, arg in enumerate(args) if isinstance(arg, Tensor)}
        dtype = make_uniform(values, inputs, tensors)
    return values, dtype


def record(
    op: Definition, args: tuple, kwargs: dict, values: list, dtype: np.dtype | None, result: Any
) -> Tensor:
    """The Tensor that a call of an op gives; it has a Node if any input needs a gradient."""
    value, rules = op.split(result)
    if type(value) is not np.ndarray or (value.dtype is not dtype and op.cast):
        value = plain(value)
        value = result_in(value, dtype) if op.cast and dtype else np.asarray(value)
    if not recording.get():
        return Tensor.made_by(None, value)
    edges, kept = [], values  # in what is kept, origins take the places of the inputs
    for i, (arg, number) in enumerate(zip(args, op.slots(len(args)))):
        if number is not None and isinstance(arg, Tensor):
            origin = kept[i] = arg.node or arg
            if arg._requires_grad:
                edges.append((origin, i, op.rule_for(i, rules)))
    return Tensor.made_by(Node(op, kept, kwargs, edges, value) if edges else None, value)
