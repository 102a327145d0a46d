"""What came before the Transformer: one vector for a sentence, and then attention to its words.

The first reads the whole source into one state, from which the second writes: the longer the
sentence, the more has to fit into it. Attention lets every step of the writer look back at the word
that it needs. Both still go from word to word, in training too; the Transformer (transformer.py)
takes all of them at once.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

import minigrad as mg

from .config import require_memory
from .layers import Dropout, Embedding, Linear
from .lstm import LSTM, BidirectionalLSTM, LSTMCell, LSTMState, unstacked
from .masks import padding_mask
from .recurrent_config import RecurrentConfig
from .seq2seq import AttentionTensors, checked_ids, checked_length


@dataclass
class ContextState:
    """What the LSTM knows between two tokens: the (h, c) of each layer of its decoder, and how many
    tokens it has read. Before the first they are the context, all that is left of the source."""

    layers: list[LSTMState]
    read: int

    def select(self, rows: np.ndarray) -> "ContextState":
        return ContextState(selected(self.layers, rows), self.read)


class LSTMSeq2Seq(mg.Module):
    """Two stacks of LSTMs (Sutskever, Vinyals & Le 2014): one reads the source, its last states are
    the context, and the other begins with them and writes.

    `model(src, tgt)` takes integer ids (B, S) and (B, T) and gives logits (B, T, tgt_vocab_size).
    The paper reads the source from its last word to the first, which puts the words that are needed
    first close to where they are; here it is read in order. Each layer of the decoder begins with
    the (h, c) in which that of the encoder ends. Dropout is between layers, and not in time
    (Zaremba et al. 2014). For the other ways to use it see the contract in seq2seq.py.
    """

    kind: ClassVar[str] = "lstm"

    def __init__(self, config: RecurrentConfig, rng: np.random.Generator | None = None):
        require_memory(config, self.num_parameters(config))
        rng = np.random.default_rng(0) if rng is None else rng
        self.config = config
        width, layers = config.d_model, range(config.num_layers)
        self.src_embedding = Embedding(config.src_vocab_size, width, rng)
        self.tgt_embedding = Embedding(config.tgt_vocab_size, width, rng)
        self.dropout = Dropout(config.dropout, rng)
        self.encoder = [LSTM(width, width, rng) for _ in layers]
        self.decoder = [LSTM(width, width, rng) for _ in layers]
        self.output = Linear(width, config.tgt_vocab_size, rng)

    def forward(self, src: ArrayLike, tgt: ArrayLike) -> mg.Tensor:
        """All logits at once, the target being known (teacher forcing)."""
        context = self.encode(src)
        tgt = checked_ids(tgt, "target", self.config)
        x = self.dropout(self.tgt_embedding(mg.Tensor(tgt, name="target")))  # (B, T, d_model)
        for layer, state in zip(self.decoder, context):
            x, _ = layer(x, state=state)
            x = self.dropout(x)
        return self.output(x).named("logits")

    def encode(self, src: ArrayLike) -> list[LSTMState]:
        """The context: the (h, c) of each layer, (B, d_model) each, once source ids (B, S) are
        read. Padding leaves it as it is."""
        src = checked_ids(src, "source", self.config)
        real = padding_mask(src)[:, 0, 0]  # (B, S)
        x = self.src_embedding(mg.Tensor(src, name="source"))  # (B, S, d_model)
        context = []
        for layer in self.encoder:
            x, (h, c) = layer(self.dropout(x), real)
            context.append((h.named("context h"), c.named("context c")))
        return context

    def start(self, src: ArrayLike) -> ContextState:
        """Read the source ids (B, S)."""
        return ContextState(self.encode(src), read=0)

    def step(self, state: ContextState, tokens: np.ndarray) -> tuple[mg.Tensor, ContextState]:
        """One step in time, of `tokens` (B,): logits (B, tgt_vocab_size)."""
        checked_length(state.read + 1, "target", self.config)
        x = self.dropout(self.tgt_embedding(np.asarray(tokens)))  # (B, d_model)
        layers = []
        for layer, before in zip(self.decoder, state.layers):
            h, c = layer.cell(layer.cell.project(x), before)
            layers.append((h, c))
            x = self.dropout(h)
        return self.output(x).named("logits"), ContextState(layers, state.read + 1)

    def attention_tensors(self) -> list[AttentionTensors]:
        """It has none."""
        return []

    @staticmethod
    def num_parameters(config: RecurrentConfig) -> int:
        """How many numbers such a model learns."""
        d, source, target = config.d_model, config.src_vocab_size, config.tgt_vocab_size
        layer = 4 * d * (d + d + 1)
        return 2 * config.num_layers * layer + (source + target) * d + (d + 1) * target


class AdditiveAttention(mg.Module):
    """v . tanh(q W_q + k W_k), a score for each query and key, by a small network (Bahdanau et al.
    2015, appendix A.1.2); weights = softmax(scores), context = weights @ values.

    `query` (B, T_q, query_width), `values` (B, T_k, value_width) and `keys` = `project(values)`
    (B, T_k, width), made once for all queries; `mask` is boolean, broadcastable to (B, T_q, T_k),
    and False hides a key. Returns the context (B, T_q, value_width) and the weights (B, T_q, T_k).
    """

    def __init__(self, query_width: int, value_width: int, width: int, rng: np.random.Generator):
        self.w_q = Linear(query_width, width, rng, bias=False)
        self.w_k = Linear(value_width, width, rng)
        self.v = mg.Parameter(rng.normal(0, width**-0.5, width), np.float32)

    def project(self, values: mg.Tensor) -> mg.Tensor:
        """What is looked at, as keys: (B, T_k, value_width) -> (B, T_k, width)."""
        return self.w_k(values).named("keys")

    def forward(
        self, query: mg.Tensor, keys: mg.Tensor, values: mg.Tensor, mask: np.ndarray | None = None
    ) -> tuple[mg.Tensor, mg.Tensor]:
        hidden = mg.tanh(self.w_q(query)[:, :, None] + keys[:, None])  # (B, T_q, T_k, width)
        scores = (hidden @ self.v).named("scores")  # (B, T_q, T_k)
        if mask is not None:
            scores = mg.masked_fill(scores, ~mask, -np.inf).named("masked scores")
        weights = mg.softmax(scores).named("weights")
        return (weights @ values).named("context"), weights


@dataclass
class AttentionState:
    """What the AttentionLSTM knows between two tokens: the (h, c) of each layer of its decoder, how
    many tokens it has read, and of the source the memory (B, S, 2 d_model), its keys
    (B, S, d_model), and which of its words are real (B, 1, S)."""

    layers: list[LSTMState]
    read: int
    memory: mg.Tensor
    keys: mg.Tensor
    real: np.ndarray

    def select(self, rows: np.ndarray) -> "AttentionState":
        of_source = self.memory[rows], self.keys[rows], self.real[rows]
        return AttentionState(selected(self.layers, rows), self.read, *of_source)


class AttentionLSTM(mg.Module):
    """A bidirectional LSTM reads, another LSTM writes, and each of its steps looks back at every
    word of the source (Bahdanau, Cho & Bengio 2015).

    With h_j the two states of the encoder at the source word j, side by side, step t of the decoder
    is, for each sentence,

        scores_j = v . tanh(s W_q + h_j W_k), with s the state that it was in before
        alpha = softmax(scores), context = sum_j alpha_j h_j
        s' = LSTM(y, s) with context C added to its gates, y the embedding of the word just written
        logits = [s'; context] W + b

    and s begins as tanh(W_s h), with h that of the reverse LSTM at the first word. As the paper's
    but for an LSTM in place of its gated unit, and one linear layer in place of a maxout layer.
    `model(src, tgt)` takes integer ids (B, S) and (B, T) and gives logits (B, T, tgt_vocab_size).
    """

    kind: ClassVar[str] = "attention-lstm"

    def __init__(self, config: RecurrentConfig, rng: np.random.Generator | None = None):
        require_memory(config, self.num_parameters(config))
        rng = np.random.default_rng(0) if rng is None else rng
        self.config = config
        d, above = config.d_model, range(config.num_layers - 1)
        self.src_embedding = Embedding(config.src_vocab_size, d, rng)
        self.tgt_embedding = Embedding(config.tgt_vocab_size, d, rng)
        self.dropout = Dropout(config.dropout, rng)
        self.encoder = [BidirectionalLSTM(d, d, rng)]
        self.encoder += [BidirectionalLSTM(2 * d, d, rng) for _ in above]
        self.bridge = Linear(d, d, rng)  # W_s
        self.attention = AdditiveAttention(d, 2 * d, d, rng)
        self.decoder = [LSTMCell(d, d, rng) for _ in range(config.num_layers)]
        self.c = Linear(2 * d, 4 * d, rng, bias=False)  # C, from the context to the first layer
        self.output = Linear(3 * d, config.tgt_vocab_size, rng)

    def forward(self, src: ArrayLike, tgt: ArrayLike) -> mg.Tensor:
        """All logits at once, the target being known (teacher forcing)."""
        state = self.start(src)
        tgt = checked_ids(tgt, "target", self.config)
        shown, looked = [], []
        for y in unstacked(self.project(mg.Tensor(tgt, name="target"))):
            weights, state = self.advance(state, y)
            shown.append(state.layers[-1][0])
            looked.append(weights)
        h = mg.stack(shown, axis=1)  # (B, T, d_model)
        # Once more the contexts, of all steps at once: so the weights are one tensor in the graph.
        alpha = mg.stack(looked, axis=2).named("alpha")  # (B, 1, T, S)
        contexts = mg.concatenate([h, alpha[:, 0] @ state.memory], axis=-1)
        return self.output(self.dropout(contexts)).named("logits")

    def encode(self, src: ArrayLike) -> tuple[mg.Tensor, mg.Tensor]:
        """The memory (B, S, 2 d_model) of source ids (B, S), and what the reverse LSTM of the last
        layer knows at the first word, (B, d_model). Padding reaches neither at real words."""
        src = checked_ids(src, "source", self.config)
        real = padding_mask(src)[:, 0, 0]  # (B, S)
        x, h = self.src_embedding(mg.Tensor(src, name="source")), None
        for layer in self.encoder:
            x, _, (h, _) = layer(self.dropout(x), real)
        assert h is not None  # there is a layer
        return x.named("memory"), h

    def start(self, src: ArrayLike) -> AttentionState:
        """Read the source ids (B, S), and project the memory into keys, once for all."""
        memory, h = self.encode(src)
        s = mg.tanh(self.bridge(h)).named("s")
        zeros = mg.Tensor(np.zeros_like(s.data), name="zeros")
        layers = [(s, zeros)] * len(self.decoder)
        real = padding_mask(src)[:, 0]  # (B, 1, S)
        return AttentionState(layers, 0, memory, self.attention.project(memory), real)

    def step(self, state: AttentionState, tokens: np.ndarray) -> tuple[mg.Tensor, AttentionState]:
        """One step in time, of `tokens` (B,): logits (B, tgt_vocab_size)."""
        checked_length(state.read + 1, "target", self.config)
        weights, state = self.advance(state, self.project(np.asarray(tokens)))
        h = state.layers[-1][0]
        context = (weights @ state.memory)[:, 0]  # (B, 2 d_model)
        shown = self.dropout(mg.concatenate([h, context], axis=-1))
        return self.output(shown).named("logits"), state

    def project(self, tgt: mg.Tensor | np.ndarray) -> mg.Tensor:
        """What target ids (...) add to the gates of the first layer: (..., 4 d_model)."""
        return self.decoder[0].project(self.dropout(self.tgt_embedding(tgt)))

    def advance(self, state: AttentionState, y: mg.Tensor) -> tuple[mg.Tensor, AttentionState]:
        """Look back, and read the `project`ed tokens (B, 4 d_model): the weights (B, 1, S), and the
        new state."""
        s = state.layers[-1][0]
        context, weights = self.attention(s[:, None], state.keys, state.memory, state.real)
        x, layers = y + self.c(context)[:, 0], []  # (B, 4 d_model)
        for i, (cell, before) in enumerate(zip(self.decoder, state.layers)):
            h, c = cell(x if i == 0 else cell.project(self.dropout(x)), before)
            layers.append((h, c))
            x = h
        of_source = state.memory, state.keys, state.real
        return weights, AttentionState(layers, state.read + 1, *of_source)

    def attention_tensors(self) -> list[AttentionTensors]:
        """What each written word looked at, with one head."""
        return [AttentionTensors("encoder-decoder", "target", "source", ["alpha"])]

    @staticmethod
    def num_parameters(config: RecurrentConfig) -> int:
        """How many numbers such a model learns."""
        d, source, target = config.d_model, config.src_vocab_size, config.tgt_vocab_size
        above = config.num_layers - 1
        encoder = 2 * 4 * d * ((d + d + 1) + above * (2 * d + d + 1))
        decoder = 4 * d * (config.num_layers * (d + d + 1) + 2 * d)
        bridge, attention = d * d + d, d * d + 2 * d * d + d + d
        outside = (source + target) * d + (3 * d + 1) * target
        return encoder + decoder + bridge + attention + outside


def selected(layers: list[LSTMState], rows: np.ndarray) -> list[LSTMState]:
    """The (h, c) of each layer for a batch made of these rows."""
    return [(h[rows], c[rows]) for h, c in layers]
