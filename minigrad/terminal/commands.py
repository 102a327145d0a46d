"""Steps in a terminal: commands are read from standard input, from a person or through a pipe."""

from __future__ import annotations

import difflib
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from ..drawing.draw import draw
from ..stepping.card import Section, as_text, broken, check_rows, cut
from ..stepping.source import op_source
from ..stepping.step import Step
from ..stepping.walk import Place
from ..tensor import Tensor
from .visit import Visit

PROMPT = "(step) "
AROUND = 5  # steps and lines that are listed before and after the present one
WHOLE = 200  # entries; of a larger array the middle of each axis is left out


def talk(
    loss: Tensor, name: str = "the loss", until: Place | None = None, forward: bool = False
) -> None:
    """Step through backward, or the computation itself, as the commands say that come in on
    standard input, until they end. The graph is kept; after the last step `.grad` is filled.

    Raises what `step` raises, and ValueError for a tensor that no op has made.
    """
    if loss.node is None and loss.requires_grad:
        raise ValueError(f"{name} was computed by no op, so there is nothing to step through")
    visit = Visit(loss, forward)
    start = 1 if until is None else visit.walk.numbers(until)[0]
    what = "the computation" if forward else "backward"
    with suppress(KeyboardInterrupt):
        say(f"{what} of {name}, {visit.total:,} ops; `help` lists the commands")
        go(visit, start)
        last = COMMANDS["next"]
        for line in lines():
            word, _, rest = line.strip().partition(" ")
            if word in ("quit", "q", "exit"):
                break
            command = last if not word else BY_WORD.get(word)
            if command is None:
                say(unknown(word))
                continue
            last = obey(command, visit, rest.strip())


def lines() -> Iterator[str]:
    """The lines of standard input; a person is asked for each."""
    if sys.stdin is None:
        return
    if not sys.stdin.isatty():
        yield from sys.stdin
        return
    with suppress(ImportError):  # with it a person can edit the line
        import readline  # noqa: F401, PLC0415
    while True:
        try:
            yield input(PROMPT)
        except (EOFError, KeyboardInterrupt):
            print()
            return


