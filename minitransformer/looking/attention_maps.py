"""The attention of one sentence, read off the recorded graph by path and name."""

from dataclasses import dataclass

import numpy as np

import minigrad as mg

from ..text.batching import make_batch


@dataclass
class AttentionMaps:
    """Attention weights of every layer and head, (layers, heads, query, key), with the tokens that
    stand at the queries and the keys."""

    title: str
    weights: np.ndarray
    queries: list
    keys: list


def attention_maps(run, text):
    """What looks at what while `run.model` writes its own translation of `text`: AttentionMaps of
    the encoder, the decoder, and the encoder-decoder attention, in a dict of these names.

    A row of the last two is labelled by the token that is written there, having looked.
    """
    source = run.encode_source(text)
    written = run.target_vocab.encode(run.translate(text)[0])
    batch = make_batch([(source, written)])
    graph = mg.graph_of(run.model(batch.src, batch.tgt_in))
    stacks = {
        "encoder": ("encoder", "self_attention", batch.src, batch.src),
        "decoder": ("decoder", "self_attention", batch.tgt_out, batch.tgt_in),
        "encoder-decoder": ("decoder", "cross_attention", batch.tgt_out, batch.src),
    }
    maps = {}
    for title, (stack, attention, queries, keys) in stacks.items():
        layers = range(len(getattr(run.model, stack).layers))
        names = [f"{stack}.layers.{i}.{attention}.weights" for i in layers]
        weights = np.concatenate([graph.find(name).value for name in names])  # (L, H, T_q, T_k)
        query_vocab = run.source_vocab if title == "encoder" else run.target_vocab
        key_vocab = run.target_vocab if title == "decoder" else run.source_vocab
        maps[title] = AttentionMaps(
            title,
            weights,
            [query_vocab.tokens[i] for i in queries[0]],
            [key_vocab.tokens[i] for i in keys[0]],
        )
    return maps
