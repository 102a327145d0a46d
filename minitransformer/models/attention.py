"""Attention: every query looks at all keys, and gets a weighted mean of their values (3.2)."""

import math

import numpy as np

import minigrad as mg

from .cache import KeyValueCache
from .layers import Linear
from .positions import rotated


def scaled_dot_product_attention(
    query: mg.Tensor, key: mg.Tensor, value: mg.Tensor, mask: np.ndarray | None = None
) -> tuple[mg.Tensor, mg.Tensor]:
    """softmax(Q K^T / sqrt(d_k)) V, equation 1 of the paper: (attended, weights).

    `query` (..., T_q, d_k), `key` (..., T_k, d_k), `value` (..., T_k, d_v); `mask` is boolean,
    broadcastable to (..., T_q, T_k), and False hides a key from a query. Returns
    (..., T_q, d_v) and the weights (..., T_q, T_k), whose rows sum to 1; a query that may look at
    nothing gets zeros.
    """
    d_k = query.shape[-1]
    products = (query @ key.mT).named("Q K^T")  # (..., T_q, T_k)
    scores = (products * (1 / math.sqrt(d_k))).named("scores")
    if mask is not None:
        _check_mask(mask, scores.shape)
        scores = mg.masked_fill(scores, ~mask, -np.inf).named("masked scores")
    weights = mg.softmax(scores).named("weights")
    return weights @ value, weights


def _check_mask(mask: np.ndarray, shape: tuple[int, ...]) -> None:
    sizes = zip(reversed(mask.shape), reversed(shape))
    if mask.dtype != bool or mask.ndim > len(shape) or any(m not in (1, n) for m, n in sizes):
        raise ValueError(
            f"the mask is {mask.dtype} of shape {mask.shape}; attention over scores of shape "
            f"{shape} (batch, head, query, key) needs a boolean one that broadcasts to it"
        )


class MultiHeadAttention(mg.Module):
    """Several attentions side by side, each in its own projection of the input (section 3.2.2).

    `MultiHeadAttention(d_model, num_heads, rng)`; (B, T, d_model) in and out. The paper's
    projections have no bias; `bias=True` adds them. `rotary=True` is for self-attention: queries
    and keys are turned by their positions (see `rotated`).
    """

    def __init__(
        self,
        d_model: int,
        num_heads: int,
        rng: np.random.Generator,
        bias: bool = False,
        rotary: bool = False,
    ):
        if d_model % num_heads:
            raise ValueError(
                f"d_model {d_model} cannot be divided among {num_heads} heads: choose a multiple"
            )
        if rotary and d_model // num_heads % 2:
            raise ValueError(
                f"rotary positions turn pairs of numbers, and a head of {num_heads} has "
                f"{d_model // num_heads} of d_model {d_model}: choose an even number for each"
            )
        self.num_heads = num_heads
        self.rotary = rotary
        self.w_q = Linear(d_model, d_model, rng, bias)
        self.w_k = Linear(d_model, d_model, rng, bias)
        self.w_v = Linear(d_model, d_model, rng, bias)
        self.w_o = Linear(d_model, d_model, rng, bias)

    def forward(
        self,
        query: mg.Tensor,
        key: mg.Tensor | None,
        value: mg.Tensor | None,
        mask: np.ndarray | None = None,
        cache: KeyValueCache | None = None,
    ) -> mg.Tensor:
        """Queries (B, T_q, d_model) attend to keys and values (B, T_k, d_model).

        With a `cache`, those of earlier calls come before them; where `key` and `value` are None
        nothing is added, and all that the cache holds is attended to.
        """
        q = mg.split_heads(self.w_q(query), self.num_heads).named("Q")  # (B, H, T_q, d_k)
        if key is not None and value is not None:
            k, v = self.keys_and_values(key, value)
            if self.rotary:
                start = 0 if cache is None else cache.place
                q, k = rotated(q, start).named("rotated Q"), rotated(k, start).named("rotated K")
            if cache is not None:
                k, v = cache.extend(k, v)
        elif cache is not None:
            k, v = cache.held()
        else:
            raise ValueError("attention needs keys and values, or a cache that holds some")
        heads, _ = scaled_dot_product_attention(q, k, v, mask)  # (B, H, T_q, d_k)
        concat = mg.join_heads(heads.named("heads")).named("concat")  # (B, T_q, d_model)
        return self.w_o(concat).named("output")

    def keys_and_values(self, key: mg.Tensor, value: mg.Tensor) -> tuple[mg.Tensor, mg.Tensor]:
        """Both projected and split into heads: (B, T_k, d_model) -> (B, H, T_k, d_k)."""
        k = mg.split_heads(self.w_k(key), self.num_heads).named("K")
        v = mg.split_heads(self.w_v(value), self.num_heads).named("V")
        return k, v
