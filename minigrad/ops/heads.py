"""The heads of attention: stretches of every vector, brought into an axis of their own and back."""

from __future__ import annotations

from ..tape import Array, op

__all__ = ["join_heads", "split_heads"]


@op
def split_heads(x: Array, num_heads: int):
    """(B, T, D) -> (B, H, T, d_k): each head gets its own stretch of every vector, D = H * d_k."""

    def dx(g):
        return g.swapaxes(1, 2).reshape(shape)  # (B, T, H, d_k) -> (B, T, D)

    shape = batch, time, d_model = x.shape
    heads = x.reshape(batch, time, num_heads, d_model // num_heads)  # (B, T, H, d_k)
    return heads.swapaxes(1, 2), dx


@op
def join_heads(x: Array):
    """(B, H, T, d_k) -> (B, T, D): what the heads have found, one after another."""

    def dx(g):
        return g.reshape(batch, time, heads, d_k).swapaxes(1, 2)

    batch, heads, time, d_k = x.shape
    return x.swapaxes(1, 2).reshape(batch, time, heads * d_k), dx
