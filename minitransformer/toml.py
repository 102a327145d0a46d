"""Tables as TOML text, which Python itself only reads (`tomllib`)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

BARE = re.compile(r"[A-Za-z0-9_-]+")
ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def dumps(tables: Mapping[str, Mapping[str, Any]], notes: Mapping[str, str] | None = None) -> str:
    """The tables in their order, each with its keys; `tomllib.loads` gives them back. A key whose
    value is None is left out: TOML has no word for it.

    `notes` are comments: that of "model" stands behind the head of this table, that of
    "model.d_model" behind this key. Raises ValueError, with the key, for what TOML cannot hold.
    """
    notes = notes or {}
    lines: list[str] = []
    for name, table in tables.items():
        lines += ["", f"[{_key(name)}]{_comment(notes.get(name))}"]
        for key, value in table.items():
            if value is not None:
                try:
                    text = f"{_key(key)} = {_value(value)}"
                except ValueError as error:
                    raise ValueError(f"{name}.{key} cannot be written as TOML: {error}") from None
                lines.append(text + _comment(notes.get(f"{name}.{key}")))
    return "\n".join(lines[1:]) + "\n"


def _comment(note: str | None) -> str:
    return f"  # {note}" if note else ""


def _key(key: str) -> str:
    return key if BARE.fullmatch(key) else _string(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):  # NumPy's are such, but call themselves np.float64(0.1)
        return float.__repr__(value)  # with a point or an exponent; or "inf", "nan"
    if isinstance(value, Mapping):
        inner = (f"{_key(key)} = {_value(each)}" for key, each in value.items() if each is not None)
        return "{" + ", ".join(inner) + "}"
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return "[" + ", ".join(map(_value, value)) + "]"
    raise ValueError(f"it has no word for {value!r}")


def _string(text: str) -> str:
    """A basic string: what is no visible character is escaped."""
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise ValueError(f"{text!r} is no Unicode text")
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(c: str) -> str:
    if c in ESCAPES:
        return ESCAPES[c]
    if c.isprintable():
        return c
    return f"\\u{ord(c):04X}" if ord(c) < 0x10000 else f"\\U{ord(c):08X}"
