"""Pictures of a run: the loss curve, and the attention of one sentence. Drawn by Matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config_file import CONFIG
from ..run import PICTURES, Run
from ..streams import show
from ..text.showing import wrapped
from .attention_maps import attention_maps
from .drawing import new_figure, save_figure
from .sentence import example_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def report(run: Run) -> None:
    """What stands at the end of a training: say where the run is, and draw its pictures."""
    show(wrapped(f"The run is in {run.folder}"))
    try:
        paths = save_pictures(run, example_text(run))
    except (ModuleNotFoundError, ValueError) as error:  # the run is good without them
        show(wrapped(f"No pictures were drawn: {error}"))
    else:
        show(wrapped(f"Pictures: {', '.join(map(str, paths))}", indent="  "))
    again = f"minitransformer train --config {run.folder / CONFIG}"
    show(wrapped(f"The same training again: {again}", indent="  "))


def save_pictures(run: Run, text: str) -> list[Path]:
    """Draw all pictures of a run into its folder, the attention for `text`: the paths written."""
    return [save_loss_curve(run), *save_attention(run, text)]


def save_loss_curve(run: Run) -> Path:
    """Training and validation loss, and exact match, against the step: pictures/loss.svg."""
    figure = new_figure(7, 4)
    log = run.log()
    losses = figure.subplots()
    exact = losses.twinx()
    _curve(losses, log, "loss", "training loss", color="#9ecae1", linewidth=1)
    _curve(losses, log, "validation_loss", "validation loss", color="#08519c", marker="o")
    _curve(exact, log, "exact_match", "exact match (right axis)", color="#d95f02", marker="s")
    losses.set_yscale("log")
    losses.set_xlabel("step")
    losses.set_ylabel("cross-entropy per token, nats")
    exact.set_visible(bool(exact.lines))
    exact.set_ylim(0, 1.05)
    exact.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    if losses.lines:
        figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return save_figure(figure, run.folder / PICTURES / "loss.svg")


def _curve(axes: Axes, log: list[dict[str, Any]], key: str, label: str, **style: Any) -> None:
    points = [(line["step"], line[key]) for line in log if key in line]
    if points:
        axes.plot(*zip(*points), label=label, **style)


def save_attention(run: Run, text: str) -> list[Path]:
    """One picture for each kind of attention, a row of maps a layer and a map a head."""
    folder = run.folder / PICTURES
    maps = attention_maps(run, text)
    return [each.save(folder / f"attention-{each.title}.svg") for each in maps.values()]
