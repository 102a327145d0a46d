"""A task is looked at when it is registered: what is missing or wrong in it is said there and then,
not in the middle of a training."""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .. import toml
from ..text.showing import shown
from ..text.tokenising import UNITS, tokenize

if TYPE_CHECKING:
    from .task import Task

T = TypeVar("T")

SAMPLES = 5  # that are drawn, to see whether the parts of a task fit together
OURS = (Path(__file__), Path(__file__).with_name("task.py"))  # not where a task's own fault is


def check_class(task: type[Task]) -> None:
    """Raise ValueError, with what to do, for a class that lacks something a task needs, or whose
    parts do not fit together."""
    _check_attributes(task)
    _check_options(task)
    try:
        check_made(_tried(task, "its constructor", task))
    except NameError:  # of what is defined further down in its file; `get` looks again
        pass


def check_made(made: Task) -> None:
    """Raise ValueError, with what to do, for a task whose first examples could not be learned."""
    task = type(made)
    for name in inspect.signature(task).parameters:
        _require(task, hasattr(made, name), f"has to keep its option {name!r} as self.{name}")
    _tried(task, "options", lambda: toml.dumps({"task": made.options()}))  # as a run keeps them
    for name, parameter in inspect.signature(task).parameters.items():
        lost = made.options()[name] is None and parameter.default is not None
        _require(task, not lost, f"has None for {name!r}, which is kept only if it is the default")
    longest = _longest(task, made)
    _whole(task, "steps", made.steps)
    drawn, again = _draw(task, made), _draw(task, made)
    _require(
        task,
        list(map(str, drawn)) == list(map(str, again)),
        "draws other examples from a generator of the same seed: let sample use the one that it is "
        "given, and nothing else that is random",
    )
    for example in drawn:
        _check_example(task, made, example, longest)
    first = _tried(task, "every", lambda: next(iter(made.every()), None))
    _require(task, first is not None, "lists no example at all in every")
    _check_example(task, made, first, longest)


def _draw(task: type[Task], made: Task) -> list[Any]:
    rng = np.random.default_rng(0)
    return _tried(task, "sample", lambda: [made.sample(rng) for _ in range(SAMPLES)])


def _check_attributes(task: type[Task]) -> None:
    for name in ("name", "summary", "unit"):
        value = getattr(task, name, None)
        _require(task, isinstance(value, str) and value, f'needs a "{name}", a string')
    _require(
        task,
        re.fullmatch(r"\w[\w.-]*", task.name),
        f'has the name {task.name!r}; use letters, digits and "-", for it names folders too',
    )
    _require(
        task, task.unit in UNITS, f"has the unit {task.unit!r}; it is one of {', '.join(UNITS)}"
    )
    for name in ("preset", "apart"):
        _require(task, isinstance(getattr(task, name), Mapping), f'has a "{name}" that is no dict')


def _check_options(task: type[Task]) -> None:
    for name, parameter in inspect.signature(task).parameters.items():
        plain = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        _require(task, plain, f"takes {parameter}; its options have to be named one by one")
        _require(task, parameter.default is not parameter.empty, f"needs a default for {name!r}")
        _require(task, name != "name", 'has an option "name", which is what the task is known by')


def _check_example(task: type[Task], made: Task, example: Any, longest: int | None) -> None:
    which = f"for the example {shown(repr(example))}"
    split = _tried(task, "split_of", lambda: made.split_of(example))
    _require(
        task, split in task.splits(), f"says {split!r} {which}; a split is one of {task.splits()}"
    )
    pair = _tried(task, "pair", lambda: made.pair(example))
    two = isinstance(pair, tuple | list) and len(pair) == 2
    two = two and all(isinstance(text, str) and text.strip() for text in pair)
    _require(task, two, f"gives the pair {shown(repr(pair))} {which}; it has to be two texts")
    again = _tried(task, "pair", lambda: made.pair(example))
    said = f"gives two pairs {which}, {shown(repr(pair))} and {shown(repr(again))}"
    _require(task, again == pair, f"{said}; what is random belongs into sample")
    for text in pair:
        _tried(task, "pair", lambda text=text: text.encode())
        length = len(tokenize(text, task.unit))
        fits = longest is None or length <= longest
        said = f"says that no text has more than {longest} tokens (max_length), but"
        _require(task, fits, f"{said} {shown(text)!r} has {length}")
    _tried(task, "check", lambda: made.check(pair[0]))
    source = _tried(task, "rewrite", lambda: made.rewrite(pair[0]))
    said = f"rewrites {shown(pair[0])!r} as {shown(repr(source))}; it has to be a text"
    _require(task, isinstance(source, str) and source.strip(), said)


def _longest(task: type[Task], made: Task) -> int | None:
    """Its max_length; None where that is worked out when asked for, as by `numbers`, which would
    take too long at every start of a command."""
    missing = object()
    value = inspect.getattr_static(made, "max_length", missing)
    said = 'needs "max_length", the number of tokens of its longest text'
    _require(task, value is not missing, said)
    worked_out = hasattr(value, "__get__")
    return None if worked_out else _whole(task, "max_length", made.max_length)


def _whole(task: type[Task], name: str, value: Any) -> int:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= 1
    _require(task, whole, f"has {name} {value!r}; it is a whole number above 0")
    return int(value)


def _require(task: type[Task], condition: object, what: str) -> None:
    if not condition:
        raise ValueError(f"the task {task.__name__} {what}")


def _tried(task: type[Task], what: str, run: Callable[[], T]) -> T:
    """The result of a part of the task; an error in it is said in a line, with its place."""
    try:
        return run()
    except NameError:
        raise
    except Exception as error:
        raise ValueError(
            f"the task {task.__name__} fails in {what}: {type(error).__name__}: "
            f"{shown(str(error), 200)}{_place(error)}"
        ) from error


def _place(error: Exception) -> str:
    """The last line of the task's own file on the way to an error."""
    frames = traceback.extract_tb(error.__traceback__)
    its = [each for each in frames if Path(each.filename) not in OURS]
    lines = [each.lineno for each in its if each.filename == its[0].filename]
    return f" ({its[0].filename}, line {lines[-1]})" if its else ""
