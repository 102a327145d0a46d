"""Train what the results in README.md of this folder are of, and write them there: each command,
what it took, and how much of what was held out is right. Some twenty minutes on one core.

Run it: python demos/results/make.py   (`make results` does)
With `--only NAME ...` only these are trained; what was measured before stays in the table.
"""

import argparse
import json
import shlex
import time
from pathlib import Path
from typing import Any

import numpy as np

import minitransformer as mt
from minitransformer import cli
from minitransformer.files import write_whole
from minitransformer.training.metrics import evaluate

EXAMPLES = {"sort": 5_000, "addition": 1_500, "reverse": 1_500}  # or all where there are fewer
MOST = 2_000  # of another task
SEEDS = (0, 1, 2, 3)
LARGE = "sort --option symbols=10 --option length=12 --size small --steps 2500"
JOEY = "reverse --option symbols=50 --option longest=25 --option longer=5 --train-examples"
POSITIONS = {
    "sinusoidal": "200000 --steps 7000 --lr 0.002",
    "concatenated": "200000 --steps 7000",
    "learned": "200000 --steps 7000 --lr 0.002",
    "rotary": "250000 --steps 8000 --lr 0.002",  # comes right last
}

# What stands behind `minitransformer train`, by the name of its run.
TRAININGS = {
    **{f"sort-{seed}": f"sort --seed {seed}" for seed in SEEDS},
    "sort-12": LARGE,
    **{f"addition-{seed}": f"addition --seed {seed}" for seed in SEEDS},
    **{f"reverse-{each}": f"{JOEY} {so} --positions {each}" for each, so in POSITIONS.items()},
    "dates": "dates",
    "dates-fr": "dates --option to=fr",
    "numbers": "numbers",
    "numbers-fr-de": "numbers --option source=fr --option target=de",
    "phrases": "phrases",
}

INTRODUCTION = """\
# What it reaches

Each line is one training from nothing, by `minitransformer train` with the words that stand in the
table, tried on held-out examples, all different. Right is what is right in every
letter, greedily decoded; seconds are those that one core computed, with validations. `make results`
makes all of it again, and this page.

- `sort` as it is by default is minGPT's demo: six digits from 0 to 2. There are 729 such strings; a
  quarter of them is held out, and all of these are the test. The larger one has 12 digits, 0 to 9.
- `addition` adds numbers from 0 to 99, in 10,000 sums, written as people write them. (minGPT fills
  numbers up with zeros, and writes the sum from its last digit on: `--option reversed=1`.) 80 % are
  for training, 15 % are the test, and 27+58 and 58+27 are always on the same side.
- `reverse` is here in the setting of Joey NMT: 50 symbols, 1 to 25 of them. Apart stand lengths of
  26 to 30, which training never has: there the rows of learned positions are as they began, and
  the sums of words and sinusoids are such as no layer has seen. Steps and rates are those that
  were found to do; for rotary positions they are a little more.
- `dates`, `numbers` and `phrases` are as they are by default. Apart stand, for `numbers`, groups of
  thousands that training never has (25,000 to 25,999, and so on), and for `phrases` adjectives with
  nouns beside which training never has them.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parent)
    parser.add_argument("--only", metavar="NAME", nargs="+", default=[*TRAININGS])
    parser.add_argument("--runs", type=Path, default=Path("runs/results"))
    options = parser.parse_args()
    for name in options.only:
        measure(TRAININGS[name], options.runs / name)
    lines = [line(name, options.runs / name) for name in TRAININGS]
    heading = ["| `minitransformer train` | held out | right | apart | seconds |"]
    heading += ["| --- | ---: | ---: | ---: | ---: |"]
    text = "\n".join([INTRODUCTION, *heading, *filter(None, lines)]) + "\n"
    write_whole(options.folder / "README.md", lambda file: file.write(text.encode()))


def measure(command: str, folder: Path) -> None:
    """Train, and keep in the folder of the run what came of it."""
    began = time.process_time()
    status = cli.main(["train", *shlex.split(command), "--run", str(folder), "--quiet"])
    if status:
        raise SystemExit(status)
    seconds = time.process_time() - began
    run = mt.load(folder)
    apart = next(iter(run.task.apart), "none")
    result = {"seconds": round(seconds), "test": right(run, "test"), "apart": right(run, apart)}
    print(command, result, flush=True)
    text = json.dumps(result)
    write_whole(folder / "result.json", lambda file: file.write(text.encode()))


def right(run: mt.Run, split: str) -> tuple[int, int] | None:
    """How many examples of a split are right, and how many there are; None where it has none."""
    if split not in run.task.splits():
        return None
    count = run.task.available(split, EXAMPLES.get(run.task.name, MOST))
    if not count:
        return None
    texts = run.task.examples(split, count, np.random.default_rng(0))
    return sum(evaluate(run.model, run.ids_of(texts)).right), count


def line(name: str, folder: Path) -> str | None:
    """A line of the table; None for what was not trained."""
    try:
        result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    except FileNotFoundError:
        return None
    of_test, count = result["test"]
    apart = f"{result['apart'][0] / result['apart'][1]:.1%}" if result["apart"] else ""
    return (
        f"| `{TRAININGS[name]}` | {count:,} | {of_test:,} ({of_test / count:.2%}) | {apart} "
        f"| {result['seconds']} |"
    )


if __name__ == "__main__":
    main()
