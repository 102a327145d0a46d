"""Settings over settings: a task's preset, a file and what was asked for are laid one upon another
by the one rule that is here."""

from collections.abc import Mapping
from typing import Any

from ..models import config, recurrent_config
from .settings import KIND

SHAPES = {*config.SHAPE, *recurrent_config.SHAPE}  # the fields of a model that its size says
# The settings that are laid over one another entry by entry; and the entry that says of what kind
# they are, with what it is where it is not said.
DICTIONARIES = {"model": ("kind", KIND), "vocabulary": ("unit", None)}


def overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a training, as `train` takes them: those `above`, and what only those `below`
    say; of a model and a vocabulary entry by entry.

    A size above counts more than the widths and numbers of layers below. Where another kind of
    model is above, nothing of the model below counts; and so with another unit of the vocabulary.
    """
    settings = {**below, **above}
    for name, (kind, usual) in DICTIONARIES.items():
        lower, upper = (_entries(each.get(name, {})) for each in (below, above))
        if isinstance(lower, Mapping) and isinstance(upper, Mapping) and (lower or upper):
            same = upper.get(kind, lower.get(kind, usual)) == lower.get(kind, usual)
            left = _unsized(lower) if "size" in above else lower
            settings[name] = {**left, **upper} if same else dict(upper)
    return settings


def _entries(value: Any) -> Any:
    """A model may be named by its kind alone."""
    return {"kind": value} if isinstance(value, str) else value


def _unsized(entries: Mapping[str, Any]) -> dict[str, Any]:
    """The entries without those that the size of a model says."""
    return {key: value for key, value in entries.items() if key not in SHAPES}
