"""One configuration, from several sources: the preset of the task, a named preset, a file, and what
is asked for now. What a later one says counts more; what none says is as the settings say.

Every source is tables, [task], [vocabulary], [model] and [training], as in the file of a run.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from . import tasks
from .config_file import FORMAT, RUN, TABLES, read_toml, require_format
from .fields import settings_of
from .models.kinds import KINDS
from .run import Run
from .text.vocabulary_settings import VocabularySettings
from .training.overlaying import DICTIONARIES, overlaid
from .training.settings import KIND, TrainingSettings
from .training.trainer import train

KIND_OF_MODEL = "kind"  # the key of [model] that is no field of its configuration


class Preset(NamedTuple):
    summary: str
    settings: dict[str, Any]  # as `train` takes them


PRESETS = {
    "quick": Preset(
        "a tiny model and 600 steps: done in seconds, to try things out",
        {"size": "tiny", "steps": 600, "train_examples": 5_000, "validations": 3, "lr": 0.005},
    ),
    "modern": Preset(
        "as Transformers are made today: norm first, gelu, rotary positions, one target matrix",
        {
            "model": {
                **{"norm_first": True, "activation": "gelu", "positions": "rotary"},
                "tie_embeddings": "target",
            }
        },
    ),
    "paper": Preset(
        "the paper's base model and its training (table 3, 5.3, 5.4): days, not minutes",
        {
            **{"size": "paper", "steps": 100_000, "warmup_steps": 4_000, "cooldown": 0.0},
            **{"label_smoothing": 0.1, "model": {"dropout": 0.1, "tie_embeddings": "all"}},
        },
    ),
}


@dataclass(frozen=True)
class Source:
    """What one source says. `settings` are as `train` takes them; a `whole` one, that of a run, has
    everything decided, so that what it does not say is None and no preset counts under it."""

    task: dict[str, Any] = field(default_factory=dict)  # its name, and options
    settings: dict[str, Any] = field(default_factory=dict)
    whole: bool = False

    def over(self, below: "Source") -> "Source":
        """This one, and what only the one below says. The options of another task are not for
        this one."""
        same = self.task.get("name", below.task.get("name")) == below.task.get("name")
        task = {**(below.task if same or "name" not in below.task else {}), **self.task}
        if self.whole:
            return Source(task, self.settings, True)
        return Source(task, overlaid(below.settings, self.settings), below.whole)


def train_from(file: str | Path, folder: str | Path | None = None, **settings: Any) -> Run:
    """Train as the configuration in a file says, which may be that of a run: the same training on
    the same machine gives the same weights, bit for bit. `settings` are those of `train`, and count
    more. Raises ValueError, with the line, for what no configuration has, and as `train`."""
    task, settled = settle([from_file(Path(file)), Source(settings=settings)])
    return train(task, folder, **settled)


def settle(sources: Iterable[Source]) -> tuple[tasks.Task, dict[str, Any]]:
    """The task, and the settings as `train` takes them, of sources that count more and more."""
    given = Source()
    for source in sources:
        given = source.over(given)
    options = dict(given.task)
    name = options.pop("name", None)
    if not isinstance(name, str):
        raise ValueError(
            f"no task is named, or its name is no text; the tasks are {', '.join(tasks.names())}"
        )
    task = tasks.get(name, **options)
    settings = given.settings if given.whole else overlaid(task.preset, given.settings)
    return task, with_none(settings) if given.whole else settings


def with_none(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, where what is not said is None if it may be: so no preset comes in there."""
    model = settings.get("model", {})
    config = KINDS[model.get("kind", KIND)].config if model.get("kind", KIND) in KINDS else None
    vocabulary = {**_none(VocabularySettings), **settings.get("vocabulary", {})}
    dictionaries = {"model": {**(_none(config) if config else {}), **model}}
    dictionaries |= {"vocabulary": vocabulary}
    return {**_none(TrainingSettings), **settings, **dictionaries}


def _none(settings: Any) -> dict[str, None]:
    return {each.name: None for each in settings_of(settings) if each.default is None}


# ---- the sources


def from_preset(name: str) -> Source:
    """A named preset. Raises ValueError for a name that none has."""
    if name not in PRESETS:
        raise ValueError(f"there is no preset {name!r}{_nearest(name, PRESETS)}")
    return Source(settings=PRESETS[name].settings)


