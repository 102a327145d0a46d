import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_models import MODELS, a_writer, models, toy_model

import minigrad as mg
from minitransformer import Hypothesis, beam_search, greedy_decode
from minitransformer.decoding.beam import BeamSettings, best_of, search
from minitransformer.decoding.writing import log_probabilities
from minitransformer.text.batching import source_rows
from minitransformer.text.specials import END, PAD, START

SOURCES = [[4, 5, 6], [7], [5, 5, 4, 6, 7], [6, 4]]
SRC = source_rows(SOURCES)

few = settings(max_examples=25)
seeds = st.integers(0, 30)
widths = st.integers(1, 9)
penalties = st.sampled_from([0.0, 0.6, 1.0, 2.5])
batches = st.lists(st.lists(st.integers(3, 7), max_size=5), min_size=1, max_size=4)
makes = st.sampled_from(list(MODELS.values()))


def divided(log_prob, length, alpha):
    """The score of Wu et al. (2016), equation 14."""
    return log_prob / ((5 + length) ** alpha / (5 + 1) ** alpha)


def forced(model, src, rows):
    """The log probabilities, in the model's own distribution, of token rows that follow a source,
    each with its end token, summed under teacher forcing."""
    width = 2 + max(map(len, rows))
    tgt = np.array([[START, *ids, END, *[PAD] * (width - 2 - len(ids))] for ids in rows])
    src = np.repeat(src[None], len(rows), axis=0)
    log_probs = mg.log_softmax(model(src, tgt[:, :-1])).data  # (N, T, V)
    picked = np.take_along_axis(log_probs, tgt[:, 1:, None], axis=-1)[..., 0]
    return (picked * (tgt[:, 1:] != PAD)).sum(axis=1)


def same(found, expected, tolerance=1e-9):
    """Equal tokens; scores to rounding."""
    assert [h.ids for h in found] == [h.ids for h in expected]
    for name in ("score", "log_prob"):
        ours, right = ([getattr(h, name) for h in each] for each in (found, expected))
        np.testing.assert_allclose(ours, right, rtol=tolerance, atol=tolerance)


def all_that_can_be_written(model, src, limit, alpha):
    """A Hypothesis for each sentence of at most `limit` tokens, the best first."""
    words = [3, 4, 5, 6, 7]
    rows = [[*ids] for n in range(limit + 1) for ids in itertools.product(words, repeat=n)]
    found = [
        Hypothesis(ids, divided(log_prob, len(ids) + 1, alpha), log_prob)
        for ids, log_prob in zip(rows, forced(model, src, rows))
    ]
    return sorted(found, key=lambda h: -h.score)


def plain_beam_search(model, src, width, alpha, limit):
    """The same search of one source, without batch, cache, or an end before the limit: all that it
    finishes, the best first."""
    beam, finished = [([], 0.0)], []
    for time in range(limit + 1):
        grown = []
        for ids, log_prob in beam:
            log_probs = mg.log_softmax(model(src[None], np.array([[START, *ids]]))).data[0, -1]
            tokens = [END] if time == limit else [END, 3, 4, 5, 6, 7]
            grown += [([*ids, t], log_prob + log_probs[t]) for t in tokens]
        grown = sorted(grown, key=lambda each: -each[1])[:width]
        finished += [each for each in grown if each[0][-1] == END]
        beam = [each for each in grown if each[0][-1] != END]
    found = [Hypothesis(ids[:-1], divided(p, len(ids), alpha), p) for ids, p in finished]
    return sorted(found, key=lambda h: -h.score)


# ---- what a beam search finds


@models
def test_a_beam_of_one_is_greedy_decoding(make):
    for seed in range(5):
        model = a_writer(make, seed)
        for alpha in (0.0, 0.6, 3.0):
            found = beam_search(model, SRC, width=1, length_penalty=alpha)
            assert [[h.ids for h in each] for each in found] == [
                [ids] for ids in greedy_decode(model, SRC)
            ]


@few
@given(makes, seeds, batches, widths, penalties, st.integers(1, 9), st.data())
def test_the_n_best_are_those_of_a_plain_search_that_never_ends_early(
    make, seed, batch, width, alpha, limit, data
):
    n_best = data.draw(st.integers(1, width))
    model, src = a_writer(make, seed), source_rows(batch)
    found = beam_search(model, src, width, alpha, n_best, limit)
    for row, hypotheses in zip(src, found, strict=True):
        real = row[: (row != PAD).sum()]
        same(hypotheses, plain_beam_search(model, real, width, alpha, limit)[:n_best])


