"""Which tensor of PyTorch's each weight of ours is. It needs no PyTorch.

A matrix of ours is (inputs, outputs), there it is (outputs, inputs). Q, K and V are one matrix
there, and so is all that the LSTM of an AttentionLSTM's decoder reads: a word, and its context.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..models.config import TransformerConfig
from ..models.recurrent_config import RecurrentConfig

POSITIONS = ("sinusoidal", "concatenated", "learned")  # those that are added to embeddings


@dataclass(frozen=True)
class Link:
    """A tensor of PyTorch's, and those of ours that it is made of: side by side along `axis`, and
    each transposed if so. `second` names a bias that PyTorch has beside this one."""

    theirs: str
    ours: tuple[str, ...]
    transposed: bool = False
    axis: int = 0
    second: str | None = None

    def joined(self, state: Mapping[str, np.ndarray]) -> np.ndarray:
        """PyTorch's tensor, of our state."""
        parts = [state[name].T if self.transposed else state[name] for name in self.ours]
        return np.ascontiguousarray(np.concatenate(parts, self.axis))

    def parted(self, whole: np.ndarray, like: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Our tensors, of PyTorch's; they are as large as those of `like`."""
        shapes = [(like[name].T if self.transposed else like[name]).shape for name in self.ours]
        ends = np.cumsum([shape[self.axis] for shape in shapes])[:-1]
        parts = np.split(whole, ends, self.axis)
        return {name: part.T if self.transposed else part for name, part in zip(self.ours, parts)}


def links_of(kind: str, config: Any) -> list[Link]:
    """All of them, for a model of that kind and config. Raises ValueError for one that no module of
    PyTorch's computes."""
    if kind not in LINKS:
        known = ", ".join(LINKS)
        raise ValueError(f'a model of the kind "{kind}" has no form in PyTorch, only {known}')
    return list(LINKS[kind](config))


def _of_transformer(config: TransformerConfig) -> Iterator[Link]:
    if config.positions not in POSITIONS:
        raise ValueError(
            f'torch.nn.Transformer cannot compute positions="{config.positions}", which change '
            f"attention itself: train with one of {[*POSITIONS]} what is to go to PyTorch"
        )
    if config.norm != "layer":
        raise ValueError(
            f'torch.nn.Transformer cannot compute norm="{config.norm}": it normalises by LayerNorm '
            'only. Train with norm="layer" what is to go to PyTorch'
        )
    source = "src_embedding.weight"
    target = source if config.ties_languages else "tgt_embedding.weight"
    yield Link("src_embedding.weight", (source,))
    yield Link("tgt_embedding.weight", (target,))
    if config.positions == "learned":
        yield from _same("src_positions.weight", "tgt_positions.weight")
    for i in range(config.num_encoder_layers):
        yield from _layer(f"encoder.layers.{i}", config, {"self_attention": "self_attn"})
    attentions = {"self_attention": "self_attn", "cross_attention": "multihead_attn"}
    for i in range(config.num_decoder_layers):
        yield from _layer(f"decoder.layers.{i}", config, attentions)
    if config.normalises_end:
        for stack in ("encoder", "decoder"):
            yield from _norm(f"transformer.{stack}.norm", f"{stack}.norm")
    if config.ties_output:
        yield Link("output.weight", (target,))
    else:
        yield from _linear("output", "output")


def _layer(ours: str, config: TransformerConfig, attentions: Mapping[str, str]) -> Iterator[Link]:
    """Of an encoder or a decoder layer."""
    theirs = f"transformer.{ours}"
    for our_name, their_name in attentions.items():
        yield from _attention(f"{theirs}.{their_name}", f"{ours}.{our_name}", config.attention_bias)
    for i in (1, 2):
        yield from _linear(f"{theirs}.linear{i}", f"{ours}.feed_forward.linear_{i}")
    for i in range(1, len(attentions) + 2):
        yield from _norm(f"{theirs}.norm{i}", f"{ours}.norm_{i}")


def _attention(theirs: str, ours: str, bias: bool) -> Iterator[Link]:
    projections = [f"{ours}.w_{name}" for name in "qkv"]
    yield Link(
        f"{theirs}.in_proj_weight", tuple(f"{w}.weight" for w in projections), transposed=True
    )
    if bias:
        yield Link(f"{theirs}.in_proj_bias", tuple(f"{w}.bias" for w in projections))
    yield from _linear(f"{theirs}.out_proj", f"{ours}.w_o", bias)


def _linear(theirs: str, ours: str, bias: bool = True) -> Iterator[Link]:
    yield Link(f"{theirs}.weight", (f"{ours}.weight",), transposed=True)
    if bias:
        yield Link(f"{theirs}.bias", (f"{ours}.bias",))


def _norm(theirs: str, ours: str) -> Iterator[Link]:
    yield Link(f"{theirs}.weight", (f"{ours}.gamma",))
    yield Link(f"{theirs}.bias", (f"{ours}.beta",))


def _same(*names: str) -> Iterator[Link]:
    return (Link(name, (name,)) for name in names)


def _of_lstm(config: RecurrentConfig) -> Iterator[Link]:
    yield from _same("src_embedding.weight", "tgt_embedding.weight")
    for stack in ("encoder", "decoder"):
        for i in range(config.num_layers):
            yield from _cell(f"{stack}.", f"_l{i}", f"{stack}.{i}.cell")
    yield from _linear("output", "output")


def _of_attention_lstm(config: RecurrentConfig) -> Iterator[Link]:
    yield from _same("src_embedding.weight", "tgt_embedding.weight")
    for i in range(config.num_layers):
        yield from _cell("encoder.", f"_l{i}", f"encoder.{i}.forwards.cell")
        yield from _cell("encoder.", f"_l{i}_reverse", f"encoder.{i}.backwards.cell")
    yield from _linear("bridge", "bridge")
    yield from _linear("attention.w_q", "attention.w_q", bias=False)
    yield from _linear("attention.w_k", "attention.w_k")
    yield from _same("attention.v")
    for i in range(config.num_layers):
        yield from _cell(f"decoder.{i}.", "", f"decoder.{i}", *(["c.weight"] if i == 0 else []))
    yield from _linear("output", "output")


def _cell(theirs: str, end: str, ours: str, *also_read: str) -> Iterator[Link]:
    """Of one LSTM. Both sides have the gates in the order i, f, g, o."""
    yield Link(
        f"{theirs}weight_ih{end}", (f"{ours}.w_x.weight", *also_read), transposed=True, axis=1
    )
    yield Link(f"{theirs}weight_hh{end}", (f"{ours}.w_h.weight",), transposed=True)
    yield Link(f"{theirs}bias_ih{end}", (f"{ours}.w_x.bias",), second=f"{theirs}bias_hh{end}")


LINKS: dict[str, Callable[[Any], Iterable[Link]]] = {
    "transformer": _of_transformer,
    "lstm": _of_lstm,
    "attention-lstm": _of_attention_lstm,
}
