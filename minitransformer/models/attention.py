"""Attention: every query looks at all keys, and gets a weighted mean of their values (3.2)."""

import math

import numpy as np

import minigrad as mg

from .layers import Linear


def scaled_dot_product_attention(query, key, value, mask=None):
    """softmax(Q K^T / sqrt(d_k)) V, equation 1 of the paper: (attended, weights).

    `query` (..., T_q, d_k), `key` (..., T_k, d_k), `value` (..., T_k, d_v); `mask` is boolean,
    broadcastable to (..., T_q, T_k), and False hides a key from a query. Returns
    (..., T_q, d_v) and the weights (..., T_q, T_k), whose rows sum to 1; a query that may look at
    nothing gets zeros.
    """
    d_k = query.shape[-1]
    scores = query @ key.mT  # (..., T_q, T_k)
    scores = (scores * (1 / math.sqrt(d_k))).named("scores")
    if mask is not None:
        check_mask(mask, scores.shape)
        scores = mg.masked_fill(scores, ~mask, -np.inf).named("masked scores")
    weights = mg.softmax(scores).named("weights")
    return weights @ value, weights


def check_mask(mask, shape):
    sizes = zip(reversed(mask.shape), reversed(shape))
    if mask.dtype != bool or mask.ndim > len(shape) or any(m not in (1, n) for m, n in sizes):
        raise ValueError(
            f"the mask is {mask.dtype} of shape {mask.shape}; attention over scores of shape "
            f"{shape} (batch, head, query, key) needs a boolean one that broadcasts to it"
        )


class MultiHeadAttention(mg.Module):
    """Several attentions side by side, each in its own projection of the input (section 3.2.2).

    `MultiHeadAttention(d_model, num_heads, rng)`; (B, T, d_model) in and out. The paper's
    projections have no bias; `bias=True` adds them.
    """

    def __init__(self, d_model, num_heads, rng, bias=False):
        if d_model % num_heads:
            raise ValueError(
                f"d_model {d_model} cannot be divided among {num_heads} heads: choose a multiple"
            )
        self.num_heads = num_heads
        self.w_q = Linear(d_model, d_model, rng, bias)
        self.w_k = Linear(d_model, d_model, rng, bias)
        self.w_v = Linear(d_model, d_model, rng, bias)
        self.w_o = Linear(d_model, d_model, rng, bias)

    def forward(self, query, key, value, mask=None, cache=None):
        """Queries (B, T_q, d_model) attend to keys and values (B, T_k, d_model). A `cache` (see
        cache.py) knows the keys and values of earlier calls."""
        q = mg.split_heads(self.w_q(query), self.num_heads).named("Q")  # (B, H, T_q, d_k)
        k, v = self.keys_and_values(key, value) if cache is None else cache(self, key, value)
        attended, _ = scaled_dot_product_attention(q, k, v, mask)  # (B, H, T_q, d_k)
        return self.w_o(mg.join_heads(attended))

    def keys_and_values(self, key, value):
        k = mg.split_heads(self.w_k(key), self.num_heads).named("K")  # (B, H, T_k, d_k)
        v = mg.split_heads(self.w_v(value), self.num_heads).named("V")  # (B, H, T_k, d_k)
        return k, v
