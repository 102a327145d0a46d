import sys
from dataclasses import replace

import numpy as np
import pytest

import minigrad as mg
from minitransformer import Transformer, attention_maps
from minitransformer.text.batching import make_batch

KINDS = ["encoder", "decoder", "encoder-decoder"]
TEXT = "abcd"


@pytest.fixture(scope="module")
def maps(trained):
    return attention_maps(trained, TEXT)


def test_there_is_a_map_for_each_kind_of_attention(maps):
    assert list(maps) == KINDS
    assert [each.title for each in maps.values()] == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_weights_have_a_row_for_each_query_and_a_column_for_each_key(kind, maps, trained):
    config = trained.model.config
    shape = (1, config.num_heads, len(maps[kind].queries), len(maps[kind].keys))
    assert maps[kind].weights.shape == shape


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_a_row_sum_to_one(kind, maps):
    weights = maps[kind].weights
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)


def test_in_the_decoder_no_token_looks_ahead(maps):
    weights = maps["decoder"].weights
    above = np.triu(np.ones(weights.shape[-2:], bool), k=1)
    np.testing.assert_array_equal(weights[..., above], 0)
    assert (weights[..., ~above] > 0).all()


def test_in_the_encoder_and_towards_it_every_token_looks_at_all(maps):
    for kind in ("encoder", "encoder-decoder"):
        assert (maps[kind].weights > 0).all()


def test_rows_and_columns_are_labelled_by_the_tokens_that_stand_there(maps, trained):
    source = [*TEXT, "<end>"]
    written = list(trained.translate(TEXT)[0])
    assert maps["encoder"].queries == maps["encoder"].keys == source
    assert maps["decoder"].keys == ["<start>", *written]
    assert maps["decoder"].queries == [*written, "<end>"]
    assert maps["encoder-decoder"].queries == [*written, "<end>"]
    assert maps["encoder-decoder"].keys == source


def test_the_maps_are_the_softmax_of_the_scores_of_the_model_itself(maps, trained):
    model, layer = trained.model, trained.model.encoder.layers[0].self_attention
    batch = make_batch([(trained.encode_source(TEXT), [])])
    x = model.src_positions(model.src_embedding(batch.src))
    projected = (layer.w_q(x), layer.w_k(x))
    q, k = (mg.split_heads(y, layer.num_heads).data for y in projected)
    e = np.exp(q @ k.mT / np.sqrt(q.shape[-1]))
    np.testing.assert_allclose(
        maps["encoder"].weights, e / e.sum(axis=-1, keepdims=True), rtol=1e-4, atol=1e-6
    )


def test_a_deeper_model_has_a_map_for_each_layer(trained):
    config = replace(trained.model.config, num_encoder_layers=2, num_decoder_layers=3)
    deeper = replace(trained, model=Transformer(config).eval())
    maps = attention_maps(deeper, "abc")
    assert maps["encoder"].weights.shape[:2] == (2, 2)
    assert maps["decoder"].weights.shape[:2] == (3, 2)
    weights = maps["encoder-decoder"].weights
    assert (weights[0] != weights[2]).any()


def test_a_text_that_the_model_cannot_read_is_refused(trained):
    with pytest.raises(ValueError, match="the sentence is empty"):
        attention_maps(trained, " ")


def test_a_model_without_attention_has_no_maps(trained, monkeypatch):
    monkeypatch.setattr(trained.model, "attention_tensors", list)
    assert attention_maps(trained, TEXT) == {}


def test_a_model_that_was_hardly_trained_has_maps_whatever_tokens_it_writes(trained):
    for seed in range(5):
        fresh = Transformer(trained.model.config, np.random.default_rng(seed)).eval()
        maps = attention_maps(replace(trained, model=fresh), TEXT)
        assert len(maps["decoder"].queries) == maps["decoder"].weights.shape[2]


def test_one_layer_and_one_head_can_be_chosen(trained):
    config = replace(trained.model.config, num_encoder_layers=2)
    maps = attention_maps(replace(trained, model=Transformer(config).eval()), "abc")["encoder"]
    chosen = maps.only(layer=2, head=1)
    np.testing.assert_array_equal(chosen.weights, maps.weights[1:, :1])
    assert (list(chosen.layers), list(chosen.heads)) == ([2], [1])
    assert chosen.keys == maps.keys
    with pytest.raises(ValueError, match="no layer 3, only 1, 2"):
        maps.only(layer=3)
    with pytest.raises(ValueError, match="no layer 1, only 2"):
        chosen.only(layer=1)


def test_attention_shows_itself_in_jupyter(maps, monkeypatch):
    pytest.importorskip("matplotlib")
    assert maps["encoder"]._repr_svg_().lstrip().startswith("<?xml")
    assert maps._repr_html_().count("<svg") == 3
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # cannot be imported
    assert maps["encoder"]._repr_svg_() is None
    assert maps._repr_html_() is None
