"""`minitransformer evaluate`."""

import argparse
from typing import Any

import numpy as np

from .. import tasks
from ..run import load
from ..text.showing import fitted
from ..training.metrics import evaluate
from .arguments import add_run, command


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
    splits = f"{', '.join(tasks.SPLITS)}, or one that the task tries apart (default: %(default)s)"
    add("--split", default="test", help=splits)
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
    result = evaluate(run.model, run.ids_of(texts), run.task.ends)
    loss, examples = f"loss {result.loss:.4f} per token", f"{len(texts)} examples"
    if not run.task.ends:  # nothing can be written that is right, as a whole
        said = f"{loss}, perplexity {result.perplexity:.2f}"
        print(f"{examples} of the {options.split} split: {said}")
        return
    said = f"exact match {result.exact_match:.1%}, {loss}"
    print(f"{examples} of the {options.split} split: {said}")
    written = map(run.target_vocab.decode, result.predictions)
    checked = zip(texts, written, result.right)  # an exact match is what is right token by token
    wrong = [(*pair, text) for pair, text, right in checked if not right]
    for pair_and_text in wrong[:5]:
        source, target, text = fitted(pair_and_text, others=len("   ->   (right: )"))
        print(f"  {source} -> {text}  (right: {target})")
