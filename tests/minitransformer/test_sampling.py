import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from toy_models import MODELS, a_writer, models, toy_model

import minigrad as mg
from minitransformer import greedy_decode, sample
from minitransformer.decoding.sampling import SamplingSettings, next_probabilities
from minitransformer.text.batching import source_rows
from minitransformer.text.specials import END, PAD, START

SOURCES = [[4, 5, 6], [7], [5, 5, 4, 6, 7], [6, 4]]
SRC = source_rows(SOURCES)

few = settings(max_examples=25)
seeds = st.integers(0, 30)
makes = st.sampled_from(list(MODELS.values()))
temperatures = st.one_of(st.just(0.0), st.floats(0.01, 20))
maybe_k = st.none() | st.integers(1, 12)
maybe_p = st.none() | st.floats(0.001, 1)
some_logits = arrays(np.float64, (3, 8), elements=st.floats(-20, 20))


def rng(seed=0):
    return np.random.default_rng(seed)


def probabilities(logits, **settings):
    return next_probabilities(np.asarray(logits, float), SamplingSettings(**settings))


def softmax(logits):
    """Of the words alone."""
    logits = np.array(logits, float)
    logits[:, [PAD, START]] = -np.inf
    return mg.softmax(logits).data


# ---- what is drawn


@pytest.mark.parametrize(
    "settings",
    [{}, {"temperature": 0.5}, {"temperature": 3.0}, {"top_k": 3}, {"top_p": 0.9}],
    ids=str,
)
def test_tokens_are_drawn_as_often_as_the_softmax_says(settings):
    model, draws = a_writer(toy_model, 3, sharper=1.0), 20_000
    src = np.repeat(source_rows([[4, 5, 6]]), draws, axis=0)
    drawn = sample(model, src, rng(), max_length=1, **settings)
    counts = np.bincount([ids[0] if ids else END for ids in drawn], minlength=8)
    logits = model(src[:1], np.array([[START]])).data[:, 0]
    expected = draws * probabilities(logits, **settings)[0]
    possible = expected > 0
    assert (counts[~possible] == 0).all()
    chi_square = ((counts - expected)[possible] ** 2 / expected[possible]).sum()
    of_1_in_1000 = {1: 10.83, 2: 13.82, 3: 16.27, 4: 18.47, 5: 20.52}  # by degrees of freedom
    assert chi_square < of_1_in_1000[possible.sum() - 1]


@models
def test_a_sentence_is_drawn_as_often_as_it_is_probable(make):
    """The chain rule: P(first) P(second | first)."""
    model, draws = a_writer(make, 1, sharper=1.0), 20_000
    src = np.repeat(source_rows([[7, 4]]), draws, axis=0)
    drawn = sample(model, src, rng(1), max_length=2)
    first = softmax(model(src[:1], np.array([[START]])).data[:, 0])[0]
    chi_square, cells = 0.0, 0
    for token in (3, 4, 5, 6, 7):
        second = softmax(model(src[:1], np.array([[START, token]])).data[:, 1])[0]
        for other in (END, 3, 4, 5, 6, 7):
            expected = draws * first[token] * second[other]
            count = drawn.count([token] if other == END else [token, other])
            if expected > 5:
                chi_square += (count - expected) ** 2 / expected
                cells += 1
    one_word = getattr(make(), "longest_target", None) == 1  # all else is as good as impossible
    assert cells > (4 if one_word else 10)
    assert chi_square < cells + 4 * math.sqrt(2 * cells)


@given(some_logits)
def test_without_settings_it_is_the_softmax(logits):
    np.testing.assert_allclose(probabilities(logits), softmax(logits), rtol=1e-12, atol=1e-300)


@given(some_logits, st.floats(0.01, 20))
def test_the_temperature_divides_the_logits(logits, temperature):
    found = probabilities(logits, temperature=temperature)
    np.testing.assert_allclose(found, softmax(logits / temperature), rtol=1e-9, atol=1e-300)


@given(some_logits, temperatures, maybe_k, maybe_p)
def test_what_is_drawn_from_is_a_distribution_of_words(logits, temperature, top_k, top_p):
    found = probabilities(logits, temperature=temperature, top_k=top_k, top_p=top_p)
    np.testing.assert_allclose(found.sum(axis=-1), 1, rtol=1e-12)
    assert (found >= 0).all() and not found[:, [PAD, START]].any()


