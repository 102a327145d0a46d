"""Files that define tasks: those of this folder, and a file of one's own."""

import importlib.util
import sys
import traceback
import warnings
from collections.abc import Iterable
from pathlib import Path
from pkgutil import iter_modules

from ..text.showing import shown
from .task import registered


def load_folder(package: str, path: Iterable[str]) -> None:
    """Import every file of a package. One that fails is left out, with a warning that says why: it
    does not keep the others from being used."""
    for module in iter_modules(path):
        name = f"{package}.{module.name}"
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as error:
            found = importlib.util.find_spec(name)
            file = found.origin if found and found.origin else name
            reason, line = _why(error, file)
            warnings.warn_explicit(
                f"this file was left out: {reason}", RuntimeWarning, file, line or 1
            )


def load_file(path: str | Path) -> list[str]:
    """Run a Python file that registers tasks of one's own; their names. Loaded again, it takes the
    place of what it defined before. Raises ValueError, with the reason, for one that fails."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path} to load a task from")
    name = f"task_file.{path.resolve()}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is no Python file: the file of a task ends in .py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        reason, line = _why(error, str(path))
        where = f", line {line}" if line else ""
        raise ValueError(f"{path}{where} cannot be used: {reason}") from error
    mine = [task.name for task in registered.values() if task.__module__ == name]
    if not mine:
        raise ValueError(
            f"{path} defines no task: decorate its class with minitransformer.tasks.register"
        )
    return mine


def _why(error: BaseException, file: str) -> tuple[str, int | None]:
    """An error in a line, and the last line of the file on the way to it."""
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg}", error.lineno
    lines = [
        each.lineno for each in traceback.extract_tb(error.__traceback__) if each.filename == file
    ]
    kind = "" if type(error) is ValueError else f"{type(error).__name__}: "
    return kind + shown(str(error), 300), lines[-1] if lines else None