@few
@given(makes, seeds, widths, penalties, st.integers(1, 11))
def test_a_score_is_the_log_probability_under_teacher_forcing_by_the_length_penalty(
    make, seed, width, alpha, limit
):
    model = a_writer(make, seed)
    for src, hypotheses in zip(SRC, beam_search(model, SRC, width, alpha, width, limit)):
        for h in hypotheses:
            (log_prob,) = forced(model, src, [h.ids])
            assert h.log_prob == pytest.approx(log_prob, rel=1e-9)
            score = divided(log_prob, len(h.ids) + 1, alpha)
            assert h.score == pytest.approx(score, rel=1e-9)


@models
@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
def test_a_beam_as_wide_as_all_beginnings_finds_the_best_of_all_sentences(make, alpha):
    limit, src = 3, source_rows([[4, 5, 6]])
    for seed in range(3):
        model = a_writer(make, seed)
        right = all_that_can_be_written(model, src[0], limit, alpha)
        assert len(right) == 1 + 5 + 25 + 125
        (found,) = beam_search(model, src, 200, alpha, 20, max_length=limit)
        same(found, right[:20])


@models
def test_no_beam_finds_better_than_the_best_and_the_wider_ones_tried_find_no_worse(make):
    """In general a wider beam can lose what a narrow one finds; only the widest cannot."""
    limit, src = 4, source_rows([[4, 5, 6]])
    for seed in range(6):
        model = a_writer(make, seed, sharper=1.0)
        best = all_that_can_be_written(model, src[0], limit, 0.6)[0].score
        scores = [
            beam_search(model, src, width, max_length=limit)[0][0].score
            for width in (1, 2, 4, 8, 800)
        ]
        assert np.all(np.diff(scores) > -1e-9)
        assert scores[-1] == pytest.approx(best, rel=1e-9)


# ---- how it finds it


@few
@given(makes, seeds, batches, widths, penalties)
def test_a_batch_is_searched_as_each_sentence_alone(make, seed, batch, width, alpha):
    model = a_writer(make, seed)
    together = beam_search(model, source_rows(batch), width, alpha, width)
    for ids, hypotheses in zip(batch, together, strict=True):
        same(hypotheses, beam_search(model, source_rows([ids]), width, alpha, width)[0])


@few
@given(makes, seeds, widths, penalties)
def test_the_search_is_the_same_with_and_without_the_cache(make, seed, width, alpha):
    model = a_writer(make, seed, max_length=9)
    with_cache = beam_search(model, SRC, width, alpha, width)
    without = beam_search(model, SRC, width, alpha, width, cached=False)
    for found, expected in zip(with_cache, without, strict=True):
        same(found, expected)


@few
@given(makes, seeds, widths, penalties, st.data())
def test_the_first_of_the_n_best_is_the_one_best(make, seed, width, alpha, data):
    n_best = data.draw(st.integers(1, width))
    model = a_writer(make, seed)
    some = beam_search(model, SRC, width, alpha, n_best)
    for hypotheses, (best,) in zip(some, beam_search(model, SRC, width, alpha), strict=True):
        assert len(hypotheses) == n_best
        assert hypotheses[0] == best
        scores = [h.score for h in hypotheses]
        assert scores == sorted(scores, reverse=True)
        assert len({tuple(h.ids) for h in hypotheses}) == n_best


@models
def test_a_finished_sentence_is_never_changed(make):
    grown = 0
    for seed in range(4):
        model = a_writer(make, seed)
        for beam in search(model, SRC, BeamSettings(4, 0.6, 4)):
            parents = {node.parent for node in beam.nodes}
            finished = [node for node in beam.nodes if node.fate in ("ended", "cut")]
            assert not parents & {*finished}
            assert set(beam.best) <= {*finished}
            assert all(node.token == END for node in finished)
            grown += sum(node.length < beam.nodes[-1].length for node in beam.best)
    assert grown  # some had ended while others went on


@models
def test_padding_and_start_are_never_written(make):
    for seed in range(3):
        model = make(seed, max_length=6).eval()
        for hypotheses in beam_search(model, SRC, width=50, n_best=50):
            assert not {PAD, START, END} & {token for h in hypotheses for token in h.ids}


class Told(mg.Module):
    """A model that has a distribution of the next token for what was written, and END after all
    else: {tokens: {token: probability}}."""

    def __init__(self, distributions, vocab=8, max_length=10):
        self.distributions, self.vocab = distributions, vocab
        self.config = toy_model(max_length=max_length).config
        self.steps = 0

    def start(self, src):
        return Written([() for _ in src])

    def step(self, state, tokens):
        self.steps += 1
        written = [(*ids, t) if t != START else ids for ids, t in zip(state.rows, tokens.tolist())]
        logits = np.full((len(written), self.vocab), -np.inf)
        for row, ids in zip(logits, written):
            for token, probability in self.distributions.get(ids, {END: 1.0}).items():
                row[token] = math.log(probability)
        return mg.Tensor(logits), Written(written)


