"""The picture of a race: what was measured, against the length of a sentence and against time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .drawing import new_figure
from .race import Racer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#d95f02", "#7570b3", "#1b9e77", "#666666")
MARKERS = ("o", "s", "^", "D")
SMOOTHING = 10  # points of the loss that are averaged


def race_figure(racers: Sequence[Racer], title: str) -> Figure:
    """Four plots: exact match, the time of a step and the ways of a gradient against length, and
    the loss against time. Raises ModuleNotFoundError without Matplotlib."""
    figure = new_figure(9.5, 7)
    (exact, seconds), (losses, ways) = figure.subplots(2, 2)
    for racer, colour, marker in zip(racers, COLOURS, MARKERS):
        look = {"color": colour, "marker": marker, "markersize": 4}
        exact.plot(*points(racer.exact), label=racer.name, **look)
        seconds.plot(*points({n: 1000 * each for n, each in racer.seconds.items()}), **look)
        ways.plot(*points({n: each.longest for n, each in racer.ways.items()}), **look)
        ways.plot(*points({n: each.shortest for n, each in racer.ways.items()}), ":", **look)
        losses.plot(*smoothed(racer.curve), color=colour)
    described(exact, "length of the source, tokens", "exact match, held out")
    exact.set_ylim(-0.03, 1.05)
    exact.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    described(seconds, "length of source and target, tokens", "one training step, ms")
    seconds.set_ylim(bottom=0)
    described(losses, "time of training, seconds", "training loss per token, nats")
    logarithmic(losses, base=10)
    label = "ops from the first word to the loss"
    described(
        ways, "length of source and target, tokens", f"{label}\n(longest way; dotted: shortest)"
    )
    logarithmic(ways, base=2)
    figure.legend(loc="outside lower center", ncols=len(racers), frameon=False)
    figure.suptitle(title, fontsize=10, parse_math=False)
    return figure


def described(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3)
    axes.locator_params(axis="x", integer=True)


def logarithmic(axes: Axes, base: int) -> None:
    axes.set_yscale("log", base=base)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(lambda value, _: "")


def points(by_length: dict[int, float]) -> tuple[list[int], list[float]]:
    """Lengths, and what was measured at them."""
    return [*by_length], [*by_length.values()]


def smoothed(curve: Sequence[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """The curve as running means of both its coordinates."""
    width = min(SMOOTHING, len(curve))
    seconds, losses = np.array(curve).T
    window = np.full(width, 1 / width)
    return np.convolve(seconds, window, "valid"), np.convolve(losses, window, "valid")
