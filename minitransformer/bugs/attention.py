"""Attention, as it is written by mistake."""

import math

import numpy as np

import minigrad as mg

from ..models.attention import MultiHeadAttention, scaled_dot_product_attention
from ..models.cache import KeyValueCache
from ..models.positions import rotated


class Rewritten(MultiHeadAttention):
    """MultiHeadAttention with its parts in methods, right here and wrong in the classes below."""

    def split(self, x: mg.Tensor) -> mg.Tensor:
        """(B, T, d_model) -> (B, H, T, d_k)."""
        return mg.split_heads(x, self.num_heads)

    def join(self, x: mg.Tensor) -> mg.Tensor:
        """(B, H, T, d_k) -> (B, T, d_model)."""
        return mg.join_heads(x)

    def attend(
        self, q: mg.Tensor, k: mg.Tensor, v: mg.Tensor, mask: np.ndarray | None
    ) -> mg.Tensor:
        heads, _ = scaled_dot_product_attention(q, k, v, mask)
        return heads

    def forward(
        self,
        query: mg.Tensor,
        key: mg.Tensor | None,
        value: mg.Tensor | None,
        mask: np.ndarray | None = None,
        cache: KeyValueCache | None = None,
    ) -> mg.Tensor:
        q = self.split(self.w_q(query)).named("Q")
        if key is not None and value is not None:
            k, v = self.keys_and_values(key, value)
            if self.rotary:
                start = 0 if cache is None else cache.length
                q, k = rotated(q, start).named("rotated Q"), rotated(k, start).named("rotated K")
            if cache is not None:
                k, v = cache.extend(k, v)
        else:
            assert cache is not None  # the decoder gives one of the two
            k, v = cache.held()
        heads = self.attend(q, k, v, mask).named("heads")
        return self.w_o(self.join(heads).named("concat")).named("output")

    def keys_and_values(self, key: mg.Tensor, value: mg.Tensor) -> tuple[mg.Tensor, mg.Tensor]:
        return self.split(self.w_k(key)).named("K"), self.split(self.w_v(value)).named("V")


class NoScale(Rewritten):
    """softmax(Q K^T) V, not divided by sqrt(d_k)."""

    def attend(
        self, q: mg.Tensor, k: mg.Tensor, v: mg.Tensor, mask: np.ndarray | None
    ) -> mg.Tensor:
        return super().attend(q * math.sqrt(q.shape[-1]), k, v, mask)


class WrongAxis(Rewritten):
    """The softmax is over the queries: for each key the weights sum to one, for no query."""

    def attend(
        self, q: mg.Tensor, k: mg.Tensor, v: mg.Tensor, mask: np.ndarray | None
    ) -> mg.Tensor:
        scores = (q @ k.mT * (1 / math.sqrt(q.shape[-1]))).named("scores")  # (B, H, T_q, T_k)
        if mask is not None:
            scores = mg.masked_fill(scores, ~mask, -np.inf).named("masked scores")
        return mg.softmax(scores, axis=-2).named("weights") @ v


class HeadsTransposed(Rewritten):
    """The heads are cut off by a reshape alone. The numbers fit, but what a head takes for a
    position is made of stretches of several."""

    def split(self, x: mg.Tensor) -> mg.Tensor:
        batch, time, d_model = x.shape
        return x.reshape(batch, self.num_heads, time, d_model // self.num_heads)

    def join(self, x: mg.Tensor) -> mg.Tensor:
        batch, heads, time, d_k = x.shape
        return x.reshape(batch, time, heads * d_k)
