"""Settings over settings: a task's preset, a file and what was asked for are laid one upon another
by the one rule that is here."""

from collections.abc import Mapping
from typing import Any

from ..models import config, recurrent_config
from .settings import KIND

SHAPES = {*config.SHAPE, *recurrent_config.SHAPE}  # the fields of a model that its size says
DICTIONARIES = ("model", "vocabulary")  # settings that are laid over one another entry by entry


def overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a training, as `train` takes them: those `above`, and what only those `below`
    say; of a model and a vocabulary entry by entry.

    A size above counts more than the widths and numbers of layers below. Where another kind of
    model is above, nothing of the model below counts.
    """
    settings = {**below, **above}
    for name in DICTIONARIES:
        lower, upper = (_entries(each.get(name, {})) for each in (below, above))
        if isinstance(lower, Mapping) and isinstance(upper, Mapping) and (lower or upper):
            settings[name] = {**_left(lower, upper, "size" in above), **upper}
    return settings


def _entries(value: Any) -> Any:
    """A model may be named by its kind alone."""
    return {"kind": value} if isinstance(value, str) else value


def _left(lower: Mapping[str, Any], upper: Mapping[str, Any], sized: bool) -> dict[str, Any]:
    """What still counts of the entries below those of `upper`."""
    kind = lower.get("kind", KIND)
    if upper.get("kind", kind) != kind:
        return {}
    return {key: value for key, value in lower.items() if not (sized and key in SHAPES)}
