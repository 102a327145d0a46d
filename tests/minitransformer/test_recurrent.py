import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_models import (
    BATCH,
    close,
    gradcheck_module,
    normal,
    quick_train,
    same_weights,
    scattered,
    toy_model,
)

import minigrad as mg
from minigrad.backward import history
from minitransformer import (
    LSTM,
    AdditiveAttention,
    BidirectionalLSTM,
    LSTMCell,
    RecurrentConfig,
    TrainingSettings,
    attention_maps,
    cli,
    evaluate,
    greedy_decode,
    load,
)
from minitransformer.models import recurrent
from minitransformer.models.kinds import KINDS
from minitransformer.models.lstm import unstacked
from minitransformer.text.batching import make_batch
from minitransformer.training.metrics import batch_loss

VARIANTS = {
    "lstm": {"kind": "lstm"},
    "lstm of two layers": {"kind": "lstm", "num_layers": 2},
    "attention-lstm": {"kind": "attention-lstm"},
    "attention-lstm of two layers": {"kind": "attention-lstm", "num_layers": 2},
}
DEEPEST = "attention-lstm of two layers"  # too large to try each of its parameters
variants = pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
kinds = pytest.mark.parametrize("kind", ["lstm", "attention-lstm"])
few = settings(max_examples=20)

REAL = np.array([[True, True, True, True], [True, True, False, False], [True, False, False, False]])


def made(module, *sizes, **settings):
    """A module of float64 with parameters that are no special case."""
    rng = np.random.default_rng(0)
    return scattered(module(*sizes, rng, **settings), rng).astype(np.float64)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def state(*shape, seed=5):
    return mg.Tensor(normal(*shape, seed=seed)), mg.Tensor(normal(*shape, seed=seed + 1))


# ---- the cell and the layer


def test_a_step_of_the_cell_is_its_equations():
    cell = made(LSTMCell, 3, 2)
    x, (h, c) = mg.Tensor(normal(4, 3)), state(4, 2)
    gates = x.data @ cell.w_x.weight.data + cell.w_x.bias.data + h.data @ cell.w_h.weight.data
    i, f, g, o = gates[:, :2], gates[:, 2:4], gates[:, 4:6], gates[:, 6:]
    c_by_hand = sigmoid(f) * c.data + sigmoid(i) * np.tanh(g)
    h_new, c_new = cell(cell.project(x), (h, c))
    close(c_new, c_by_hand, 1e-14)
    close(h_new, sigmoid(o) * np.tanh(c_by_hand), 1e-14)


def test_the_forget_gate_of_a_new_cell_is_open_and_no_other():
    bias = LSTMCell(3, 2, np.random.default_rng(0)).w_x.bias.data
    np.testing.assert_array_equal(bias, [0, 0, 1, 1, 0, 0, 0, 0])


@given(st.integers(1, 9))
def test_a_tensor_is_unstacked_into_its_steps_in_time(time):
    x = mg.Tensor(normal(2, time, 3), requires_grad=True)
    steps = unstacked(x)
    assert len(steps) == time
    cotangent = normal(2, time, 3, seed=1)
    for t, step in enumerate(steps):
        np.testing.assert_array_equal(step.data, x.data[:, t])
    mg.stack(steps, axis=1).backward(cotangent)
    np.testing.assert_array_equal(x.grad.data, cotangent)


@pytest.mark.parametrize("reverse", [False, True])
def test_the_layer_is_its_cell_step_by_step(reverse):
    lstm = made(LSTM, 3, 2, reverse=reverse)
    x, now = mg.Tensor(normal(4, 5, 3)), state(4, 2)
    shown, (h, c) = lstm(x, state=now)
    for t in range(5)[:: -1 if reverse else 1]:
        now = lstm.cell(lstm.cell.project(x[:, t]), now)
        close(shown[:, t], now[0], 1e-14)
    close(h, now[0], 1e-14)
    close(c, now[1], 1e-14)


def test_without_a_state_the_layer_begins_with_zeros():
    lstm, x = made(LSTM, 3, 2), mg.Tensor(normal(4, 5, 3))
    zeros = mg.Tensor(np.zeros((4, 2)))
    close(lstm(x)[0], lstm(x, state=(zeros, zeros))[0], 1e-15)


def test_in_reverse_the_layer_reads_the_sentence_turned_round():
    lstm, x = made(LSTM, 3, 2), mg.Tensor(normal(4, 5, 3))
    shown, last = lstm(x[:, ::-1])
    lstm.reverse = True
    turned, first = lstm(x)
    close(turned[:, ::-1], shown, 1e-14)
    close(first[1], last[1], 1e-14)


