"""The attention of one sentence, read off the recorded graph by path and name."""

from dataclasses import dataclass

import numpy as np

import minigrad as mg

from ..decoding.greedy import greedy_decode
from ..run import Run
from ..text.batching import make_batch, source_rows


@dataclass
class AttentionMaps:
    """Attention weights of every layer and head, (layers, heads, query, key), with the tokens that
    stand at the queries and the keys."""

    title: str
    weights: np.ndarray
    queries: list[str]
    keys: list[str]


def attention_maps(run: Run, text: str) -> dict[str, AttentionMaps]:
    """What looks at what while `run.model` writes its own translation of `text`: AttentionMaps of
    each kind of attention that the model has, by title. The Transformer has that of the "encoder",
    the "decoder", and "encoder-decoder"; a model without attention has none.

    A row of the target is labelled by the token that is written there, having looked.
    """
    source = run.encode_source(text)
    (written,) = greedy_decode(run.model, source_rows([source]))
    batch = make_batch([(source, written)])
    source_tokens, target_tokens = run.source_vocab.tokens, run.target_vocab.tokens
    read = [source_tokens[i] for i in batch.src[0]]
    keys = {"source": read, "target": [target_tokens[i] for i in batch.tgt_in[0]]}
    queries = {"source": read, "target": [target_tokens[i] for i in batch.tgt_out[0]]}
    graph = mg.graph_of(run.model(batch.src, batch.tgt_in))
    maps = {}
    for kind in run.model.attention_tensors():
        layers = [graph.find(name).value for name in kind.names]  # (1, H, T_q, T_k) each
        weights = np.concatenate([w for w in layers if w is not None])  # (L, H, T_q, T_k)
        maps[kind.title] = AttentionMaps(
            kind.title, weights, queries[kind.queries], keys[kind.keys]
        )
    return maps
