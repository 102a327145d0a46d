"""The file in which a run keeps its configuration: tables of what was learned, by what model, and
how. Those of format 1, the first, were JSON, and are read as if they had been written today."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import toml
from .files import read_bytes, write_whole
from .text.showing import sentence

Tables = dict[str, dict[str, Any]]

FORMAT = 2  # of the folder; raised when an older program could not read a newer one
CONFIG = "config.toml"
OLD_FORMAT, OLD_CONFIG = 1, "config.json"
OLD_KIND = "transformer"  # of the runs whose configuration does not say the kind of the model

RUN = "run"  # the table that ends the file of a run
TABLES = ("task", "vocabulary", "model", "training")
HEAD = f"""# The configuration of a run, with everything decided. The same training again:
#     minitransformer train --config RUN/{CONFIG}

"""
NOTES = {
    "task": "what is learned: the name of the task, and its options",
    "vocabulary": "what texts are cut into",
    "model": "its kind and its fields",
    "model.src_vocab_size": "from the data; not read where a training is repeated",
    "model.tgt_vocab_size": "and so does this",
    "training": "how it is learned",
    RUN: "says that this file is whole, and comes last: one that was cut off has none of it",
}


def is_run(folder: Path) -> bool:
    """Whether the folder holds a run that can be loaded."""
    return (folder / CONFIG).exists() or (folder / OLD_CONFIG).exists()


def write_config(folder: Path, tables: Tables) -> None:
    """Write the tables into the folder of a run. What is None is left out."""
    path = folder / CONFIG
    text = HEAD + toml.dumps({**tables, RUN: {"format": FORMAT}}, NOTES)
    write_whole(path, lambda file: file.write(text.encode()))
    (folder / OLD_CONFIG).unlink(missing_ok=True)  # a run has one configuration


def read_config(folder: Path) -> tuple[Path, Tables]:
    """The file of a run's configuration, and its tables. Raises FileNotFoundError where there is
    none, ValueError, with the reason, for one that is damaged or of another version."""
    try:
        path, content = folder / CONFIG, read_toml(folder / CONFIG)
    except FileNotFoundError:
        path, content = folder / OLD_CONFIG, read_json(folder / OLD_CONFIG)
        require_format(folder, content, OLD_FORMAT)
        content = _as_today(content)
    else:
        end = content.pop(RUN, None)
        if not isinstance(end, dict) or "format" not in end:
            raise ValueError(f"{path} is damaged: its end is missing, [{RUN}] with the format")
        require_format(folder, end, FORMAT)
    content = {"vocabulary": {}, **content}  # what stands there depends on the task
    for name in TABLES:
        if not isinstance(content.get(name), dict):
            raise ValueError(f"{path} is damaged: it has no table [{name}]")
    return path, content


def require_format(where: Path, content: Mapping[str, Any], known: int) -> None:
    """Raise ValueError for a configuration of a version that this program does not know."""
    if content.get("format") != known:
        raise ValueError(
            f"{where} was written in run format {content.get('format')}; this version reads "
            f"formats {OLD_FORMAT} and {FORMAT}. Train again, or use the version that wrote it"
        )


def read_toml(path: Path) -> dict[str, Any]:
    """What stands in a TOML file. Raises OSError, ValueError, with the line, for what is none."""
    try:
        return tomllib.loads(read_bytes(path).decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is damaged: it is not UTF-8 text ({sentence(error)})") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: it is not TOML ({sentence(error)})") from error


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises OSError, ValueError for what is none."""
    try:
        content = json.loads(read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: it is not JSON ({error})") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} is damaged: it holds no JSON object")
    return content


def _as_today(content: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of a configuration of format 1; what is no table is left for the reader to say."""
    tables = {name: content[name] for name in TABLES if isinstance(content.get(name), dict)}
    task = tables.get("task", {})
    if isinstance(task.get("options"), dict):
        tables["task"] = {"name": task.get("name"), **task["options"]}
    if "model" in tables:
        tables["model"] = {"kind": content.get("kind", OLD_KIND), **tables["model"]}
    if "training" in tables:  # what had been given of the model; now that is all in its table
        given = {key: value for key, value in tables["training"].items() if value is not None}
        tables["training"] = {key: value for key, value in given.items() if key != "model"}
    return tables
