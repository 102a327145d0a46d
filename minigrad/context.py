"""What is going on in this thread: are ops recorded, whose call do they belong to, who watches.

Context variables, so each thread (and each asyncio task) has its own.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast, overload

if TYPE_CHECKING:
    from .module import Module
    from .tape import Node

W = TypeVar("W", bound="Watcher")
Function = TypeVar("Function", bound=Callable[..., Any])


class Watcher(Protocol):
    """One who runs ops and rules in their place, to look at them (see `looking/`). What it gives in
    place of a function has the same `__name__`."""

    def watched(self, fn: Callable[..., tuple]) -> Callable[..., tuple]:
        """What to call in place of `fn`, the function of an op."""
        ...

    def watched_rule(self, node: Node, rule: Callable[..., Any]) -> Callable[..., Any]:
        """What to call in place of a rule of `node`."""
        ...


class Scope:
    """One call of a module, within the call of another (`outer`) or of none."""

    __slots__ = ("module", "outer")

    def __init__(self, module: Module, outer: Scope | None):
        self.module = module
        self.outer = outer

    @property
    def path(self) -> str:
        """Where the module stands in the outermost one that is being called: "encoder.layers.0";
        "" for the outermost itself."""
        outer = self.outer
        while outer is not None:  # the nearest caller that has this module
            path = next((at for at, m in outer.module.named_modules() if m is self.module), None)
            if path:
                return dotted(outer.path, path)
            outer = outer.outer
        # No caller has one that was built on the fly.
        return dotted(self.outer.path, type(self.module).__name__.lower()) if self.outer else ""

    def __repr__(self) -> str:
        return f"<call of {type(self.module).__name__}{' ' * bool(self.path)}{self.path}>"


recording: ContextVar[bool] = ContextVar("recording", default=True)
scope: ContextVar[Scope | None] = ContextVar("scope", default=None)  # of the innermost module call
keeping: ContextVar[bool] = ContextVar("keeping", default=True)  # named values, with the names
replaying: ContextVar[bool] = ContextVar("replaying", default=False)  # do rules run on tensors
watching: ContextVar[Watcher | None] = ContextVar("watching", default=None)


def dotted(path: str, name: str) -> str:
    """`path.name`, where either may be empty."""
    return f"{path}.{name}" if path and name else path or name


class during:
    """Let a context variable have a value inside a `with` block."""

    def __init__(self, variable: ContextVar, value: Any):
        self.variable, self.value = variable, value

    def __enter__(self) -> None:
        self.token = self.variable.set(self.value)

    def __exit__(self, *error: object) -> None:
        self.variable.reset(self.token)


class Both:
    """Two watchers of the same ops, one within the other."""

    def __init__(self, outer: Watcher, inner: Watcher):
        self.outer, self.inner = outer, inner

    def watched(self, fn: Callable[..., tuple]) -> Callable[..., tuple]:
        return self.outer.watched(self.inner.watched(fn))

    def watched_rule(self, node: Node, rule: Callable[..., Any]) -> Callable[..., Any]:
        return self.outer.watched_rule(node, self.inner.watched_rule(node, rule))


@contextmanager
def watched_by(watcher: W) -> Iterator[W]:
    """Let `watcher` run all ops and rules in the `with` block, beside who watches already."""
    outer = watching.get()
    with during(watching, watcher if outer is None else Both(outer, watcher)):
        yield watcher


class NoGrad:
    """What `no_grad()` gives: a `with` block, and a decorator of functions and generators."""

    def __init__(self) -> None:
        self._before: list[bool] = []  # one for each time that it was entered

    def __enter__(self) -> None:
        self._before.append(recording.get())
        recording.set(False)

    def __exit__(self, *error: object) -> None:
        recording.set(self._before.pop())

    def __call__(self, function: Function) -> Function:
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"no_grad cannot decorate the coroutine {function.__name__}, which others run "
                "in between: write `with mg.no_grad():` inside it, around what awaits nothing"
            )
        if inspect.isgeneratorfunction(function):

            def decorated(*args: Any, **kwargs: Any) -> Any:
                return _stepped_without(function(*args, **kwargs))
        else:

            def decorated(*args: Any, **kwargs: Any) -> Any:
                with NoGrad():
                    return function(*args, **kwargs)

        return cast(Function, functools.wraps(function)(decorated))


def _stepped_without(generator: Generator) -> Generator:
    """The same generator, which records nothing while it runs, and leaves its reader as he is."""
    resume: Callable[[Any], Any] = generator.send
    sent: Any = None
    while True:
        try:
            with NoGrad():
                value = resume(sent)
        except StopIteration as stop:
            return stop.value
        try:
            resume, sent = generator.send, (yield value)
        except GeneratorExit:
            generator.close()
            raise
        except BaseException as error:
            resume, sent = generator.throw, error


@overload
def no_grad() -> NoGrad: ...
@overload
def no_grad(function: Function) -> Function: ...
def no_grad(function: Any = None) -> Any:
    """Inside `with mg.no_grad():`, or a function decorated with it, nothing is recorded."""
    return NoGrad() if function is None else NoGrad()(function)


@contextmanager
def names_only() -> Iterator[None]:
    """Inside `with mg.names_only():` an op that is recorded gets the names of Tensor.named without
    their values: a training, at which nobody looks, then holds no more than its gradients need."""
    with during(keeping, False):
        yield
