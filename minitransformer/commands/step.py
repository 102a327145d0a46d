"""`minitransformer step`."""

import argparse
from typing import Any

from minigrad.terminal.commands import talk

from ..looking.sentence import example_text, sentence_batch
from ..run import load
from ..text.showing import shown
from ..training.metrics import batch_loss
from .arguments import add_run, command


def add_step(commands: Any) -> None:
    sub = command(
        commands,
        "step",
        step_command,
        "Step through backward of a model's loss on one example, one op at a time. Commands are "
        "read from standard input; `help` lists them.",
        "minitransformer step runs/reverse",
        'minitransformer step runs/reverse "abc" --until decoder.layers.0',
        "minitransformer step runs/reverse --forward --until encoder.layers.0.self_attention",
    )
    add = sub.add_argument
    add_run(sub)
    add("text", nargs="?", metavar="SENTENCE", help="the source (default: a short test example)")
    add("--until", metavar="NAME", help="begin at a tensor, a module or an op")
    add("--forward", action="store_true", help="step through the computation itself")


def step_command(options: argparse.Namespace) -> None:
    run = load(options.run, options.task_file)
    text = example_text(run) if options.text is None else options.text
    loss = batch_loss(run.model, sentence_batch(run, text)).named("loss")
    talk(loss, f"the loss of {shown(text)!r}", options.until, options.forward)
