"""The command `minitransformer`: train, translate, evaluate, graph, tasks."""

import argparse
import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

import minigrad as mg

from . import tasks
from .decoding.greedy import greedy_decode
from .fields import add_flags, given
from .looking.pictures import save_pictures
from .models.config import SHAPE, TransformerConfig
from .run import PICTURES, Run, load
from .text.batching import make_batch, source_rows
from .training.metrics import batch_loss, evaluate
from .training.parallel import started_by_mpi
from .training.settings import MODEL_DEFAULTS, TrainingSettings
from .training.showing import prepare_streams, sentence, settle_streams, show
from .training.trainer import train

Command = Callable[[argparse.Namespace], None]

# What counts where a flag of the model is not given; for the others that is in their table.
OTHERWISE = {
    **dict.fromkeys(SHAPE, "that of --size"),
    **{name: str(value) for name, value in MODEL_DEFAULTS.items()},
    "max_length": "what the task needs",
}


class Parser(argparse.ArgumentParser):
    """Says what was wrong in one sentence, and where help is. A flag is written in full."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status: 0, 2 for what could not be done, said in a sentence, or 141
    where nobody reads what is written any more (`| head -1`)."""
    prepare_streams()
    status = 0
    try:
        options = parser().parse_args(arguments)
        options.command(options)
        sys.stdout.flush()
    except BrokenPipeError:
        status = 128 + 13  # as if by SIGPIPE, which Python does not die of
    except (ValueError, ArithmeticError, OSError, ModuleNotFoundError, MemoryError) as error:
        where = "standard output: " if "stdout" in settle_streams() else ""
        show(f"minitransformer: {where}{sentence(error)}", to="stderr")
        status = 2
    except KeyboardInterrupt as error:
        show(f"\nminitransformer: {sentence(error)}", to="stderr")
        status = 130
    finally:
        settle_streams()
    return status


def parser() -> Parser:
    top = Parser(
        prog="minitransformer",
        description="Train, use and look into small Transformers.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=examples(
            "minitransformer train reverse",
            'minitransformer translate runs/reverse "abcdef"',
            "minitransformer evaluate runs/reverse",
        ),
    )
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for add_command in (add_train, add_translate, add_evaluate, add_graph, add_tasks):
        add_command(commands)
    return top


