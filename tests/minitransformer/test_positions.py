import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_models import close, gradcheck_module, normal

import minigrad as mg
from minitransformer import (
    ConcatenatedEncoding,
    LearnedEncoding,
    SinusoidalEncoding,
    concatenated_sinusoids,
    rotated,
    sinusoids,
)
from minitransformer.models.positions import POSITIONS

few = settings(max_examples=40)


def test_sinusoids_are_the_formula_of_the_paper():
    table = sinusoids(50, 12)
    for t in range(50):
        for i in range(6):
            angle = t / 10000 ** (2 * i / 12)
            assert table[t, 2 * i] == pytest.approx(math.sin(angle), abs=1e-15)
            assert table[t, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-15)


def test_an_odd_width_ends_with_a_sine():
    assert sinusoids(3, 5).shape == (3, 5)
    assert sinusoids(3, 5)[2, 4] == pytest.approx(math.sin(2 / 10000 ** (4 / 5)))


def test_a_shift_in_time_turns_every_pair_by_the_same_angle_wherever_it_begins():
    table = sinusoids(40, 8).reshape(40, 4, 2)  # (time, pair, sine and cosine)
    shift = 7
    for i in range(4):
        angle = shift / 10000 ** (2 * i / 8)
        turn = np.array(
            [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]],
        )
        close(table[:-shift, i] @ turn.T, table[shift:, i], 1e-12)


def test_no_two_positions_are_encoded_alike():
    assert len(np.unique(sinusoids(512, 8).round(6), axis=0)) == 512


def test_concatenated_sinusoids_are_all_sines_and_then_all_cosines():
    table = concatenated_sinusoids(50, 12)
    for t in range(50):
        for i in range(6):
            angle = t / 10000 ** (i / 5)  # tensor2tensor spaces the speeds to the very last
            assert table[t, i] == pytest.approx(math.sin(angle), abs=1e-15)
            assert table[t, 6 + i] == pytest.approx(math.cos(angle), abs=1e-15)


def test_the_slowest_hand_of_concatenated_sinusoids_is_10000_times_slower_than_the_fastest():
    table = concatenated_sinusoids(2, 8)
    assert math.asin(table[1, 0]) / math.asin(table[1, 3]) == pytest.approx(10000)


def test_an_odd_width_of_concatenated_sinusoids_ends_with_zeros():
    table = concatenated_sinusoids(5, 7)
    close(table[:, :6], concatenated_sinusoids(5, 6), 1e-15)
    np.testing.assert_array_equal(table[:, 6], 0)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_the_narrowest_concatenated_sinusoids_are_finite(width):
    assert np.isfinite(concatenated_sinusoids(4, width)).all()
    assert concatenated_sinusoids(4, width).shape == (4, width)


def test_concatenated_sinusoids_are_added_to_every_sentence_of_the_batch():
    x = normal(2, 5, 6)
    y = ConcatenatedEncoding(6, max_length=9)(mg.Tensor(x))
    close(y, x + concatenated_sinusoids(5, 6), 1e-15)


def test_sinusoids_are_added_to_every_sentence_of_the_batch():
    x = normal(2, 5, 6)
    y = SinusoidalEncoding(6, max_length=9)(mg.Tensor(x))
    close(y, x + sinusoids(5, 6), 1e-15)


def test_sinusoids_are_not_trained():
    assert SinusoidalEncoding(6, 9).parameters() == []


@pytest.mark.parametrize("name", POSITIONS)
def test_an_encoding_keeps_float32(name):
    encoding = POSITIONS[name](4, 6, np.random.default_rng(0))
    assert encoding(mg.Tensor(np.zeros((1, 3, 4), np.float32))).dtype == np.float32


@pytest.mark.parametrize("name", POSITIONS)
def test_the_end_of_a_sentence_alone_gets_the_positions_it_has_in_the_whole(name):
    encoding = POSITIONS[name](4, 8, np.random.default_rng(0))
    x = mg.Tensor(normal(2, 6, 4))
    np.testing.assert_array_equal(encoding(x[:, 2:], start=2).data, encoding(x).data[:, 2:])


def test_a_learned_encoding_adds_one_row_for_each_position():
    encoding = LearnedEncoding(4, 6, np.random.default_rng(0))
    x = normal(2, 3, 4)
    close(encoding(mg.Tensor(x)), x + encoding.weight.data[:3], 1e-15)


def test_only_the_positions_in_use_learn():
    encoding = LearnedEncoding(4, 6, np.random.default_rng(0))
    encoding(mg.Tensor(np.zeros((2, 3, 4), np.float32))).sum().backward()
    np.testing.assert_array_equal(encoding.weight.grad.data[:3], 2)  # the two sentences
    np.testing.assert_array_equal(encoding.weight.grad.data[3:], 0)


def test_a_learned_encoding_passes_gradcheck():
    encoding = LearnedEncoding(3, 5, np.random.default_rng(0))
    gradcheck_module(encoding, lambda x: encoding(x, start=1), normal(2, 3, 3))


# Rotary.


def test_rotary_positions_multiply_each_pair_as_a_complex_number_by_one_of_its_time():
    x = normal(2, 3, 5, 6)
    y = rotated(mg.Tensor(x), start=4).data
    pairs, turned = (a[..., 0::2] + 1j * a[..., 1::2] for a in (x, y))
    for t in range(5):
        for i in range(3):
            turn = np.exp(1j * (4 + t) / 10000 ** (2 * i / 6))
            close(turned[..., t, i], pairs[..., t, i] * turn, 1e-14)


def test_rotary_positions_leave_the_first_as_it_is_and_every_length():
    x = normal(2, 3, 5, 6)
    y = rotated(mg.Tensor(x)).data
    np.testing.assert_array_equal(y[..., 0, :], x[..., 0, :])
    close(np.linalg.norm(y, axis=-1), np.linalg.norm(x, axis=-1), 1e-14)
    assert np.abs(y[..., 1:, :] - x[..., 1:, :]).max() > 0.1


@few
@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300), st.integers(1, 4))
def test_scores_of_rotated_queries_and_keys_depend_on_the_difference_of_positions_alone(
    query_at, key_at, shift, pairs
):
    q, k = (mg.Tensor(normal(1, 2 * pairs, seed=i)) for i in (0, 1))
    score = (rotated(q, query_at) @ rotated(k, key_at).mT).item()
    shifted = (rotated(q, query_at + shift) @ rotated(k, key_at + shift).mT).item()
    assert shifted == pytest.approx(score, abs=1e-11)


def test_scores_of_rotated_queries_and_keys_do_depend_on_that_difference():
    q, k = (mg.Tensor(normal(1, 4, seed=i)) for i in (0, 1))
    scores = [(rotated(q, t) @ rotated(k).mT).item() for t in range(6)]
    assert len(np.unique(np.round(scores, 6))) == 6


def test_rotary_positions_keep_float32_and_pass_gradcheck():
    assert rotated(mg.Tensor(np.ones((2, 3, 4), np.float32)), 2).dtype == np.float32
    assert mg.gradcheck(lambda x: rotated(x, 3) ** 2, normal(2, 2, 3, 4))
