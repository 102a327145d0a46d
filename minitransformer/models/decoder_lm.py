"""The decoder alone: a language model, which goes on with what it is given (GPT)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

import minigrad as mg

from ..text.specials import END, PAD, START
from .cache import KeyValueCache
from .initialisation import INITIALISATIONS
from .layers import Dropout, Embedding, Linear
from .masks import combine_masks, look_ahead_mask, padding_mask
from .positions import POSITIONS
from .seq2seq import AttentionTensors, checked_ids, checked_length
from .stack_config import StackConfig
from .transformer import Encoder


@dataclass
class LMState:
    """What a DecoderLM knows between two tokens: which slots of its caches are real
    (B, 1, 1, slots), the caches of its layers, the last word of each source (B,), which is read at
    the first step, and how many tokens were read since."""

    mask: np.ndarray
    caches: list[KeyValueCache]
    last: np.ndarray
    read: int

    def select(self, rows: np.ndarray) -> "LMState":
        caches = [cache.select(rows) for cache in self.caches]
        return LMState(self.mask[rows], caches, self.last[rows], self.read)


class DecoderLM(mg.Module):
    """A decoder-only Transformer (Radford et al. 2018): encoder layers under a look-ahead mask, for
    without a source there is nothing else that a decoder layer could attend to.

    Under the contract (seq2seq.py) it is a prefix model: source and target are one stream,
    `start, s_1 .. s_n, t_1, t_2, ...`, in which the source's end token and the target's start token
    are left out, and each token sees those before it. `model(src, tgt)` takes integer ids (B, S)
    and (B, T) and gives logits (B, T, vocabulary): at target position t those at the place of the
    token before it, n + t. Both sides have one vocabulary, and `max_length` is that of each.
    """

    kind: ClassVar[str] = "decoder-lm"

    def __init__(self, config: StackConfig, rng: np.random.Generator | None = None):
        if config.src_vocab_size != config.tgt_vocab_size:
            raise ValueError(
                "a DecoderLM reads source and target as one stream, so they need one vocabulary; "
                f"these have {config.src_vocab_size} and {config.tgt_vocab_size} tokens"
            )
        places = self.num_places(config)
        config.require_memory(self.num_parameters(config), places)
        rng = np.random.default_rng(0) if rng is None else rng
        self.config = config
        self.embedding = Embedding(config.tgt_vocab_size, config.d_model, rng)
        self.positions = POSITIONS[config.positions](config.d_model, places, rng)
        self.dropout = Dropout(config.dropout, rng)
        self.decoder = Encoder(config, rng)
        if not config.ties_output:
            self.output = Linear(config.d_model, config.tgt_vocab_size, rng)
        INITIALISATIONS[config.init](self)

    def forward(self, src: ArrayLike, tgt: ArrayLike) -> mg.Tensor:
        """All logits at once, the target being known (teacher forcing)."""
        src = checked_ids(src, "source", self.config)
        tgt = checked_ids(tgt, "target", self.config)
        ids, words = stream(src, tgt[:, 1:])
        x = self.embed(ids)  # (B, L, d_model)
        x = self.decoder(x, combine_masks(padding_mask(ids), look_ahead_mask(ids.shape[1])))
        places = words[:, None] + np.arange(tgt.shape[1])  # (B, T): of the token before each
        return self.logits(x[np.arange(len(ids))[:, None], places]).named("logits")

    def start(self, src: ArrayLike) -> LMState:
        """Read the source ids (B, S) but for the last word of each, which the first step reads: it
        stands where the start token of the target would."""
        src = checked_ids(src, "source", self.config)
        ids, words = stream(src, np.zeros((len(src), 0), int))
        rows, layers = np.arange(len(ids)), range(self.config.num_layers)
        last = ids[rows, words]
        ids[rows, words] = PAD
        ids = ids[:, : words.max(initial=0)]
        mask, caches = padding_mask(ids), [KeyValueCache() for _ in layers]
        if ids.shape[1]:
            causal = combine_masks(mask, look_ahead_mask(ids.shape[1]))
            self.decoder(self.embed(ids), causal, caches)
        for cache in caches:
            cache.padding = ids.shape[1] - words
        return LMState(mask, caches, last, read=0)

    def step(self, state: LMState, tokens: np.ndarray) -> tuple[mg.Tensor, LMState]:
        """Compute the one new place of each row, of `tokens` (B,): logits (B, vocabulary)."""
        checked_length(state.read + 1, "target", self.config)
        tgt = (state.last if state.read == 0 else np.asarray(tokens))[:, None]  # (B, 1)
        mask = np.concatenate([state.mask, padding_mask(tgt)], axis=-1)  # (B, 1, 1, slots)
        caches = [cache.copy() for cache in state.caches]
        x = self.decoder(self.embed(tgt, caches[0].place), mask, caches)  # (B, 1, d_model)
        logits = self.logits(x)[:, 0].named("logits")
        return logits, LMState(mask, caches, state.last, state.read + 1)

    def embed(self, ids: np.ndarray, start: int | np.ndarray = 0) -> mg.Tensor:
        """Embeddings and positions (B, L, d_model) of a stream of ids (B, L), whose first token has
        the place `start`, which may be another in each row (B,)."""
        x = self.embedding(mg.Tensor(ids, name="stream")).named("stream embeddings")
        return self.dropout(self.positions(x, start))

    def logits(self, x: mg.Tensor) -> mg.Tensor:
        """The last linear layer, or the embedding's own matrix where it is shared (3.4)."""
        return x @ self.embedding.weight.T if self.config.ties_output else self.output(x)

    def attention_tensors(self) -> list[AttentionTensors]:
        """That of the one stream."""
        layers = range(self.config.num_layers)
        names = [f"decoder.layers.{i}.self_attention.weights" for i in layers]
        return [AttentionTensors("decoder", "stream", "stream", names)]

    @staticmethod
    def num_places(config: StackConfig) -> int:
        """How long a stream may get: the start token, the source, and the target without its."""
        return 2 * config.max_length

    @classmethod
    def num_parameters(cls, config: StackConfig) -> int:
        """How many numbers such a model learns."""
        learned = cls.num_places(config) if config.positions == "learned" else 0
        outside = (config.src_vocab_size + learned) * config.d_model
        output = 0 if config.ties_output else (config.d_model + 1) * config.tgt_vocab_size
        return config.stack_parameters() + outside + output


def stream(src: np.ndarray, tgt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The start token, the words of each source and its target (without a start token), one after
    another, (B, L), with padding at the end of the shorter; and how many words each source has,
    (B,). The source's end is left out; what pads a target inside stays where it is."""
    start = np.full((len(src), 1), START)
    ids = np.concatenate([start, src, tgt], axis=1)
    words = (src != PAD) & (src != END)
    kept = np.concatenate([start > 0, words, np.ones(tgt.shape, bool)], axis=1)
    order = np.argsort(~kept, axis=1, kind="stable")  # what is kept comes first, as it was
    kept = np.take_along_axis(kept, order, axis=1)
    ids = np.where(kept, np.take_along_axis(ids, order, axis=1), PAD)
    return ids[:, : kept.sum(axis=1).max(initial=1)], words.sum(axis=1)