def test_both_directions_stand_side_by_side():
    both, x = made(BidirectionalLSTM, 3, 2), mg.Tensor(normal(3, 4, 3))
    shown, last, first = both(x, REAL)
    for half, lstm, end in ((0, both.forwards, last), (1, both.backwards, first)):
        alone, (h, c) = lstm(x, REAL)
        np.testing.assert_array_equal(shown.data[..., 2 * half : 2 * half + 2], alone.data)
        np.testing.assert_array_equal(end[0].data, h.data)
        np.testing.assert_array_equal(end[1].data, c.data)
    assert both.backwards.reverse and not both.forwards.reverse


def test_all_steps_in_time_are_projected_in_one_product():
    lstm, x = made(LSTM, 3, 2), mg.Tensor(normal(4, 7, 3))
    with mg.profile() as profile:
        lstm(x)
    assert profile.by_op()["linear", "forward"].calls == 1 + 7  # W_x once, W_h at each step


def test_how_many_ops_a_step_in_time_records():
    cell, projected = made(LSTMCell, 3, 2), mg.Tensor(normal(4, 8))
    h, c = cell(projected, state(4, 2))
    gates = 2 + 4 + 4  # W_h and its sum with what is projected; cut in four; sigmoids and tanh
    assert len(history(mg.concatenate([h, c]))) == gates + 3 + 2 + 1  # c; h; what joins them


# ---- padding never reaches the state


@few
@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.booleans(), st.integers(0, 3))
def test_a_padded_row_leaves_the_state_that_it_leaves_alone(lengths, reverse, more):
    lstm = made(LSTM, 3, 2, reverse=reverse)
    time = max(lengths) + more
    x = normal(len(lengths), time, 3)
    real = np.arange(time) < np.array(lengths)[:, None]
    shown, (h, c) = lstm(mg.Tensor(x), real)
    for row, length in enumerate(lengths):
        alone, (h_alone, c_alone) = lstm(mg.Tensor(x[row : row + 1, :length]))
        close(shown.data[row, :length], alone.data[0], 1e-13)
        close(h.data[row], h_alone.data[0], 1e-13)
        close(c.data[row], c_alone.data[0], 1e-13)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("thing", [1e3, np.inf, np.nan], ids=str)
def test_whatever_stands_in_padding_changes_no_bit_and_gets_no_gradient(reverse, thing):
    lstm = made(LSTM, 3, 2, reverse=reverse)
    x = mg.Tensor(normal(3, 4, 3), requires_grad=True)
    before, (h, c) = lstm(x, REAL)
    (h.sum() + c.sum() + before.sum()).backward()
    assert not x.grad.data[~REAL].any() and x.grad.data[REAL].all()
    with np.errstate(all="ignore"):
        after, (h_after, c_after) = lstm(mg.where(REAL[:, :, None], x, thing), REAL)
    for one, other in ((before, after), (h, h_after), (c, c_after)):
        np.testing.assert_array_equal(one.data, other.data)


@variants
def test_what_stands_in_padding_of_the_source_changes_no_logit_by_a_bit(changes):
    model = toy_model(**changes).eval()
    before = model(BATCH.src, BATCH.tgt_in).data
    model.src_embedding.weight.data[0] = 5 * normal(4, seed=2)
    np.testing.assert_array_equal(model(BATCH.src, BATCH.tgt_in).data, before)


@variants
def test_without_knowing_what_is_real_the_same_check_finds_the_leak(changes, monkeypatch):
    right = recurrent.padding_mask
    monkeypatch.setattr(recurrent, "padding_mask", lambda ids: np.ones_like(right(ids)))
    with pytest.raises(AssertionError):
        test_what_stands_in_padding_of_the_source_changes_no_logit_by_a_bit(changes)


@variants
@few
@given(st.data())
def test_a_padded_source_gives_the_logits_that_it_gives_alone(changes, data):
    model = toy_model(**changes).astype(np.float64).eval()
    source = data.draw(st.lists(st.integers(2, 7), min_size=1, max_size=5))
    padding = data.draw(st.integers(1, 3))
    tgt = np.array([[1, *data.draw(st.lists(st.integers(2, 7), max_size=4))]])
    padded = np.array([source + [0] * padding])
    close(model(padded, tgt), model([source], tgt), 1e-13)
    assert greedy_decode(model, padded) == greedy_decode(model, np.array([source]))