class Written:
    def __init__(self, rows):
        self.rows = rows

    def select(self, rows):
        return Written([self.rows[i] for i in rows.tolist()])


ONE = source_rows([[4]])
GARDEN_PATH = {(): {4: 0.6, 5: 0.4}, (4,): {6: 0.5, 7: 0.5}, (5,): {END: 1.0}}


def test_two_beginnings_find_what_greedy_decoding_misses():
    model = Told(GARDEN_PATH)
    assert greedy_decode(model, ONE) == [[4, 6]]
    ((best,),) = beam_search(model, ONE, width=2, length_penalty=0)
    assert best == Hypothesis([5], math.log(0.4), math.log(0.4))


def test_the_probabilities_of_all_that_can_be_written_are_one_together():
    (hypotheses,) = beam_search(Told(GARDEN_PATH), ONE, 9, n_best=9)
    assert [h.ids for h in hypotheses] == [[5], [4, 6], [4, 7]]
    assert sum(math.exp(h.log_prob) for h in hypotheses) == pytest.approx(1)


def test_the_length_penalty_makes_up_for_length():
    even = {(): {4: 0.5, 5: 0.5}, (4,): {END: 0.9, 6: 0.1}, (5,): {6: 0.84, 7: 0.16}}
    assert beam_search(Told(even), ONE, 3, 0.0)[0][0].ids == [4]
    assert beam_search(Told(even), ONE, 3, 1.0)[0][0].ids == [5, 6]


def test_a_search_ends_when_nothing_open_can_get_better():
    sure = {(): {4: 0.9, 5: 0.1}, (4,): {END: 0.9, 6: 0.1}, **dict.fromkeys([(5,)], {6: 1.0})}
    model = Told(sure)
    beam_search(model, ONE, 2, 0.0)
    assert model.steps == 2
    model = Told({**sure, (5, 6): {7: 1.0}}, max_length=400)
    beam_search(model, ONE, 2, 1.0)  # a long sentence of that probability would get better
    assert model.steps > 2


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0])
def test_the_end_of_a_search_waits_for_a_later_sentence_that_gets_better(alpha):
    """Half of the probability ends at once; the other half goes on, for certain, for a while."""
    long = {tuple([4] * n): {4: 1.0} for n in range(1, 7)}
    model = Told({(): {END: 0.5, 4: 0.5}, **long})
    (hypotheses,) = beam_search(model, ONE, 2, alpha, 2)
    assert [h.ids for h in hypotheses] == [[], [4] * 7][:: -1 if alpha else 1]


def test_of_equal_ones_the_first_is_first():
    model = Told({(): {7: 0.25, 5: 0.25, 4: 0.25, 6: 0.25}})
    (hypotheses,) = beam_search(model, ONE, 4, n_best=4)
    assert [h.ids for h in hypotheses] == [[4], [5], [6], [7]]


@given(st.lists(st.sampled_from([-math.inf, -2.0, -1.0, 0.0, 3.5]), max_size=12), st.integers(1, 9))
def test_the_best_places_are_those_of_a_stable_sort(values, count):
    values = np.array(values)
    right = [i for i in np.argsort(-values, kind="stable") if values[i] > -np.inf][:count]
    assert best_of(values, count).tolist() == right


# ---- limits, and bad input


def test_one_of_as_many_tokens_as_there_may_be_has_to_end_however_improbable_that_is():
    babble = {(4,): {4: 1.0}, (4, 4): {4: 1.0}, (4, 4, 4): {4: 0.9, END: 0.1}}
    model = Told({(): {4: 0.7, 5: 0.3}, **babble})
    (beam,) = search(model, ONE, BeamSettings(2, 0.0, 2), max_length=3)
    found = {tuple(h.ids): h.log_prob for h in beam.hypotheses()}
    assert found == pytest.approx({(5,): math.log(0.3), (4, 4, 4): math.log(0.7 * 0.1)})
    assert [node.fate for node in beam.best] == ["ended", "cut"]
    assert model.steps == 4


def test_one_that_cannot_end_is_worse_than_any_that_can():
    model = Told({(): {4: 0.9, 5: 0.1}, (4,): {4: 1.0}})
    (hypotheses,) = beam_search(model, ONE, 2, 0.6, 2, max_length=1)
    assert [(h.ids, h.score) for h in hypotheses][1] == ([4], -math.inf)
    assert hypotheses[0].ids == [5]


