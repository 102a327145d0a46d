import math

import numpy as np
import pytest
from toy_models import close, gradcheck_module, normal

import minigrad as mg
from minitransformer import LearnedEncoding, SinusoidalEncoding, sinusoids
from minitransformer.models.positions import POSITIONS


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