@variants
def test_a_source_of_nothing_but_padding_gives_finite_logits_and_gradients(changes):
    model = toy_model(**changes)
    src = np.array([[4, 5, 2], [0, 0, 0]])
    logits = model(src, BATCH.tgt_in)
    assert np.isfinite(logits.data).all()
    (logits * normal(2, 3, 8)).sum().backward()
    assert all(np.isfinite(p.grad.data).all() for p in model.parameters())


@variants
def test_no_later_target_token_changes_an_earlier_logit_by_a_bit(changes):
    model = toy_model(**changes).eval()
    tgt = np.array([[1, 4, 5, 6, 7]])
    before = model(BATCH.src[:1], tgt).data
    for changed in range(1, 5):
        other = tgt.copy()
        other[:, changed] = 3
        different = (model(BATCH.src[:1], other).data != before).any(axis=(0, 2))
        assert different[changed:].all() and not different[:changed].any()


# ---- the two models


def test_additive_attention_is_its_equation():
    attention = made(AdditiveAttention, 3, 4, 5)
    query, values = normal(2, 3, 3), normal(2, 6, 4, seed=1)
    mask = np.ones((2, 1, 6), bool)
    mask[1, :, 2:] = False
    tensors = mg.Tensor(query), mg.Tensor(values)
    context, weights = attention(tensors[0], attention.project(tensors[1]), tensors[1], mask)
    w_k = attention.w_k
    for b, t in np.ndindex(2, 3):
        seen = mask[b, 0]
        keys = values[b] @ w_k.weight.data + w_k.bias.data
        score = np.tanh(query[b, t] @ attention.w_q.weight.data + keys) @ attention.v.data
        by_hand = np.where(seen, np.exp(score), 0)
        by_hand /= by_hand.sum()
        close(weights.data[b, t], by_hand, 1e-13)
        close(context.data[b, t], by_hand @ values[b], 1e-13)


def test_all_that_the_lstm_knows_of_the_source_is_its_context(monkeypatch):
    model = toy_model(kind="lstm", num_layers=2).eval()
    context = model.encode(BATCH.src)
    assert [(h.shape, c.shape) for h, c in context] == [((2, 4), (2, 4))] * 2
    expected = model(BATCH.src, BATCH.tgt_in).data
    monkeypatch.setattr(model, "encode", lambda src: context)
    np.testing.assert_array_equal(model(np.array([[7], [7]]), BATCH.tgt_in).data, expected)


def test_the_attention_lstm_put_together_by_hand():
    model = toy_model(kind="attention-lstm").astype(np.float64).eval()
    memory, first = model.encode(BATCH.src)
    y = 2 * model.tgt_embedding.weight.data[BATCH.tgt_in[:, 0]]  # sqrt(d_model) = 2
    s = mg.Tensor(np.tanh(first.data @ model.bridge.weight.data + model.bridge.bias.data))
    mask = (BATCH.src != 0)[:, None]
    keys = model.attention.project(memory)
    context, _ = model.attention(s[:, None], keys, memory, mask)
    (cell,), context = model.decoder, context[:, 0]
    gates = cell.project(mg.Tensor(y)) + context @ model.c.weight
    h, _ = cell(gates, (s, mg.Tensor(np.zeros((2, 4)))))
    logits = model.output(mg.concatenate([h, context], axis=-1))
    close(model(BATCH.src, BATCH.tgt_in[:, :1])[:, 0], logits, 1e-13)


def test_the_attention_lstm_begins_with_what_the_reverse_lstm_knows_at_the_first_word():
    model = toy_model(kind="attention-lstm").eval()
    memory, first = model.encode(BATCH.src)
    np.testing.assert_array_equal(first.data, memory.data[:, 0, 4:])


NAMED = {
    "lstm": {
        **{f"encoder.0.cell.{name}": (2, 4) for name in ("i", "f", "g", "o", "c", "h")},
        **{f"decoder.0.cell (3).{name}": (2, 4) for name in ("i", "f", "g", "o", "h")},
        "context h": (2, 4),
        "context c": (2, 4),
        "logits": (2, 3, 8),
    },
    "attention-lstm": {
        "encoder.0.forwards.cell.h": (2, 4),
        "encoder.0.backwards.cell (4).c": (2, 4),
        "memory": (2, 4, 8),
        "attention.w_k.keys": (2, 4, 4),
        "s": (2, 4),
        "attention.scores": (2, 1, 4),
        "attention (3).masked scores": (2, 1, 4),
        "attention (2).weights": (2, 1, 4),
        "attention (2).context": (2, 1, 8),
        **{f"decoder.0 (2).{name}": (2, 4) for name in ("i", "f", "g", "o", "c", "h")},
        "alpha": (2, 1, 3, 4),
        "logits": (2, 3, 8),
    },
}


