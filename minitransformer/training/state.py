"""The state of a training: all by which it goes on as if it had never been ended, in one file.

It is one file, so that it is one moment: weights, the optimiser's averages, the schedule, every
generator, the place in the data, and what validation has found so far.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg

from ..arrays import read_arrays, require_finite, write_arrays
from ..files import write_whole
from ..models.seq2seq import Seq2Seq
from ..run import Run
from ..text.batching import Pair
from ..text.showing import sentence, shown
from .batches import Batches
from .listeners import Best, Pace
from .parallel import Alone

STATE = "state.npz"
FORMAT = 1  # raised when states that were written before can no longer be read
ABOUT = "about"  # the name of what is JSON in the file
AGAIN = "the run can still be used as it is, and trained anew into another folder"


@dataclass
class State:
    """`about` is what JSON can hold; `arrays` are those of the "weights", the "optimizer", and of
    the "best" weights where these are others."""

    about: dict[str, Any]
    arrays: dict[str, dict[str, np.ndarray]] = field(repr=False)

    @property
    def step(self) -> int:
        return self.about["step"]

    def write(self, folder: Path) -> None:
        """Put it into the folder of a run, in the place of the one before, whole or not at all.
        Raises FloatingPointError for weights that are no numbers."""
        require_finite(self.arrays["weights"])
        named = {
            f"{kind}/{name}": array
            for kind, arrays in self.arrays.items()
            for name, array in arrays.items()
        }
        named[ABOUT] = np.frombuffer(json.dumps(self.about).encode(), np.uint8)
        write_whole(folder / STATE, lambda file: write_arrays(file, named))


def read_state(folder: Path) -> State:
    """The State in the folder of a run. Raises FileNotFoundError or ValueError, with the reason,
    where there is none that can be read."""
    path = folder / STATE
    if not path.exists():
        raise FileNotFoundError(
            f"{folder} has no {STATE}, so its training cannot be resumed: it is a run of an older "
            f"version, or was imported; {AGAIN}"
        )
    named = read_arrays(path, AGAIN)
    try:
        about = json.loads(named.pop(ABOUT).tobytes())
        if about["format"] != FORMAT:
            raise ValueError(
                f"it has the format {shown(str(about['format']))} of another version; this one "
                f"reads format {FORMAT}"
            )
        arrays: dict[str, dict[str, np.ndarray]] = {"weights": {}, "optimizer": {}, "best": {}}
        for name, array in named.items():
            kind, _, of = name.partition("/")
            arrays[kind][of] = array
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} cannot be resumed from: {_said(error)}; {AGAIN}") from error
    return State(about, arrays)


@dataclass
class Training:
    """All that changes while a model is trained."""

    model: Seq2Seq
    optimizer: mg.optim.Optimizer
    schedule: mg.optim.Schedule
    batches: Batches
    group: Alone
    pace: Pace
    best: Best
    belongs_to: dict[str, Any]  # see `origin`

    def state(self, step: int) -> State:
        """The State after so many steps, in the first worker; all have to ask for it."""
        generators = [each.bit_generator.state for each in generators_of(self.model)]
        of_workers = self.group.gathered(generators)
        optimizer = self.group.state_of(self.optimizer)
        weights, best = self.model.state_dict(), self.best
        about = {
            **{"format": FORMAT, "step": step, "belongs_to": self.belongs_to},
            **{"schedule": self.schedule.state_dict(), "batches": self.batches.state_dict()},
            **{"generators": of_workers, "tokens": self.pace.tokens, "seconds": self.pace.seconds},
            "best": {"loss": best.loss, "step": best.step, "stale": best.stale},
        }
        others = best.weights if best.step != step else {}
        return State(about, {"weights": weights, "optimizer": optimizer, "best": others})

    def restore(self, state: State, folder: Path) -> int:
        """Go on from a State, before any step is made here; how many were made. Raises ValueError
        for one that belongs to another training."""
        about, path = state.about, folder / STATE
        try:
            require_same(about["belongs_to"], self.belongs_to, path)
            generators = generators_of(self.model)
            of_mine = about["generators"][self.group.rank]
            for generator, its in zip(generators, of_mine, strict=True):
                generator.bit_generator.state = its
            self.model.load_state_dict(state.arrays["weights"])
            self.optimizer.load_state_dict(state.arrays["optimizer"])
            self.schedule.steps = about["schedule"]["steps"]  # its end is that of the settings
            self.batches.load_state_dict(about["batches"])
            self.pace.tokens, self.pace.seconds = about["tokens"], about["seconds"]
            best = Best(**about["best"])
        except (IndexError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, AnotherTraining):
                raise
            raise ValueError(f"{path} cannot be resumed from: {_said(error)}; {AGAIN}") from error
        vars(self.best).update(vars(best))
        if best.step:
            of_now = best.step == state.step
            self.best.weights = state.arrays["weights" if of_now else "best"]
        return state.step


def generators_of(model: Seq2Seq) -> list[np.random.Generator]:
    """All generators that the modules of a model draw from, each once."""
    values = (value for module in model.modules() for value in vars(module).values())
    return list(dict.fromkeys(each for each in values if isinstance(each, np.random.Generator)))


def origin(
    run: Run, workers: int, pairs: Iterable[Pair], validation_pairs: Iterable[Pair]
) -> dict[str, Any]:
    """What a state belongs to, as JSON holds it. How many steps there shall be is no part of it."""
    settings = {name: value for name, value in run.settings.items() if name != "steps"}
    about = {
        "task": {"name": run.task.name, **run.task.options()},
        "model": {"kind": run.model.kind, **run.model.config.to_json()},
        "training": {**settings, "workers": workers},
        "data": {
            "source vocabulary": digest(run.source_vocab.tokens),
            "target vocabulary": digest(run.target_vocab.tokens),
            "training examples": digest(pairs),
            "validation examples": digest(validation_pairs),
        },
    }
    return json.loads(json.dumps(about))


def digest(values: Iterable[Any]) -> str:
    """A name for these very values."""
    sha = hashlib.sha256()
    for value in values:
        sha.update(f"{value!r}\n".encode("utf-8", "surrogatepass"))
    return sha.hexdigest()[:32]


class AnotherTraining(ValueError):
    """A state that belongs to another training."""


def require_same(then: Mapping[str, Any], now: Mapping[str, Any], path: Path) -> None:
    """Raise AnotherTraining, with what is not the same, for a state of another origin."""
    for part, entries in now.items():
        before = then.get(part, {})
        for name in dict.fromkeys([*entries, *before]):
            if name in before and name in entries and before[name] == entries[name]:
                continue
            if part == "data":
                why = (
                    f"the {name} are others now" if name.endswith("s") else f"the {name} is another"
                )
                why += ": has the file of the data been changed, or the program that makes it?"
            else:
                old, new = (
                    repr(shown(str(each[name]))) if name in each else "not there"
                    for each in (before, entries)
                )
                why = f"{part}: {name} was {old} and is {new} now"
            raise AnotherTraining(
                f"{path} belongs to another training ({why}). Put it back as it was; else {AGAIN}"
            )


def _said(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else sentence(error)
