import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_models import close, gradcheck_module, normal, scattered

import minigrad as mg
from minitransformer import (
    MultiHeadAttention,
    look_ahead_mask,
    padding_mask,
    rotated,
    scaled_dot_product_attention,
)
from minitransformer.models.cache import KeyValueCache

few = settings(max_examples=40)
sizes = st.integers(1, 5)

# Three tokens of width 4 for the worked example: small integers, so that a pencil can follow.
TOKENS = np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 2.0, 0.0, 2.0], [1.0, 1.0, 1.0, 1.0]])


def attention(d_model, num_heads, seed=0, **options):
    """Attention in float64, so that comparisons can be sharp."""
    rng = np.random.default_rng(seed)
    module = MultiHeadAttention(d_model, num_heads, rng, **options)
    return scattered(module, rng).astype(np.float64)


def identity_attention(num_heads):
    """W_Q, W_K, W_V and W_O change nothing: attention is of the embeddings themselves."""
    module = attention(4, num_heads)
    for projection in (module.w_q, module.w_k, module.w_v, module.w_o):
        projection.weight.data = np.eye(4)
    return module


def softmax(scores):
    e = np.exp(scores)
    return e / e.sum(axis=-1, keepdims=True)


# The worked example.


def test_scores_weights_and_result_are_those_worked_out_by_hand():
    q = mg.Tensor(TOKENS)
    attended, weights = scaled_dot_product_attention(q, q, q)
    # The products of every pair of tokens, over sqrt(4) = 2:
    #   [2 0 2]          [1 0 1]
    #   [0 8 4]    ->    [0 4 2]
    #   [2 4 4]          [1 2 2]
    e = math.e
    by_hand = np.array(
        [
            np.array([e, 1, e]) / (2 * e + 1),
            np.array([1, e**4, e**2]) / (1 + e**4 + e**2),
            np.array([e, e**2, e**2]) / (e + 2 * e**2),
        ]
    )
    close(weights, by_hand, 1e-15)
    close(
        weights.data.round(3),
        [[0.422, 0.155, 0.422], [0.016, 0.867, 0.117], [0.155, 0.422, 0.422]],
        1e-15,
    )
    # The first token gets 0.422 of itself, 0.155 of the second, 0.422 of the third.
    close(attended.data[0].round(3), [0.845, 0.733, 0.845, 0.733], 1e-15)
    close(attended, by_hand @ TOKENS, 1e-15)


def test_one_head_with_identity_projections_is_attention_itself():
    x = mg.Tensor(TOKENS[None])
    by_hand = softmax(TOKENS @ TOKENS.T / 2) @ TOKENS
    close(identity_attention(num_heads=1)(x, x, x).data[0], by_hand, 1e-15)


def test_two_heads_with_identity_projections_attend_with_half_of_the_columns_each():
    x = mg.Tensor(TOKENS[None])
    halves = [TOKENS[:, :2], TOKENS[:, 2:]]
    by_hand = [softmax(half @ half.T / math.sqrt(2)) @ half for half in halves]
    close(identity_attention(num_heads=2)(x, x, x).data[0], np.concatenate(by_hand, axis=1), 1e-15)


def test_with_the_look_ahead_mask_the_first_token_gets_itself_and_the_second_the_first_two():
    x = mg.Tensor(TOKENS[None])
    y = identity_attention(num_heads=1)(x, x, x, look_ahead_mask(3)).data[0]
    close(y[0], TOKENS[0], 1e-15)
    close(y[1], softmax(np.array([0.0, 4.0])) @ TOKENS[:2], 1e-15)


# Weights and masks.


@few
@given(sizes, sizes, sizes, sizes, sizes, st.integers(0, 1000))
def test_rows_of_weights_sum_to_one_and_hidden_keys_weigh_nothing(b, h, t_q, t_k, d_k, seed):
    mask = np.random.default_rng(seed).random((b, 1, t_q, t_k)) < 0.6
    q, k, v = (mg.Tensor(3 * normal(b, h, t, d_k, seed=seed)) for t in (t_q, t_k, t_k))
    attended, weights = scaled_dot_product_attention(q, k, v, mask)
    assert attended.shape == (b, h, t_q, d_k)
    assert weights.shape == (b, h, t_q, t_k)
    hidden = np.broadcast_to(~mask, weights.shape)
    np.testing.assert_array_equal(weights.data[hidden], 0)
    assert (weights.data[~hidden] > 0).all()
    sums = np.broadcast_to(mask.any(axis=-1), (b, h, t_q))  # a row that is hidden whole sums to 0
    np.testing.assert_allclose(weights.data.sum(axis=-1), sums, atol=1e-12)