@kinds
def test_what_the_papers_name_is_found_in_the_graph_by_that_name(kind):
    graph = mg.graph_of(toy_model(kind=kind)(BATCH.src, BATCH.tgt_in))
    for name, shape in NAMED[kind].items():
        assert graph.find(name).value.shape == shape, name


# ---- derivatives


@pytest.mark.parametrize("reverse", [False, True])
def test_cell_and_layer_pass_gradcheck(reverse):
    cell, x, (h, c) = made(LSTMCell, 3, 2), normal(3, 3), state(3, 2)
    assert gradcheck_module(
        cell, lambda x, h, c: mg.stack(cell(cell.project(x), (h, c))), x, h.data, c.data
    )
    lstm, x = made(LSTM, 3, 2, reverse=reverse), normal(3, 4, 3)

    def all_of_it(x, h, c):
        shown, (h, c) = lstm(x, REAL, (h, c))
        return mg.concatenate([shown, h[:, None], c[:, None]], axis=1)

    assert gradcheck_module(lstm, all_of_it, x, h.data, c.data)


def test_both_directions_and_attention_pass_gradcheck():
    both = made(BidirectionalLSTM, 3, 2)
    assert gradcheck_module(both, lambda x: both(x, REAL)[0], normal(3, 4, 3))
    attention = made(AdditiveAttention, 3, 4, 5)

    def attend(query, values):
        keys = attention.project(values)
        return attention(query, keys, values, REAL[:, None])[0]

    assert gradcheck_module(attention, attend, normal(3, 2, 3), normal(3, 4, 4, seed=1))


