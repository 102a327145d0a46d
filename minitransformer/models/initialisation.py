"""How weights begin. The layers are made as Glorot & Bengio (2010) do, from their own sizes; what
is done otherwise is done here, to the whole model, once it is made."""

import math
from collections.abc import Callable

import numpy as np

import minigrad as mg

from .attention import MultiHeadAttention
from .layers import FeedForward, Linear


def xavier(model: mg.Module) -> None:
    """As they are made: each weight by chance, in such bounds that a layer keeps the variance of
    what goes in, and of the gradient that comes back."""


def identity(model: mg.Module) -> None:
    """W_Q, W_K and W_V of every attention as identity matrices: the queries, keys and values of a
    head are its stretch of the input itself, so a pencil can follow. They are trained from there.
    """
    for module in model.modules():
        if isinstance(module, MultiHeadAttention):
            for projection in (module.w_q, module.w_k, module.w_v):
                projection.weight.data[...] = np.eye(len(projection.weight.data))


def scaled(model: mg.Module) -> None:
    """What a sub-layer adds to the residual path begins 1 / sqrt(n) times as large, n being how
    many follow one another in its stack, so that their sum does not grow with depth: 2N for the N
    layers of an encoder or a DecoderLM, as in GPT-2 (Radford et al. 2019). A layer of a decoder has
    three, with attention to the encoder, so there it is 3N, where GPT-2's rule taken by the letter
    says 2N: GPT-2 has no such layer."""
    for stack in model.modules():
        layers = getattr(stack, "layers", None)
        if isinstance(layers, list):
            last = [linear for layer in layers for linear in _last_linears(layer)]
            for linear in last:
                linear.weight.data *= 1 / math.sqrt(len(last))


def _last_linears(layer: mg.Module) -> list[Linear]:
    """The linear layer that ends each sub-layer of an encoder or decoder layer."""
    return [
        part.w_o if isinstance(part, MultiHeadAttention) else part.linear_2
        for part in layer.modules()
        if isinstance(part, (MultiHeadAttention, FeedForward))
    ]


INITIALISATIONS: dict[str, Callable[[mg.Module], None]] = {
    "xavier": xavier,
    "identity": identity,
    "scaled": scaled,
}
