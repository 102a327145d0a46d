"""All that a model computes for one sentence, by the names that the paper gives it.

They are read off the recorded graph: the layers name their tensors (`Tensor.named`), and that is
all. Of the Transformer there are these, where N counts layers from 0 and ATTENTION stands for
encoder.layers.N.self_attention, decoder.layers.N.self_attention and
decoder.layers.N.cross_attention; B is 1, the sentence:

| name                                 | shape              | is                            |
| ------------------------------------ | ------------------ | ----------------------------- |
| source embeddings                    | (B, S, d_model)    | times sqrt(d_model) (3.4)     |
| src_positions.positions              | (S, d_model)       | not with rotary ones (3.5)    |
| src_positions.with positions         | (B, S, d_model)    | the sum of these two          |
| target embeddings                    | (B, T, d_model)    | as of the source              |
| tgt_positions.positions              | (T, d_model)       | as of the source              |
| tgt_positions.with positions         | (B, T, d_model)    | as of the source              |
| ATTENTION.Q                          | (B, H, T_q, d_k)   | queries, for each head        |
| ATTENTION.K                          | (B, H, T_k, d_k)   | keys                          |
| ATTENTION.V                          | (B, H, T_k, d_k)   | values                        |
| ATTENTION.rotated Q                  | (B, H, T_q, d_k)   | rotary: in self-attention     |
| ATTENTION.rotated K                  | (B, H, T_k, d_k)   | rotary: in self-attention     |
| ATTENTION.Q K^T                      | (B, H, T_q, T_k)   | products, not yet scaled      |
| ATTENTION.scores                     | (B, H, T_q, T_k)   | Q K^T / sqrt(d_k) (3.2.1)     |
| ATTENTION.masked scores              | (B, H, T_q, T_k)   | what is hidden is -inf        |
| ATTENTION.weights                    | (B, H, T_q, T_k)   | their softmax                 |
| ATTENTION.heads                      | (B, H, T_q, d_k)   | weights V: head_1 is [:, 0]   |
| ATTENTION.concat                     | (B, T_q, d_model)  | Concat(head_1, ..., head_h)   |
| ATTENTION.output                     | (B, T_q, d_model)  | times W_O: MultiHead(Q, K, V) |
| encoder.layers.N.add_1               | (B, S, d_model)    | x + attention's output        |
| encoder.layers.N.norm_1.normalised   | (B, S, d_model)    | after the first Add & Norm    |
| encoder.layers.N.feed_forward.hidden | (B, S, d_ff)       | max(0, x W_1 + b_1) (3.3)     |
| encoder.layers.N.feed_forward.output | (B, S, d_model)    | equation 2                    |
| encoder.layers.N.add_2               | (B, S, d_model)    | x + feed-forward's output     |
| encoder.layers.N.norm_2.normalised   | (B, S, d_model)    | after the second              |
| memory                               | (B, S, d_model)    | the encoder's last norm       |
| decoder.layers.N.add_1               | (B, T, d_model)    | x + self-attention's output   |
| decoder.layers.N.norm_1.normalised   | (B, T, d_model)    | after the first Add & Norm    |
| decoder.layers.N.add_2               | (B, T, d_model)    | x + cross-attention's output  |
| decoder.layers.N.norm_2.normalised   | (B, T, d_model)    | after the second              |
| decoder.layers.N.feed_forward.hidden | (B, T, d_ff)       | as in the encoder             |
| decoder.layers.N.feed_forward.output | (B, T, d_model)    | as in the encoder             |
| decoder.layers.N.add_3               | (B, T, d_model)    | x + feed-forward's output     |
| decoder.layers.N.norm_3.normalised   | (B, T, d_model)    | after the third               |
| decoder.norm.normalised              | (B, T, d_model)    | pre-norm only: the last norm  |
| logits                               | (B, T, vocabulary) | of the next token             |
| probabilities                        | (B, T, vocabulary) | their softmax                 |

A tensor has one name: the last norm of the encoder, `encoder.layers.N.norm_2` of its last layer or
with pre-norm `encoder.norm`, is found as `memory`. With pre-norm a `norm_i` comes before the
sub-layer, and `add_i` is what goes on. A training keeps the names alone (see `mg.names_only`).

An EncoderClassifier has those of the source and the encoder, and after them these; `logits` and
`probabilities` are as above, with C for the vocabulary:

| name                                 | shape              | is                            |
| ------------------------------------ | ------------------ | ----------------------------- |
| mean                                 | (B, d_model)       | of the memory, no padding     |
| class logits                         | (B, C)             | of the classes                |

A DecoderLM has, of its stream of L tokens, ATTENTION for decoder.layers.N.self_attention with L for
T_q and T_k, all that an encoder layer has as decoder.layers.N, and `logits` and `probabilities` of
the target. Instead of embeddings and positions of two sides it has these, and its last norm is
found as `decoder.layers.N.norm_2.normalised` of the last layer or `decoder.norm.normalised`:

| name                                 | shape              | is                            |
| ------------------------------------ | ------------------ | ----------------------------- |
| stream embeddings                    | (B, L, d_model)    | times sqrt(d_model) (3.4)     |
| positions.positions                  | (L, d_model)       | not with rotary ones (3.5)    |
| positions.with positions             | (B, L, d_model)    | the sum of these two          |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

import minigrad as mg

from .decoding.greedy import greedy_decode
from .models.seq2seq import Seq2Seq, in_mode
from .text.batching import make_batch, source_rows
from .text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from minigrad.looking.graph import Graph


class Explanation(Mapping[str, np.ndarray]):
    """What a model computed while it wrote its own translation of `text`: arrays by full name, in
    the order in which they were made (the table in explaining.py lists those of the Transformer).

    `source` are the tokens that were read, the end token last; at each position of the target the
    decoder saw `target` up to there, the start token first, and wrote `written`, the end token
    last; `prediction` is the text of that. `graph` is the recorded graph.

    `explanation[name]` takes a name with parts of its path left out, as long as one tensor fits:
    "encoder.layers.0.scores". Raises KeyError, with the nearest names, if none does, or several do.
    """

    def __init__(
        self,
        text: str,
        prediction: str,
        source: list[str],
        target: list[str],
        written: list[str],
        graph: Graph,
    ):
        self.text, self.prediction = text, prediction
        self.source, self.target, self.written = source, target, written
        self.graph = graph
        computed = {n: at for n, at in graph.named().items() if at.kind in ("op", "constant")}
        self._names = [name for name, node in computed.items() if node.value is not None]

    def __getitem__(self, name: str) -> np.ndarray:
        try:
            value = self.graph.find(name).value
        except ValueError as error:
            raise KeyError(str(error)) from None
        if value is None:
            raise KeyError(f"the value of {name!r} was not kept")
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"<Explanation of {self.text!r} -> {self.prediction!r}: {len(self)} tensors>"


def explain(
    model: Seq2Seq,
    text: str,
    ids: list[int],
    source_vocab: Vocabulary,
    target_vocab: Vocabulary,
) -> Explanation:
    """The Explanation of a text with these source ids. One pass is made over the translation that
    the model writes, without dropout, and read off the graph that it leaves.

    Raises RuntimeError where nothing is recorded.
    """
    (written,) = greedy_decode(model, source_rows([ids]))
    batch = make_batch([(ids, written)])
    with in_mode(model, training=False):
        probabilities = mg.softmax(model(batch.src, batch.tgt_in)).named("probabilities")
    if not probabilities.requires_grad:
        raise RuntimeError(
            "what explains a sentence is read off the recorded graph, and nothing was recorded: "
            "ask outside of mg.no_grad()"
        )
    return Explanation(
        text,
        target_vocab.decode(written),
        _tokens(source_vocab, batch.src[0]),
        _tokens(target_vocab, batch.tgt_in[0]),
        _tokens(target_vocab, batch.tgt_out[0]),
        mg.graph_of(probabilities),
    )


def _tokens(vocabulary: Vocabulary, ids: np.ndarray) -> list[str]:
    return [vocabulary.label(i) for i in ids]