@given(some_logits, temperatures, maybe_k, maybe_p)
def test_what_is_left_has_the_odds_that_it_had(logits, temperature, top_k, top_p):
    before = probabilities(logits, temperature=temperature)
    after = probabilities(logits, temperature=temperature, top_k=top_k, top_p=top_p)
    left = np.where(after > 0, before, 0)
    np.testing.assert_allclose(
        after, left / left.sum(axis=-1, keepdims=True), rtol=1e-9, atol=1e-300
    )
    for row, kept in zip(before, after > 0):  # and none is left that is less probable than another
        assert row[kept].min() >= row[~kept].max(initial=0)


@given(some_logits, st.integers(1, 8))
def test_top_k_leaves_the_k_most_probable(logits, k):
    kept = probabilities(logits, top_k=k) > 0
    assert (kept.sum(axis=-1) == min(k, 6)).all()


@given(some_logits, st.floats(0.001, 1))
def test_top_p_leaves_the_smallest_set_whose_probability_reaches_p(logits, p):
    before, kept = probabilities(logits), probabilities(logits, top_p=p) > 0
    for row, these in zip(before, kept):
        assert row[these].sum() >= p - 1e-12
        assert row[these].sum() - row[these].min() < p + 1e-12


def test_top_p_keeps_no_token_beyond_the_one_that_reaches_p():
    logits = np.log([[1e-9, 1e-9, 0.1, 0.5, 0.25, 0.15]])
    for p, kept in ((0.3, [3]), (0.51, [3, 4]), (0.8, [3, 4, 5]), (1.0, [2, 3, 4, 5])):
        assert np.flatnonzero(probabilities(logits, top_p=p)[0]).tolist() == kept
    even = np.where(np.arange(6) < 4, 0.0, -1e4)[None]  # two words, of a half each
    assert np.flatnonzero(probabilities(even, top_p=0.5)[0]).tolist() == [2]


def test_temperature_comes_first_then_top_k_then_top_p():
    logits = np.log([[1e-9, 1e-9, 0.4, 0.3, 0.2, 0.1]])
    both = probabilities(logits, top_k=2, top_p=0.5)  # of 4/7 and 3/7
    assert np.flatnonzero(both[0]).tolist() == [2]
    cold = probabilities(logits, temperature=0.5, top_p=0.8)  # of 16, 9, 4 and 1 in 30
    assert np.flatnonzero(cold[0]).tolist() == [2, 3]


# ---- greedy, at the edge


ONE_LEFT = [{"top_k": 1}, {"temperature": 0}, {"top_p": 1e-9}]


@pytest.mark.parametrize("settings", ONE_LEFT, ids=str)
@models
def test_what_leaves_one_token_is_greedy_decoding(make, settings):
    for seed in range(4):
        model = a_writer(make, seed)
        assert sample(model, SRC, rng(), **settings) == greedy_decode(model, SRC)


@given(
    st.sampled_from(ONE_LEFT),
    arrays(np.float32, (2, 6), elements=st.sampled_from([0.0, 1e-40, 1.0, 1 + 2**-23, -1e30])),
)
def test_of_equal_tokens_the_first_is_left(settings, logits):
    best = np.argmax(np.where(np.arange(6) < 2, -np.inf, logits), axis=-1)
    found = next_probabilities(logits, SamplingSettings(**settings))
    np.testing.assert_array_equal(found, np.eye(6)[best])


@pytest.mark.parametrize("temperature", [1e-3, 1e-30, 1e-320])
def test_as_the_temperature_falls_sampling_becomes_greedy_decoding(temperature):
    for seed in range(4):
        model = a_writer(toy_model, seed)
        assert sample(model, SRC, rng(), temperature=temperature) == greedy_decode(model, SRC)


def test_a_high_temperature_makes_all_words_alike():
    found = probabilities(np.linspace(-3, 3, 16).reshape(2, 8), temperature=1e9)
    np.testing.assert_allclose(found[:, 2:], 1 / 6, rtol=1e-8)


# ---- chance


def test_a_seed_gives_the_same_again_and_another_seed_does_not():
    model = a_writer(toy_model, 3, sharper=1.0)
    once, again, other = (sample(model, SRC, rng(seed)) for seed in (5, 5, 6))
    assert once == again != other


def test_a_generator_goes_on():
    model, one = a_writer(toy_model, 3, sharper=1.0), rng()
    assert sample(model, SRC, one) != sample(model, SRC, one)