def test_a_query_that_may_look_at_nothing_gets_zeros_and_disturbs_no_other():
    mask = np.array([[[[True, True]]], [[[False, False]]]])
    q, k, v = (mg.Tensor(normal(2, 1, 2, 3, seed=i), requires_grad=True) for i in range(3))
    attended, weights = scaled_dot_product_attention(q, k, v, mask)
    np.testing.assert_array_equal(attended.data[1], 0)
    np.testing.assert_array_equal(weights.data[1], 0)
    alone, _ = scaled_dot_product_attention(q[:1], k[:1], v[:1])
    np.testing.assert_array_equal(attended.data[0], alone.data[0])
    (attended * normal(2, 1, 2, 3)).sum().backward()
    for x in (q, k, v):
        np.testing.assert_array_equal(x.grad.data[1], 0)
        assert np.isfinite(x.grad.data).all() and x.grad.data[0].any()


def test_values_may_have_another_width_than_queries_and_keys():
    q, k, v = (mg.Tensor(normal(2, t, d)) for t, d in ((3, 4), (5, 4), (5, 7)))
    attended, weights = scaled_dot_product_attention(q, k, v)
    assert attended.shape == (2, 3, 7)
    assert weights.shape == (2, 3, 5)


@pytest.mark.parametrize(
    "mask",
    [
        np.ones((2, 1, 4, 3), bool),  # queries and keys changed places
        np.ones((1, 1, 2, 1, 3, 4), bool),  # more axes than the scores
        np.ones((3, 1, 1, 4), bool),  # another batch
        np.ones((2, 1, 3, 4)),  # numbers
        np.ones((2, 1, 3, 4), int),
    ],
)
def test_a_mask_that_does_not_fit_is_answered_with_both_shapes(mask):
    q, k = mg.Tensor(normal(2, 1, 3, 5)), mg.Tensor(normal(2, 1, 4, 5))
    with pytest.raises(ValueError) as caught:
        scaled_dot_product_attention(q, k, k, mask)
    assert str(mask.shape) in str(caught.value)
    assert str(mask.dtype) in str(caught.value)
    assert "(2, 1, 3, 4) (batch, head, query, key)" in str(caught.value)


# Heads and projections.


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ValueError, match="d_model 6 cannot be divided among 4 heads"):
        MultiHeadAttention(6, 4, np.random.default_rng(0))


def test_heads_joined_again_are_what_was_split():
    x = mg.Tensor(normal(2, 5, 6))
    heads = mg.split_heads(x, 3)
    assert heads.shape == (2, 3, 5, 2)
    np.testing.assert_array_equal(heads.data[1, 2, 4], x.data[1, 4, 4:6])
    np.testing.assert_array_equal(mg.join_heads(heads).data, x.data)


@pytest.mark.parametrize("order", [1, 2])
def test_the_gradients_of_splitting_and_joining_heads(order):
    assert mg.gradcheck(
        lambda x: mg.split_heads(x, 3) ** 3, mg.Tensor(normal(2, 4, 6)), order=order
    )
    assert mg.gradcheck(lambda x: mg.join_heads(x) ** 3, mg.Tensor(normal(2, 3, 4, 2)), order=order)


def test_the_projections_of_the_paper_have_no_bias():
    def names(module):
        return {path for path, _ in module.named_parameters()}

    weights = {f"w_{letter}.weight" for letter in "qkvo"}
    assert names(attention(4, 2)) == weights
    assert names(attention(4, 2, bias=True)) == weights | {f"w_{letter}.bias" for letter in "qkvo"}


