"""The Transformer, in the order of the paper's figure 1."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

import minigrad as mg

from .attention import MultiHeadAttention
from .cache import KeyValueCache, LayerCache
from .config import TransformerConfig
from .initialisation import INITIALISATIONS
from .layers import NORMS, Dropout, Embedding, FeedForward, Linear
from .masks import combine_masks, look_ahead_mask, padding_mask, real_positions
from .positions import POSITIONS
from .seq2seq import AttentionTensors, checked_ids, checked_length
from .stack_config import BlockConfig


class EncoderLayer(mg.Module):
    """Self-attention and feed-forward, each followed by Add & Norm (section 3.1)."""

    def __init__(self, config: BlockConfig, rng: np.random.Generator):
        norm, rotary = NORMS[config.norm], config.positions == "rotary"
        sizes = config.d_model, config.num_heads, rng, config.attention_bias
        self.self_attention = MultiHeadAttention(*sizes, rotary=rotary)
        self.norm_1 = norm(config.d_model)
        self.feed_forward = FeedForward(config.d_model, config.d_ff, rng, config.activation)
        self.norm_2 = norm(config.d_model)
        self.dropout = Dropout(config.dropout, rng)
        self.norm_first = config.norm_first

    def forward(
        self, x: mg.Tensor, mask: np.ndarray | None, cache: KeyValueCache | None = None
    ) -> mg.Tensor:
        """`mask` says what may be attended to; a `cache` holds what comes before x."""
        real = real_positions(mask, x)
        if self.norm_first:  # "pre-norm": the residual path stays untouched (Xiong et al. 2020)
            y = self.norm_1(x, real)
            x = (x + self.dropout(self.self_attention(y, y, y, mask, cache))).named("add_1")
            return (x + self.dropout(self.feed_forward(self.norm_2(x, real)))).named("add_2")
        attended = self.dropout(self.self_attention(x, x, x, mask, cache))
        x = self.norm_1((x + attended).named("add_1"), real)  # Add & Norm
        fed = self.dropout(self.feed_forward(x))
        return self.norm_2((x + fed).named("add_2"), real)  # Add & Norm


class DecoderLayer(mg.Module):
    """Masked self-attention, encoder-decoder attention and feed-forward, each with Add & Norm."""

    def __init__(self, config: TransformerConfig, rng: np.random.Generator):
        norm, rotary = NORMS[config.norm], config.positions == "rotary"
        sizes = config.d_model, config.num_heads, rng, config.attention_bias
        self.self_attention = MultiHeadAttention(*sizes, rotary=rotary)
        self.norm_1 = norm(config.d_model)
        self.cross_attention = MultiHeadAttention(*sizes)
        self.norm_2 = norm(config.d_model)
        self.feed_forward = FeedForward(config.d_model, config.d_ff, rng, config.activation)
        self.norm_3 = norm(config.d_model)
        self.dropout = Dropout(config.dropout, rng)
        self.norm_first = config.norm_first

    def forward(
        self,
        x: mg.Tensor,
        memory: mg.Tensor | None,
        mask: np.ndarray | None,
        memory_mask: np.ndarray | None,
        cache: LayerCache | None = None,
    ) -> mg.Tensor:
        """`mask` hides later positions of x, `memory_mask` the padding of the encoder's output.
        With a `cache`, which holds keys and values of the memory, `memory` is None."""
        real = real_positions(mask, x)
        own, of_memory = (cache.own, cache.memory) if cache else (None, None)
        if self.norm_first:
            y = self.norm_1(x, real)
            x = (x + self.dropout(self.self_attention(y, y, y, mask, own))).named("add_1")
            y = self.norm_2(x, real)
            y = self.cross_attention(y, memory, memory, memory_mask, of_memory)
            x = (x + self.dropout(y)).named("add_2")
            return (x + self.dropout(self.feed_forward(self.norm_3(x, real)))).named("add_3")
        attended = self.dropout(self.self_attention(x, x, x, mask, own))
        x = self.norm_1((x + attended).named("add_1"), real)
        attended = self.cross_attention(x, memory, memory, memory_mask, of_memory)
        x = self.norm_2((x + self.dropout(attended)).named("add_2"), real)
        fed = self.dropout(self.feed_forward(x))
        return self.norm_3((x + fed).named("add_3"), real)


class Encoder(mg.Module):
    """A stack of encoder layers: (B, S, d_model) in and out."""

    def __init__(self, config: BlockConfig, rng: np.random.Generator):
        self.layers = [EncoderLayer(config, rng) for _ in range(config.num_encoder_layers)]
        self.norm = NORMS[config.norm](config.d_model) if config.normalises_end else None

    def forward(
        self, x: mg.Tensor, mask: np.ndarray | None, caches: list[KeyValueCache] | None = None
    ) -> mg.Tensor:
        """As each of its layers; `caches` are theirs."""
        for i, layer in enumerate(self.layers):
            x = layer(x, mask, caches[i] if caches else None)
        return self.norm(x, real_positions(mask, x)) if self.norm else x


class Decoder(mg.Module):
    """A stack of decoder layers: (B, T, d_model) in and out."""

    def __init__(self, config: TransformerConfig, rng: np.random.Generator):
        self.layers = [DecoderLayer(config, rng) for _ in range(config.num_decoder_layers)]
        self.norm = NORMS[config.norm](config.d_model) if config.normalises_end else None

    def forward(
        self,
        x: mg.Tensor,
        memory: mg.Tensor | None,
        mask: np.ndarray | None,
        memory_mask: np.ndarray | None,
        caches: list[LayerCache] | None = None,
    ) -> mg.Tensor:
        """As each of its layers; `caches` are theirs."""
        for i, layer in enumerate(self.layers):
            x = layer(x, memory, mask, memory_mask, caches[i] if caches else None)
        return self.norm(x, real_positions(mask, x)) if self.norm else x


@dataclass
class TransformerState:
    """What the Transformer knows between two tokens: which tokens are real, of the source
    (B, 1, 1, S) and of what was written (B, 1, 1, T), and the caches of the decoder's layers, which
    hold the memory too, as its keys and values."""

    memory_mask: np.ndarray
    tgt_mask: np.ndarray
    caches: list[LayerCache]

    def select(self, rows: np.ndarray) -> "TransformerState":
        caches = [cache.select(rows) for cache in self.caches]
        return TransformerState(self.memory_mask[rows], self.tgt_mask[rows], caches)


class Transformer(mg.Module):
    """The encoder-decoder of "Attention Is All You Need" (Vaswani et al. 2017).

    `model(src, tgt)` takes integer ids (B, S) and (B, T) and gives logits (B, T, tgt_vocab_size):
    at each position those of the next token. Training and dropout draw from `rng`. For the other
    ways to use it see the contract in seq2seq.py.
    """

    kind: ClassVar[str] = "transformer"

    def __init__(self, config: TransformerConfig, rng: np.random.Generator | None = None):
        config.require_memory()
        rng = np.random.default_rng(0) if rng is None else rng
        self.config = config
        positions = POSITIONS[config.positions]
        self.src_embedding = Embedding(config.src_vocab_size, config.d_model, rng)
        self.tgt_embedding = (
            self.src_embedding
            if config.ties_languages
            else Embedding(config.tgt_vocab_size, config.d_model, rng)
        )
        self.src_positions = positions(config.d_model, config.max_length, rng)
        self.tgt_positions = positions(config.d_model, config.max_length, rng)
        self.dropout = Dropout(config.dropout, rng)
        self.encoder = Encoder(config, rng)
        self.decoder = Decoder(config, rng)
        if not config.ties_output:
            self.output = Linear(config.d_model, config.tgt_vocab_size, rng)
        INITIALISATIONS[config.init](self)

    def forward(self, src: ArrayLike, tgt: ArrayLike) -> mg.Tensor:
        """All logits at once, the target being known (teacher forcing)."""
        return self.decode(tgt, self.encode(src), src)

    def encode(self, src: ArrayLike) -> mg.Tensor:
        """The encoder's output for source ids (B, S): the memory (B, S, d_model)."""
        src = checked_ids(src, "source", self.config)
        x = self.src_embedding(mg.Tensor(src, name="source")).named("source embeddings")
        x = self.dropout(self.src_positions(x))  # (B, S, d_model)
        return self.encoder(x, padding_mask(src)).named("memory")

    def decode(self, tgt: ArrayLike, memory: mg.Tensor, src: ArrayLike) -> mg.Tensor:
        """Logits (B, T, tgt_vocab_size) for target ids (B, T), of which position t sees those up to
        t. The source ids say where the memory is padding."""
        src = checked_ids(src, "source", self.config)
        tgt = checked_ids(tgt, "target", self.config)
        x = self.tgt_embedding(mg.Tensor(tgt, name="target")).named("target embeddings")
        x = self.dropout(self.tgt_positions(x))  # (B, T, d_model)
        mask = combine_masks(padding_mask(tgt), look_ahead_mask(tgt.shape[1]))  # (B, 1, T, T)
        return self.logits(self.decoder(x, memory, mask, padding_mask(src))).named("logits")

    def start(self, src: ArrayLike) -> TransformerState:
        """Read the source ids (B, S), and project the memory for every layer, once for all."""
        memory = self.encode(src)
        projected = [x.cross_attention.keys_and_values(memory, memory) for x in self.decoder.layers]
        caches = [LayerCache(KeyValueCache(), KeyValueCache(k, v)) for k, v in projected]
        nothing = np.ones((memory.shape[0], 1, 1, 0), bool)
        return TransformerState(padding_mask(src), nothing, caches)

    def step(
        self, state: TransformerState, tokens: np.ndarray
    ) -> tuple[mg.Tensor, TransformerState]:
        """Compute the one new position, of `tokens` (B,): logits (B, tgt_vocab_size)."""
        written = state.tgt_mask.shape[-1]
        tgt = np.asarray(tokens)[:, None]  # (B, 1)
        checked_length(written + 1, "target", self.config)
        mask = np.concatenate([state.tgt_mask, padding_mask(tgt)], axis=-1)  # (B, 1, 1, T)
        caches = [cache.copy() for cache in state.caches]
        x = self.tgt_embedding(mg.Tensor(tgt, name="target")).named("target embeddings")
        x = self.dropout(self.tgt_positions(x, start=written))  # (B, 1, d_model)
        x = self.decoder(x, None, mask, state.memory_mask, caches)  # (B, 1, d_model)
        logits = self.logits(x)[:, 0].named("logits")
        return logits, TransformerState(state.memory_mask, mask, caches)

    def attention_tensors(self) -> list[AttentionTensors]:
        """The three kinds of attention (section 3.2.3)."""
        config = self.config
        encoder = [f"encoder.layers.{i}" for i in range(config.num_encoder_layers)]
        decoder = [f"decoder.layers.{i}" for i in range(config.num_decoder_layers)]
        own = [f"{layer}.self_attention.weights" for layer in encoder]
        written = [f"{layer}.self_attention.weights" for layer in decoder]
        cross = [f"{layer}.cross_attention.weights" for layer in decoder]
        return [
            AttentionTensors("encoder", "source", "source", own),
            AttentionTensors("decoder", "target", "target", written),
            AttentionTensors("encoder-decoder", "target", "source", cross),
        ]

    def logits(self, x: mg.Tensor) -> mg.Tensor:
        """The last linear layer, or the embedding's own matrix where it is shared (3.4)."""
        if self.config.ties_output:
            return x @ self.tgt_embedding.weight.T
        return self.output(x)
