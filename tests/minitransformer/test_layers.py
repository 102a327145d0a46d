import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_models import close, gradcheck_module, normal, scattered

import minigrad as mg
from minitransformer import BatchNorm, Dropout, Embedding, FeedForward, LayerNorm, Linear
from minitransformer.models.layers import ACTIVATIONS

few = settings(max_examples=40)


def rng(seed=0):
    return np.random.default_rng(seed)


def float64(module):
    return scattered(module, rng(1)).astype(np.float64)


# Linear and Embedding.


def test_linear_is_a_product_and_a_bias():
    layer = float64(Linear(3, 4, rng()))
    x = normal(2, 5, 3)
    close(layer(mg.Tensor(x)), x @ layer.weight.data + layer.bias.data, 1e-15)


def test_linear_without_a_bias_is_the_product_alone():
    layer = float64(Linear(3, 4, rng(), bias=False))
    assert layer.bias is None
    x = normal(2, 3)
    close(layer(mg.Tensor(x)), x @ layer.weight.data, 1e-15)


def test_weights_begin_within_the_bound_of_glorot_and_bengio():
    weight = Linear(30, 70, rng()).weight.data
    bound = math.sqrt(6 / 100)
    assert np.abs(weight).max() <= bound
    assert weight.std() == pytest.approx(bound / math.sqrt(3), rel=0.05)


def test_an_embedding_is_a_row_times_the_root_of_the_width():
    layer = Embedding(7, 16, rng())
    ids = np.array([[1, 6], [0, 1]])
    close(layer(ids), 4 * layer.weight.data[ids], 1e-7)


def test_embedded_tokens_begin_with_unit_variance():
    assert Embedding(500, 64, rng())(np.arange(500)).data.std() == pytest.approx(1, rel=0.05)


# Normalisation.


def test_layer_norm_is_its_definition():
    layer = float64(LayerNorm(6))
    x = 3 * normal(2, 5, 6) + 1
    y = layer(mg.Tensor(x)).data
    for b in range(2):
        for t in range(5):
            row = x[b, t]
            mean = sum(row) / 6
            variance = sum((row - mean) ** 2) / 6
            by_hand = layer.gamma.data * (row - mean) / math.sqrt(variance + 1e-5) + layer.beta.data
            close(y[b, t], by_hand, 1e-14)


def test_layer_norm_begins_with_mean_zero_and_variance_one():
    y = LayerNorm(64)(mg.Tensor(5 * normal(3, 64) + 2)).data
    np.testing.assert_allclose(y.mean(axis=-1), 0, atol=1e-6)
    np.testing.assert_allclose(y.var(axis=-1), 1, atol=1e-5)


def test_layer_norm_of_a_position_depends_on_no_other():
    layer = LayerNorm(4)
    x = normal(3, 5, 4).astype(np.float32)
    other = x.copy()
    other[1, 2] += 1
    same = layer(mg.Tensor(x)).data == layer(mg.Tensor(other)).data
    assert not same[1, 2].all()
    same[1, 2] = True
    assert same.all()


def test_layer_norm_of_a_constant_row_is_beta():
    layer = float64(LayerNorm(4))
    close(layer(mg.Tensor(np.full((1, 4), 7.0))).data[0], layer.beta.data, 1e-15)


def test_batch_norm_in_training_is_its_definition():
    layer = float64(BatchNorm(3))
    x = 2 * normal(4, 5, 3) + 1
    y = layer(mg.Tensor(x)).data
    for feature in range(3):
        values = x[..., feature]
        normal_values = (values - values.mean()) / math.sqrt(values.var() + 1e-5)
        gamma, beta = layer.gamma.data[feature], layer.beta.data[feature]
        close(y[..., feature], gamma * normal_values + beta, 1e-14)


@few
@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 3), st.integers(0, 1000))
def test_batch_norm_of_real_positions_is_that_without_the_padding(batch, time, more, seed):
    x, padding = normal(batch, time, 3, seed=seed), 9 * normal(batch, more, 3, seed=seed + 1)
    real = np.random.default_rng(seed).random((batch, time)) < 0.7
    real[0, 0] = True
    layer, alone = (float64(BatchNorm(3)) for _ in range(2))
    padded = layer(
        mg.Tensor(np.concatenate([x, padding], axis=1)),
        np.concatenate([real, np.zeros((batch, more), bool)], axis=1),
    )
    close(padded.data[:, :time][real], alone(mg.Tensor(x[real])), 1e-12)
    close(layer.running_mean, alone.running_mean, 1e-13)
    close(layer.running_var, alone.running_var, 1e-13)


def test_what_stands_in_padding_changes_batch_norm_by_no_bit_and_gets_no_gradient():
    x, real = normal(2, 4, 3), np.array([[1, 1, 1, 0], [1, 1, 0, 0]], bool)
    layer, cotangent = float64(BatchNorm(3)), normal(2, 4, 3, seed=1) * real[..., None]
    results = []
    for padding in (0.0, 1e3):
        tensor = mg.Tensor(np.where(real[..., None], x, padding), requires_grad=True)
        y = layer(tensor, real)
        y.backward(cotangent)
        results.append((y.data[real], tensor.grad.data))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])
    np.testing.assert_array_equal(results[0][1][~real], 0)


def test_batch_norm_of_nothing_but_padding_moves_no_average_and_is_finite():
    layer = BatchNorm(3)
    before = layer.state_dict()
    y = layer(mg.Tensor(normal(2, 4, 3)), np.zeros((2, 4), bool))
    assert np.isfinite(y.data).all()
    for name, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_batch_norm_is_told_of_every_position_whether_it_is_real():
    with pytest.raises(ValueError, match=r"its shape has to be \(2, 4\), not \(2, 3\)"):
        BatchNorm(3)(mg.Tensor(normal(2, 4, 3)), np.ones((2, 3), bool))


