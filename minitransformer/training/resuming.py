"""What is looked at, and said, before a training goes on."""

import json
from contextlib import suppress
from typing import Any

import minigrad as mg

from ..files import naming, write_whole
from ..run import LOG, Run
from ..streams import show
from ..text.showing import wrapped
from .schedules import schedule_of
from .settings import TrainingSettings
from .state import State, read_state


def state_to_resume(run: Run, settings: TrainingSettings) -> State:
    """The State from which the run's training goes on with these settings, which differ from its
    own in the number of steps alone. Says where it goes on. Raises FileNotFoundError or ValueError
    where that cannot be."""
    state = read_state(run.folder)
    steps, before = settings.steps, run.settings.get("steps")
    assert steps
    if steps < state.step:
        raise ValueError(
            f"the training in {run.folder} has made {state.step} steps already, and {steps} are "
            "fewer: ask for more, or leave --steps out"
        )
    said = f"The training in {run.folder} goes on after step {state.step} of {steps}."
    if settings.patience and state.about["best"]["stale"] >= settings.patience:
        said = (
            f"The training in {run.folder} has ended: after step {state.step}, since "
            f"{settings.patience} validations found no lower loss. Nothing is left to do."
        )
    elif state.step == steps:
        said = (
            f"The training in {run.folder} is finished: it has made all its {steps} steps. Nothing "
            "is left to do; --steps with a larger number makes it longer."
        )
    elif steps != before:
        said += f" It was to have {before}; {_of_rates(run, settings, state)}"
    if not settings.quiet:
        show(wrapped(said))
    return state


def _of_rates(run: Run, settings: TrainingSettings, state: State) -> str:
    """What a change of the number of steps does to the learning rate, as the end of a sentence."""
    then = TrainingSettings(**run.settings).decided(run.task.steps)
    old, new = (_rates(each, run.model.config.d_model) for each in (then, settings))
    if all(old.rate(step) == new.rate(step) for step in range(1, state.step + 1)):
        return "until here the rate was the same, so it is as if it had been so from the beginning."
    next_one = state.step + 1
    return (
        "the rate had begun to fall for its end, and goes from "
        f"{old.rate(state.step):.2g} to {new.rate(next_one):.2g} now, as in the longer training."
    )


def _rates(settings: TrainingSettings, d_model: int) -> mg.optim.Schedule:
    optimizer = mg.optim.SGD([mg.Parameter([0.0])], lr=1.0)
    return schedule_of(settings, optimizer, d_model)


def begin_log(run: Run, done: int, **about: Any) -> None:
    """The log of a new training, or of one that goes on after so many steps: what was logged later
    will be once more. `about` is what may have changed, as the machine and the number of steps, and
    stands in the log where it is new."""
    path = run.folder / LOG
    kept = [line for line in run.log() if done and line["step"] <= done and "averaged" not in line]
    with naming(path):
        if kept:
            text = "".join(json.dumps(line) + "\n" for line in kept)
            write_whole(path, lambda file: file.write(text.encode()))
        else:
            with suppress(FileNotFoundError):
                path.unlink()
    known: dict[str, Any] = {}
    for line in kept:
        known |= {name: line[name] for name in about if name in line}
    if known != about:
        run.add_to_log(step=done, **about)