def test_a_sentence_as_long_as_all_that_a_model_has_positions_for_has_its_end_token():
    model, src = a_writer(toy_model, max_length=4, end=-1), source_rows([[4, 5, 6]])
    (found,) = beam_search(model, src, 200, n_best=100)
    longest = [h for h in found if len(h.ids) == 3]
    assert longest
    for h in longest:
        assert h.log_prob == pytest.approx(forced(model, src[0], [h.ids])[0])


def test_of_no_token_there_is_one_sentence_the_empty_one():
    (hypotheses,) = beam_search(a_writer(toy_model), SRC[:1], 3, n_best=2, max_length=0)
    assert [h.ids for h in hypotheses] == [[]]


def test_the_limit_is_that_of_the_models_positions_where_none_is_given():
    model = a_writer(toy_model, end=-50, max_length=6)
    for most in (None, 5, 99):
        (hypotheses, *_) = beam_search(model, SRC, 2, n_best=2, max_length=most)
        assert [len(h.ids) for h in hypotheses] == [5, 5]


def test_there_are_fewer_than_n_where_there_is_no_more_to_write():
    (hypotheses,) = beam_search(Told({(): {4: 0.5, 5: 0.5}}), ONE, 4, n_best=4)
    assert [h.ids for h in hypotheses] == [[4], [5]]


@models
def test_a_beam_may_be_wider_than_the_vocabulary(make):
    for hypotheses in beam_search(a_writer(make), SRC, width=30, n_best=30):
        assert len(hypotheses) == 30


@models
def test_a_source_may_have_a_single_token(make):
    model = a_writer(make)
    for src in ([[END]], [[4]]):
        assert len(beam_search(model, np.array(src), n_best=2)[0]) == 2


@pytest.mark.parametrize("src", [[], np.zeros((0, 1), int), np.zeros((0, 5), int)], ids=str)
def test_a_batch_of_no_sentence_is_searched_to_nothing(src):
    assert beam_search(a_writer(toy_model), src) == []


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ({"width": 0}, "beam search: width has to be a whole number above 0, not 0"),
        ({"width": 2.5}, "width has to be a whole number above 0, not 2.5"),
        ({"width": True}, "width has to be a whole number above 0, not True"),
        ({"width": None}, "width has to be a whole number above 0, not None"),
        ({"n_best": 0}, "n_best has to be a whole number above 0, not 0"),
        ({"width": 3, "n_best": 4}, "n_best has to be at most the width of the beam, 3, not 4"),
        ({"length_penalty": -0.1}, "length_penalty has to be from 0 to 10, not -0.1"),
        ({"length_penalty": math.nan}, "length_penalty has to be from 0 to 10, not nan"),
        ({"length_penalty": "1"}, "length_penalty has to be from 0 to 10, not '1'"),
        ({"max_length": -1}, "decoding: max_length has to be a whole number from 0, not -1"),
        ({"max_length": 2.0}, "max_length has to be a whole number from 0, not 2.0"),
    ],
    ids=str,
)
def test_a_setting_that_makes_no_sense_is_refused(settings, sentence):
    with pytest.raises(ValueError) as caught:
        beam_search(a_writer(toy_model), SRC, **settings)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("src", [[4, 5], [[4.0]], np.zeros((1, 2, 3), int), 4], ids=str)
def test_what_is_no_batch_of_sources_is_refused(src):
    with pytest.raises(ValueError, match=r"the source ids are .*; give integers \(batch, time\)"):
        beam_search(a_writer(toy_model), src)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_model_without_a_finite_number_for_the_next_word_is_refused(value):
    model = a_writer(toy_model)
    model.lean[5] = value
    with pytest.raises(FloatingPointError, match="no finite number for the next word"):
        beam_search(model, SRC)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_off_while_searching_and_as_before_afterwards(training):
    model = toy_model(dropout=0.5).train(training)
    assert beam_search(model, SRC) == beam_search(model, SRC)
    assert all(module.training is training for module in model.modules())


def test_a_model_that_allows_padding_alone_is_refused():
    with pytest.raises(FloatingPointError, match="no finite number for the next word"):
        beam_search(Told({(): {PAD: 1.0}}), ONE)


def test_the_log_probabilities_of_a_row_do_not_depend_on_the_others():
    logits = np.random.default_rng(0).standard_normal((3, 8))
    far_apart = log_probabilities(logits + [[0.0], [1e4], [-1e4]])
    np.testing.assert_allclose(far_apart, log_probabilities(logits), atol=1e-11)
