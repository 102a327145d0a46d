"""What a training keeps while it goes on: its state, the weights for use, and checkpoints."""

import time
from collections.abc import Collection
from pathlib import Path

import numpy as np

from ..arrays import read_arrays, write_weights
from ..files import naming
from ..run import Run
from .listeners import LOGGED, Best
from .loop import Step
from .state import Training

CHECKPOINTS = "checkpoints"
SECONDS = 30.0  # after which a state is kept, where nothing is said
MOST = 16  # checkpoints that show how a model came to be
BYTES = 2**28  # and how much room they may take together
APART = 72  # of the paper's base model: one checkpoint in 10 minutes of 12 hours (6.1, 5.2)


class Keeping:
    """Keeps the state of a training at some steps. All workers have one, and each gives its part;
    the first one writes."""

    def __init__(self, run: Run, training: Training, at: Collection[int], every: int | None):
        self.run, self.training = run, training
        self.at, self.every = at, every
        self.kept: int | None = None  # the step of the last one
        self.when = time.monotonic()

    def __call__(self, step: Step) -> None:
        if self._due(step.number):
            self.keep(step.number)

    def _due(self, number: int) -> bool:
        if number in self.at:
            return True
        if self.every is not None:
            return number % self.every == 0
        if number % LOGGED:
            return False
        return self.training.group.of_first(time.monotonic() - self.when > SECONDS)

    def keep(self, number: int) -> None:
        """Keep the state of now, after so many steps, unless that was done."""
        if self.kept == number:
            return
        state = self.training.state(number)
        if self.training.group.rank == 0:
            state.write(self.run.folder)
        self.kept, self.when = number, time.monotonic()


class Saving:
    """Saves the run, as it is to be used, whenever validation finds the best weights so far."""

    def __init__(self, run: Run, best: Best):
        self.run, self.best = run, best

    def __call__(self, step: Step) -> None:
        if self.best.step == step.number:
            self.run.save()


class Checkpoints:
    """Writes the weights of some steps into the folder `checkpoints` of the run: steps 0, 1, 2, 4,
    8, ... and the last, which show how a model came to be, and the last few to average (section 6.1
    of the paper), as far apart as the paper's: a 72nd part of the training."""

    def __init__(self, run: Run, steps: int, average: int | None):
        self.run, self.average = run, average or 0
        size = sum(array.nbytes for array in run.model.state_dict().values())
        self.shown = log_spaced(steps, max(3, min(MOST, BYTES // max(size, 1))))
        self.apart = max(1, steps // APART)
        self.steps = steps

    def __call__(self, step: Step) -> None:
        self.write(step.number)

    def write(self, number: int) -> None:
        """Write that of a step, if it is one of them, and remove what is no longer needed."""
        averaged = self.average and self._averaged(number)
        if number not in self.shown and not averaged:
            return
        path = path_of(self.run.folder, number)
        with naming(path):
            path.parent.mkdir(exist_ok=True)
        write_weights(path, self.run.model.state_dict())
        old = number - self.average * self.apart
        if averaged and old not in self.shown:
            path_of(self.run.folder, old).unlink(missing_ok=True)

    def _averaged(self, number: int) -> bool:
        return (self.steps - number) % self.apart == 0

    def forget_after(self, number: int) -> None:
        """Remove those of later steps than this: the training goes on from here."""
        for path in (self.run.folder / CHECKPOINTS).glob("step-*.npz"):
            if path.stem[5:].isdecimal() and int(path.stem[5:]) > number:
                path.unlink(missing_ok=True)

    def mean(self, last: int) -> tuple[dict[str, np.ndarray], int]:
        """The mean of the last checkpoints, `last` being the number of steps made, and of how many
        it is."""
        newest = last - (last - self.steps) % self.apart
        numbers = (newest - i * self.apart for i in range(self.average))
        paths = [path_of(self.run.folder, number) for number in numbers if number > 0]
        found = [read_arrays(path, "go on without it") for path in paths if path.exists()]
        if not found:
            return {}, 0
        names, dtypes = found[0].keys(), {name: array.dtype for name, array in found[0].items()}
        means = {
            name: np.mean([each[name] for each in found], axis=0, dtype=np.float64)
            for name in names
        }
        return {name: mean.astype(dtypes[name]) for name, mean in means.items()}, len(found)


def path_of(folder: Path, step: int) -> Path:
    """Where the weights of a step are kept."""
    return folder / CHECKPOINTS / f"step-{step:07}.npz"


def log_spaced(steps: int, most: int) -> set[int]:
    """0, the powers of two up to `steps`, and `steps` itself; where these are more than `most` (at
    least 3), the powers of 4, of 8, ..."""
    ratio, numbers = 1, {0, steps}
    while ratio == 1 or len(numbers) > most:
        ratio, number, numbers = 2 * ratio, 1, {0, steps}
        while number <= steps:
            numbers.add(number)
            number *= ratio
    return numbers
