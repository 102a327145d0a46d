"""Make the page of the bug lab: each bug's learning curve beside the right one, the attention of a
sentence, and what `check` says. `python demos/bugs/make.py FOLDER` trains sixteen tiny models,
which takes some minutes; with `--steps N` less, and with names of bugs only these."""

import argparse
from functools import cache
from pathlib import Path

import minitransformer as mt
from minitransformer.files import write_whole
from minitransformer.looking.drawing import new_figure, save_figure

SETTINGS = {"size": "tiny", "train_examples": 20_000, "validations": 20, "quiet": True}
TEXT = "bcadef"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", metavar="NAME", nargs="*")
    parser.add_argument("--steps", type=int, default=1500)
    options = parser.parse_intermixed_args()
    names = options.names or [*mt.bugs.BUGS]

    @cache
    def trained(bug: str | None, needs: str | None) -> mt.Run:
        """A run with the bug, and with the setting without which it, or its neighbour, is none."""
        folder = options.folder / "runs" / f"{bug or 'right'}{'-with-' + needs if needs else ''}"
        model = {"dropout": 0.1} if needs == "dropout" else {}
        smoothing = 0.1 if needs == "label_smoothing" else 0.0
        about = {"bug": bug, "model": model, "label_smoothing": smoothing, "steps": options.steps}
        return mt.train(mt.tasks.get("reverse", longest=8, symbols=8), folder, **SETTINGS, **about)

    parts = ["# The bug lab", f"Each trained for {options.steps:,} steps on `reverse`, size tiny."]
    for name in names:
        bug = mt.bugs.bug(name)
        print(name, flush=True)
        wrong, right = trained(name, bug.needs), trained(None, bug.needs)
        parts.append(f"## {name}\n\n{bug.wrong[0].upper()}{bug.wrong[1:]}. One sees: {bug.seen}.")
        parts.append(f"![curves]({curves(wrong, right, options.folder / f'{name}.svg').name})")
        for title, maps in mt.attention_maps(wrong, TEXT).items():
            path = maps.save(options.folder / f"{name}-{title}.svg")
            parts.append(f"![{title} attention of {TEXT}]({path.name})")
        parts.append(f"```\n{mt.check(wrong)}\n```")
    text = "\n\n".join(parts) + "\n"
    write_whole(options.folder / "bugs.md", lambda file: file.write(text.encode()))


def curves(wrong: mt.Run, right: mt.Run, path: Path) -> Path:
    """Training loss, validation loss and exact match of both, against the step."""
    figure = new_figure(9, 3)
    keys = {"loss": "training loss", "validation_loss": "validation loss"}
    for axes, (key, title) in zip(
        figure.subplots(1, 3), {**keys, "exact_match": "exact match"}.items()
    ):
        for run, label, colour in ((right, "right", "#08519c"), (wrong, "with the bug", "#d95f02")):
            points = [(line["step"], line[key]) for line in run.log() if key in line]
            axes.plot(*zip(*points), label=label, color=colour, linewidth=1)
        axes.set_title(title)
        axes.set_xlabel("step")
        axes.set_ylim(0, 1.05 if key == "exact_match" else None)
        axes.legend(frameon=False)
    return save_figure(figure, path)


if __name__ == "__main__":
    main()
