"""The Transformer, in the order of the paper's figure 1."""

import numpy as np

import minigrad as mg

from .attention import MultiHeadAttention
from .layers import Dropout, Embedding, FeedForward, LayerNorm, Linear
from .masks import combine_masks, look_ahead_mask, padding_mask
from .positions import POSITIONS


class EncoderLayer(mg.Module):
    """Self-attention and feed-forward, each followed by Add & Norm (section 3.1)."""

    def __init__(self, config, rng):
        self.self_attention = MultiHeadAttention(config.d_model, config.num_heads, rng)
        self.norm_1 = LayerNorm(config.d_model)
        self.feed_forward = FeedForward(config.d_model, config.d_ff, rng, config.activation)
        self.norm_2 = LayerNorm(config.d_model)
        self.dropout = Dropout(config.dropout, rng)
        self.norm_first = config.norm_first

    def forward(self, x, mask):
        if self.norm_first:  # "pre-norm": the residual path stays untouched (Xiong et al. 2020)
            y = self.norm_1(x)
            x = x + self.dropout(self.self_attention(y, y, y, mask))
            return x + self.dropout(self.feed_forward(self.norm_2(x)))
        x = self.norm_1(x + self.dropout(self.self_attention(x, x, x, mask)))  # Add & Norm
        return self.norm_2(x + self.dropout(self.feed_forward(x)))  # Add & Norm


class DecoderLayer(mg.Module):
    """Masked self-attention, encoder-decoder attention and feed-forward, each with Add & Norm."""

    def __init__(self, config, rng):
        self.self_attention = MultiHeadAttention(config.d_model, config.num_heads, rng)
        self.norm_1 = LayerNorm(config.d_model)
        self.cross_attention = MultiHeadAttention(config.d_model, config.num_heads, rng)
        self.norm_2 = LayerNorm(config.d_model)
        self.feed_forward = FeedForward(config.d_model, config.d_ff, rng, config.activation)
        self.norm_3 = LayerNorm(config.d_model)
        self.dropout = Dropout(config.dropout, rng)
        self.norm_first = config.norm_first

    def forward(self, x, memory, mask, memory_mask, cache=None):
        """`mask` hides later positions of x, `memory_mask` the padding of the encoder's output."""
        own, other = cache or (None, None)  # of the two attentions, when decoding token by token
        if self.norm_first:
            y = self.norm_1(x)
            x = x + self.dropout(self.self_attention(y, y, y, mask, own))
            y = self.norm_2(x)
            x = x + self.dropout(self.cross_attention(y, memory, memory, memory_mask, other))
            return x + self.dropout(self.feed_forward(self.norm_3(x)))
        x = self.norm_1(x + self.dropout(self.self_attention(x, x, x, mask, own)))
        y = self.cross_attention(x, memory, memory, memory_mask, other)
        x = self.norm_2(x + self.dropout(y))
        return self.norm_3(x + self.dropout(self.feed_forward(x)))


class Encoder(mg.Module):
    """A stack of encoder layers: (B, S, d_model) in and out."""

    def __init__(self, config, rng):
        self.layers = [EncoderLayer(config, rng) for _ in range(config.num_encoder_layers)]
        self.norm = LayerNorm(config.d_model) if config.norm_first else None

    def forward(self, x, mask):
        for layer in self.layers:
            x = layer(x, mask)
        return self.norm(x) if self.norm else x


class Decoder(mg.Module):
    """A stack of decoder layers: (B, T, d_model) in and out."""

    def __init__(self, config, rng):
        self.layers = [DecoderLayer(config, rng) for _ in range(config.num_decoder_layers)]
        self.norm = LayerNorm(config.d_model) if config.norm_first else None

    def forward(self, x, memory, mask, memory_mask, cache=None):
        for i, layer in enumerate(self.layers):
            x = layer(x, memory, mask, memory_mask, cache and cache.layers[i])
        return self.norm(x) if self.norm else x


class Transformer(mg.Module):
    """The encoder-decoder of "Attention Is All You Need" (Vaswani et al. 2017).

    `model(src, tgt)` takes integer ids (B, S) and (B, T) and gives logits (B, T, tgt_vocab_size):
    at each position those of the next token. Training and dropout draw from `rng`.
    """

    def __init__(self, config, rng=None):
        rng = np.random.default_rng(0) if rng is None else rng
        self.config = config
        positions = POSITIONS[config.positions]
        self.src_embedding = Embedding(config.src_vocab_size, config.d_model, rng)
        self.tgt_embedding = (
            self.src_embedding
            if config.tie_embeddings
            else Embedding(config.tgt_vocab_size, config.d_model, rng)
        )
        self.src_positions = positions(config.d_model, config.max_length, rng)
        self.tgt_positions = positions(config.d_model, config.max_length, rng)
        self.dropout = Dropout(config.dropout, rng)
        self.encoder = Encoder(config, rng)
        self.decoder = Decoder(config, rng)
        if not config.tie_embeddings:
            self.output = Linear(config.d_model, config.tgt_vocab_size, rng)

    def forward(self, src, tgt):
        return self.decode(tgt, self.encode(src), src)

    def encode(self, src):
        """The encoder's output for source ids (B, S): the memory (B, S, d_model)."""
        src = self.checked(src, "source")
        x = self.dropout(self.src_positions(self.src_embedding(mg.Tensor(src, name="source"))))
        return self.encoder(x, padding_mask(src, self.config.pad_id)).named("memory")

    def decode(self, tgt, memory, src, cache=None):
        """Logits (B, T, tgt_vocab_size) for target ids (B, T) that were written so far.

        With a DecoderCache only the positions that it has not seen are computed, and returned.
        """
        src, tgt = self.checked(src, "source"), self.checked(tgt, "target")
        pad_id = self.config.pad_id
        seen = 0 if cache is None else cache.length
        mask = combine_masks(padding_mask(tgt, pad_id), look_ahead_mask(tgt.shape[1]))
        new = mg.Tensor(tgt[:, seen:], name="target")
        x = self.dropout(self.tgt_positions(self.tgt_embedding(new), start=seen))
        x = self.decoder(x, memory, mask[:, :, seen:], padding_mask(src, pad_id), cache)
        return self.logits(x).named("logits")

    def logits(self, x):
        """The last linear layer, or the embedding's own matrix where it is shared (3.4)."""
        if self.config.tie_embeddings:
            return x @ self.tgt_embedding.weight.T
        return self.output(x)

    def checked(self, ids, what):
        ids = np.asarray(ids)
        if ids.ndim != 2 or ids.dtype.kind not in "iu":
            raise ValueError(
                f"the {what} ids are {ids.dtype} of shape {ids.shape}; give integers (batch, time)"
            )
        if not 1 <= ids.shape[1] <= self.config.max_length:
            raise ValueError(
                f"the {what} has {ids.shape[1]} tokens; this model has positions for 1 to "
                f"{self.config.max_length} (max_length)"
            )
        return ids