class Always(np.random.Generator):
    """Chance that is always the same number."""

    def __init__(self, number):
        super().__init__(np.random.PCG64(0))
        self.number = number

    def random(self, size):
        return np.full(size, self.number)


def test_the_least_and_the_greatest_chance_give_the_first_and_the_last_word_that_can_be():
    model = toy_model(max_length=4).eval()
    model.output.bias.data[[END, 7]] = -np.inf
    for number, token in ((0.0, 3), (np.nextafter(1, 0), 6)):
        assert sample(model, SRC[:1, -3:], Always(number)) == [[token] * 3]


@few
@given(makes, seeds, st.lists(st.lists(st.integers(3, 7), max_size=5), min_size=1, max_size=4))
def test_a_batch_is_drawn_as_its_sentences_one_after_another(make, seed, batch):
    model, one = a_writer(make, seed, sharper=1.0), rng(seed)
    together = sample(model, source_rows(batch), rng(seed))
    assert together == [sample(model, source_rows([ids]), one)[0] for ids in batch]


@few
@given(makes, seeds, temperatures, maybe_k, maybe_p)
def test_sampling_is_the_same_with_and_without_the_cache(make, seed, temperature, top_k, top_p):
    model, how = a_writer(make, seed, max_length=9), (temperature, top_k, top_p)
    with_cache = sample(model, SRC, rng(seed), *how)
    assert with_cache == sample(model, SRC, rng(seed), *how, cached=False)


def test_a_longer_limit_changes_no_sentence_that_has_ended():
    model = a_writer(toy_model, 3, sharper=1.0)
    for row in SRC[:, None]:
        short, long = (sample(model, row, rng(7), max_length=n)[0] for n in (4, 11))
        assert long[:4] == short


# ---- bad input


def test_top_k_beyond_the_vocabulary_leaves_all():
    model = a_writer(toy_model, 3)
    everything = sample(model, SRC, rng())
    assert everything == sample(model, SRC, rng(), top_k=99) == sample(model, SRC, rng(), top_p=1)


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ({"temperature": -1}, "sampling: temperature has to be a finite number from 0, not -1"),
        ({"temperature": math.nan}, "temperature has to be a finite number from 0, not nan"),
        ({"temperature": math.inf}, "temperature has to be a finite number from 0, not inf"),
        ({"temperature": None}, "temperature has to be a finite number from 0, not None"),
        ({"top_k": 0}, "top_k has to be a whole number above 0, not 0"),
        ({"top_k": -3}, "top_k has to be a whole number above 0, not -3"),
        ({"top_k": 2.5}, "top_k has to be a whole number above 0, not 2.5"),
        ({"top_p": 0}, "top_p has to be above 0 and at most 1, not 0"),
        ({"top_p": 1.01}, "top_p has to be above 0 and at most 1, not 1.01"),
        ({"top_p": math.nan}, "top_p has to be above 0 and at most 1, not nan"),
        ({"max_length": -1}, "max_length has to be a whole number from 0, not -1"),
    ],
    ids=str,
)
def test_a_setting_that_makes_no_sense_is_refused(settings, sentence):
    with pytest.raises(ValueError) as caught:
        sample(a_writer(toy_model), SRC, rng(), **settings)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("wrong", [0, None, np.random.RandomState(0)], ids=["seed", "None", "old"])
def test_chance_is_a_generator_that_is_passed_in(wrong):
    with pytest.raises(TypeError, match=r"np.random.default_rng\(seed\) makes it, not from"):
        sample(a_writer(toy_model), SRC, wrong)


def test_limits_and_batches_are_those_of_greedy_decoding():
    model = a_writer(toy_model)
    assert sample(model, [], rng()) == sample(model, np.zeros((0, 3), int), rng()) == []
    assert sample(model, SRC, rng(), max_length=0) == [[]] * 4
    assert {len(ids) for ids in sample(model, SRC, rng(), max_length=1)} <= {0, 1}
    assert len(sample(model, np.array([[4]]), rng())) == 1
    with pytest.raises(ValueError, match=r"give integers \(batch, time\)"):
        sample(model, [4, 5], rng())


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_model_without_a_finite_number_for_the_next_word_is_refused(value):
    model = a_writer(toy_model)
    model.lean[5] = value
    with pytest.raises(FloatingPointError, match="no finite number for the next word"):
        sample(model, SRC, rng())