def obey(command: Command, visit: Visit, rest: str) -> Command:
    """Do what a command says, or say why not; returns what an empty line then stands for."""
    if bool(rest) != bool(command.argument):
        say(f"write `{command.usage}`")
        return COMMANDS["next"]
    try:
        command.run(visit, rest)
    except BrokenPipeError:
        raise
    except (ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        say(str(error))
    return COMMANDS["next"] if command.argument else command


def unknown(word: str) -> str:
    near = difflib.get_close_matches(word, COMMANDS, n=1)
    meant = f"; did you mean {near[0]}?" if near else "."
    return f"there is no command {word!r}{meant} There are {', '.join(COMMANDS)} and quit"


# ---- commands


def go(visit: Visit, number: int) -> None:
    """Show a step."""
    if number < 1:
        say("this is the first step")
    elif number <= visit.total:
        step = visit.step(number)
        visit.at = number
        print(step.text(width()), flush=True)
    else:
        visit.end()
        say("that was the last step" + ("" if visit.forward else ": every leaf has its gradient"))


def one_on(visit: Visit, rest: str) -> None:
    """one op on; an empty line repeats a command"""
    go(visit, visit.at + 1)


def one_back(visit: Visit, rest: str) -> None:
    """one op back"""
    go(visit, visit.at - 1)


def into(visit: Visit, rest: str) -> None:
    """on to the first op of the next module call"""
    here = visit.calls(visit.at)
    number = visit.find(lambda number: not visit.calls(number) <= here)
    if number is None:
        say("no other module call comes after this op")
    else:
        go(visit, number)


def over(visit: Visit, rest: str) -> None:
    """on to the first op outside of this module call"""
    call = visit.node(visit.at).scope
    number = visit.find(lambda number: call is None or call not in visit.calls(number))
    go(visit, number or visit.total + 1)


def to(visit: Visit, rest: str) -> None:
    """to a tensor, a module, an op or the number of a step: the next there, else the first"""
    numbers = visit.walk.numbers(int(rest) if rest.isdecimal() else rest)
    go(visit, next((number for number in numbers if number > visit.at), numbers[0]))


def print_tensor(visit: Visit, rest: str) -> None:
    """the value of a tensor (or of an argument of this op), and its gradient so far"""
    node = visit.walk.tensor(rest, visit.at)
    title = Section(node.full_name or node.label, [("shape", f"{node.shape} {node.dtype}")])
    title.rows.append(("value", whole(visit.value(node))))
    if not visit.forward and node is visit.walk.graph.output:
        first = visit.step(1)
        assert isinstance(first, Step)
        title.rows.append(("gradient", whole(first.incoming)))
    elif not visit.forward and visit.walk.ways[node.id]:
        way = visit.last_way(node)
        if way is None:
            title.rows.append(("gradient", "not computed yet"))
        else:
            title.rows.append(("gradient", f"by {way.arrived} of {way.expected} ways"))
            title.rows.append(("", whole(way.accumulated)))
    show([title])


def draw_passed(visit: Visit, rest: str) -> None:
    """a picture of what was visited: .svg, .png, .pdf or .dot"""
    say(f"drawn in {draw(visit.passed()).save(rest)}")


def check(visit: Visit, rest: str) -> None:
    """hold the rules of this op against differences"""
    step = visit.step(visit.at)
    if not isinstance(step, Step):
        raise ValueError("on the way forward no rule is used, so there is none to check")
    label = step.node.label
    show([Section(f"rule {way.rule} of {label}", check_rows(way)) for way in visit.checked(step)])


def source(visit: Visit, rest: str) -> None:
    """the lines about the call, and the op with its rules"""
    node, line = visit.node(visit.at), visit.step(visit.at).line
    assert line is not None
    code = node.op.fn.__code__
    for file, number, text in (
        (line.file, line.number, line.around(AROUND)),
        (code.co_filename, code.co_firstlineno, op_source(node).splitlines()),
    ):
        print(cut(f"{file}:{number}", width()))
        for row in text or ["(its source cannot be had)"]:
            print(cut(f"  {row}", width()))
    sys.stdout.flush()


def steps_around(visit: Visit, rest: str) -> None:
    """the steps about this one"""
    numbers = range(max(1, visit.at - AROUND), min(visit.total, visit.at + AROUND) + 1)
    for number in numbers:
        node = visit.walk.order[number - 1][1]
        words = [f"{number:5}", node.label, f"-> {node.name}" if node.name else ""]
        words += [f"in {node.path}" if node.path else ""]
        mark = "->" if number == visit.at else "  "
        print(cut(mark + " ".join(filter(None, words)), width()))
    sys.stdout.flush()


def where(visit: Visit, rest: str) -> None:
    """this step once more"""
    go(visit, visit.at)


def help_(visit: Visit, rest: str) -> None:
    """this list"""
    rows = [(f"{each.usage}, {each.short}", each.run.__doc__ or "") for each in COMMANDS.values()]
    for usage, said in [*rows, ("quit, q", "leave; so do the end of the input and Ctrl-C")]:
        first, *more = textwrap.wrap(said, max(width() - 18, 16))
        print("\n".join([f"{usage:17} {first}", *(18 * " " + line for line in more)]), flush=True)


class Command(NamedTuple):
    """What can be typed: a word, its short form, its argument ("" for none), what it does."""

    name: str
    short: str
    argument: str
    run: Callable[[Visit, str], None]

    @property
    def usage(self) -> str:
        return f"{self.name} {self.argument}".strip()


COMMANDS = {
    name: Command(name, short, argument, run)
    for name, short, argument, run in (
        ("next", "n", "", one_on),
        ("back", "b", "", one_back),
        ("into", "i", "", into),
        ("over", "o", "", over),
        ("to", "t", "NAME", to),
        ("print", "p", "TENSOR", print_tensor),
        ("draw", "d", "FILE", draw_passed),
        ("check", "c", "", check),
        ("source", "s", "", source),
        ("list", "l", "", steps_around),
        ("where", "w", "", where),
        ("help", "h", "", help_),
    )
}
BY_WORD = {word: each for each in COMMANDS.values() for word in (each.name, each.short)}


# ---- showing


def width() -> int:
    """The columns of the terminal, as they are now."""
    return shutil.get_terminal_size().columns


def say(text: str) -> None:
    """A sentence, in as many lines as it needs."""
    print("\n".join(broken(text, max(width(), 1))), flush=True)


def show(parts: list[Section]) -> None:
    print(as_text(parts, width()), flush=True)


def whole(array: np.ndarray) -> list[str]:
    """An array in lines, with ... for what is left out of a large one."""
    room = max(width() - 12, 12)
    return np.array2string(array, max_line_width=room, precision=4, threshold=WHOLE).splitlines()
