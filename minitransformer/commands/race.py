"""`minitransformer race`."""

import argparse
from itertools import count
from pathlib import Path
from typing import Any

from .. import tasks
from ..files import write_whole
from ..looking.drawing import save_figure
from ..looking.race import table, verdict
from ..looking.race_figure import race_figure
from ..models import recurrent_config
from ..streams import show
from ..text.showing import wrapped
from ..training.race import race
from .arguments import add_task_file, command
from .train import task_option

TASK, LONGEST = "reverse", 20  # where none is named
STEPS = 2_000
TABLE, PICTURE = "race.md", "race.svg"


def add_race(commands: Any) -> None:
    sub = command(
        commands,
        "race",
        race_command,
        "Compare an LSTM with one context vector, an LSTM with attention and a Transformer. Each "
        "is trained with as many parameters on the same data; the result is a folder with the "
        f"three runs, a table ({TABLE}) and a picture ({PICTURE}).",
        "minitransformer race",
        "minitransformer race copy --option longest=12 --steps 1000 --size tiny",
        "minitransformer race numbers --lengths 2,4,6,8,10,12",
    )
    add = sub.add_argument
    words = f"{TASK}, of strings of up to {LONGEST} letters"
    add("task", metavar="TASK", nargs="?", help=f"what to learn (default: {words})")
    add_task_file(sub)
    add("--run", metavar="FOLDER", help="where to keep it (default: a new folder runs/race)")
    add(
        "--option",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="an option of the task, see: minitransformer tasks; may be given several times",
    )
    add("--steps", type=int, default=STEPS, metavar="N", help="of each (default: %(default)s)")
    add("--seed", type=int, default=0, metavar="N", help="of all chance (default: %(default)s)")
    add(
        "--size",
        choices=recurrent_config.SIZES,
        default="small",
        help="of the Transformer; the others get as many parameters (default: %(default)s)",
    )
    add(
        "--lengths",
        type=whole_numbers,
        metavar="N,N,...",
        help="lengths of sentences to measure at, in tokens (default: eight, up to the longest)",
    )
    add("--quiet", action="store_true", help="say only what came of it")


def race_command(options: argparse.Namespace) -> None:
    if options.task_file is not None:
        tasks.load_file(options.task_file)
    of_task = dict(map(task_option, options.option))
    if options.task is None:
        of_task = {"longest": LONGEST, **of_task}
    task = tasks.get(options.task or TASK, **of_task)
    folder = new_folder(options.run)
    racers = race(
        *(task, folder, options.steps, options.seed, options.size, options.lengths, options.quiet)
    )
    about = ", ".join(f"{name}={value}" for name, value in task.options().items())
    title = f"{task.name} ({about}), {options.steps:,} steps, seed {options.seed}"
    sentences = (f"- {each}" for each in verdict(racers))
    text = "\n".join([f"# {title}", "", table(racers), "", *sentences]) + "\n"
    write_whole(folder / TABLE, lambda file: file.write(text.encode()))
    show(text)
    show(wrapped(f"The race is in {folder}"))
    try:
        show(wrapped(f"Picture: {save_figure(race_figure(racers, title), folder / PICTURE)}"))
    except ModuleNotFoundError as error:  # the table is good without it
        show(wrapped(f"No picture was drawn: {error}"))


def new_folder(name: str | None) -> Path:
    """The folder of a new race: the one asked for, or the first of runs/race, runs/race-2, ... that
    is not there. Raises FileExistsError for one with something in it."""
    if name == "":
        raise ValueError('"" names no folder: name one, or leave it out for a new one under runs/')
    if name is None:
        names = (Path("runs") / (f"race-{n}" if n > 1 else "race") for n in count(1))
        return next(path for path in names if not path.exists())
    folder = Path(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is there already: name another folder for this race")
    return folder


def whole_numbers(text: str) -> list[int]:
    """ "5,10,20" as numbers."""
    try:
        return [int(each) for each in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"lengths are whole numbers with commas, like 5,10,20, and not {text!r}"
        ) from None
