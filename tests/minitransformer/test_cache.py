import numpy as np
import pytest
from toy_models import close, normal, toy_model

import minigrad as mg
from minitransformer import MultiHeadAttention, greedy_decode, look_ahead_mask
from minitransformer.models.cache import DecoderCache, FixedCache, GrowingCache
from minitransformer.text.batching import source_rows

VARIANTS = {
    "post-norm": {},
    "pre-norm": {"norm_first": True},
    "learned positions": {"positions": "learned"},
    "tied embeddings": {"tie_embeddings": True},
    "several layers": {"num_decoder_layers": 3},
}
variants = pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)

SRC = source_rows([[4, 5, 6], [7], [5, 4]])
TGT = np.array([[1, 4, 5, 6, 7], [1, 6, 2, 0, 0], [1, 7, 7, 2, 0]])


def float64_model(**changes):
    return toy_model(**changes).astype(np.float64).eval()


@variants
def test_token_by_token_the_logits_are_those_of_the_whole_target_at_once(changes):
    model = float64_model(**changes)
    memory = model.encode(SRC)
    whole = model.decode(TGT, memory, SRC).data
    cache = DecoderCache(model.config.num_decoder_layers)
    for t in range(1, 6):
        logits = model.decode(TGT[:, :t], memory, SRC, cache)
        assert logits.shape == (3, 1, 8)
        assert cache.length == t
        real = TGT[:, t - 1] != 0
        close(logits.data[real, 0], whole[real, t - 1], 1e-13)


def test_several_new_positions_may_come_at_once():
    model = float64_model()
    memory = model.encode(SRC)
    whole = model.decode(TGT, memory, SRC).data
    cache = DecoderCache(1)
    close(model.decode(TGT[:, :2], memory, SRC, cache), whole[:, :2], 1e-13)
    close(model.decode(TGT, memory, SRC, cache).data[0], whole[0, 2:], 1e-13)


@variants
def test_decoding_with_and_without_the_cache_writes_the_same(changes):
    model = float64_model(**{"max_length": 12, **changes})
    assert greedy_decode(model, SRC, cached=True) == greedy_decode(model, SRC, cached=False)


def test_a_growing_cache_keeps_the_keys_and_values_of_all_positions():
    attention = MultiHeadAttention(4, 2, np.random.default_rng(0)).astype(np.float64)
    x = mg.Tensor(normal(2, 5, 4))
    cache = GrowingCache()
    whole = attention(x, x, x, look_ahead_mask(5))
    for t in range(5):
        new = x[:, t : t + 1]
        close(attention(new, new, new, cache=cache), whole[:, t : t + 1], 1e-14)
    keys, values = attention.keys_and_values(x, x)
    close(cache.keys, keys, 1e-15)
    close(cache.values, values, 1e-15)


def test_a_fixed_cache_projects_the_memory_once(monkeypatch):
    attention = MultiHeadAttention(4, 2, np.random.default_rng(0)).astype(np.float64)
    memory, query = mg.Tensor(normal(2, 5, 4)), mg.Tensor(normal(2, 1, 4, seed=1))
    cache = FixedCache()
    expected = attention(query, memory, memory)
    close(attention(query, memory, memory, cache=cache), expected, 1e-15)
    monkeypatch.setattr(attention, "keys_and_values", None)  # nobody may ask again
    close(attention(query, memory, memory, cache=cache), expected, 1e-15)


def test_an_empty_cache_has_seen_nothing():
    assert DecoderCache(2).length == 0