@pytest.mark.parametrize("name", [name for name in VARIANTS if name != DEEPEST])
def test_the_whole_loss_passes_gradcheck_for_every_parameter(name):
    changes = VARIANTS[name]
    small = {"d_model": 2, "src_vocab_size": 4, "tgt_vocab_size": 4}
    model = toy_model(seed=1, **changes, **small)
    batch = make_batch([([3], [3]), ([], [])])  # with padding on both sides

    # Times 1,000, so that most derivatives are above 1 and the error is relative to themselves.
    def loss():
        return 1000 * batch_loss(model, batch)

    assert gradcheck_module(model, loss, step=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_the_deepest_loss_changes_along_a_direction_as_its_gradient_says(seed):
    model = toy_model(seed=1, **VARIANTS[DEEPEST]).astype(np.float64)
    batch_loss(model, BATCH).backward()
    rng, step = np.random.default_rng(seed), 1e-5
    directions = [rng.standard_normal(p.shape) for p in model.parameters()]
    slope = sum((p.grad.data * d).sum() for p, d in zip(model.parameters(), directions))
    ends = []
    for sign in (1, -2):  # a step forward, and from there one back behind where it began
        for parameter, direction in zip(model.parameters(), directions):
            parameter.data = parameter.data + sign * step * direction
        ends.append(batch_loss(model, BATCH).item())
    np.testing.assert_allclose((ends[0] - ends[1]) / (2 * step), slope, rtol=1e-6)


@variants
def test_every_parameter_takes_part_in_the_loss(changes):
    model = toy_model(**changes)
    batch_loss(model, BATCH).backward()
    for path, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.data.any(), path
        assert parameter.grad.dtype == parameter.dtype == np.float32


@variants
def test_dropout_acts_in_training_and_not_in_evaluation(changes):
    model = toy_model(dropout=0.5, **changes)
    a, b = BATCH.src, BATCH.tgt_in
    assert (model(a, b).data != model(a, b).data).any()
    model.eval()
    np.testing.assert_array_equal(model(a, b).data, model(a, b).data)


# ---- configuration


@kinds
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_model_has_as_many_parameters_as_the_formula_says(kind, layers):
    config = RecurrentConfig(11, 13, d_model=6, num_layers=layers)
    model = KINDS[kind].model(config)
    assert sum(p.size for p in model.parameters()) == model.num_parameters(config)


@kinds
@pytest.mark.parametrize("changes", [{"d_model": 10**9}, {"num_layers": 10**12}], ids=str)
def test_a_model_that_no_machine_can_hold_is_refused_before_anything_is_made(kind, changes):
    with pytest.raises(
        ValueError, match="RecurrentConfig: a model of these sizes needs [0-9,]+ GB"
    ):
        KINDS[kind].model(RecurrentConfig(8, 8, **changes))


def test_a_named_size_and_the_changes_to_it():
    config = RecurrentConfig.of_size("small", 20, 30, d_model=99)
    assert (config.src_vocab_size, config.tgt_vocab_size, config.d_model) == (20, 30, 99)
    assert dataclasses.replace(config, d_model=64) == RecurrentConfig.of_size("small", 20, 30)
    assert RecurrentConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
    with pytest.raises(
        ValueError, match="no size 'paper' of a recurrent model; the sizes are tiny"
    ):
        RecurrentConfig.of_size("paper", 20, 30)
    with pytest.raises(ValueError, match="RecurrentConfig: num_layers has to be a whole number"):
        RecurrentConfig(20, 30, num_layers=0)


# ---- trained, used and drawn as any other


@kinds
def test_a_recurrent_model_is_trained_kept_and_used_by_what_serves_every_model(kind, tmp_path):
    run = quick_train(tmp_path / "run", model=kind, steps=150, train_examples=500, warmup_steps=50)
    assert run.model.kind == kind
    texts = run.task.examples("test", 20, np.random.default_rng(0))
    before, after = run.log()[1]["loss"], evaluate(run.model, run.ids_of(texts)).loss
    assert after < before / 2
    again = load(run.folder)
    assert again.model.kind == kind and same_weights(again.model, run.model)
    assert again.translate("abc") == run.translate("abc")
    maps = attention_maps(again, "abcd")
    assert list(maps) == (["encoder-decoder"] if kind == "attention-lstm" else [])
    for each in maps.values():
        assert each.weights.shape == (1, 1, len(each.queries), 5)
        np.testing.assert_allclose(each.weights.sum(axis=-1), 1, atol=1e-5)
    assert cli.main(["graph", str(run.folder), "--output", str(tmp_path / "graph.dot")]) == 0
    assert "LSTM" in (tmp_path / "graph.dot").read_text(encoding="utf-8")


def test_a_model_without_attention_is_said_to_have_none(tmp_path, capsys):
    run = quick_train(tmp_path / "run", model="lstm", steps=1)
    assert cli.main(["attention", str(run.folder), "abc"]) == 2
    assert "has no attention to draw" in capsys.readouterr().err


def test_the_kind_of_a_model_is_a_word_or_stands_among_its_fields(tmp_path):
    assert (TrainingSettings().kind, TrainingSettings().fields) == ("transformer", {})
    assert TrainingSettings(model="lstm").kind == "lstm"
    both = TrainingSettings(model={"kind": "lstm", "d_model": 5})
    assert (both.kind, both.fields) == ("lstm", {"d_model": 5})
    flags = "train copy --model lstm --num-layers 2 --d-model 5 --train-examples 20".split()
    flags += "--validation-examples 5 --steps 1 --quiet --run".split()
    assert cli.main([*flags, str(tmp_path / "run")]) == 0
    config = load(tmp_path / "run").model.config
    assert (config.num_layers, config.d_model) == (2, 5)


@pytest.mark.parametrize(
    "model, words",
    [
        ({"kind": "lstm", "num_heads": 2}, '"lstm" has no num_heads, only d_model, num_lay'),
        ({"kind": "attention-lstm", "norm_first": True}, "has no norm_first, only d_model, num_la"),
        ({"kind": "lstm", "d_modle": 2}, "has no d_modle; did you mean d_model"),
        ({"num_layers": 2}, '"transformer" has no num_layers'),
        ({"src_vocab_size": 2}, "has no src_vocab_size"),
        ({"kind": "mamba"}, "model has to be one of .*lstm.*, not 'mamba'"),
        ({"kind": ["lstm"]}, "model has to be one of"),
        ("lstn", "model has to be one of"),
        (3, "model has to be one of"),
    ],
    ids=str,
)
def test_a_setting_that_makes_no_sense_for_a_kind_is_a_sentence(model, words):
    with pytest.raises(ValueError, match=words):
        TrainingSettings(model=model)


def test_the_command_says_it_too(tmp_path, capsys):
    flags = [
        "train",
        "reverse",
        "--model",
        "lstm",
        "--num-heads",
        "2",
        "--run",
        str(tmp_path / "r"),
    ]
    assert cli.main(flags) == 2
    assert 'a model of the kind "lstm" has no num_heads' in capsys.readouterr().err
    assert not (tmp_path / "r").exists()
