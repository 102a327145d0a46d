"""`minitransformer export` and `minitransformer import`."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..files import Claim
from ..lab.weight_file import load_safetensors, save_safetensors
from ..models.kinds import fields_of
from ..models.seq2seq import Seq2Seq
from ..run import Run, load
from ..text.showing import wrapped
from .arguments import add_run, add_task_file, command

FILE = "FILE.safetensors"


def add_export(commands: Any) -> None:
    sub = command(
        commands,
        "export",
        export_command,
        "Write the weights of a run as PyTorch names them. The file is in the safetensors format "
        "and holds the configuration of the model too.",
        "minitransformer export runs/reverse reverse.safetensors",
    )
    add_run(sub)
    sub.add_argument("file", metavar=FILE, help="a file that is not there yet")


def export_command(options: argparse.Namespace) -> None:
    if not options.file:
        raise ValueError('"" names no file')
    path = Path(options.file)
    if path.exists():
        raise FileExistsError(f"{path} is there already: remove it, or name another file")
    run = load(options.run, options.task_file)
    print(wrapped(str(save_safetensors(run.model, path))))


def add_import(commands: Any) -> None:
    sub = command(
        commands,
        "import",
        import_command,
        "Make a run of weights that PyTorch has trained. Its task and vocabularies are those of "
        "another run, which stays as it is; and so is the configuration, if the file has none.",
        "minitransformer import reverse.safetensors runs/reverse-2 --like runs/reverse",
    )
    add = sub.add_argument
    add("file", metavar=FILE, help="weights under the names that export gives them")
    add("run", metavar="RUN", help="the folder of the new run")
    add("--like", metavar="RUN", required=True, help="the run whose task and vocabularies it has")
    add_task_file(sub)


def import_command(options: argparse.Namespace) -> None:
    like = load(options.like, options.task_file)
    model = load_safetensors(options.file, like.model)
    require_vocabularies(options.file, model, like)
    if not options.run:
        raise ValueError('"" names no folder: name that of the new run')
    with Claim(Path(options.run), new=True) as folder:
        settings = {**like.settings, "model": fields_of(model)}
        replace(like, folder=folder, model=model, settings=settings).save()
    print(wrapped(f"The run is in {folder}"))


def require_vocabularies(file: str, model: Seq2Seq, like: Run) -> None:
    """Raise ValueError for a model that cannot be of the words of that run."""
    config, known = model.config, (len(like.source_vocab), len(like.target_vocab))
    sizes = config.src_vocab_size, getattr(config, "tgt_vocab_size", None)
    if sizes != known:
        raise ValueError(
            f"{file} is of a model of {sizes[0]} source and {sizes[1]} target tokens, and the "
            f"vocabularies of {like.folder} have {known[0]} and {known[1]}"
        )
    tied = getattr(config, "ties_languages", False)
    if tied and like.source_vocab.tokens != like.target_vocab.tokens:
        raise ValueError(
            f"{file} is of a model with one vocabulary for both languages; {like.folder} has two"
        )
