from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from toy_models import a_writer, models, toy_model

import minigrad as mg
from minitransformer import Transformer, TransformerConfig, greedy_decode
from minitransformer.decoding.writing import writable
from minitransformer.text.batching import source_rows
from minitransformer.text.specials import END, PAD, START

SOURCES = [[4, 5, 6], [7], [5, 5, 4, 6, 7], [6, 4]]


class Scripted(mg.Module):
    """A model that writes what it was told to, token by token, whatever it reads."""

    def __init__(self, *scripts, max_length=10):
        self.scripts = [script + [8] * 20 for script in scripts]
        self.config = SimpleNamespace(max_length=max_length)
        self.read = []  # what the decoder was given, at each step

    def forward(self, src, tgt):
        self.read.append(tgt.tolist())
        logits = np.zeros((*tgt.shape, 9))
        for i, row in enumerate(src[:, 0]):  # a source says which script is its own
            for t in range(tgt.shape[1]):
                logits[i, t, self.scripts[row][t]] = 1
        return mg.Tensor(logits)

    def start(self, src):
        return ScriptedState(src[:, 0], 0)

    def step(self, state, tokens):
        self.read.append(tokens.tolist())
        logits = np.zeros((len(tokens), 9))
        logits[np.arange(len(tokens)), [self.scripts[row][state.time] for row in state.rows]] = 1
        return mg.Tensor(logits), ScriptedState(state.rows, state.time + 1)


@dataclass
class ScriptedState:
    rows: np.ndarray
    time: int

    def select(self, rows):
        return ScriptedState(self.rows[rows], self.time)


def sources(count):
    """Sources of `count` sentences, each with its number as its only token."""
    return np.arange(count)[:, None]


def model_that_ends(seed=0):
    """A toy model with random weights, whose sentences end sooner or later."""
    model = toy_model(seed, max_length=12).astype(np.float64).eval()
    model.output.bias.data[[PAD, START]] -= 10
    model.output.bias.data[END] += 0.7
    return model


def test_greedy_decoding_is_the_argmax_step_by_step():
    ended = set()
    for seed in range(10):
        model, src = model_that_ends(seed), source_rows([[4, 5, 6]])
        written = [START]
        while written[-1] != END and len(written) < 12:
            logits = model(src, np.array([written])).data
            written.append(int(np.argmax(logits[0, -1])))
        ended.add(written[-1] == END)
        assert greedy_decode(model, src) == [[token for token in written[1:] if token != END]]
    assert ended == {True, False}  # both ways to stop were seen


def test_a_sentence_stops_at_its_end_token():
    assert greedy_decode(Scripted([5, 6, END, 7]), sources(1)) == [[5, 6]]


@models
def test_a_batch_of_different_lengths_is_decoded_as_each_sentence_alone_by_every_model(make):
    for seed in range(5):
        model = a_writer(make, seed)
        together = greedy_decode(model, source_rows(SOURCES))
        assert together == [greedy_decode(model, source_rows([ids]))[0] for ids in SOURCES]


@models
def test_a_sentence_is_not_changed_by_what_comes_after_its_end(make):
    for seed in range(5):
        model = a_writer(make, seed)
        written = greedy_decode(model, source_rows(SOURCES))
        for limit in (1, 2, 5):
            assert greedy_decode(model, source_rows(SOURCES), limit) == [
                ids[:limit] for ids in written
            ]


@pytest.mark.parametrize("cached", [True, False])
def test_padding_and_start_are_never_written_whatever_a_model_says(cached):
    for seed in range(5):
        model = toy_model(seed, max_length=12).eval()
        model.output.bias.data[[PAD, START]] += 100
        model.output.bias.data[END] -= 10
        written = greedy_decode(model, source_rows(SOURCES), cached=cached)
        assert not {PAD, START} & {token for ids in written for token in ids}
        assert all(written)


def test_the_logits_of_a_model_stay_as_they_are():
    logits = np.ones((2, 9))
    assert np.isneginf(writable(logits)[:, [PAD, START]]).all()
    assert (writable(logits)[:, 2:] == 1).all()
    assert (logits == 1).all()


def test_a_sentence_may_be_empty():
    assert greedy_decode(Scripted([END]), sources(1)) == [[]]


def test_decoding_ends_when_all_sentences_have():
    model = Scripted([5, END], [5, 6, 7, END], [END])
    assert greedy_decode(model, sources(3)) == [[5], [5, 6, 7], []]
    assert len(model.read) == 4


