import numpy as np
import pytest
from toy_models import BATCH, toy_model

from minitransformer import evaluate
from minitransformer.decoding.greedy import greedy_decode
from minitransformer.text.batching import make_batch, source_rows
from minitransformer.text.specials import END, UNKNOWN
from minitransformer.training import metrics
from minitransformer.training.metrics import batch_loss

PAIRS = [([4, 5], [5]), ([6], [7, 4, 5]), ([7, 7, 4], [6, 6])]


def log_softmax(logits):
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def loss_by_hand(model, batch, smoothing=0.0):
    """The mean of -log p of each real token, one after another."""
    logs = log_softmax(model(batch.src, batch.tgt_in).data)
    losses = []
    for row, targets in enumerate(batch.tgt_out):
        for t, target in enumerate(targets):
            if target != 0:
                wanted = np.full(8, smoothing / 8)
                wanted[target] += 1 - smoothing
                losses.append(-(wanted * logs[row, t]).sum())
    return np.mean(losses)


@pytest.fixture
def model():
    return toy_model().astype(np.float64)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_the_mean_over_the_real_tokens(model, smoothing):
    expected = loss_by_hand(model, BATCH, smoothing)
    assert batch_loss(model, BATCH, smoothing).item() == pytest.approx(expected, rel=1e-13)


def test_a_model_that_knows_nothing_has_the_loss_of_a_guess(model):
    model.output.weight.data[:] = 0
    model.output.bias.data[:] = 0
    assert batch_loss(model, BATCH).item() == pytest.approx(np.log(8), rel=1e-13)


def test_padding_does_not_count(model):
    short = make_batch(PAIRS[:1])
    padded = make_batch(PAIRS[:1])
    for name in ("src", "tgt_in", "tgt_out"):
        setattr(padded, name, np.pad(getattr(short, name), ((0, 0), (0, 3))))
    assert padded.num_tokens == short.num_tokens
    expected = batch_loss(model, short).item()
    assert batch_loss(model, padded).item() == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_the_loss_of_an_evaluation_counts_every_token_alike_however_it_is_batched(
    model, batch_size, monkeypatch
):
    monkeypatch.setattr(metrics, "BATCH_SIZE", batch_size)
    expected = loss_by_hand(model.eval(), make_batch(PAIRS))
    assert evaluate(model, PAIRS).loss == pytest.approx(expected, rel=1e-13)


def test_predictions_are_the_greedy_ones_in_the_order_of_the_pairs(model, monkeypatch):
    monkeypatch.setattr(metrics, "BATCH_SIZE", 2)
    expected = greedy_decode(model, source_rows([source for source, _ in PAIRS]))
    assert evaluate(model, PAIRS).predictions == expected


@pytest.mark.parametrize(
    "predictions, share",
    [
        ([[5], [7, 4, 5], [6, 6]], 1.0),
        ([[5], [7, 4, 5], [6]], 2 / 3),  # too short
        ([[5], [7, 4, 5, 5], [6, 6, 6]], 1 / 3),  # too long
        ([[4], [], [6, 7]], 0.0),
    ],
)
def test_only_a_sentence_without_a_single_wrong_token_is_an_exact_match(
    model, predictions, share, monkeypatch
):
    monkeypatch.setattr(metrics, "greedy_decode", lambda model, src: predictions)
    result = evaluate(model, PAIRS)
    assert result.exact_match == pytest.approx(share)
    assert result.right == [written == tgt for written, (_, tgt) in zip(predictions, PAIRS)]


def test_a_target_with_an_unknown_word_is_never_an_exact_match(model, monkeypatch):
    pairs = [([4], [5, UNKNOWN]), ([4], [5])]
    monkeypatch.setattr(metrics, "greedy_decode", lambda model, src: [[5, UNKNOWN], [5]])
    assert evaluate(model, pairs).right == [False, True]
    assert evaluate(model, pairs).exact_match == 0.5


@pytest.mark.parametrize("training", [True, False])
def test_an_evaluation_is_without_dropout_and_leaves_the_model_as_it_was(training):
    model = toy_model(dropout=0.5).train(training)
    assert evaluate(model, PAIRS) == evaluate(model, PAIRS)
    assert all(module.training is training for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_an_evaluation_of_nothing_is_refused(model):
    with pytest.raises(ValueError, match="evaluate"):
        evaluate(model, [])


def test_tokens_are_counted_after_the_right_ones_and_after_the_models_own(model, monkeypatch):
    predictions = [[5], [7, 5, 5], [6, 6, 6]]  # of 5; 7 4 5; 6 6
    monkeypatch.setattr(metrics, "greedy_decode", lambda model, src: predictions)
    result = evaluate(model, PAIRS)
    # Right are 5 and its end, 7 _ 5 and its end, 6 6 but no end: 7 of 9.
    assert result.free_running == pytest.approx(7 / 9)
    batch = make_batch(PAIRS)
    chosen = model.eval()(batch.src, batch.tgt_in).data.argmax(axis=-1)
    right = [
        chosen[i, t] == token
        for i, (_, target) in enumerate(PAIRS)
        for t, token in enumerate([*target, END])
    ]
    assert result.teacher_forced == pytest.approx(sum(right) / 9)


def test_a_model_that_writes_what_is_right_has_both_accuracies_whole(model, monkeypatch):
    monkeypatch.setattr(metrics, "greedy_decode", lambda model, src: [t for _, t in PAIRS])
    assert evaluate(model, PAIRS).free_running == 1
