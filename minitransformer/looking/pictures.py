"""Pictures of a run: the loss curve, and the attention of one sentence. Drawn by Matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import write_whole
from ..run import PICTURES, Run
from .attention_maps import AttentionMaps, attention_maps

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

WITHOUT = 'pictures need Matplotlib: pip install "minitransformer[pictures]", or matplotlib alone'

TITLE = 7.5  # inches that the title of an attention picture takes


def save_pictures(run: Run, text: str) -> list[Path]:
    """Draw all pictures of a run into its folder, the attention for `text`: the paths written."""
    return [save_loss_curve(run), *save_attention(run, text)]


def save_loss_curve(run: Run) -> Path:
    """Training and validation loss, and exact match, against the step: pictures/loss.svg."""
    figure = _new_figure(7, 4)
    log = run.log()
    losses = figure.subplots()
    exact = losses.twinx()
    _curve(losses, log, "loss", "training loss", color="#9ecae1", linewidth=1)
    _curve(losses, log, "validation_loss", "validation loss", color="#08519c", marker="o")
    _curve(exact, log, "exact_match", "exact match (right axis)", color="#d95f02", marker="s")
    losses.set_yscale("log")
    losses.set_xlabel("step")
    losses.set_ylabel("cross-entropy per token, nats")
    exact.set_ylim(0, 1.05)
    exact.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    if losses.lines:
        figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return _write(figure, run, "loss.svg")


def _curve(axes: Axes, log: list[dict[str, Any]], key: str, label: str, **style: Any) -> None:
    points = [(line["step"], line[key]) for line in log if key in line]
    if points:
        axes.plot(*zip(*points), label=label, **style)


def save_attention(run: Run, text: str) -> list[Path]:
    """One picture for each kind of attention, a row of maps a layer and a map a head."""
    return [_save_map(run, text, maps) for maps in attention_maps(run, text).values()]


def _save_map(run: Run, text: str, maps: AttentionMaps) -> Path:
    layers, heads = maps.weights.shape[:2]
    side = 0.24 * max(len(maps.queries), len(maps.keys)) + 1.4  # inches; a token has 0.24
    figure = _new_figure(max(side * heads, TITLE), side * layers + 0.5)
    grid = figure.subplots(layers, heads, squeeze=False)
    images = [
        _draw_head(grid[layer, head], maps, layer, head)
        for layer in range(layers)
        for head in range(heads)
    ]
    figure.colorbar(images[0], ax=grid, shrink=0.6, label="attention weight")
    reads = "a row is the token that looks (in the decoder: that is written), a column what it sees"
    figure.suptitle(f"{maps.title} attention: {text}\n{reads}", fontsize=10)
    return _write(figure, run, f"attention-{maps.title}.svg")


def _draw_head(axes: Axes, maps: AttentionMaps, layer: int, head: int) -> AxesImage:
    axes.set_title(f"layer {layer + 1}, head {head + 1}", fontsize=9)
    axes.set_xticks(range(len(maps.keys)), maps.keys, rotation=90, fontsize=8)
    axes.set_yticks(range(len(maps.queries)), maps.queries, fontsize=8)
    axes.tick_params(length=0)
    return axes.imshow(maps.weights[layer, head], vmin=0, vmax=1, cmap="Blues")


def _new_figure(width: float, height: float) -> Figure:
    try:  # here, for it takes a quarter of a second, and no other command needs it
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:  # an extra: training and translating work without it
        raise ModuleNotFoundError(WITHOUT) from None
    return Figure(figsize=(width, height), layout="constrained")


def _write(figure: Figure, run: Run, name: str) -> Path:
    folder = Path(run.folder, PICTURES)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / name, lambda file: figure.savefig(file, format="svg"))
    return folder / name
