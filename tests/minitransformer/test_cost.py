"""What a training step costs, counted and not timed: products, ops, bytes, dtypes."""

import tracemalloc
from contextlib import nullcontext

import numpy as np
import pytest

import minigrad as mg
import minitransformer as mt
from minigrad.backward import history
from minigrad.context import during, watching
from minitransformer.training import loop

LAYERS, BATCH, TIME, VOCAB, D_MODEL, D_FF = 2, 8, 6, 13, 16, 24
ATTENTIONS = 3 * LAYERS  # one in an encoder layer, two in a decoder layer


@pytest.fixture
def step():
    """A function that makes one whole training step; `step.loss()` is its forward half."""
    rng = np.random.default_rng(0)
    config = mt.TransformerConfig(
        *(VOCAB, VOCAB, D_MODEL, 4, D_FF, LAYERS, LAYERS), dropout=0.1, max_length=TIME
    )
    model = mt.Transformer(config, rng)
    optimizer = mg.optim.Adam(model.parameters())
    batch = mt.Batch(*rng.integers(3, VOCAB, (3, BATCH, TIME)))

    def step():
        optimizer.zero_grad()
        step.loss().backward()
        optimizer.step()

    step.loss = lambda: mt.batch_loss(model, batch)
    step.model, step.optimizer = model, optimizer
    return step


def test_a_step_makes_the_products_that_the_layers_need_and_each_two_gradients(step):
    with mg.profile() as profile:
        step()
    calls = {key: row.calls for key, row in profile.by_op().items()}
    linears = 4 * ATTENTIONS + 2 * 2 * LAYERS + 1  # attention, feed-forward, output
    biased = 2 * 2 * LAYERS + 1
    assert calls["linear", "forward"] == linears
    assert calls["linear", "backward"] == 2 * linears + biased
    assert calls["matmul", "forward"] == 2 * ATTENTIONS
    assert calls["matmul", "backward"] == 4 * ATTENTIONS


def test_the_operations_of_the_products_are_those_of_the_formula(step):
    with mg.profile() as profile:
        step.loss()
    rows, width = BATCH * TIME, D_MODEL
    linear = 4 * ATTENTIONS * width**2 + 2 * 2 * LAYERS * width * D_FF + width * VOCAB
    assert profile.by_op()["linear", "forward"].flops == 2 * rows * linear
    scores_and_values = 2 * BATCH * TIME * TIME * width
    assert profile.by_op()["matmul", "forward"].flops == 2 * ATTENTIONS * scores_and_values


def test_backward_takes_twice_the_operations_of_the_products_and_the_bias_next_to_none(step):
    with mg.profile() as profile:
        step()
    rows = profile.by_op()
    biases = 2 * LAYERS * (D_FF + D_MODEL) + VOCAB
    assert rows["linear", "backward"].flops == 2 * rows["linear", "forward"].flops + biases
    assert rows["matmul", "backward"].flops == 2 * rows["matmul", "forward"].flops


def test_how_many_ops_a_step_records(step):
    embedded = 2 * 4  # look up, scale, add positions, dropout
    attention = (
        4 + 4 + 6
    )  # linears; heads split and joined; K^T, product, scale, mask, softmax, sum
    add_and_norm = 3  # dropout, add, normalize
    encoder_layer = attention + 3 + 2 * add_and_norm
    decoder_layer = 2 * attention + 3 + 3 * add_and_norm
    expected = embedded + LAYERS * (encoder_layer + decoder_layer) + 2  # output, loss
    assert len(history(step.loss())) == expected


class DtypeWatcher:
    """Notes the dtype of every array that ops and rules return or keep for backward."""

    def __init__(self):
        self.seen = set()

    def note(self, *values):
        self.seen |= {value.dtype for value in values if isinstance(value, np.ndarray)}

    def watched(self, fn):
        def run(*args, **kwargs):
            value, *rules = fn(*args, **kwargs)
            self.note(value)
            for rule in rules:
                self.note(*(cell.cell_contents for cell in rule.__closure__ or ()))
            return value, *rules

        run.__name__ = fn.__name__
        return run

    def watched_rule(self, node, rule):
        def run(g):
            d = rule(g)
            self.note(g, d)
            return d

        return run


def test_no_array_of_a_float32_step_is_float64(step):
    watcher = DtypeWatcher()
    with during(watching, watcher):
        step()
    assert {dtype for dtype in watcher.seen if dtype.kind == "f"} == {np.dtype(np.float32)}
    arrays = [step.optimizer.flat, *step.optimizer.state.values()]
    arrays += [p.grad.data for p in step.model.parameters()]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


def test_the_memory_of_a_step_is_what_backward_needs_and_nothing_stays(step):
    for _ in range(3):  # then the interpreter's own lists of freed objects are full
        step()
    step.optimizer.zero_grad()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        loss = step.loss()
        recorded = tracemalloc.get_traced_memory()[0] - before
        loss.backward()
        peak = tracemalloc.get_traced_memory()[1] - before
        del loss
        step.optimizer.zero_grad()
        left = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    gradients = 4 * sum(p.size for p in step.model.parameters())
    assert peak < recorded + gradients  # what was used is let go on the way back
    assert left < recorded / 50


def test_in_a_training_names_keep_no_array_alive(step):
    kept = []
    for within in (mg.names_only(), nullcontext()):
        with within:
            loss = step.loss()
        kept.append([node.name for node in history(loss) if node.value is not None])
        names = [node.name for node in history(loss) if node.name]
        assert {"Q", "Q K^T", "scores", "heads", "concat", "add_1", "memory", "logits"} <= {*names}
    assert kept == [[], names]


def test_the_training_loop_keeps_the_names_alone(step, monkeypatch):
    recorded = []

    def watched(*arguments):
        recorded.append(mt.batch_loss(*arguments))
        recorded.extend(node.value for node in history(recorded[-1]))
        return recorded[0]

    monkeypatch.setattr(loop, "batch_loss", watched)
    batch = mt.Batch(*np.random.default_rng(0).integers(3, VOCAB, (3, BATCH, TIME)))
    schedule = mg.optim.WarmupSchedule(step.optimizer, D_MODEL, 10)
    assert len(list(loop.fit(step.model, [batch], step.optimizer, schedule))) == 1
    assert len(recorded) > 100 and set(map(type, recorded[1:])) == {type(None)}
