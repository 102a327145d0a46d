"""Make the document of the bug lab, README.md in this folder or in the one that is named: of each
bug the learning curve and the attention beside the right ones, what `check` says, and the lines
that mend it. It trains sixteen tiny models, which takes some minutes; with `--steps N` less, and
with `--only NAME ...` only these.

Run it: python demos/bugs/make.py   (`make bugs` does)
"""

import argparse
from functools import cache
from pathlib import Path

from mended import MENDED
from pictures import attention, curves

import minitransformer as mt
from minitransformer.bugs.table import Bug
from minitransformer.files import write_whole
from minitransformer.lab.check import CHECKS, Report

SETTINGS = {"size": "tiny", "train_examples": 20_000, "validations": 20, "quiet": True}
TEXT = "bcadef"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parent)
    parser.add_argument("--only", metavar="NAME", nargs="+", default=[*mt.bugs.BUGS])
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--runs", type=Path, default=Path("runs/bugs"))
    options = parser.parse_args()

    @cache
    def trained(bug: str | None, needs: str | None) -> mt.Run:
        """A run with the bug, and with the setting without which it, or its neighbour, is none."""
        folder = options.runs / f"{bug or 'right'}{'-with-' + needs if needs else ''}"
        model = {"dropout": 0.1} if needs == "dropout" else {}
        smoothing = 0.1 if needs == "label_smoothing" else 0.0
        about = {"bug": bug, "model": model, "label_smoothing": smoothing, "steps": options.steps}
        return mt.train(mt.tasks.get("reverse", longest=8, symbols=8), folder, **SETTINGS, **about)

    bugs = {name: mt.bugs.bug(name) for name in options.only}
    parts = [introduction(options.steps), listing(bugs)]
    for name, bug in bugs.items():
        print(name, flush=True)
        wrong, right = trained(name, bug.needs), trained(None, bug.needs)
        write(options.folder / f"{name}-curves.svg", curves(right, wrong))
        write(options.folder / f"{name}-attention.svg", attention(right, wrong, TEXT))
        parts.append(section(name, bug, mt.check(wrong)))
    write(options.folder / "README.md", "\n\n".join(parts) + "\n")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, lambda file: file.write(text.encode()))


def introduction(steps: int) -> str:
    return (
        "# The bug lab\n\n"
        "Mistakes that people make in a Transformer, each made on purpose: what it does to the "
        "learning, to the attention, what `minitransformer check` says of it, and the lines that "
        "mend it.\n\n"
        f"Each model learned for {steps:,} steps (size tiny) to write strings of up to 8 letters "
        "from last to first, with the same seed and the same data as the right one beside it "
        "(`make bugs` trains them all and writes this page). Make one yourself:\n\n"
        "```console\n"
        "$ minitransformer train reverse --option longest=8 --option symbols=8 --size tiny "
        "--bug future-leak --run runs/leak\n"
        "$ minitransformer check runs/leak\n"
        "```"
    )


def listing(bugs: dict[str, Bug]) -> str:
    """All bugs as a table, each with a link to its section."""
    lines = ["| bug | what is wrong | found by |", "| --- | --- | --- |"]
    for name, bug in bugs.items():
        found = ", ".join(f"`{each}`" for each in bug.found_by)
        lines.append(f"| [{name}](#{name}) | {bug.wrong} | {found} |")
    return "\n".join(lines)


def section(name: str, bug: Bug, report: Report) -> str:
    """One bug: in a line, as curves, as attention, in the words of `check`, and mended."""
    needed = f" (Both models have {bug.needs} 0.1.)" if bug.needs else ""
    failed = [row for row in report.rows if row.passed is False]
    said = "\n".join(
        f"FAILED  {r.name}: {r.measured}\n        {CHECKS[r.name].meaning}" for r in failed
    )
    return "\n\n".join(
        [
            f"## {name}",
            f"{bug.wrong[0].upper()}{bug.wrong[1:]}. One sees: {bug.seen}.{needed}",
            f"![learning curves of {name}]({name}-curves.svg)",
            f"![attention of {name}]({name}-attention.svg)",
            f"What `check` says of it, trained:\n\n```text\n{said}\n```",
            f"Mended, in `{MENDED[name].file}`:\n\n```diff\n{MENDED[name].diff()}\n```",
        ]
    )


if __name__ == "__main__":
    main()
