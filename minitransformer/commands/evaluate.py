"""`minitransformer evaluate`."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from ..decoding.beam import LENGTH_PENALTY, WIDTH
from ..decoding.choosing import decoder
from ..nearest import Nearest
from ..run import Run, load
from ..scoring import COPY, MODEL, NEAREST, WITHOUT, Report, Scores, report, training_texts
from ..text.showing import fitted, wrapped
from .arguments import add_run, command

COUNT = 1000  # examples of a split, or all where there are fewer
WAYS = {MODEL: "the model", COPY: "copy of the source", NEAREST: "nearest in training"}
WRONG = 5  # translations that are shown


def add_evaluate(commands: Any) -> None:
    sub = command(
        commands,
        "evaluate",
        evaluate_command,
        "Try a trained model on examples that it has never seen. Beside its scores stand those of "
        "a copy of the source, and of the translation of the nearest training sentence.",
        "minitransformer evaluate runs/reverse",
        "minitransformer evaluate runs/numbers --count 200 --split validation",
        "minitransformer evaluate runs/numbers --beam 4 --json",
    )
    add = sub.add_argument
    add_run(sub)
    add(
        "--count", type=int, help=f"how many examples (default: {COUNT}, or all if there are fewer)"
    )
    add("--split", help="one split (default: test, and each that the task tries apart)")
    add("--seed", type=int, default=0, help="of the choice of examples (default: %(default)s)")
    add("--beam", type=int, metavar="WIDTH", help=f"beam search, as {WIDTH} (default: greedy)")
    penalty = f"of a beam search (default: {LENGTH_PENALTY})"
    add("--length-penalty", type=float, metavar="X", help=penalty)
    add("--json", action="store_true", help="print all numbers as JSON")


def evaluate_command(options: argparse.Namespace) -> None:
    if options.count is not None and options.count < 1:
        raise ValueError(f"--count has to be at least 1, not {options.count}")
    if options.seed < 0:
        raise ValueError(f"--seed has to be at least 0, not {options.seed}")
    decode = decoder(options.beam, options.length_penalty)
    run = load(options.run, options.task_file)
    texts = {split: examples(run, split, options) for split in splits_of(run, options.split)}
    near = Nearest(training_texts(run), run.source_vocab.tokenize)
    reports = {split: report(run, texts[split], near, decode) for split in texts}
    if options.json:
        print(json.dumps({split: asdict(each) for split, each in reports.items()}, indent=1))
        return
    for split, each in reports.items():
        what = run.task.apart.get(split)
        print("\n".join(lines_of(each, f"{split} split" + (f": {what}" if what else ""))))


def splits_of(run: Run, asked: str | None) -> list[str]:
    """The split that is asked for, or the test and those of the task that are tried apart and have
    any example."""
    if asked is not None:
        return [asked]
    return ["test", *(each for each in run.task.apart if run.task.available(each, 1))]


def examples(run: Run, split: str, options: argparse.Namespace) -> list[tuple[str, str]]:
    rng = np.random.default_rng(options.seed)
    count = options.count
    if count is None and split in run.task.splits():  # else the task says which there are
        count = run.task.available(split, COUNT)
        if not count:
            raise ValueError(f'the split "{split}" of this task has no example with these options')
    return run.task.examples(split, count or COUNT, rng)


def lines_of(report: Report, title: str) -> Iterator[str]:
    """A report as a person reads it."""
    exact = f"exact match {report.scores[MODEL].exact:.1%}, " if report.scores else ""
    said = f"{exact}loss {report.loss:.4f} per token"
    yield wrapped(f"{report.examples:,} examples of the {title}: {said}", indent="  ")
    yield wrapped(
        f"  perplexity {report.perplexity:.3f}; of the tokens {report.tokens:.1%} are the most "
        "probable after the right ones before",
        indent="  ",
    )
    if report.scores:
        yield from table(report)
    for wrong in report.wrong[:WRONG]:
        source, target, text = fitted(wrong, others=len("   ->   (right: )"))
        yield f"  {source} -> {text}  (right: {target})"


def table(report: Report) -> Iterator[str]:
    """The scores of all ways, a line each; against one reference only where there are more."""
    columns = ["exact", "bleu", "chrf"]
    if report.references > 1:
        columns += ["bleu_one", "chrf_one"]
    titles = {"exact": "exact", "bleu": "BLEU", "chrf": "chrF"}
    titles |= {"bleu_one": "BLEU, 1 ref.", "chrf_one": "chrF, 1 ref."}
    known = ["exact", *(each for each in columns if each in report.signatures)]
    widths = {each: max(len(titles[each]), 6) + 2 for each in known}
    yield "  " + " " * 20 + "".join(titles[each].rjust(widths[each]) for each in known)
    for way, scores in report.scores.items():
        cells = (cell(scores, each).rjust(widths[each]) for each in known)
        yield f"  {WAYS[way]:20}" + "".join(cells)
    if not report.signatures:
        yield wrapped(f"  {WITHOUT}", indent="  ")
    elif report.references > 1:
        yield f"  a source has {report.references:.2f} references; 1 ref.: the target alone"
    if report.signatures and "bleu" not in known:
        yield "  no BLEU: it counts groups of four words, and no target has so many"
    for each in known[1:]:
        yield f"  {titles[each]}: {report.signatures[each]}"


def cell(scores: Scores, name: str) -> str:
    value = getattr(scores, name)
    return "-" if value is None else f"{value:.1%}" if name == "exact" else f"{value:.1f}"
