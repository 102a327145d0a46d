"""The command `minitransformer`: train, translate, evaluate, graph, tasks."""

import argparse
import re
import sys
import textwrap
from pathlib import Path

import numpy as np

import minigrad as mg

from . import tasks
from .looking.pictures import save_pictures
from .models.config import SIZES
from .models.positions import POSITIONS
from .run import PICTURES, load
from .text.batching import make_batch
from .training.metrics import batch_loss, evaluate
from .training.parallel import started_by_mpi
from .training.trainer import TrainingSettings, train


class Parser(argparse.ArgumentParser):
    """Says what was wrong in one sentence, and where help is."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(arguments=None):
    """Run the command; the exit status: 0, or 2 for what could not be done, said in a sentence."""
    options = parser().parse_args(arguments)
    try:
        options.command(options)
    except (ValueError, ArithmeticError, OSError, ModuleNotFoundError) as error:
        print(f"minitransformer: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nminitransformer: stopped by Ctrl-C", file=sys.stderr)
        return 130
    return 0


def parser():
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

    add = command(
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
    defaults = TrainingSettings()
    add("task", metavar="TASK", help=f"one of: {', '.join(tasks.names())}")
    add("--run", metavar="FOLDER", help="where to keep it (default: a new folder runs/TASK)")
    add(
        "--option",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="an option of the task, see: minitransformer tasks; may be given several times",
    )
    add("--size", choices=SIZES, default=defaults.size, help="of the model (default: %(default)s)")
    add("--steps", type=int, help="training steps (default: what the task recommends)")
    add("--batch-size", type=int, default=defaults.batch_size, help="(default: %(default)s)")
    add("--lr-scale", type=float, default=defaults.lr_scale, help="times the paper's learning rate")
    add("--warmup-steps", type=int, help="(default: a quarter of the steps, and at least 400)")
    add("--label-smoothing", type=float, default=defaults.label_smoothing, help="(default: none)")
    add("--dropout", type=float, default=0.0, help="(default: %(default)s)")
    add("--positions", choices=POSITIONS, default="sinusoidal", help="(default: %(default)s)")
    add("--norm-first", action="store_true", help="normalise before each sub-layer, not after")
    add("--workers", type=int, default=1, help="processes that share the work (default: 1)")
    add("--seed", type=int, default=0, help="of all that is random (default: %(default)s)")

    add = command(
        commands,
        "translate",
        translate_command,
        "Translate texts with a trained model, a line each.",
        'minitransformer translate runs/reverse "abcdef" "jihg"',
        'minitransformer translate runs/numbers "nine hundred and fifty-four"',
        "minitransformer translate runs/numbers < numbers.txt",
    )
    add("run", metavar="RUN", help="the folder of a run")
    add("texts", metavar="TEXT", nargs="*", help="what to translate (default: each line of input)")

    add = command(
        commands,
        "evaluate",
        evaluate_command,
        "Try a trained model on examples that it has never seen.",
        "minitransformer evaluate runs/reverse",
        "minitransformer evaluate runs/numbers --count 200 --split validation",
    )
    add("run", metavar="RUN", help="the folder of a run")
    add("--count", type=int, help="how many examples (default: 1000, or all where there are fewer)")
    add("--split", choices=tasks.SPLITS, default="test", help="(default: %(default)s)")
    add("--seed", type=int, default=0, help="of the choice of examples (default: %(default)s)")

    add = command(
        commands,
        "graph",
        graph_command,
        "Draw the computation graph of a model's loss on one example.",
        "minitransformer graph runs/reverse",
        "minitransformer graph runs/reverse --depth 1 --output encoder-and-decoder.png",
        'minitransformer graph runs/reverse --text "abc" --depth 9 --output everything.pdf',
    )
    add("run", metavar="RUN", help="the folder of a run")
    add("--text", help="the source to use (default: a short test example)")
    add("--depth", type=int, default=2, help="modules within modules shown (default: %(default)s)")
    add(
        "--output",
        metavar="FILE",
        help=".svg, .png, .pdf or .dot (default: RUN/pictures/graph.svg)",
    )

    command(
        commands,
        "tasks",
        tasks_command,
        "List the tasks and their options.",
        "minitransformer tasks",
    )
    return top


def command(commands, name, function, description, *usage):
    """Add a command, and return the function that adds its arguments."""
    sub = commands.add_parser(
        name,
        help=description,
        description=description,
        epilog=examples(*usage),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sub.set_defaults(command=function)
    return sub.add_argument


def examples(*lines):
    return "examples:\n" + textwrap.indent("\n".join(lines), "  ")


def train_command(options):
    task = tasks.get(options.task, **dict(map(task_option, options.option)))
    run = train(
        task,
        options.run,
        size=options.size,
        steps=options.steps,
        batch_size=options.batch_size,
        lr_scale=options.lr_scale,
        warmup_steps=options.warmup_steps,
        label_smoothing=options.label_smoothing,
        workers=options.workers,
        seed=options.seed,
        model={
            "dropout": options.dropout,
            "positions": options.positions,
            "norm_first": options.norm_first,
        },
    )
    if started_by_mpi().rank > 0:
        return  # the first worker speaks for all
    print(f"The run is in {run.folder}")
    try:
        paths = save_pictures(run, example_text(run))
    except ModuleNotFoundError as error:
        print(f"No pictures were drawn: {error}")
    else:
        print(f"Pictures: {', '.join(map(str, paths))}")


def task_option(text):
    """NAME=VALUE as a pair; a VALUE of digits is a number."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise ValueError(f"--option needs NAME=VALUE, like largest=9999, and got {text!r}")
    return name, int(value) if re.fullmatch("-?[0-9]+", value) else value


def translate_command(options):
    run = load(options.run)
    if not options.texts and sys.stdin.isatty():
        raise ValueError('give a text to translate: minitransformer translate RUN "text"')
    for line in run.translate(*(options.texts or [line.strip() for line in sys.stdin])):
        print(line)


def evaluate_command(options):
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


def graph_command(options):
    run = load(options.run)
    text = example_text(run) if options.text is None else options.text
    target = run.target_vocab.encode(run.translate(text)[0])
    loss = batch_loss(run.model, make_batch([(run.encode_source(text), target)]))
    output = Path(options.output or run.folder / PICTURES / "graph.svg")
    output.parent.mkdir(parents=True, exist_ok=True)
    print(mg.draw(loss, depth=options.depth).save(output))


def example_text(run):
    """A source that was not in training, neither short nor long."""
    texts = run.task.examples("test", 5, np.random.default_rng(0))
    return sorted((source for source, _ in texts), key=len)[2]


def tasks_command(options):
    for name in tasks.names():
        task = tasks.get(name)
        print(f"{name:10} {task.summary}")
        settings = ", ".join(f"{key}={value}" for key, value in task.options().items())
        print(f"{'':10} options: {settings}; {task.steps:,} steps recommended")
