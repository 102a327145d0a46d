"""The attention of one sentence, read off the recorded graph by path and name."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..run import Run
from .drawing import attention_figure, save_figure, svg_of


@dataclass
class AttentionMaps:
    """Attention weights of every layer and head, (layers, heads, query, key), with the tokens that
    stand at the queries and the keys. It shows itself in Jupyter."""

    title: str
    weights: np.ndarray
    queries: list[str]
    keys: list[str]
    text: str = ""  # that was read
    layers: Sequence[int] = ()  # their numbers, from 1; empty: all
    heads: Sequence[int] = ()

    def __post_init__(self) -> None:
        self.layers = self.layers or range(1, self.weights.shape[0] + 1)
        self.heads = self.heads or range(1, self.weights.shape[1] + 1)

    def only(self, layer: int | None = None, head: int | None = None) -> "AttentionMaps":
        """The same of one layer, of one head, or of both; they are counted from 1."""
        rows, layers = _chosen("layer", layer, self.layers)
        columns, heads = _chosen("head", head, self.heads)
        return replace(self, weights=self.weights[rows][:, columns], layers=layers, heads=heads)

    def svg(self) -> str:
        """The picture as the text of an SVG. Raises ModuleNotFoundError without Matplotlib."""
        return svg_of(attention_figure(self))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Draw to `path`, which ends in .svg, .png or .pdf; its Path."""
        return save_figure(attention_figure(self), path)

    def _repr_svg_(self) -> str | None:
        try:
            return self.svg()
        except ModuleNotFoundError:
            return None  # Jupyter shows the text then


class Attention(dict[str, AttentionMaps]):
    """The AttentionMaps of each kind of attention, by title. It shows itself in Jupyter."""

    def _repr_html_(self) -> str | None:
        pictures = [maps._repr_svg_() for maps in self.values()]
        return None if None in pictures else "\n".join(filter(None, pictures))


def _chosen(what: str, number: int | None, numbers: Sequence[int]) -> tuple[slice, Sequence[int]]:
    if number is None:
        return slice(None), numbers
    if number not in numbers:
        raise ValueError(f"there is no {what} {number}, only {', '.join(map(str, numbers))}")
    place = numbers.index(number)
    return slice(place, place + 1), [number]


def attention_maps(run: Run, text: str) -> Attention:
    """What looks at what while `run.model` writes its own translation of `text`: AttentionMaps of
    each kind of attention that the model has, by title. The Transformer has that of the "encoder",
    the "decoder", and "encoder-decoder"; a model without attention has none. An EncoderClassifier
    has the first, a DecoderLM the second.

    A row of the target is labelled by the token that is written there, having looked, and one of a
    DecoderLM's stream by the token that comes next.
    """
    explanation = run.explain(text)
    read, seen, written = explanation.source, explanation.target, explanation.written
    start, words = seen[:1], read[:-1]
    keys = {"source": read, "target": seen, "stream": start + words + seen[1:]}
    queries = {"source": read, "target": written, "stream": words + written}
    maps = Attention()
    for kind in run.model.attention_tensors():
        weights = np.concatenate([explanation[name] for name in kind.names])  # (L, H, T_q, T_k)
        maps[kind.title] = AttentionMaps(
            kind.title, weights, queries[kind.queries], keys[kind.keys], text
        )
    return maps
