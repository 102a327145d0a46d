"""`minitransformer graph`."""

import argparse
from pathlib import Path
from typing import Any

import minigrad as mg

from ..looking.layers import output_of
from ..looking.sentence import example_text, sentence_batch
from ..run import PICTURES, load
from ..text.showing import wrapped
from ..training.metrics import batch_loss
from .arguments import add_run, command


def add_graph(commands: Any) -> None:
    sub = command(
        commands,
        "graph",
        graph_command,
        "Draw the computation graph of a model's loss on one example, or of one module.",
        "minitransformer graph runs/reverse",
        "minitransformer graph runs/reverse --depth 1 --output encoder-and-decoder.png",
        'minitransformer graph runs/reverse --expand "decoder.layers.0.*" --backward -o back.svg',
        "minitransformer graph runs/reverse --module encoder.layers.0 -o layer.svg",
        'minitransformer graph runs/reverse --text "abc" --expand "*" --output everything.pdf',
    )
    add = sub.add_argument
    add_run(sub)
    add("--text", help="the source to use (default: a short test example)")
    add("--module", metavar="PATH", help="only this module, as decoder.layers.0 (default: all)")
    add("--depth", type=int, help="levels of modules shown open (default: about 60 boxes in all)")
    add(
        "--expand",
        metavar="PATTERN",
        action="append",
        default=[],
        help='open these modules too, as "decoder.layers.0.*", or "*" for all; may be repeated',
    )
    add("--backward", action="store_true", help="draw the way of the gradient, from the loss back")
    add(
        *("-o", "--output"),
        metavar="FILE",
        help=".svg, .png, .pdf or .dot (default: RUN/pictures/graph.svg, or with -PATH, -backward)",
    )


def graph_command(options: argparse.Namespace) -> None:
    run = load(options.run, options.task_file)
    batch = sentence_batch(run, example_text(run) if options.text is None else options.text)
    if options.module is None:
        drawn = batch_loss(run.model, batch).named("loss")
    else:
        drawn = output_of(run.model, options.module, lambda: batch_loss(run.model, batch))
    direction = "backward" if options.backward else "TB"
    drawing = mg.draw(drawn, options.depth, direction, expand=options.expand)
    parts = ["graph", options.module, "backward" if options.backward else None]
    name = "-".join(filter(None, parts)) + ".svg"
    output = Path(options.output or run.folder / PICTURES / name)
    output.parent.mkdir(parents=True, exist_ok=True)
    print(wrapped(str(drawing.save(output))))
