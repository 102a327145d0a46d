"""`minitransformer train`."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import tasks
from ..configuration import (
    PRESETS,
    Source,
    from_assignments,
    from_file,
    from_preset,
    settle,
)
from ..fields import add_flags, given
from ..looking.pictures import report
from ..models import config, recurrent_config
from ..models.kinds import KINDS
from ..tasks.task import option_names
from ..text.showing import shown
from ..text.vocabulary_settings import VocabularySettings
from ..training.parallel import started_by_mpi
from ..training.settings import KIND, MODEL_DEFAULTS, TrainingSettings
from ..training.trainer import resume, train
from .arguments import Parser, add_task_file, command

# What counts where a flag of the model is not given; for the others that is in their table.
OTHERWISE = {
    **dict.fromkeys((*config.SHAPE, *recurrent_config.SHAPE), "that of --size"),
    **{name: str(value) for name, value in MODEL_DEFAULTS.items()},
    "max_length": "what the task needs",
}

CONFIGS = [*dict.fromkeys(KINDS[kind].config for kind in (KIND, *KINDS))]


def add_train(commands: Any) -> None:
    sub = command(
        commands,
        "train",
        train_command,
        "Train a model on a task; the result is a folder, the run.",
        "minitransformer train reverse",
        "minitransformer train numbers --option largest=9999 --steps 1500 --run runs/small-numbers",
        "minitransformer train copy --size tiny --positions learned --seed 1",
        "minitransformer train reverse --model attention-lstm",
        "minitransformer train reverse --d-model 48 --num-heads 3 --lr 0.002",
        "minitransformer train numbers --unit bpe --vocab-size 400",
        "minitransformer train copy --preset quick --set model.positions=rotary",
        "minitransformer train --config runs/reverse/config.toml --run runs/again",
        "minitransformer train mine --task-file mine.py",
        "minitransformer train numbers --size medium --workers 2",
        "mpiexec -n 4 minitransformer train numbers --run runs/numbers",
        "minitransformer train --resume runs/numbers",
    )
    add = sub.add_argument
    names = f"one of: {', '.join(tasks.names())}, or that of --task-file"
    add(
        "words",
        metavar="TASK",
        nargs="*",
        help=f"{names}; a file behind it is short for --option file=FILE, of tasks that read one",
    )
    add("--resume", metavar="RUN", help="go on with the training of this run (perhaps for --steps)")
    add_task_file(sub)
    add("--run", metavar="FOLDER", help="where to keep it (default: a new folder runs/TASK)")
    add(
        "--option",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="an option of the task, see: minitransformer tasks; may be given several times",
    )
    add_sources(sub)
    add_flags(sub.add_argument_group("training").add_argument, TrainingSettings)
    add_flags(sub.add_argument_group("vocabulary").add_argument, VocabularySettings)
    add_model_flags(sub.add_argument_group("model").add_argument)


def add_model_flags(add: Callable[..., object]) -> None:
    """The fields of all kinds of models, each once."""
    known: set[str] = set()

    def add_new(flag: str, **about: Any) -> None:
        if flag not in known:
            known.add(flag)
            add(flag, **about)

    for table in CONFIGS:
        add_flags(add_new, table, OTHERWISE)


def add_sources(sub: Parser) -> None:
    add = sub.add_argument_group(
        "configuration",
        "each counts more than those before it: what suits the task, --preset, --config,\n"
        "  the flags below, --set",
    ).add_argument
    summaries = (f"{name}, {preset.summary}" for name, preset in PRESETS.items())
    add("--preset", choices=[*PRESETS], help=f"settings by a name: {'; '.join(summaries)}")
    add("--config", metavar="FILE.toml", help="a file of settings, as config.toml of a run")
    add(
        "--set",
        metavar="TABLE.KEY=VALUE",
        action="append",
        default=[],
        help="any of them, like model.d_model=64; may be given several times",
    )


def train_command(options: argparse.Namespace) -> None:
    if options.resume is not None:
        return resume_command(options)
    if options.task_file is not None:
        tasks.load_file(options.task_file)
    sources = [from_preset(options.preset)] if options.preset else []
    sources += [from_file(Path(options.config))] if options.config is not None else []
    if options.preset and sources[-1].whole:
        raise ValueError(
            f"--preset would do nothing: {options.config} is of a run, and has everything decided. "
            "Change it with flags, or with --set"
        )
    sources += [from_flags(options), from_assignments(options.set)]
    task, settings = settle(sources)
    run = train(task, options.run, **settings)
    if settings.get("quiet") and started_by_mpi().rank == 0:  # else the training has said it
        report(run)


def from_flags(options: argparse.Namespace) -> Source:
    """What the flags say, and the words: a task and, for one with the option, its file."""
    name, file, *_ = (*options.words, None, None)
    if len(options.words) > 2 or "" in options.words:
        raise ValueError(f"a training has one task, and a file at most, not {options.words}")
    task = {"name": name} if name is not None else {}
    if name is None and options.config is None:
        raise ValueError(
            "TASK is missing (see minitransformer train --help): name one of "
            f"{', '.join(tasks.names())}, a configuration with --config, or with --resume the run "
            "whose training is to go on"
        )
    if name is not None and file is not None:
        known = option_names(type(tasks.get(name)))
        if "file" not in known:
            raise ValueError(
                f'the task "{name}" reads no file, so {shown(file)!r} says nothing to it; its '
                f"options are {', '.join(known) or 'none'}: --option NAME=VALUE"
            )
        task["file"] = file
    settings = given(options, TrainingSettings)
    model = {"kind": settings.pop("model")} if "model" in settings else {}
    for table in CONFIGS:
        model |= given(options, table)
    vocabulary = given(options, VocabularySettings)
    dictionaries = {"model": model, "vocabulary": vocabulary}
    settings |= {name: content for name, content in dictionaries.items() if content}
    return Source({**task, **dict(map(task_option, options.option))}, settings)


def resume_command(options: argparse.Namespace) -> None:
    known = {"command", "resume", "steps", "quiet", "task_file"}
    other = [n for n, value in vars(options).items() if n not in known and value not in (None, [])]
    if other:
        flag = "task" if other[0] == "words" else f"--{other[0].replace('_', '-')}"
        raise ValueError(
            f"train --resume goes on with the settings of the run, but for --steps, and takes no "
            f"{flag}"
        )
    run = resume(options.resume, options.steps, bool(options.quiet), options.task_file)
    if options.quiet and started_by_mpi().rank == 0:
        report(run)


def task_option(text: str) -> tuple[str, str | int]:
    """NAME=VALUE as a pair; a VALUE of digits is a number."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise ValueError(f"--option needs NAME=VALUE, like largest=9999, and got {text!r}")
    return name, int(value) if re.fullmatch("-?[0-9]+", value) else value
