"""The command `minitransformer`: what it can do stands in `commands/`, a file for each."""

import argparse
import sys
from collections.abc import Sequence

from .commands.arguments import Parser, complain, examples
from .commands.attention import add_attention
from .commands.bugs import add_bugs
from .commands.check import add_check
from .commands.evaluate import add_evaluate
from .commands.fetch import add_fetch
from .commands.graph import add_graph
from .commands.race import add_race
from .commands.step import add_step
from .commands.tasks import add_tasks
from .commands.train import add_train
from .commands.translate import add_translate
from .commands.vocab import add_vocab
from .commands.weights import add_export, add_import
from .streams import is_full, prepare_streams, reason, settle_streams, show


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
        failed = "stdout" in settle_streams() or is_full(error)
        where = "standard output: " if failed else ""
        complain(f"{where}{reason(error)}")
        status = 2
    except KeyboardInterrupt as error:
        show(f"\nminitransformer: {reason(error)}", to="stderr")
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
    for add_command in (
        add_train,
        add_translate,
        add_evaluate,
        add_vocab,
        add_check,
        add_attention,
        add_graph,
        add_step,
        add_race,
        add_export,
        add_import,
        add_tasks,
        add_fetch,
        add_bugs,
    ):
        add_command(commands)
    return top
