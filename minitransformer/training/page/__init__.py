"""The page `index.html` of a run, which shows how a training goes: one file that loads nothing.

The files beside this one are what it is put together from. It is written anew at each validation,
from the log alone, so that it is whole after a resume too.
"""

import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from minigrad.drawing.page import assembled

from ...files import write_whole
from ...looking.attention_maps import attention_maps
from ...run import Run
from ...text.batching import Pair
from ..listeners import SHOWN, Pace
from ..loop import Step

PAGE = "index.html"
HERE = Path(__file__).parent
POINTS = 400  # of a curve, at most
LONGEST = 40  # tokens on a side of the picture of attention


class Page:
    """Writes the page at some steps. While the training goes on, the page looks for a newer one."""

    def __init__(self, run: Run, pairs: Sequence[Pair], at: Collection[int], pace: Pace):
        self.run, self.pairs, self.at, self.pace = run, pairs[:SHOWN], at, pace

    def __call__(self, step: Step) -> None:
        if step.number in self.at:
            self.write(step.number, ended=False)

    def write(self, number: int, ended: bool) -> None:
        """Write the page as it is after so many steps."""
        text = page_of(self.run, self.pairs, number, self.pace.seconds, ended)
        write_whole(self.run.folder / PAGE, lambda file: file.write(text.encode()))


def page_of(run: Run, pairs: Sequence[Pair], number: int, seconds: float, ended: bool) -> str:
    """The text of the page after `number` steps, which took so many seconds."""
    log = run.log()
    steps = run.settings.get("steps") or number
    source, target = run.source_vocab, run.target_vocab
    data = {
        "step": number,
        "steps": steps,
        "ended": ended,
        "left": None if ended or not number else seconds / number * (steps - number),
        "written": time.strftime("%Y-%m-%d %H:%M:%S"),
        "curves": {
            key: thinned([[line["step"], line[key]] for line in log if key in line])
            for key in (
                *("loss", "validation_loss", "lr"),
                *("exact_match", "teacher_forced", "free_running"),
            )
        },
        "examples": [
            {"source": source.decode(src), "target": target.decode(tgt)} for src, tgt in pairs
        ],
        "outputs": [[line["step"], line["written"]] for line in log if "written" in line],
        "attention": attention_of(run, source.decode(pairs[0][0])),
        "configuration": configuration(run),
    }
    title = f"{run.task.name}: {run.model.kind}"
    styles = (str(HERE / "page.css"),)
    return assembled(
        str(HERE / "page.html"), ("colours.css", *styles), (str(HERE / "page.js"),), data,
        title=title,
    )  # fmt: skip


def thinned(points: list[Any]) -> list[Any]:
    """At most POINTS of them, the last among them."""
    every = -(-len(points) // POINTS)
    return points[::-1][:: max(every, 1)][::-1]


def attention_of(run: Run, text: str) -> dict[str, Any] | None:
    """What the last layer looked at while it wrote a translation, the mean over its heads, where
    the model has such attention and the sentence is one that it can read."""
    try:
        maps = attention_maps(run, text)
    except ValueError:
        return None
    found = maps.get("encoder-decoder")
    if found is None or max(len(found.queries), len(found.keys)) > LONGEST:
        return None
    weights = found.weights[-1].mean(axis=0)
    rounded = [[round(float(weight), 3) for weight in row] for row in weights]
    return {"queries": found.queries, "keys": found.keys, "weights": rounded}


def configuration(run: Run) -> list[tuple[str, str]]:
    """All settings of the run, as pairs of text."""
    tables = {
        "task": {"name": run.task.name, **run.task.options()},
        "model": {"kind": run.model.kind, **run.model.config.to_json()},
        "training": {name: each for name, each in run.settings.items() if name != "model"},
    }
    return [
        (f"{table}.{name}", str(value))
        for table, entries in tables.items()
        for name, value in entries.items()
        if value is not None
    ]
