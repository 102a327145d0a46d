"""How a model begins: checks of a new one, of the same class and configuration."""

import numpy as np

import minigrad as mg

from ..text.batching import make_batch
from ..text.specials import END, PAD
from .subject import LENGTHS, Finding, Subject, value, without_dropout

NO_NEW_ONE = Finding(
    None, "no new one could be made: its class does not give the same parameters for its config"
)
MODELS = 4  # new ones, whose losses are averaged: there is chance in each
NEAR = 1.75  # nats: logits by chance, of variance 1 to 2, make an even guess worse by half of it
# Whose embeddings are added to which positions.
SIDES = {"source": "src_positions", "target": "tgt_positions", "stream": "positions"}
DROWNED = 0.75  # words that are so much less loud than positions


def beginning(subject: Subject) -> Finding:
    """Who knows nothing takes all words for equally probable: the loss is log(vocabulary)."""
    if subject.fresh is None:
        return NO_NEW_ONE
    vocabulary, batch = subject.fresh.config.tgt_vocab_size, make_batch(subject.pairs(LENGTHS * 8))
    rng, losses = subject.rng(), []
    for _ in range(MODELS):
        model = without_dropout(subject.anew(rng=rng).train())
        with mg.no_grad():
            losses.append(subject.loss(model, batch, 0.0).item())
    loss, expected = float(np.mean(losses)), float(np.log(vocabulary))
    said = f"{loss:.2f}, and log({vocabulary}) is {expected:.2f}"
    if hasattr(subject.original, "longest_target"):
        ends = np.mean(batch.tgt_out[batch.tgt_out != PAD] == END)
        expected, said = expected * (1 - ends), f"{said}, where {ends:.0%} are certain ends"
    return Finding(abs(loss - expected) <= NEAR, said)


def embeddings(subject: Subject) -> Finding:
    """Words must not be drowned by the positions that are added to them."""
    if subject.fresh is None:
        return NO_NEW_ONE
    graph, said = mg.graph_of(subject.fresh(subject.batch.src, subject.batch.tgt_in)), []
    for side, at in SIDES.items():
        words, positions = value(graph, f"{side} embeddings"), value(graph, f"{at}.positions")
        if words is None or positions is None:
            continue
        loud = rms(words) / rms(positions)
        said.append(f"{side} {loud:.2f}")
        if not loud >= DROWNED:
            return Finding(False, f"{side} embeddings are {loud:.2f} times as large as positions")
    if not said:
        return Finding(None, "no positions are added to its embeddings")
    return Finding(True, f"times as large as positions: {', '.join(said)}")


def rms(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(x * x)))


def norms(subject: Subject) -> Finding:
    """What leaves the encoder is normalised: with post-norm the last Add & Norm sees to it, with
    pre-norm the norm behind the stack. LayerNorm does so at each position, BatchNorm for each
    feature over the real positions."""
    norm = getattr(subject.original.config, "norm", None)
    if norm not in ("layer", "batch"):
        return Finding(None, "its configuration speaks of no norm")
    if subject.fresh is None:
        return NO_NEW_ONE
    src = subject.batch.src
    memory = value(mg.graph_of(subject.fresh(src, subject.batch.tgt_in)), "memory")
    if memory is None:
        return Finding(None, "no tensor of it is named memory")
    rows = memory[src != PAD] if norm == "layer" else memory[src != PAD].T
    mean, deviations = np.abs(rows.mean(axis=-1)).max(), rows.std(axis=-1)
    said = f"the memory has deviations {deviations.min():.2f} to {deviations.max():.2f}"
    right = mean < 0.01 and np.abs(deviations - 1).max() < 0.01
    return Finding(bool(right), f"{said}, and means of at most {mean:.2g}")
