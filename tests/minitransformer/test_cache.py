import numpy as np
import pytest
from toy_models import close, normal, toy_model

import minigrad as mg
from minitransformer import MultiHeadAttention, greedy_decode, look_ahead_mask
from minitransformer.models.cache import KeyValueCache
from minitransformer.text.batching import source_rows

VARIANTS = {
    "post-norm": {},
    "pre-norm": {"norm_first": True},
    "learned positions": {"positions": "learned"},
    "tied embeddings": {"tie_embeddings": True},
    "several layers": {"num_decoder_layers": 3},
    "concatenated positions": {"positions": "concatenated"},
    "rotary positions": {"positions": "rotary", "num_decoder_layers": 2},
    "batch norm": {"norm": "batch"},
    "target tied with the output": {"tie_embeddings": "target"},
    "source tied with target": {"tie_embeddings": "source-target"},
}
variants = pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)

SRC = source_rows([[4, 5, 6], [7], [5, 4]])


def float64_model(**changes):
    return toy_model(**changes).astype(np.float64).eval()


@variants
def test_decoding_with_and_without_the_cache_writes_the_same(changes):
    model = float64_model(**{"max_length": 12, **changes})
    assert greedy_decode(model, SRC, cached=True) == greedy_decode(model, SRC, cached=False)


def test_a_cache_keeps_the_keys_and_values_of_all_positions():
    attention = MultiHeadAttention(4, 2, np.random.default_rng(0)).astype(np.float64)
    x = mg.Tensor(normal(2, 5, 4))
    cache = KeyValueCache()
    whole = attention(x, x, x, look_ahead_mask(5))
    for t in range(5):
        new = x[:, t : t + 1]
        close(attention(new, new, new, cache=cache), whole[:, t : t + 1], 1e-14)
    keys, values = attention.keys_and_values(x, x)
    close(cache.keys, keys, 1e-15)
    close(cache.values, values, 1e-15)


def test_several_new_positions_may_come_at_once():
    attention = MultiHeadAttention(4, 2, np.random.default_rng(0)).astype(np.float64)
    x = mg.Tensor(normal(2, 5, 4))
    mask = look_ahead_mask(5)
    whole = attention(x, x, x, mask)
    cache = KeyValueCache()
    for first, last in ((0, 2), (2, 5)):
        new = x[:, first:last]
        attended = attention(new, new, new, mask[:, :, first:last, :last], cache)
        close(attended, whole[:, first:last], 1e-14)


def test_a_filled_cache_is_attended_to_without_projecting_again(monkeypatch):
    attention = MultiHeadAttention(4, 2, np.random.default_rng(0)).astype(np.float64)
    memory, query = mg.Tensor(normal(2, 5, 4)), mg.Tensor(normal(2, 1, 4, seed=1))
    cache = KeyValueCache(*attention.keys_and_values(memory, memory))
    expected = attention(query, memory, memory)
    monkeypatch.setattr(attention, "keys_and_values", None)  # nobody may ask again
    for _ in range(2):
        close(attention(query, None, None, cache=cache), expected, 1e-15)


def test_extending_a_cache_gives_all_keys_and_values_so_far():
    first, second = mg.Tensor(normal(2, 2, 1, 3)), mg.Tensor(normal(2, 2, 1, 3, seed=1))
    cache = KeyValueCache()
    assert cache.extend(first, second) == (first, second)
    keys, values = cache.extend(second, first)
    np.testing.assert_array_equal(keys.data, np.concatenate([first.data, second.data], axis=2))
    np.testing.assert_array_equal(values.data, np.concatenate([second.data, first.data], axis=2))


@pytest.mark.parametrize("rows", [[1, 1, 0], [True, False]], ids=str)
def test_the_rows_of_a_cache_are_those_of_the_batch(rows):
    rows = np.array(rows)
    cache = KeyValueCache(mg.Tensor(normal(2, 2, 3, 4)), mg.Tensor(normal(2, 2, 3, 4, seed=1)))
    np.testing.assert_array_equal(cache.select(rows).keys.data, cache.keys.data[rows])
    np.testing.assert_array_equal(cache.select(rows).values.data, cache.values.data[rows])
    assert KeyValueCache().select(rows) == KeyValueCache()