@few
@given(sizes, st.integers(1, 7), st.sampled_from([(2, 1), (4, 2), (6, 3)]), st.randoms())
def test_without_positions_attention_does_not_know_the_order(batch, time, width, random):
    d_model, num_heads = width
    module = attention(d_model, num_heads)
    order = random.sample(range(time), time)
    x = normal(batch, time, d_model)
    tensor, shuffled = mg.Tensor(x), mg.Tensor(x[:, order])
    y = module(tensor, tensor, tensor).data
    np.testing.assert_allclose(module(shuffled, shuffled, shuffled).data, y[:, order], atol=1e-12)
    # The order of keys and values alone changes nothing.
    np.testing.assert_allclose(module(tensor, shuffled, shuffled).data, y, atol=1e-12)


def test_padding_among_the_keys_changes_nothing():
    module = attention(4, 2)
    query, memory = mg.Tensor(normal(1, 3, 4)), normal(1, 5, 4, seed=1)
    padded = mg.Tensor(np.concatenate([memory, 9 * normal(1, 2, 4, seed=2)], axis=1))
    mask = padding_mask([[3, 3, 3, 3, 3, 0, 0]])
    memory = mg.Tensor(memory)
    close(module(query, padded, padded, mask), module(query, memory, memory), 1e-14)


# Rotary positions.


def test_with_rotary_positions_attention_is_the_formula_over_rotated_queries_and_keys():
    module = attention(8, 2, rotary=True)
    x = mg.Tensor(normal(2, 5, 8))
    q, k, v = (mg.split_heads(w(x), 2) for w in (module.w_q, module.w_k, module.w_v))
    heads, _ = scaled_dot_product_attention(rotated(q), rotated(k), v)
    close(module(x, x, x), module.w_o(mg.join_heads(heads)), 1e-14)
    assert np.abs((module(x, x, x) - attention(8, 2)(x, x, x)).data).max() > 0.01


def test_with_rotary_positions_attention_knows_the_order_but_not_where_it_began():
    module = attention(8, 2, rotary=True)
    x = normal(2, 5, 8)
    back = mg.Tensor(x[:, ::-1])
    x = mg.Tensor(x)
    assert np.abs(module(x, x, x).data - module(back, back, back).data[:, ::-1]).max() > 0.01
    # A sentence behind three others that are hidden from it is one by itself.
    before = mg.Tensor(np.concatenate([normal(2, 3, 8, seed=1), x.data], axis=1))
    mask = np.arange(8) >= 3
    close(
        module(before, before, before, mask[None, None, None]).data[:, 3:], module(x, x, x), 1e-13
    )


def test_a_cache_tells_rotary_positions_how_many_came_before():
    module = attention(8, 2, rotary=True)
    x = mg.Tensor(normal(2, 6, 8))
    whole, cache, mask = module(x, x, x, look_ahead_mask(6)), KeyValueCache(), look_ahead_mask(6)
    for first, last in ((0, 1), (1, 2), (2, 6)):
        new = x[:, first:last]
        attended = module(new, new, new, mask[:, :, first:last, :last], cache)
        close(attended, whole[:, first:last], 1e-13)


def test_rotary_positions_need_pairs():
    with pytest.raises(ValueError, match="turn pairs of numbers, and a head of 2 has 3 of d_model"):
        MultiHeadAttention(6, 2, np.random.default_rng(0), rotary=True)


# Derivatives.


@pytest.mark.parametrize("masked", [False, True])
def test_scaled_dot_product_attention_passes_gradcheck(masked):
    mask = look_ahead_mask(3) if masked else None

    def function(q, k, v):
        return scaled_dot_product_attention(q, k, v, mask)[0]

    inputs = [normal(2, 2, 3, 2, seed=i) for i in range(3)]
    mg.gradcheck(function, *inputs)
    mg.gradcheck(function, *(x[:1] for x in inputs), order=2)


@pytest.mark.parametrize("bias", [False, True])
def test_multi_head_attention_passes_gradcheck(bias):
    module = attention(4, 2, bias=bias)
    mask = padding_mask([[1, 1, 1, 1], [1, 1, 0, 0]])
    inputs = (normal(2, 3, 4), normal(2, 4, 4, seed=1), normal(2, 4, 4, seed=2))
    gradcheck_module(module, lambda q, k, v: module(q, k, v, mask), *inputs)


@pytest.mark.parametrize("rotary", [False, True])
def test_self_attention_passes_gradcheck(rotary):
    module = attention(4, 2, rotary=rotary)
    gradcheck_module(module, lambda x: module(x, x, x, look_ahead_mask(3)), normal(2, 3, 4))
