"""What training rests on: gradients, the loss, dropout, and that the model can learn at all."""

from collections.abc import Callable, Iterator

import numpy as np

import minigrad as mg

from ..decoding.greedy import greedy_decode
from ..models.layers import Dropout
from ..models.seq2seq import evaluating
from ..text.batching import Batch, make_batch
from ..text.specials import PAD
from .subject import TIGHT, Finding, Subject, counted, distance, without_dropout

TOLERANCE = 1e-6  # as mg.gradcheck
WIDTHS = (1e-6, 1e-7, 1e-8)  # of a difference: a kink (of ReLU) that lies in one is not in the next
FEW = 4  # entries of a parameter that are all checked; of a larger one the largest is

LARGEST = 3_000_000  # parameters: a larger model is not overfitted in a moment
STEPS, EVERY, LEARNT = 300, 25, 0.1
SENTENCES = [(5, 4), (4, 5), (4, 3), (3, 5), (3, 3), (2, 4), (2, 1), (1, 2)]


def gradients(subject: Subject) -> Finding:
    """For each parameter the derivative along a direction by chance, which has all its entries in
    it, and along single entries: by the rules, and by central differences."""
    model, batch, rng = subject.model, subject.batch, subject.rng()
    named = dict(model.named_parameters())
    loss = subject.loss(model, batch, 0.1)
    by_rule = mg.grad(loss, list(named.values()), allow_unused=True)
    worst, count, unused = 0.0, 0, []
    for (path, parameter), gradient in zip(named.items(), by_rule):
        g = gradient.data
        if not g.any():
            unused.append(path)
        for along in directions(g, rng):
            mine = float((g * along).sum())
            error, expected = np.inf, 0.0
            for step in WIDTHS:
                expected = slope(lambda: subject.loss(model, batch, 0.1), parameter, along * step)
                error = abs(mine - expected / step) / max(1.0, abs(expected / step))
                if error < TOLERANCE:
                    break
            else:
                said = f"by the rules {mine:.6g}, by differences {expected / WIDTHS[-1]:.6g}"
                return Finding(False, f"{path}: {said}")
            worst, count = max(worst, error), count + 1
    said = f"{count} derivatives of {counted(len(named), 'parameter')} agree to {worst:.0e}"
    if unused:
        said += f"; remark: the loss does not depend on {', '.join(unused[:3])}"
    return Finding(True, said)


def directions(gradient: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """One by chance, with every entry in it, and those of the entries with the largest gradient."""
    along = rng.standard_normal(gradient.shape)
    yield along / np.linalg.norm(along)
    largest = np.argsort(-np.abs(gradient), axis=None)
    for entry in largest[: FEW if gradient.size <= FEW else 1]:
        along = np.zeros(gradient.shape)
        along.flat[entry] = 1
        yield along


def slope(function: Callable[[], mg.Tensor], parameter: mg.Parameter, step: np.ndarray) -> float:
    """How much the function grows with a step of the parameter: half of a central difference."""
    before, ends = parameter.data.copy(), []
    with mg.no_grad():
        for moved in (before + step, before - step):
            parameter.data[...] = moved
            ends.append(function().item())
    parameter.data[...] = before
    return (ends[0] - ends[1]) / 2


def loss(subject: Subject) -> Finding:
    """The loss is a mean over real target tokens: more padding makes it no other."""
    model, batch = subject.model, subject.batch
    if batch.tgt_in.shape[1] + 2 > model.config.max_length:
        return Finding(None, "the model has no positions for more padding")
    more = ((0, 0), (0, 2))
    wider = [np.pad(ids, more, constant_values=PAD) for ids in (batch.tgt_in, batch.tgt_out)]
    with evaluating(model):
        for smoothing in (0.0, 0.1):
            one = subject.loss(model, batch, smoothing).item()
            other = subject.loss(model, Batch(batch.src, *wider), smoothing).item()
            if not abs(one - other) <= TIGHT * max(1, abs(one)):
                said = f", with label smoothing {smoothing}" if smoothing else ""
                return Finding(False, f"{one:.4f}, and {other:.4f} with more padding{said}")
    return Finding(True, "more padding makes no other loss, with label smoothing and without")


def dropout(subject: Subject) -> Finding:
    """In training each sentence and each pass has entries of its own dropped; else none are."""
    model = subject.copied()
    parts = [module for module in model.modules() if isinstance(module, Dropout)]
    if not parts:
        return Finding(None, "it has no Dropout")
    for part in parts:
        part.p = part.p or 0.5
    src, tgt = (np.repeat(ids[:1], 2, axis=0) for ids in (subject.batch.src, subject.batch.tgt_in))
    with mg.no_grad():
        used = [model(src, tgt).data for _ in range(2)]
        model.train()
        one, two = (model(src, tgt).data for _ in range(2))
    if distance(*used) > TIGHT:
        return Finding(False, "it drops entries in evaluation too")
    if distance(one, two) <= TIGHT:
        return Finding(False, "two passes in training drop the very same entries")
    if distance(one[0], one[1]) <= TIGHT:
        return Finding(False, "two sentences of a batch have the very same entries dropped")
    return Finding(True, "anew in each pass and sentence of training, and none in evaluation")


def overfit(subject: Subject) -> Finding:
    """A few sentences are learnt by heart, from new weights, and then written."""
    size = sum(parameter.size for parameter in subject.original.parameters())
    if size > LARGEST:
        return Finding(None, f"{size:,} parameters are too many to try in a moment")
    model = subject.anew(np.float32)
    model = without_dropout(subject.copied(np.float32) if model is None else model)
    pairs = [*{tuple(pair[0]): pair for pair in subject.pairs(SENTENCES)}.values()]
    batch = make_batch(pairs)
    rate = 0.02 * model.config.d_model**-0.5
    optimizer = mg.optim.Adam(model.parameters(), lr=rate)
    value, right, step = np.inf, 0, 0
    targets = [list(target) for _, target in pairs]
    for step in range(1, STEPS + 1):
        model.train()
        optimizer.zero_grad()
        of_batch = subject.loss(model, batch, 0.0)
        of_batch.backward()
        mg.optim.clip_grad_norm(model.parameters(), 1.0)
        optimizer.step()
        value = of_batch.item()
        if step % EVERY == 0 and value < LEARNT:
            wrote = greedy_decode(model, batch.src, batch.tgt_in.shape[1])
            right = sum(a == b for a, b in zip(wrote, targets))
            if right == len(pairs):
                break
    said = f"loss {value:.3f} after {step} steps, {right} of {len(pairs)} written"
    return Finding(value < LEARNT and right == len(pairs), said)
