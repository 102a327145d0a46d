"""Attention weights as a picture of Matplotlib's. It is imported when one is drawn."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import write_whole
from ..text.showing import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from .attention_maps import AttentionMaps

WITHOUT = 'pictures need Matplotlib: pip install "minitransformer[pictures]", or matplotlib alone'
ENDINGS = ("svg", "png", "pdf")

TITLE = 7.5  # inches that the title of an attention picture takes
TOKEN = 0.24  # inches of a token, where there is room for all
AROUND = 1.4  # inches of a map that are not tokens
LARGEST = 60.0  # inches of a picture; above, tokens become smaller
LEGIBLE = 0.08  # inches of a token that can still be labelled


def attention_figure(maps: AttentionMaps) -> Figure:
    """A row of maps for each layer, and a map for each head."""
    rows, columns = len(maps.layers), len(maps.heads)
    tokens = max(len(maps.queries), len(maps.keys))
    token = min(TOKEN, max(LARGEST / max(rows, columns) - AROUND, 1.0) / tokens)
    side = token * tokens + AROUND
    figure = new_figure(max(side * columns, TITLE), side * rows + 0.5)
    grid = figure.subplots(rows, columns, squeeze=False)
    images = [
        _draw_head(grid[row, column], maps, row, column, token)
        for row in range(rows)
        for column in range(columns)
    ]
    figure.colorbar(images[0], ax=grid, shrink=0.6, label="attention weight")
    reads = "a row is the token that looks (in the decoder: that is written), a column what it sees"
    title = f"{maps.title} attention: {shown(maps.text)}\n{reads}"
    figure.suptitle(title, fontsize=10, parse_math=False)  # a $ is a dollar
    return figure


def _draw_head(axes: Axes, maps: AttentionMaps, row: int, column: int, token: float) -> AxesImage:
    axes.set_title(f"layer {maps.layers[row]}, head {maps.heads[column]}", fontsize=9)
    every = max(1, round(LEGIBLE / token))  # label: where they are too many, not each has room
    size = min(8, 80 * token * every)
    keys, queries = ([shown(x) for x in labels] for labels in (maps.keys, maps.queries))
    look = {"fontsize": size, "parse_math": False}
    axes.set_xticks(range(0, len(keys), every), keys[::every], rotation=90, **look)
    axes.set_yticks(range(0, len(queries), every), queries[::every], **look)
    axes.tick_params(length=0)
    return axes.imshow(maps.weights[row, column], vmin=0, vmax=1, cmap="Blues")


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches. Raises ModuleNotFoundError without Matplotlib."""
    try:  # here, for it takes a quarter of a second, and no other command needs it
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:  # an extra: training and translating work without it
        raise ModuleNotFoundError(WITHOUT) from None
    return Figure(figsize=(width, height), layout="constrained")


def svg_of(figure: Figure) -> str:
    """The picture as the text of an SVG."""
    file = io.BytesIO()
    figure.savefig(file, format="svg")
    return file.getvalue().decode()


def require_ending(path: str | os.PathLike[str]) -> str:
    """The format of a picture, by the name of its file. Raises ValueError for an unknown one."""
    ending = Path(path).suffix[1:].lower()
    if ending not in ENDINGS:
        raise ValueError(
            f"cannot draw to {Path(path).name!r}: its ending has to be one of ."
            + ", .".join(ENDINGS)
        )
    return ending


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write the picture to `path`, which ends in .svg, .png or .pdf; its Path."""
    ending, path = require_ending(path), Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, lambda file: figure.savefig(file, format=ending))
    return path
