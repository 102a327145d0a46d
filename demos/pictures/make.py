"""Make the pictures of graphs that the README shows, into this folder or the one that is named.

Run it: python demos/pictures/make.py   (`make pictures` does, and trains for the others)
"""

import sys
from pathlib import Path

import numpy as np

import minigrad as mg
import minitransformer as mt


def neuron() -> mg.Tensor:
    """tanh(w x + b), after backward: every node with its value, the leaves with their gradients."""
    x = mg.Tensor([1.0, -2.0, 0.5], name="x")
    w, b = mg.Parameter([0.3, 0.8, -0.5], name="w"), mg.Parameter(0.1, name="b")
    y = mg.tanh((w * x).sum() + b).named("y")
    y.retain_grad()
    y.backward(retain_graph=True)
    return y


def attention() -> mg.Tensor:
    """softmax(Q K^T / sqrt(d_k)) V, equation 1 of the paper."""
    rng = np.random.default_rng(0)
    q, k, v = (mg.Tensor(rng.normal(size=(3, 4)), requires_grad=True, name=name) for name in "QKV")
    scores = (q @ k.T / np.sqrt(4)).named("scores")
    return mg.softmax(scores).named("weights") @ v


def encoder_layer() -> mg.Tensor:
    """One encoder layer, all of it."""
    config = mt.TransformerConfig.tiny(12, 12, dropout=0.0)
    layer = mt.EncoderLayer(config, np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(1, 5, config.d_model))
    return layer(mg.Tensor(x, dtype=np.float32, name="x"), None)


def loss_of(config: mt.TransformerConfig) -> mg.Tensor:
    """What a Transformer's first step of training goes down from."""
    model = mt.Transformer(config, np.random.default_rng(0))
    batch = mt.make_batch([([4, 5, 6, 7], [7, 6, 5, 4])])
    return mt.batch_loss(model, batch).named("loss")


def main(folder: Path) -> None:
    toy = mt.TransformerConfig.tiny(12, 12, dropout=0.0, num_encoder_layers=2, num_decoder_layers=2)
    paper = mt.TransformerConfig(37_000, 37_000)  # the base model: 6 and 6 layers, d_model 512
    pictures = {
        "neuron": mg.draw(neuron(), direction="LR"),
        "attention-by-hand": mg.draw(attention(), numbers=False),
        "encoder-layer": mg.draw(encoder_layer(), numbers=False),
        "toy-transformer": mg.draw(loss_of(toy), numbers=False),
        "paper": mg.draw(loss_of(paper), numbers=False),
        "paper-backward": mg.draw(loss_of(paper), direction="backward", numbers=False),
    }
    for name, drawing in pictures.items():
        print(drawing.save(folder / f"{name}.svg"))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
