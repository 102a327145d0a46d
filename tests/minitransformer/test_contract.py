"""The contract of models that write word by word (models/seq2seq.py), for every kind of model."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_models import close, models, toy_model

import minigrad as mg
from minitransformer.decoding.rereading import Rereading
from minitransformer.models.kinds import KINDS, from_json
from minitransformer.models.seq2seq import evaluating, in_mode
from minitransformer.text.batching import source_rows

few = settings(max_examples=30)

kinds = pytest.mark.parametrize("kind", KINDS)

SRC = source_rows([[4, 5, 6], [7], [5, 4]])  # ragged: the shorter ones are padded
TGT = np.array([[1, 4, 5, 6, 7], [1, 6, 2, 0, 0], [1, 7, 0, 2, 5]])


def a_model(make=toy_model, **changes):
    """In float64, so that comparisons can be sharp."""
    return make(**changes).astype(np.float64).eval()


def stepped(writer, src, tgt):
    """The logits (B, T, V) of the steps that write `tgt` (B, T), one after another."""
    state, logits = writer.start(src), []
    for tokens in tgt.T:
        of_next, state = writer.step(state, tokens)
        logits.append(of_next.data)
    return np.stack(logits, axis=1)


@models
def test_the_steps_give_the_logits_of_the_whole_target_at_every_position(make):
    model = a_model(make)
    logits = stepped(model, SRC, TGT)
    assert logits.shape == (3, 5, 8)
    close(logits, model(SRC, TGT), 1e-13)  # at padding too


@models
@pytest.mark.parametrize("rows", [[2, 0], [1, 1, 2, 0], [True, False, True], [2]], ids=str)
@pytest.mark.parametrize("time", [0, 1, 3])
def test_selected_rows_go_on_as_the_batch_made_of_these_rows(make, rows, time):
    model, rows = a_model(make), np.array(rows)
    state = model.start(SRC)
    for tokens in TGT.T[:time]:
        _, state = model.step(state, tokens)
    state = state.select(rows)
    whole = model(SRC[rows], TGT[rows]).data
    for t in range(time, 5):
        logits, state = model.step(state, TGT[rows, t])
        close(logits, whole[:, t], 1e-13)


@models
def test_a_step_and_a_selection_leave_the_old_state_as_it_is(make):
    model = a_model(make)
    _, state = model.step(model.start(SRC), TGT[:, 0])
    first, after = model.step(state, TGT[:, 1])
    model.step(after.select(np.array([2, 1, 0])), TGT[:, 2])
    again, _ = model.step(state, TGT[:, 1])
    np.testing.assert_array_equal(first.data, again.data)
    other, _ = model.step(state, np.array([7, 7, 7]))  # another branch from the same place
    close(other, model(SRC, np.stack([TGT[:, 0], [7, 7, 7]], axis=1)).data[:, 1], 1e-13)


@kinds
@few
@given(st.data())
def test_any_ragged_batch_is_stepped_as_each_sentence_alone(kind, data):
    ids = st.lists(st.integers(3, 7), max_size=6)
    src = source_rows(data.draw(st.lists(ids, min_size=1, max_size=4)))
    time = data.draw(st.integers(1, 8))
    tgt = np.random.default_rng(0).integers(1, 8, (len(src), time))
    model = a_model(kind=kind)
    together = stepped(model, src, tgt)
    close(together, model(src, tgt), 1e-12)
    for row in range(len(src)):
        real = src[row : row + 1, : (src[row] != 0).sum()]
        close(stepped(model, real, tgt[row : row + 1])[0], together[row], 1e-12)


@models
def test_rereading_makes_the_same_steps_of_forward_alone(make):
    model = a_model(make)
    close(stepped(Rereading(model), SRC, TGT), stepped(model, SRC, TGT), 1e-13)
    rows = np.array([2, 2])
    _, state = Rereading(model).step(Rereading(model).start(SRC), TGT[:, 0])
    logits, _ = Rereading(model).step(state.select(rows), TGT[rows, 1])
    close(logits, model(SRC, TGT).data[rows, 1], 1e-13)


def test_the_memory_is_read_and_projected_once(monkeypatch):
    model = a_model(num_decoder_layers=2)
    state = model.start(SRC)
    expected, _ = model.step(state, TGT[:, 0])
    monkeypatch.setattr(model, "encode", None)  # nobody may ask again
    for layer in model.decoder.layers:
        monkeypatch.setattr(layer.cross_attention, "keys_and_values", None)
    logits, _ = model.step(state, TGT[:, 0])
    np.testing.assert_array_equal(logits.data, expected.data)


@kinds
def test_a_step_beyond_the_positions_is_refused(kind):
    model = a_model(kind=kind, max_length=5)
    state = model.start(SRC)
    for tokens in TGT.T:
        _, state = model.step(state, tokens)
    with pytest.raises(ValueError, match="the target has 6 tokens; this model has positions for 1"):
        model.step(state, TGT[:, 0])


@models
def test_the_gradient_of_steps_is_that_of_the_whole_target(make):
    model = a_model(make)
    cotangent = np.random.default_rng(0).standard_normal((3, 5, 8))
    state, total = model.start(SRC), mg.Tensor(np.zeros(()))
    for t, tokens in enumerate(TGT.T):
        logits, state = model.step(state, tokens)
        total = total + (logits * cotangent[:, t]).sum()
    total.backward()
    stepwise = {path: p.grad.data for path, p in model.named_parameters()}
    model.zero_grad()
    (model(SRC, TGT) * cotangent).sum().backward()
    for path, parameter in model.named_parameters():
        close(stepwise[path], parameter.grad, 1e-11)


@pytest.mark.parametrize(
    "changes, heads, counts",
    [
        ({"num_encoder_layers": 2, "num_decoder_layers": 3}, 2, [2, 3, 3]),
        ({"kind": "attention-lstm", "num_layers": 2}, 1, [1]),
        ({"kind": "lstm"}, 0, []),
        ({"kind": "decoder-lm", "num_layers": 2}, 2, [2]),
        ({"kind": "encoder-classifier", "num_layers": 2}, 2, [2]),
    ],
    ids=["transformer", "attention-lstm", "lstm", "decoder-lm", "encoder-classifier"],
)
def test_every_attention_tensor_is_found_in_the_graph_of_a_forward_pass(changes, heads, counts):
    model = a_model(**changes)
    graph = mg.graph_of(model(SRC, TGT))
    lengths = {"source": SRC.shape[1], "target": TGT.shape[1]}
    lengths["stream"] = SRC.shape[1] - 1 + TGT.shape[1]  # without the end of the longest source
    for kind in model.attention_tensors():
        for name in kind.names:
            shape = (3, heads, lengths[kind.queries], lengths[kind.keys])
            assert graph.find(name).value.shape == shape
            np.testing.assert_allclose(graph.find(name).value.sum(axis=-1), 1, atol=1e-12)
    assert [len(kind.names) for kind in model.attention_tensors()] == counts


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_makes_its_model_from_the_json_of_its_config(name):
    kind = KINDS[name]
    source, target = (9, 9) if kind.one_vocabulary else (9, 8)
    config = kind.config.of_size("tiny", source, target, max_length=7)
    model = from_json(name, config.to_json())
    assert model.kind == name
    assert model.config == config
    assert (config.src_vocab_size, config.tgt_vocab_size, config.max_length) == (source, target, 7)


def test_an_unknown_kind_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="no kind of model 'mamba', only .*transformer"):
        from_json("mamba", {})


@pytest.mark.parametrize("training", [True, False])
def test_a_mode_ends_with_each_module_as_it_was(training):
    model = toy_model()
    model.encoder.eval()  # somebody has switched off its dropout
    before = [module.training for module in model.modules()]
    with in_mode(model, training):
        assert {module.training for module in model.modules()} == {training}
    assert [module.training for module in model.modules()] == before
    assert {*before} == {True, False}


def test_evaluating_records_nothing():
    model = toy_model()
    with evaluating(model):
        assert not model(SRC, TGT).requires_grad
    assert model(SRC, TGT).requires_grad
