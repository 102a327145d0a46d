"""Our models as modules of PyTorch's, with torch.nn.Transformer and torch.nn.LSTM in them.

Only `to_torch` loads this file, for it needs PyTorch. `module(src, tgt)` takes integer ids (B, S)
and (B, T) and gives logits (B, T, tgt_vocab_size), with the masks that our models have; dropout is
where ours is. A sentence of nothing but padding, which no batch of ours holds, may become NaN here.
"""

# pyright: reportMissingImports=false

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ..models.config import TransformerConfig
from ..models.positions import concatenated_sinusoids, sinusoids
from ..models.recurrent_config import RecurrentConfig
from ..text.specials import PAD

TABLES = {"sinusoidal": sinusoids, "concatenated": concatenated_sinusoids}


class TorchTransformer(nn.Module):
    """The Transformer: `transformer` is a torch.nn.Transformer."""

    kind = "transformer"

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.config = config
        d_model, tgt_vocab_size = config.d_model, config.tgt_vocab_size
        self.src_embedding = nn.Embedding(config.src_vocab_size, d_model)
        self.tgt_embedding = (
            self.src_embedding if config.ties_languages else nn.Embedding(tgt_vocab_size, d_model)
        )
        self.src_positions = Positions(config)
        self.tgt_positions = Positions(config)
        self.dropout = nn.Dropout(config.dropout)
        self.transformer = nn.Transformer(
            d_model,
            config.num_heads,
            batch_first=True,
            custom_encoder=nn.TransformerEncoder(
                layer_of(nn.TransformerEncoderLayer, config),
                config.num_encoder_layers,
                nn.LayerNorm(d_model) if config.normalises_end else None,
                enable_nested_tensor=False,  # a faster way past padding, which warns of itself
            ),
            custom_decoder=nn.TransformerDecoder(
                layer_of(nn.TransformerDecoderLayer, config),
                config.num_decoder_layers,
                nn.LayerNorm(d_model) if config.normalises_end else None,
            ),
        )
        self.output = nn.Linear(d_model, tgt_vocab_size, bias=not config.ties_output)
        if config.ties_output:
            self.output.weight = self.tgt_embedding.weight

    def forward(self, src: Tensor, tgt: Tensor) -> Tensor:
        scale, time = math.sqrt(self.config.d_model), tgt.shape[1]
        x = self.dropout(self.src_positions(self.src_embedding(src) * scale))  # (B, S, d_model)
        y = self.dropout(self.tgt_positions(self.tgt_embedding(tgt) * scale))  # (B, T, d_model)
        later = torch.ones(time, time, dtype=torch.bool, device=tgt.device).triu(1)
        y = self.transformer(  # in PyTorch, True hides
            x,
            y,
            tgt_mask=later,
            src_key_padding_mask=src == PAD,
            tgt_key_padding_mask=tgt == PAD,
            memory_key_padding_mask=src == PAD,
        )
        return self.output(y)