def from_file(path: Path) -> Source:
    """A configuration in TOML. Raises OSError, and ValueError, with the line, for a key that none
    has."""
    if not path.is_file():
        what = "is a folder; name the file in it" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"the configuration {path} {what}")
    tables = read_toml(path)
    text = path.read_text(encoding="utf-8-sig")
    whole = tables.pop(RUN, None)
    if whole is not None:
        require_format(path, whole if isinstance(whole, dict) else {}, FORMAT)

    def where(table: str | None, key: str) -> str:
        line = _line_of(text, table, key)
        return f"{path}, line {line}" if line else str(path)

    for name, content in tables.items():
        if name not in TABLES:
            known = f"only {', '.join(f'[{each}]' for each in TABLES)}"
            home = _home(name) if not isinstance(content, dict) else None
            what = f"{name} stands in no table; it belongs into [{home}]" if home else None
            what = what or f"there is no table {name!r} in a configuration, {known}"
            raise ValueError(f"{where(None, name)}: {what}")
        if not isinstance(content, dict):
            raise ValueError(f"{where(None, name)}: {name} has to be a table, [{name}]")
        for key in content:
            _require_key(name, key, where(name, key))
    return _source(tables, whole=whole is not None)


def from_assignments(texts: Iterable[str]) -> Source:
    """Of TABLE.KEY=VALUE, several times. A value is read as TOML, and any other word as a string.
    Raises ValueError for what is none, and for a key that no configuration has."""
    tables: dict[str, dict[str, Any]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        table, dot, key = name.strip().partition(".")
        if not (equals and dot and key and table in TABLES):
            home = _home(table) if not dot else None
            guess = f"; did you mean {home}.{text}?" if home else f"; a table is one of {[*TABLES]}"
            raise ValueError(
                f"--set needs TABLE.KEY=VALUE, like model.d_model=64, not {text}{guess}"
            )
        _require_key(table, key, "--set")
        if key in FROM_DATA:
            raise ValueError(f"--set: {name} comes from the data, and cannot be chosen")
        tables.setdefault(table, {})[key] = value_of(value.strip())
    return _source(tables)


def value_of(text: str) -> Any:
    """A value as TOML has it, or as Python writes True and False; any other word is a string."""
    if text in ("True", "False"):
        return text == "True"
    try:
        read = tomllib.loads(f"value = {text}")
    except ValueError:
        return text
    return read["value"] if [*read] == ["value"] else text


def _source(tables: Mapping[str, Mapping[str, Any]], whole: bool = False) -> Source:
    settings = dict(tables.get("training", {}))
    for name in DICTIONARIES:
        table = {key: value for key, value in tables.get(name, {}).items() if key not in FROM_DATA}
        settings |= {name: table} if table else {}
    return Source(dict(tables.get("task", {})), settings, whole)


# ---- which keys there are


def _keys() -> dict[str, list[str]]:
    """The keys of each table but [task], whose options only the task knows."""
    of_models = [each for kind in KINDS.values() for each in settings_of(kind.config)]
    return {
        "vocabulary": [each.name for each in settings_of(VocabularySettings)],
        "model": [KIND_OF_MODEL, *dict.fromkeys(each.name for each in of_models)],
        "training": [
            each.name for each in settings_of(TrainingSettings) if each.name not in DICTIONARIES
        ],
    }


KEYS = _keys()
FROM_DATA = {
    each.name
    for kind in KINDS.values()
    for each in settings_of(kind.config)
    if not each.metadata["flag"]
}


def _require_key(table: str, key: str, where: str) -> None:
    """Raise ValueError for a key that this table never has, with the nearest that there is."""
    if table not in KEYS or key in KEYS[table]:
        return
    home = _home(key)
    hint = f"; it belongs into [{home}]" if home else _nearest(key, KEYS[table])
    raise ValueError(f"{where}: [{table}] has no {key!r}{hint}")


def _home(key: str) -> str | None:
    """The table that has such a key."""
    return next((table for table, keys in KEYS.items() if key in keys), None)


def _nearest(word: str, names: Iterable[str]) -> str:
    names = [*names]
    near = difflib.get_close_matches(word, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else f", only {', '.join(names) or 'nothing'}"


def _line_of(text: str, table: str | None, key: str) -> int | None:
    """The line of a TOML text in which a key, or the head of a table, seems to stand."""
    inside: str | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        head = re.match(r"\s*\[+\s*([^\]]*?)\s*\]", line)
        if head:
            inside = head[1].strip("\"'").split(".")[0]
            if table is None and inside == key:
                return number
        named = re.match(r"\s*[\"']?([\w.-]+)[\"']?\s*=", line)
        wanted = key if inside == table else f"{table}.{key}" if inside is None else None
        if named and wanted and (named[1] == wanted or named[1].startswith(wanted + ".")):
            return number
    return None
