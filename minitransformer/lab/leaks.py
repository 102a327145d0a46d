"""What must make no difference: the future, padding, the rest of the batch, and the cache."""

import numpy as np

from ..decoding.greedy import greedy_decode
from ..models.seq2seq import evaluating
from ..text.specials import END, PAD, SPECIALS, UNKNOWN
from .subject import TIGHT, Finding, Subject, distance

WIDER = 2  # columns of padding that are added behind the longest sentence
WRITTEN = 8  # tokens, at most


def future(subject: Subject) -> Finding:
    """Each token of the target is changed; the logits before it must not move."""
    src, tgt = subject.batch.src, subject.batch.tgt_in
    logits, words = subject.logits(src, tgt), subject.model.config.tgt_vocab_size
    worst, where = 0.0, ""
    for later in range(1, tgt.shape[1]):
        changed = tgt.copy()
        changed[:, later] = other_words(tgt[:, later], words)
        moved = subject.logits(src, changed)
        for earlier in range(later):
            by = distance(moved[:, earlier], logits[:, earlier])
            if by > worst:
                worst, where = by, f"position {earlier} sees position {later} of the target"
    if worst > TIGHT:
        return Finding(False, f"{where}: its logits move by {worst:.2g}")
    count = tgt.shape[1] * (tgt.shape[1] - 1) // 2
    return Finding(True, f"none of {count} pairs of positions leaks (at most {worst:.0e})")


def other_words(tokens: np.ndarray, words: int) -> np.ndarray:
    """For each token another one: the next word, where there are two."""
    first = len(SPECIALS)
    if words <= first + 1:
        return np.where(tokens == UNKNOWN, END, UNKNOWN)
    return first + (np.maximum(tokens, first) - first + 1) % (words - first)


def padding(subject: Subject) -> Finding:
    """Each sentence is padded by one position after another; its logits must not move."""
    batch, count = subject.batch, 0
    worst, where = 0.0, ""
    most = subject.model.config.max_length
    for row in range(len(batch.src)):
        source, target = batch.src[row], batch.tgt_in[row]
        source, target = source[source != PAD], target[target != PAD]
        for side, ids in (("source", source), ("target", target)):
            widest = (batch.src if side == "source" else batch.tgt_in).shape[1] + WIDER
            before = None
            for width in range(len(ids), min(widest, most) + 1):
                wide = np.pad(ids, (0, width - len(ids)), constant_values=PAD)
                pair = (wide, target) if side == "source" else (source, wide)
                logits = subject.logits(pair[0][None], pair[1][None])[:, : len(target)]
                if before is not None:
                    by, count = distance(logits, before), count + 1
                    if by > worst:
                        worst = by
                        where = f"padding at {side} position {width - 1} (sentence {row})"
                before = logits
    if worst > TIGHT:
        return Finding(False, f"{where} is seen: logits move by {worst:.2g}")
    return Finding(True, f"none of {count} padded positions is seen (at most {worst:.0e})")


def batch(subject: Subject) -> Finding:
    """Each sentence alone, and in the batch: logits, and what is written."""
    src, tgt = subject.batch.src, subject.batch.tgt_in
    logits = subject.logits(src, tgt)
    worst, where = 0.0, ""
    for row in range(len(src)):
        source, target = (ids[row][ids[row] != PAD] for ids in (src, tgt))
        alone = subject.logits(source[None], target[None])[0]
        by = distance(logits[row, : len(target)], alone)
        if by > worst:
            worst, where = by, f"sentence {row} has other logits in the batch than alone"
    if worst > TIGHT:
        return Finding(False, f"{where}: they differ by {worst:.2g}")
    together = greedy_decode(subject.model, src, WRITTEN)
    for row, ids in enumerate(src):
        (alone,) = greedy_decode(subject.model, ids[ids != PAD][None], WRITTEN)
        if alone != together[row]:
            return Finding(False, f"alone {alone} is written, and in the batch {together[row]}")
    return Finding(True, f"{len(src)} sentences: the same alone (at most {worst:.0e})")


def cached(subject: Subject) -> Finding:
    """Step by step, with what the model remembers, and all at once; and what is written with the
    cache, and with everything read again for each token."""
    model, src, tgt = subject.model, subject.batch.src, subject.batch.tgt_in
    expected, worst, where = subject.logits(src, tgt), 0.0, 0
    with evaluating(model):
        state = model.start(src)
        for time, tokens in enumerate(tgt.T):
            logits, state = model.step(state, tokens)
            real = tokens != PAD
            by = distance(logits.data[real], expected[real, time])
            if by > worst:
                worst, where = by, time
    if worst > TIGHT:
        said = f"at position {where} the logits of `step` and `forward` differ by {worst:.2g}"
        return Finding(False, said)
    with_cache, without = (greedy_decode(model, src, WRITTEN, cached=c) for c in (True, False))
    for one, other in zip(with_cache, without):
        if one != other:
            return Finding(False, f"with the cache {one} is written, and without it {other}")
    return Finding(True, f"`step` is `forward` at {tgt.shape[1]} positions (at most {worst:.0e})")