class Positions(nn.Module):
    """x + one row for each position: (B, T, d_model) in and out."""

    def __init__(self, config: TransformerConfig):
        super().__init__()
        if config.positions == "learned":
            self.weight = nn.Parameter(torch.zeros(config.max_length, config.d_model))
        else:
            table = TABLES[config.positions](config.max_length, config.d_model)
            self.register_buffer("weight", torch.tensor(table), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        length, known = x.shape[1], len(self.weight)
        if length > known:
            raise ValueError(f"{length} tokens; this model has positions for {known} (max_length)")
        return x + self.weight[:length]


def layer_of(layer_class: type[nn.Module], config: TransformerConfig) -> Any:
    """An encoder or decoder layer. PyTorch would also drop attention weights, and entries inside
    the feed-forward layer; and it knows no layer that has biases everywhere but in attention."""
    layer = layer_class(
        config.d_model,
        config.num_heads,
        config.d_ff,
        config.dropout,
        config.activation,
        batch_first=True,
        norm_first=config.norm_first,
    )
    layer.dropout = nn.Dropout(0.0)
    for name, module in layer.named_children():
        if isinstance(module, nn.MultiheadAttention):
            sizes = config.d_model, config.num_heads
            attention = nn.MultiheadAttention(*sizes, bias=config.attention_bias, batch_first=True)
            setattr(layer, name, attention)
    return layer


class TorchLSTM(nn.Module):
    """The LSTMSeq2Seq: `encoder` and `decoder` are each a torch.nn.LSTM."""

    kind = "lstm"

    def __init__(self, config: RecurrentConfig):
        super().__init__()
        self.config = config
        width = config.d_model
        self.src_embedding = nn.Embedding(config.src_vocab_size, width)
        self.tgt_embedding = nn.Embedding(config.tgt_vocab_size, width)
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = stack_of(config)
        self.decoder = stack_of(config)
        self.output = nn.Linear(width, config.tgt_vocab_size)
        freeze_second_biases(self)

    def forward(self, src: Tensor, tgt: Tensor) -> Tensor:
        scale = math.sqrt(self.config.d_model)
        _, context = self.encoder(packed(self.dropout(self.src_embedding(src) * scale), src))
        x, _ = self.decoder(self.dropout(self.tgt_embedding(tgt) * scale), context)
        return self.output(self.dropout(x))


class TorchAttentionLSTM(nn.Module):
    """The AttentionLSTM: `encoder` is a bidirectional torch.nn.LSTM, `decoder` a LSTMCell for each
    layer, of which the first reads a word and its context side by side."""

    kind = "attention-lstm"

    def __init__(self, config: RecurrentConfig):
        super().__init__()
        self.config = config
        d = config.d_model
        self.src_embedding = nn.Embedding(config.src_vocab_size, d)
        self.tgt_embedding = nn.Embedding(config.tgt_vocab_size, d)
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = stack_of(config, bidirectional=True)
        self.bridge = nn.Linear(d, d)
        self.attention = TorchAdditiveAttention(d)
        inputs = [3 * d] + [d] * (config.num_layers - 1)
        self.decoder = nn.ModuleList(nn.LSTMCell(each, d) for each in inputs)
        self.output = nn.Linear(3 * d, config.tgt_vocab_size)
        freeze_second_biases(self)

    def forward(self, src: Tensor, tgt: Tensor) -> Tensor:
        scale, length = math.sqrt(self.config.d_model), src.shape[1]
        read, (h, _) = self.encoder(packed(self.dropout(self.src_embedding(src) * scale), src))
        memory, _ = pad_packed_sequence(read, batch_first=True, total_length=length)
        keys = self.attention.w_k(memory)
        s = torch.tanh(self.bridge(h[-1]))  # what the reverse LSTM of the last layer ends with
        states = [(s, torch.zeros_like(s))] * len(self.decoder)
        shown = []
        for y in self.dropout(self.tgt_embedding(tgt) * scale).unbind(1):  # T times (B, d_model)
            context = self.attention(states[-1][0], keys, memory, src == PAD)
            x, after = torch.cat([y, context], dim=-1), []
            for cell, before in zip(self.decoder, states):
                after.append(cell(x, before))
                x = self.dropout(after[-1][0])
            states = after
            shown.append(torch.cat([states[-1][0], context], dim=-1))
        return self.output(self.dropout(torch.stack(shown, dim=1)))


class TorchAdditiveAttention(nn.Module):
    """v . tanh(q W_q + k W_k): states (B, d_model) -> contexts (B, 2 d_model)."""

    def __init__(self, d_model: int):
        super().__init__()
        self.w_q = nn.Linear(d_model, d_model, bias=False)
        self.w_k = nn.Linear(2 * d_model, d_model)
        self.v = nn.Parameter(torch.zeros(d_model))

    def forward(self, query: Tensor, keys: Tensor, values: Tensor, hidden: Tensor) -> Tensor:
        scores = torch.tanh(self.w_q(query)[:, None] + keys) @ self.v  # (B, S)
        weights = scores.masked_fill(hidden, -math.inf).softmax(dim=-1)
        return (weights[:, None] @ values)[:, 0]


def stack_of(config: RecurrentConfig, bidirectional: bool = False) -> nn.LSTM:
    """As many layers as there are, with dropout between them."""
    return nn.LSTM(
        config.d_model,
        config.d_model,
        config.num_layers,
        batch_first=True,
        dropout=config.dropout if config.num_layers > 1 else 0.0,
        bidirectional=bidirectional,
    )


def packed(x: Tensor, ids: Tensor) -> nn.utils.rnn.PackedSequence:
    """x (B, T, n) without the padding that ends its rows."""
    lengths = (ids != PAD).sum(dim=1).cpu()
    return pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)


def freeze_second_biases(module: nn.Module) -> None:
    """PyTorch's LSTMs have two biases, which are added: with one of them at zero they train as ours
    do."""
    for name, parameter in module.named_parameters():
        if "bias_hh" in name:
            nn.init.zeros_(parameter)
            parameter.requires_grad_(False)


MODULES: dict[str, Any] = {
    each.kind: each for each in (TorchTransformer, TorchLSTM, TorchAttentionLSTM)
}
