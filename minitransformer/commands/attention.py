"""`minitransformer attention`."""

import argparse
import re
from pathlib import Path
from typing import Any

from ..looking.attention_maps import attention_maps
from ..looking.drawing import ENDINGS, require_ending
from ..run import PICTURES, load
from ..text.showing import wrapped
from .arguments import add_run, command


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
