"""What attention is by definition, read off the recorded graph by the names of its tensors."""

import math
from collections.abc import Iterator

import numpy as np

from ..models.decoder_lm import stream
from ..models.seq2seq import AttentionTensors
from ..text.specials import PAD
from .subject import TIGHT, Finding, Subject, counted, value

NONE = Finding(None, "it has no attention")
EVERYWHERE = 0.98  # of the largest entropy that a head can have
SMALLEST = 1e-290  # weight of which a logarithm is exact
NAMED = 4  # heads that are named, at most


def each(subject: Subject) -> Iterator[tuple[str, AttentionTensors, np.ndarray]]:
    """(name, kind, weights (B, H, T_q, T_k)) of every layer."""
    for kind in subject.model.attention_tensors():
        for name in kind.names:
            weights = subject.graph.find(name).value
            if weights is None:
                raise ValueError(f"the value of {name} was not kept")
            yield name, kind, weights


def may_look(subject: Subject, kind: AttentionTensors) -> tuple[np.ndarray, np.ndarray]:
    """Which queries (B, T_q) are real, and which keys each of them may look at (B, T_q, T_k)."""
    src, tgt = subject.batch.src, subject.batch.tgt_in
    ids = {"source": src, "target": tgt, "stream": stream(src, tgt[:, 1:])[0]}
    queries, keys = ids[kind.queries] != PAD, ids[kind.keys] != PAD
    allowed = np.repeat(keys[:, None], queries.shape[1], axis=1)
    if kind.queries == kind.keys != "source":
        allowed &= np.tri(keys.shape[1], dtype=bool)
    return queries, allowed


def masks(subject: Subject) -> Finding:
    """No query looks at padding or, in the target, at what comes later."""
    layers = 0
    for name, kind, weights in each(subject):
        queries, allowed = may_look(subject, kind)
        shape = (len(queries), weights.shape[1], *allowed.shape[1:])
        if weights.shape != shape:
            return Finding(False, f"{name} has shape {weights.shape}, which should be {shape}")
        hidden = np.where(allowed[:, None] | ~queries[:, None, :, None], 0, weights)
        if hidden.any():
            row, head, query, key = np.unravel_index(hidden.argmax(), hidden.shape)
            real = allowed[row, -1, key]  # the last query sees all that is real
            what = "a later position" if real else "padding"
            return Finding(
                False,
                f"{name}: in head {head + 1} query {query} looks at key {key}, {what}, with weight "
                f"{hidden.max():.2g}",
            )
        layers += 1
    if not layers:
        return NONE
    lengths = (
        f"source of {subject.batch.src.shape[1]} and target of {subject.batch.tgt_in.shape[1]}"
    )
    return Finding(True, f"nothing hidden is seen in {counted(layers, 'layer')}, {lengths} tokens")


def rows(subject: Subject) -> Finding:
    """The weights of each real query sum to one."""
    count = 0
    for name, kind, weights in each(subject):
        queries, _ = may_look(subject, kind)
        sums = np.moveaxis(weights.sum(axis=-1), 1, -1)[queries]  # (real queries, H)
        off = np.abs(sums - 1)
        if not off.max() <= TIGHT:
            return Finding(False, f"{name}: a row sums to {sums.flat[off.argmax()]:.3g}")
        if not weights.min() >= 0:
            return Finding(False, f"{name}: a weight is {weights.min():.3g}")
        count += sums.size
    return Finding(True, f"each of {count} rows sums to one") if count else NONE


def heads(subject: Subject) -> Finding:
    """How widely each head looks: its entropy, as a part of the largest that there is."""
    everywhere, entropies = [], []
    for name, kind, weights in each(subject):
        queries, allowed = may_look(subject, kind)
        choices = allowed.sum(axis=-1)  # (B, T_q)
        chosen = queries & (choices > 1)
        if not chosen.any():
            continue
        logs = np.log(np.where(weights > 0, weights, 1))
        entropy = np.moveaxis(-(weights * logs).sum(axis=-1), 1, -1)[chosen]  # (queries, H)
        parts = (entropy / np.log(choices[chosen])[:, None]).mean(axis=0)
        entropies += parts.tolist()
        layer = name.removesuffix(".weights")
        everywhere += [f"{layer} {h + 1}" for h, part in enumerate(parts) if part > EVERYWHERE]
    if not entropies:
        return NONE
    said = f"entropy {min(entropies):.2f} to {max(entropies):.2f} of the largest"
    if everywhere:
        more = f" and {len(everywhere) - NAMED} more" if len(everywhere) > NAMED else ""
        said += f"; remark: these look everywhere: {', '.join(everywhere[:NAMED])}{more}"
    return Finding(True, said)


def scores(subject: Subject) -> Finding:
    """log(weights) grows by 1 / sqrt(d_k) with q . k, in every row: equation 1."""
    graph, layers = subject.graph, 0
    for name, kind, weights in each(subject):
        at = name.removesuffix("weights")
        turned, as_made = (
            [value(graph, f"{at}{how}{x}") for x in "QK"] for how in ("rotated ", "")
        )
        q, k = as_made if turned[0] is None else turned
        if q is None or k is None or not name.endswith("weights"):
            continue
        queries, allowed = may_look(subject, kind)
        seen = (allowed & queries[:, :, None])[:, None] & (weights > SMALLEST)
        expected = 1 / math.sqrt(q.shape[-1])
        x = centred(q @ k.swapaxes(-1, -2), seen)
        y = centred(np.log(np.where(seen, weights, 1)), seen)
        if not np.abs(y - expected * x).max() <= TIGHT * max(1.0, np.abs(y).max()):
            return Finding(
                False,
                f"{name}: log-weights grow by about {(x * y).sum() / (x * x).sum():.3g} with each "
                f"unit of q . k, and should by 1 / sqrt(d_k) = {expected:.3g}",
            )
        layers += 1
    if not layers:
        return Finding(None, "no tensors of it are named Q, K and weights")
    return Finding(
        True, f"the weights are softmax(Q K^T / sqrt(d_k)) in {counted(layers, 'layer')}"
    )


def centred(x: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """x without the mean of what is seen in its row; zeros where nothing is."""
    count = np.maximum(seen.sum(axis=-1, keepdims=True), 1)
    mean = np.where(seen, x, 0).sum(axis=-1, keepdims=True) / count
    return np.where(seen, x - mean, 0)