def test_one_token_is_written_at_a_time_and_only_of_sentences_that_have_not_ended():
    model = Scripted([5, END, 7, 7], [6, 7, 8, END])
    assert greedy_decode(model, sources(2)) == [[5], [6, 7, 8]]
    assert model.read == [[START, START], [5, 6], [7], [8]]


def test_without_a_cache_all_that_was_written_is_read_again():
    model = Scripted([5, END, 7, 7], [6, 7, 8, END])
    assert greedy_decode(model, sources(2), cached=False) == [[5], [6, 7, 8]]
    assert model.read == [
        [[START], [START]],
        [[START, 5], [START, 6]],
        [[START, 6, 7]],
        [[START, 6, 7, 8]],
    ]


@pytest.mark.parametrize("src", [[], np.zeros((0, 1), int), np.zeros((0, 5), int)], ids=str)
def test_a_batch_of_no_sentence_is_decoded_to_nothing(src):
    assert greedy_decode(Scripted(), src) == []
    assert greedy_decode(toy_model(), src) == []


@pytest.mark.parametrize("src", [[4, 5], [[4.0]], np.zeros((1, 2, 3), int), 4], ids=str)
def test_what_is_no_batch_of_sources_is_refused(src):
    with pytest.raises(ValueError, match=r"the source ids are .*; give integers \(batch, time\)"):
        greedy_decode(Scripted([5]), src)


@models
def test_a_source_may_have_a_single_token(make):
    for src in ([[END]], [[4]]):
        assert len(greedy_decode(a_writer(make), np.array(src))) == 1


def test_no_token_at_all_may_be_asked_for_but_not_fewer():
    assert greedy_decode(Scripted([5] * 20), sources(1), max_length=0) == [[]]
    assert greedy_decode(Scripted([5] * 20), sources(1), max_length=1) == [[5]]
    for wrong in (-1, 2.0, True):
        with pytest.raises(ValueError, match="max_length has to be a whole number from 0, not"):
            greedy_decode(Scripted([5] * 20), sources(1), max_length=wrong)


def test_a_sentence_that_does_not_end_is_cut_at_the_limit():
    assert greedy_decode(Scripted([5] * 20), sources(1), max_length=3) == [[5, 5, 5]]


def test_the_limit_is_that_of_the_models_positions_where_none_is_given():
    assert greedy_decode(Scripted([5] * 20, max_length=6), sources(1)) == [[5] * 5]
    assert greedy_decode(Scripted([5] * 20, max_length=6), sources(1), 99) == [[5] * 5]


def test_an_end_token_at_the_limit_still_ends_the_sentence():
    assert greedy_decode(Scripted([5, 5, END]), sources(1), max_length=3) == [[5, 5]]


@pytest.mark.parametrize("cached", [True, False])
def test_a_batch_of_different_lengths_is_decoded_as_each_sentence_alone(cached):
    different = set()
    for seed in range(6):
        model = model_that_ends(seed)
        together = greedy_decode(model, source_rows(SOURCES), cached=cached)
        alone = [greedy_decode(model, source_rows([ids]), cached=cached)[0] for ids in SOURCES]
        assert together == alone
        different |= {len(ids) for ids in together}
    assert len(different) > 2


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_off_while_decoding_and_as_before_afterwards(training):
    model = Transformer(TransformerConfig.tiny(9, 9, dropout=0.5, max_length=8))
    model.train(training)
    src = source_rows(SOURCES)
    assert greedy_decode(model, src) == greedy_decode(model, src)
    assert all(module.training is training for module in model.modules())


def test_a_model_that_cannot_read_the_sentence_is_left_in_its_mode():
    model = toy_model(max_length=4)
    with pytest.raises(ValueError, match="positions for 1 to 4"):
        greedy_decode(model, np.full((1, 5), 4))
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize("cached, method", [(True, "step"), (False, "forward")])
def test_decoding_records_nothing(cached, method, monkeypatch):
    model = model_that_ends()
    right, recorded = getattr(model, method), []

    def watched(*args):
        result = right(*args)
        recorded.append((result[0] if cached else result).requires_grad)
        return result

    monkeypatch.setattr(model, method, watched)
    greedy_decode(model, source_rows(SOURCES), cached=cached)
    assert set(recorded) == {False}
    assert all(parameter.grad is None for parameter in model.parameters())
