"""`minitransformer fetch`."""

import argparse
from pathlib import Path
from typing import Any

from ..fetching import LICENCE, MOST, TIMEOUT, address_of, fetch
from ..text.showing import wrapped
from .arguments import command


def add_fetch(commands: Any) -> None:
    sub = command(
        commands,
        "fetch",
        fetch_command,
        "Download sentence pairs of English and another language, those of Tatoeba that "
        "manythings.org hands out. What is cut off is taken up again by the same command.",
        "minitransformer fetch tatoeba eng-fra",
        "minitransformer fetch tatoeba en-de --output data",
        "minitransformer train pairs --option file=data/fra-eng.zip",
    )
    add = sub.add_argument
    add("source", metavar="SOURCE", help="tatoeba")
    add("pair", metavar="PAIR", help="eng-fra, eng-deu, ... or en-fr, en-de, ...")
    add("--output", metavar="FOLDER", default="data", help="(default: %(default)s)")
    add("--force", action="store_true", help="replace a file that is there")
    add("--sha256", metavar="HEX", help="the checksum that the file has to have")
    add(
        "--timeout", metavar="X", type=float, default=TIMEOUT, help="seconds (default: %(default)g)"
    )
    add("--limit", metavar="N", type=int, default=MOST, help="bytes at most (default: %(default)s)")


def fetch_command(options: argparse.Namespace) -> None:
    for flag, value in (("--timeout", options.timeout), ("--limit", options.limit)):
        if not 0 < value < float("inf"):
            raise ValueError(f"{flag} has to be a finite number above 0, not {value}")
    address = address_of(options.source, options.pair)
    path = Path(options.output) / address.rpartition("/")[2]
    got = fetch(address, path, options.force, options.sha256, options.timeout, options.limit)
    print(f"{got.path}: {got.path.stat().st_size:,} bytes, SHA-256 {got.sha256}")
    print(wrapped(LICENCE))
    if got.terms:
        print(f"The zip itself says:\n{got.terms}")
    print(f"Learn from it: minitransformer train pairs --option file={got.path}")
