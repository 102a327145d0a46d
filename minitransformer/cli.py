"""The command `minitransformer`: train, translate, evaluate, attention, graph, tasks."""

import argparse
import difflib
import io
import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np

import minigrad as mg

from . import tasks
from .decoding.greedy import greedy_decode
from .fields import add_flags, given
from .looking.attention_maps import attention_maps
from .looking.drawing import ENDINGS, require_ending
from .looking.layers import output_of
from .looking.pictures import example_text, report
from .models.config import SHAPE, TransformerConfig
from .run import PICTURES, load
from .streams import prepare_streams, reason, settle_streams, show
from .text.batching import make_batch, source_rows
from .text.reading import lines_of
from .text.showing import fitted, sentence, wrapped
from .training.metrics import batch_loss, evaluate
from .training.parallel import started_by_mpi
from .training.settings import MODEL_DEFAULTS, TrainingSettings
from .training.trainer import train

Command = Callable[[argparse.Namespace], int | None]  # its exit status; None is 0

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

    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, args: Any = None, namespace: Any = None
    ) -> Any:
        """Here the flags of a command meet the parser of that command, which knows its own."""
        options, unknown = super().parse_known_args(args, namespace)
        if unknown:
            flag = unknown[0].split("=")[0]
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._nearest(flag)}")
        return options, unknown

    def _nearest(self, flag: str) -> str:
        """The flag that was probably meant, as a question."""
        if not flag.startswith("--"):
            return ""
        flags = [action for action in self._actions if action.option_strings]
        helps = {action.option_strings[-1]: action.help or "" for action in flags}
        word = flag.strip("-")
        named = [each for each in helps if len(word) > 2 and word in each]
        said = [each for each in helps if len(word) > 2 and word.replace("-", " ") in helps[each]]
        near = named or difflib.get_close_matches(flag, helps, n=1, cutoff=0.7) or said
        return f"; did you mean {near[0]}?" if near else ""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {sentence(message)} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status: 0, 2 for what could not be done, said in a sentence, or 141
    where nobody reads what is written any more (`| head -1`). That of `translate` is 1 where some
    lines of its input could not be translated."""
    prepare_streams()
    status = 0
    try:
        options = parser().parse_args(arguments)
        status = options.command(options) or 0
        sys.stdout.flush()
    except BrokenPipeError:
        status = 128 + 13  # as if by SIGPIPE, which Python does not die of
    except (ValueError, ArithmeticError, OSError, ModuleNotFoundError, MemoryError) as error:
        where = "standard output: " if "stdout" in settle_streams() else ""
        complain(f"{where}{reason(error)}")
        status = 2
    except KeyboardInterrupt as error:
        show(f"\nminitransformer: {reason(error)}", to="stderr")
        status = 130
    finally:
        settle_streams()
    return status


def complain(what: object) -> None:
    """Say in a line of standard error what is wrong."""
    show(f"minitransformer: {what}", to="stderr")


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
    for add_command in (
        add_train,
        add_translate,
        add_evaluate,
        add_attention,
        add_graph,
        add_tasks,
    ):
        add_command(commands)
    return top


def command(commands: Any, name: str, function: Command, description: str, *usage: str) -> Parser:
    """Add a command, and return the parser of its arguments."""
    sub = commands.add_parser(
        name,
        help=description.split(".")[0] + ".",
        description=textwrap.fill(description, 80),
        epilog=examples(*usage),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sub.set_defaults(command=function)
    return sub


def add_run(sub: Parser) -> None:
    """The arguments of every command that uses a run."""
    sub.add_argument("run", metavar="RUN", help="the folder of a run")
    add_task_file(sub)


def add_task_file(sub: Parser) -> None:
    sub.add_argument("--task-file", metavar="FILE.py", help="the file of a task of your own")


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
        "minitransformer train reverse --d-model 48 --num-heads 3 --lr 0.002",
        "minitransformer train mine --task-file mine.py",
        "minitransformer train numbers --size medium --workers 2",
        "mpiexec -n 4 minitransformer train numbers --run runs/numbers",
    )
    add = sub.add_argument
    add("task", metavar="TASK", help=f"one of: {', '.join(tasks.names())}, or that of --task-file")
    add_task_file(sub)
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
    if options.task_file is not None:
        tasks.load_file(options.task_file)
    task = tasks.get(options.task, **dict(map(task_option, options.option)))
    model = given(options, TransformerConfig)
    run = train(task, options.run, **given(options, TrainingSettings), model=model)
    if options.quiet and started_by_mpi().rank == 0:  # else the training itself has said it
        report(run)


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
        "Translate texts with a trained model, a line each. From standard input each line stands "
        "for itself: where one cannot be translated, the output has an empty line, and standard "
        "error the number of the line and the reason. The exit status is 0 if all went well, 1 if "
        "some lines could not be translated, 2 if nothing could be done.",
        'minitransformer translate runs/reverse "abcdef" "jihg"',
        'minitransformer translate runs/numbers "nine hundred and fifty-four"',
        "minitransformer translate runs/numbers < numbers.txt",
    )
    add = sub.add_argument
    add_run(sub)
    add("texts", metavar="TEXT", nargs="*", help="what to translate (default: each line of input)")


def translate_command(options: argparse.Namespace) -> int:
    if not options.texts and sys.stdin is not None and sys.stdin.isatty():
        raise ValueError('give a text to translate: minitransformer translate RUN "text"')
    run = load(options.run, options.task_file)
    if options.texts:
        print("\n".join(run.translate(options.texts)))
        return 0
    number, failed = 0, 0
    for lines in lines_of(standard_input()):
        for result in run.translate_each(lines):
            number += 1
            if isinstance(result, ValueError):
                failed += 1
                complain(f"line {number}: {result}")
                result = ""  # so that line 7 of the output still belongs to line 7 of the input
            print(result)
        sys.stdout.flush()
    return 1 if failed else 0


def standard_input() -> BinaryIO:
    """The bytes of standard input."""
    if sys.stdin is None:
        raise ValueError("there is no standard input; give the texts as arguments")
    if isinstance(sys.stdin, io.TextIOWrapper):
        return sys.stdin.buffer  # pyright: ignore[reportReturnType]
    return io.BytesIO(sys.stdin.read().encode(errors="surrogateescape"))  # text from a program


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
    add_run(sub)
    add("--count", type=int, help="how many examples (default: 1000, or all where there are fewer)")
    add("--split", choices=tasks.SPLITS, default="test", help="(default: %(default)s)")
    add("--seed", type=int, default=0, help="of the choice of examples (default: %(default)s)")


def evaluate_command(options: argparse.Namespace) -> None:
    run = load(options.run, options.task_file)
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
    written = map(run.target_vocab.decode, result.predictions)
    checked = zip(texts, written, result.right)  # an exact match is what is right token by token
    wrong = [(*pair, text) for pair, text, right in checked if not right]
    for pair_and_text in wrong[:5]:
        source, target, text = fitted(pair_and_text, others=len("   ->   (right: )"))
        print(f"  {source} -> {text}  (right: {target})")


# attention


def add_attention(commands: Any) -> None:
    sub = command(
        commands,
        "attention",
        attention_command,
        "Draw what looks at what while a model translates a text.",
        'minitransformer attention runs/reverse "abcdef"',
        'minitransformer attention runs/numbers "ninety-one" --layer 2 --head 1 -o head.png',
        'minitransformer attention runs/numbers "ninety-one" --kind encoder -o encoder.pdf',
    )
    add_run(sub)
    add = sub.add_argument
    add("text", metavar="TEXT", help="what to translate")
    add("--kind", help="encoder, decoder or encoder-decoder (default: the last that there is)")
    add("--layer", type=int, metavar="N", help="one layer, from 1 (default: all)")
    add("--head", type=int, metavar="N", help="one head, from 1 (default: all)")
    add(
        *("-o", "--output"),
        metavar="FILE",
        help=f"{', '.join('.' + each for each in ENDINGS)} (default: a new .svg in RUN/pictures)",
    )


def attention_command(options: argparse.Namespace) -> None:
    if options.output is not None:
        require_ending(options.output)
    run = load(options.run, options.task_file)
    maps = attention_maps(run, options.text)
    if not maps:
        raise ValueError(f"the model of {run.folder} has no attention to draw")
    kind = options.kind or list(maps)[-1]
    if kind not in maps:
        raise ValueError(f"there is no kind of attention {kind!r}, only {', '.join(maps)}")
    chosen = maps[kind].only(options.layer, options.head)
    output = options.output or free_name(run.folder / PICTURES, f"{kind}-{options.text}")
    print(wrapped(str(chosen.save(output))))


def free_name(folder: Path, words: str) -> Path:
    """The name of a picture that is not there yet, made of these words."""
    words = "-".join(re.findall(r"\w+", words))[:60]
    names = (folder / f"of-{words}{end}.svg" for end in ("", *(f"-{n}" for n in range(2, 10**6))))
    return next(path for path in names if not path.exists())


# graph


def add_graph(commands: Any) -> None:
    sub = command(
        commands,
        "graph",
        graph_command,
        "Draw the computation graph of a model's loss on one example, or of one module.",
        "minitransformer graph runs/reverse",
        "minitransformer graph runs/reverse --depth 1 --output encoder-and-decoder.png",
        "minitransformer graph runs/reverse --module encoder.layers.0 --depth 2 -o layer.svg",
        'minitransformer graph runs/reverse --text "abc" --depth 9 --output everything.pdf',
    )
    add = sub.add_argument
    add_run(sub)
    add("--text", help="the source to use (default: a short test example)")
    add("--module", metavar="PATH", help="only this module, as decoder.layers.0 (default: all)")
    add("--depth", type=int, default=2, help="modules within modules shown (default: %(default)s)")
    add(
        *("-o", "--output"),
        metavar="FILE",
        help=".svg, .png, .pdf or .dot (default: RUN/pictures/graph.svg, or that of the module)",
    )


def graph_command(options: argparse.Namespace) -> None:
    run = load(options.run, options.task_file)
    text = example_text(run) if options.text is None else options.text
    source = run.encode_source(text)
    (written,) = greedy_decode(run.model, source_rows([source]))
    batch = make_batch([(source, written)])
    name, drawn = "graph.svg", None
    if options.module is not None:
        name = f"graph-{options.module}.svg"
        drawn = output_of(run.model, options.module, lambda: batch_loss(run.model, batch))
    drawing = mg.draw(batch_loss(run.model, batch) if drawn is None else drawn, options.depth)
    output = Path(options.output or run.folder / PICTURES / name)
    output.parent.mkdir(parents=True, exist_ok=True)
    print(wrapped(str(drawing.save(output))))


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
        settings = ", ".join(f"{key}={value}" for key, value in task.options().items()) or "none"
        about = f"options: {settings}; {task.steps:,} steps recommended"
        print(wrapped(f"{name:10} {task.summary}", indent=" " * 11))
        print(wrapped(f"{'':10} {about}", indent=" " * 11))