def command(commands: Any, name: str, function: Command, description: str, *usage: str) -> Parser:
    """Add a command, and return the parser of its arguments."""
    sub = commands.add_parser(
        name,
        help=description,
        description=description,
        epilog=examples(*usage),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sub.set_defaults(command=function)
    return sub


def examples(*lines: str) -> str:
    return "examples:\n" + textwrap.indent("\n".join(lines), "  ")


# train


def add_train(commands: Any) -> None:
    sub = command(
        commands,
        "train",
        train_command,
        "Train a model on a task; the result is a folder, the run.",
        "minitransformer train reverse",
        "minitransformer train numbers --option largest=9999 --steps 1500 --run runs/small-numbers",
        "minitransformer train copy --size tiny --positions learned --seed 1",
        "minitransformer train numbers --size medium --workers 2",
        "mpiexec -n 4 minitransformer train numbers --run runs/numbers",
    )
    add = sub.add_argument
    add("task", metavar="TASK", help=f"one of: {', '.join(tasks.names())}")
    add("--run", metavar="FOLDER", help="where to keep it (default: a new folder runs/TASK)")
    add(
        "--option",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="an option of the task, see: minitransformer tasks; may be given several times",
    )
    add_flags(sub.add_argument_group("training").add_argument, TrainingSettings)
    add_flags(sub.add_argument_group("model").add_argument, TransformerConfig, OTHERWISE)


def train_command(options: argparse.Namespace) -> None:
    task = tasks.get(options.task, **dict(map(task_option, options.option)))
    model = given(options, TransformerConfig)
    run = train(task, options.run, **given(options, TrainingSettings), model=model)
    if started_by_mpi().rank > 0:
        return  # the first worker speaks for all
    show(f"The run is in {run.folder}")
    try:
        paths = save_pictures(run, example_text(run))
    except (ModuleNotFoundError, ValueError) as error:  # the run is good without them
        show(f"No pictures were drawn: {error}")
    else:
        show(f"Pictures: {', '.join(map(str, paths))}")


def task_option(text: str) -> tuple[str, str | int]:
    """NAME=VALUE as a pair; a VALUE of digits is a number."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise ValueError(f"--option needs NAME=VALUE, like largest=9999, and got {text!r}")
    return name, int(value) if re.fullmatch("-?[0-9]+", value) else value


# translate


def add_translate(commands: Any) -> None:
    sub = command(
        commands,
        "translate",
        translate_command,
        "Translate texts with a trained model, a line each.",
        'minitransformer translate runs/reverse "abcdef" "jihg"',
        'minitransformer translate runs/numbers "nine hundred and fifty-four"',
        "minitransformer translate runs/numbers < numbers.txt",
    )
    add = sub.add_argument
    add("run", metavar="RUN", help="the folder of a run")
    add("texts", metavar="TEXT", nargs="*", help="what to translate (default: each line of input)")


def translate_command(options: argparse.Namespace) -> None:
    run = load(options.run)
    if not options.texts and sys.stdin.isatty():
        raise ValueError('give a text to translate: minitransformer translate RUN "text"')
    for line in run.translate(*(options.texts or [line.strip() for line in sys.stdin])):
        print(line)


# evaluate


def add_evaluate(commands: Any) -> None:
    sub = command(
        commands,
        "evaluate",
        evaluate_command,
        "Try a trained model on examples that it has never seen.",
        "minitransformer evaluate runs/reverse",
        "minitransformer evaluate runs/numbers --count 200 --split validation",
    )
    add = sub.add_argument
    add("run", metavar="RUN", help="the folder of a run")
    add("--count", type=int, help="how many examples (default: 1000, or all where there are fewer)")
    add("--split", choices=tasks.SPLITS, default="test", help="(default: %(default)s)")
    add("--seed", type=int, default=0, help="of the choice of examples (default: %(default)s)")


def evaluate_command(options: argparse.Namespace) -> None:
    run = load(options.run)
    count = options.count
    if count is None:
        count = run.task.available(options.split, 1000)
    if count < 1:
        raise ValueError(f"--count has to be at least 1, and the split must not be empty: {count}")
    if options.seed < 0:
        raise ValueError(f"--seed has to be at least 0, not {options.seed}")
    texts = run.task.examples(options.split, count, np.random.default_rng(options.seed))
    result = evaluate(run.model, run.ids_of(texts))
    print(
        f"{len(texts)} examples of the {options.split} split: "
        f"exact match {result.exact_match:.1%}, loss {result.loss:.4f} per token"
    )
    written = [run.target_vocab.decode(ids) for ids in result.predictions]
    wrong = [(*pair, text) for pair, text in zip(texts, written) if pair[1] != text]
    for source, target, text in wrong[:5]:
        print(f"  {source} -> {text}  (right: {target})")


# graph


def add_graph(commands: Any) -> None:
    sub = command(
        commands,
        "graph",
        graph_command,
        "Draw the computation graph of a model's loss on one example.",
        "minitransformer graph runs/reverse",
        "minitransformer graph runs/reverse --depth 1 --output encoder-and-decoder.png",
        'minitransformer graph runs/reverse --text "abc" --depth 9 --output everything.pdf',
    )
    add = sub.add_argument
    add("run", metavar="RUN", help="the folder of a run")
    add("--text", help="the source to use (default: a short test example)")
    add("--depth", type=int, default=2, help="modules within modules shown (default: %(default)s)")
    add(
        "--output",
        metavar="FILE",
        help=".svg, .png, .pdf or .dot (default: RUN/pictures/graph.svg)",
    )


def graph_command(options: argparse.Namespace) -> None:
    run = load(options.run)
    text = example_text(run) if options.text is None else options.text
    source = run.encode_source(text)
    (written,) = greedy_decode(run.model, source_rows([source]))
    loss = batch_loss(run.model, make_batch([(source, written)]))
    output = Path(options.output or run.folder / PICTURES / "graph.svg")
    output.parent.mkdir(parents=True, exist_ok=True)
    print(mg.draw(loss, depth=options.depth).save(output))


def example_text(run: Run) -> str:
    """A source that was not in training, neither short nor long."""
    count = run.task.available("test", 5)
    split = "test" if count else "validation"  # where a task has so few examples
    texts = run.task.examples(split, max(1, count), np.random.default_rng(0))
    return sorted((source for source, _ in texts), key=len)[len(texts) // 2]


# tasks


def add_tasks(commands: Any) -> None:
    command(
        commands,
        "tasks",
        tasks_command,
        "List the tasks and their options.",
        "minitransformer tasks",
    )


def tasks_command(options: argparse.Namespace) -> None:
    for name in tasks.names():
        task = tasks.get(name)
        print(f"{name:10} {task.summary}")
        settings = ", ".join(f"{key}={value}" for key, value in task.options().items())
        print(f"{'':10} options: {settings}; {task.steps:,} steps recommended")