def test_to_layer_norm_it_is_all_one_what_is_real():
    layer, x = LayerNorm(3), mg.Tensor(normal(2, 4, 3))
    np.testing.assert_array_equal(layer(x, np.zeros((2, 4), bool)).data, layer(x).data)


def test_the_running_averages_of_batch_norm_move_by_momentum_at_each_training_step():
    layer = BatchNorm(3, momentum=0.25).astype(np.float64)
    mean, variance = np.zeros(3), np.ones(3)
    for step in range(3):
        x = normal(4, 5, 3, seed=step) + step
        layer(mg.Tensor(x))
        mean = 0.75 * mean + 0.25 * x.mean(axis=(0, 1))
        variance = 0.75 * variance + 0.25 * x.var(axis=(0, 1), ddof=1)  # that of a sample
    close(layer.running_mean, mean, 1e-14)
    close(layer.running_var, variance, 1e-14)


def test_batch_norm_in_evaluation_uses_the_running_averages_and_leaves_them_alone():
    layer = float64(BatchNorm(3))
    layer(mg.Tensor(normal(8, 3) + 2))
    layer.eval()
    before = layer.state_dict()
    x = normal(2, 3, seed=1)
    mean, variance = layer.running_mean.data, layer.running_var.data
    by_hand = layer.gamma.data * (x - mean) / np.sqrt(variance + 1e-5) + layer.beta.data
    close(layer(mg.Tensor(x)), by_hand, 1e-14)
    close(layer(mg.Tensor(x[:1])).data[0], by_hand[0], 1e-14)  # whatever else is in the batch
    for name, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_running_averages_are_saved_but_not_trained():
    layer = BatchNorm(3)
    assert {path for path, _ in layer.named_parameters()} == {"gamma", "beta"}
    assert layer.state_dict().keys() == {"gamma", "beta", "running_mean", "running_var"}


def test_a_batch_of_one_row_leaves_the_running_averages_finite():
    layer = BatchNorm(2)
    layer(mg.Tensor([[3.0, 4.0]]))
    assert np.isfinite(layer.running_var.data).all()


# Dropout.


def test_dropout_keeps_the_expected_value():
    y = Dropout(0.3, rng())(mg.Tensor(np.ones((400, 400)))).data
    assert set(np.unique(y)) == {0, 1 / 0.7}
    standard_error = math.sqrt(0.3 / 0.7 / y.size)
    assert abs(y.mean() - 1) < 4 * standard_error


def test_dropout_in_evaluation_is_the_identity():
    x = mg.Tensor(normal(3, 4))
    assert Dropout(0.9, rng()).eval()(x) is x


def test_dropout_with_probability_zero_is_the_identity_and_draws_nothing():
    generator = rng()
    x = mg.Tensor(normal(3, 4))
    assert Dropout(0.0, generator)(x) is x
    assert generator.random() == rng().random()


def test_the_gradient_passes_where_dropout_let_the_value_pass():
    x = mg.Tensor(np.ones((50, 50)), requires_grad=True)
    y = Dropout(0.5, rng())(x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, y.data)


def test_dropout_draws_other_entries_each_time():
    layer, x = Dropout(0.5, rng()), mg.Tensor(np.ones((50, 50)))
    assert (layer(x).data != layer(x).data).any()


# FeedForward.


def test_feed_forward_is_equation_2():
    layer = float64(FeedForward(4, 6, rng()))
    x = normal(2, 3, 4)
    w_1, b_1 = layer.linear_1.weight.data, layer.linear_1.bias.data
    w_2, b_2 = layer.linear_2.weight.data, layer.linear_2.bias.data
    close(layer(mg.Tensor(x)), np.maximum(0, x @ w_1 + b_1) @ w_2 + b_2, 1e-14)


def test_feed_forward_treats_each_position_on_its_own():
    layer = float64(FeedForward(4, 6, rng()))
    x = normal(2, 3, 4)
    whole = layer(mg.Tensor(x)).data
    for t in range(3):
        close(layer(mg.Tensor(x[:, t : t + 1])).data[:, 0], whole[:, t], 1e-14)


# Derivatives.


@pytest.mark.parametrize(
    "layer",
    [
        Linear(3, 4, rng()),
        Linear(3, 4, rng(), bias=False),
        LayerNorm(3),
        BatchNorm(3),
        BatchNorm(3).eval(),
        *(FeedForward(3, 5, rng(), activation) for activation in ACTIVATIONS),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_passes_gradcheck(layer):
    gradcheck_module(scattered(layer, rng(2)), layer, normal(2, 4, 3))


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_with_padding_passes_gradcheck(training):
    layer, real = BatchNorm(3).train(training), np.array([[1, 1, 0, 0], [1, 1, 1, 0]], bool)
    gradcheck_module(scattered(layer, rng(2)), lambda x: layer(x, real), normal(2, 4, 3))


def test_an_embedding_passes_gradcheck():
    layer = Embedding(5, 3, rng())
    gradcheck_module(layer, lambda: layer(np.array([[1, 4, 1], [0, 1, 3]])))


def test_gradcheck_of_a_layer_can_fail():
    class WithoutPart(LayerNorm):
        def forward(self, x):
            return mg.normalize(x.detach()) * self.gamma + self.beta + 0 * x

    class WithoutGamma(LayerNorm):
        def forward(self, x):
            return mg.normalize(x) * self.gamma.detach() + self.beta + 0 * self.gamma

    for mutant in (WithoutPart(3), WithoutGamma(3)):
        with pytest.raises(mg.GradcheckError):
            gradcheck_module(scattered(mutant, rng()), mutant, normal(2, 3))
