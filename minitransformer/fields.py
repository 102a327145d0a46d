"""Settings that are written in one place: the field of a dataclass.

A field says its default, what it has to be, and what it is for. The checks of the dataclass
(`check`), the command's flags and their help (`add_flags`) are made of nothing else.
"""

import argparse
import dataclasses
import difflib
import math
import numbers
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Must:
    """What a setting has to be: in words, as a test, and how it is read from a command line.

    `words` complete the sentence "NAME has to be ...".
    """

    words: str
    test: Callable[[Any], bool]
    read: type
    choices: tuple[str, ...] | None = None

    def allows(self, value: Any) -> bool:
        """Whether the value is what it has to be; what cannot even be compared is not."""
        try:
            return self.test(value)
        except TypeError:
            return False


def is_number(value: Any) -> bool:
    """Whether it is a number that JSON can write, Python's or NumPy's: True is none, nor is
    infinity."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def is_whole(value: Any) -> bool:
    """Whether it is a whole number, Python's or NumPy's."""
    return is_number(value) and isinstance(value, numbers.Integral)


ABOVE_0 = Must("a finite number above 0", lambda value: is_number(value) and value > 0, float)
COUNT = Must("a whole number above 0", lambda value: is_whole(value) and value >= 1, int)
FROM_0 = Must("a whole number from 0", lambda value: is_whole(value) and value >= 0, int)
FROM_0_TO_BELOW_1 = Must(
    "from 0 to below 1", lambda value: is_number(value) and 0 <= value < 1, float
)
PROBABILITY = Must(
    "a probability below 1", lambda value: is_number(value) and 0 <= value < 1, float
)
YES_OR_NO = Must("True or False", lambda value: isinstance(value, bool), bool)


def one_of(names: Iterable[str]) -> Must:
    """One of these names."""
    names = tuple(names)
    return Must(f"one of {[*names]}", lambda value: value in names, str, names)


def setting(
    must: Must,
    purpose: str,
    otherwise: str | None = None,
    flag: bool = True,
    kept: bool = True,
    alone: str | None = None,
) -> dict[str, Any]:
    """The metadata of a field that is a setting: `field(default=32, metadata=setting(...))`.

    `purpose` is its help. Where the default is None, `otherwise` says in words what counts then.
    `flag` is False for what no command line says, `kept` for what is not recorded with a run.
    `alone` is what the flag means where no value follows it.
    """
    return {
        **{"must": must, "purpose": purpose, "otherwise": otherwise},
        **{"flag": flag, "kept": kept, "alone": alone},
    }


def settings_of(settings: Any) -> list[dataclasses.Field[Any]]:
    """The fields of a dataclass, or of an object of it, that are settings."""
    return [each for each in dataclasses.fields(settings) if "must" in each.metadata]


def require(
    condition: bool, where: str, name: str, words: str, value: object, hint: str = ""
) -> None:
    """Raise ValueError unless the condition holds: "WHERE: NAME has to be WORDS, not VALUE", and
    then the `hint`."""
    if not condition:
        said = repr(value)
        said = said if len(said) <= 60 else said[:59] + "…"
        raise ValueError(f"{where}: {name} has to be {words}, not {said}{hint}")


def nearest(word: object, names: Iterable[str]) -> str:
    """The end of a sentence, which asks whether the nearest of the names was meant; empty where
    none is near."""
    near = difflib.get_close_matches(str(word), names, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def require_known(values: Iterable[str], settings: type, where: str) -> None:
    """Raise ValueError for the first name that no field of the dataclass has."""
    names = [each.name for each in dataclasses.fields(settings)]
    for name in values:
        if name not in names:
            near = nearest(name, names) or f", only {', '.join(names)}"
            raise ValueError(f"{where} has no {name!r}{near}")


def check(settings: Any, where: str) -> None:
    """Raise ValueError for the first setting that is not what it has to be. A number of NumPy's
    becomes the one of Python that it is, as JSON needs it."""
    for each in settings_of(settings):
        value, must = getattr(settings, each.name), each.metadata["must"]
        undecided = value is None and each.default is None
        near = nearest(value, must.choices) if must.choices and isinstance(value, str) else ""
        require(undecided or must.allows(value), where, each.name, must.words, value, near)
        as_of_python = getattr(value, "item", None)
        if as_of_python is not None:
            object.__setattr__(settings, each.name, as_of_python())  # the dataclass may be frozen


def kept(settings: Any) -> dict[str, Any]:
    """The settings that are recorded with a run, as a dictionary for JSON."""
    left_out = {each.name for each in settings_of(settings) if not each.metadata["kept"]}
    values = dataclasses.asdict(settings)
    return {name: value for name, value in values.items() if name not in left_out}


def add_flags(
    add: Callable[..., object], settings: type, otherwise: Mapping[str, str] | None = None
) -> None:
    """Call `add`, the `add_argument` of a parser, for each setting that has a flag. A flag that is
    not given leaves None, see `given`; `otherwise` says of some what counts then."""
    for each in settings_of(settings):
        if not each.metadata["flag"]:
            continue
        must, alone = each.metadata["must"], each.metadata["alone"]
        default = each.metadata["otherwise"] or each.default
        default = (otherwise or {}).get(each.name, default)
        metavar = {int: "N", float: "X"}.get(must.read)
        flag = "--" + each.name.replace("_", "-")
        if must.read is bool:
            default = f" (default: {default})" if each.default is None else ""
            purpose = each.metadata["purpose"] + default
            add(flag, action=argparse.BooleanOptionalAction, default=None, help=purpose)
        else:
            other = f"; the flag alone: {alone}" if alone else ""
            purpose = f"{each.metadata['purpose']} (default: {default}{other})"
            optional = {"nargs": "?", "const": alone} if alone else {}
            reading = {"type": must.read, "choices": must.choices, "metavar": metavar}
            add(flag, help=purpose, **reading, **optional)


def given(options: Any, settings: type) -> dict[str, Any]:
    """The settings that a command line did give, by name, from argparse's options."""
    values = vars(options)
    names = [each.name for each in settings_of(settings) if each.metadata["flag"]]
    return {name: values[name] for name in names if values[name] is not None}
