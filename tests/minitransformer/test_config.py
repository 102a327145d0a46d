import dataclasses
import json
import re

import numpy as np
import pytest

from minitransformer import Transformer, TransformerConfig

SIZES = ["tiny", "small", "medium", "paper"]


def expected_count(c):
    """The number of parameters by formula, every weight and bias of the paper's figure once."""
    attention = 4 * c.d_model**2  # W_Q, W_K, W_V, W_O
    if c.attention_bias:
        attention += 4 * c.d_model
    feed_forward = 2 * c.d_model * c.d_ff + c.d_ff + c.d_model  # W_1, W_2, b_1, b_2
    norm = 2 * c.d_model  # gamma, beta
    encoder = c.num_encoder_layers * (attention + feed_forward + 2 * norm)
    decoder = c.num_decoder_layers * (2 * attention + feed_forward + 3 * norm)
    if c.norm_first if c.final_norm is None else c.final_norm:
        encoder, decoder = encoder + norm, decoder + norm
    source, target = c.src_vocab_size * c.d_model, c.tgt_vocab_size * c.d_model
    outside = {
        False: source + 2 * target + c.tgt_vocab_size,
        True: source,
        "target": source + target,
        "source-target": source + target + c.tgt_vocab_size,
    }[c.tie_embeddings]
    if c.positions == "learned":
        outside += 2 * c.max_length * c.d_model
    return encoder + decoder + outside


def test_the_defaults_are_the_base_model_of_the_paper():
    config = TransformerConfig(37_000, 37_000)
    assert (config.num_encoder_layers, config.num_decoder_layers) == (6, 6)
    assert (config.d_model, config.num_heads, config.d_ff) == (512, 8, 2048)
    assert config.d_model // config.num_heads == 64  # d_k
    assert config.dropout == 0.1
    assert not config.norm_first
    assert config.activation == "relu"
    assert config.positions == "sinusoidal"


def test_the_size_paper_is_the_base_model_with_its_37000_tokens():
    paper = TransformerConfig.paper()
    assert (paper.src_vocab_size, paper.tgt_vocab_size) == (37_000, 37_000)
    assert dataclasses.replace(paper, tie_embeddings=False) == TransformerConfig(37_000, 37_000)


def test_in_the_size_paper_one_vocabulary_is_shared_and_two_are_not():
    assert TransformerConfig.paper().tie_embeddings
    one = TransformerConfig.paper(1000)
    assert (one.src_vocab_size, one.tgt_vocab_size, one.tie_embeddings) == (1000, 1000, True)
    for sizes in [(1000, 2000), (1000, 1000)]:  # that they have one size may be chance
        two = TransformerConfig.paper(*sizes)
        assert (two.src_vocab_size, two.tgt_vocab_size) == sizes
        assert not two.tie_embeddings
    assert TransformerConfig.paper(1000, 1000, tie_embeddings=True).tie_embeddings


@pytest.mark.parametrize(
    "changes",
    [
        {"d_model": 10**9},
        {"d_ff": 10**13},
        {"src_vocab_size": 10**13},
        {"tgt_vocab_size": 10**30},
        {"num_encoder_layers": 10**12},
        {"num_decoder_layers": 10**8, "d_model": 2, "d_ff": 1},
        {"max_length": 10**13},
        {"max_length": 10**13, "positions": "learned"},
    ],
    ids=str,
)
def test_a_model_that_no_machine_can_hold_is_refused_before_anything_is_made(changes):
    values = {"src_vocab_size": 8, "tgt_vocab_size": 8, "num_heads": 1, **changes}
    config = TransformerConfig(**values)
    with pytest.raises(ValueError, match="needs [0-9,]+ GB of memory, and this machine has [0-9]"):
        Transformer(config)


@pytest.mark.parametrize("value", [np.int64(3), np.uint8(3), np.float32(0.5), np.float64(0.25)])
def test_a_number_of_numpys_is_the_one_of_python_that_it_is(value):
    name = "dropout" if isinstance(value, np.floating) else "num_encoder_layers"
    kept = getattr(TransformerConfig(8, 8, **{name: value}), name)
    assert kept == value
    assert type(kept) in (int, float)


def test_the_base_model_has_about_65_million_parameters():
    count = expected_count(TransformerConfig.paper(tie_embeddings=True))
    assert count == 37_000 * 512 + 6 * 3_150_336 + 6 * 4_199_936
    assert 62e6 < count < 66e6  # table 3 says 65; it does not say what it counts


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"norm_first": True},
        {"positions": "learned", "max_length": 5},
        {"tie_embeddings": True, "tgt_vocab_size": 11},
        {"tie_embeddings": "target"},
        {"tie_embeddings": "source-target", "tgt_vocab_size": 11},
        {"norm": "batch", "norm_first": True},
        {"positions": "rotary"},
        {"positions": "concatenated", "init": "scaled"},
        {"num_encoder_layers": 3, "num_decoder_layers": 2},
        {"norm_first": True, "num_decoder_layers": 2},
        {"attention_bias": True, "num_decoder_layers": 2},
        {"final_norm": True},
        {"final_norm": False, "norm_first": True},
    ],
    ids=str,
)
def test_a_model_has_as_many_parameters_as_the_formula_says(changes):
    values = {"src_vocab_size": 11, "tgt_vocab_size": 13, "d_model": 8, "num_heads": 2, "d_ff": 12}
    config = TransformerConfig(**{**values, **changes})
    count = sum(p.size for p in Transformer(config).parameters())
    assert count == expected_count(config) == config.num_parameters()


@pytest.mark.parametrize("size", SIZES)
def test_a_named_size_is_reached_by_its_name_and_by_its_method(size):
    config = TransformerConfig.of_size(size, 20, 30)
    assert config == getattr(TransformerConfig, size)(20, 30)
    assert (config.src_vocab_size, config.tgt_vocab_size) == (20, 30)


def test_sizes_grow():
    counts = [expected_count(TransformerConfig.of_size(size, 20, 20)) for size in SIZES]
    assert counts == sorted(counts)


def test_any_field_of_a_named_size_can_be_changed():
    config = TransformerConfig.small(20, 30, d_ff=99, dropout=0.3)
    assert dataclasses.replace(config, d_ff=128, dropout=0.1) == TransformerConfig.small(20, 30)


def test_a_config_written_as_json_is_the_same_when_read():
    config = TransformerConfig.tiny(20, 20, tie_embeddings=True, positions="learned")
    assert TransformerConfig(**json.loads(json.dumps(config.to_json()))) == config


def test_a_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TransformerConfig(8, 8).d_model = 3


@pytest.mark.parametrize(
    "changes",
    [
        {"src_vocab_size": 0},
        {"tgt_vocab_size": -1},
        {"d_model": 0},
        {"num_heads": 0},
        {"num_heads": 5},
        {"num_heads": 2.0},
        {"num_heads": True},
        {"d_model": {"size": 3}},
        {"d_model": "9" * 50},
        {"dropout": False},
        {"dropout": "0.1"},
        {"norm_first": 1},
        {"final_norm": 1},
        {"attention_bias": None},
        {"activation": ["relu"]},
        {"d_model": 64.0},
        {"d_ff": 0},
        {"num_encoder_layers": 0},
        {"num_decoder_layers": 0},
        {"num_decoder_layers": 1.5},
        {"max_length": 0},
        {"dropout": 1.0},
        {"dropout": -0.1},
        {"dropout": float("nan")},
        {"activation": "swish"},
        {"positions": "sinus"},
        {"norm": "instance"},
        {"init": True},
        {"tie_embeddings": 1},
        {"tie_embeddings": "source"},
        {"tie_embeddings": ["all"]},
    ],
    ids=str,
)
def test_a_value_that_makes_no_model_is_named_with_what_it_should_be(changes):
    (value,) = changes.values()
    with pytest.raises(
        ValueError, match=f"TransformerConfig: .* has to be .*, not {re.escape(repr(value))}"
    ) as e:
        TransformerConfig(**{"src_vocab_size": 8, "tgt_vocab_size": 8, **changes})
    name = "d_model" if changes == {"num_heads": 5} else next(iter(changes))
    assert name in str(e.value)


def test_heads_that_do_not_divide_the_width_are_named_with_it():
    with pytest.raises(ValueError, match="d_model has to be a multiple of num_heads"):
        TransformerConfig(8, 8, d_model=64, num_heads=3)


def test_an_unknown_activation_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="one of .*relu.*gelu"):
        TransformerConfig(8, 8, activation="swish")


@pytest.mark.parametrize(
    "name, value, near",
    [
        ("positions", "sinusoid", "sinusoidal"),
        ("positions", "concat", "concatenated"),
        ("norm", "batchnorm", "batch"),
        ("init", "indentity", "identity"),
        ("activation", "reul", "relu"),
        ("tie_embeddings", "targets", "target"),
    ],
)
def test_a_value_that_is_nearly_one_is_answered_with_it(name, value, near):
    with pytest.raises(ValueError, match=f"not '{value}'; did you mean '{near}'"):
        TransformerConfig(8, 8, **{name: value})


def test_a_field_that_there_is_not_is_answered_with_the_nearest_one():
    with pytest.raises(ValueError, match="has no 'positons'; did you mean 'positions'"):
        TransformerConfig.tiny(8, 8, positons="learned")
    with pytest.raises(ValueError, match="has no 'xyz', only src_vocab_size, "):
        TransformerConfig.from_json({"src_vocab_size": 8, "tgt_vocab_size": 8, "xyz": 1})


@pytest.mark.parametrize("value", [True, "all", "source-target"])
def test_embeddings_that_are_tied_between_languages_need_one_vocabulary(value):
    with pytest.raises(ValueError, match="these have 8 and 9 tokens"):
        TransformerConfig(8, 9, tie_embeddings=value)


def test_an_output_that_is_tied_needs_none():
    assert not TransformerConfig(8, 9, tie_embeddings="target").ties_languages


def test_the_words_of_the_flag_mean_what_true_and_false_did():
    assert TransformerConfig(8, 8, tie_embeddings="all").tie_embeddings is True
    assert TransformerConfig(8, 8, tie_embeddings="none").tie_embeddings is False


def test_heads_of_an_odd_width_cannot_have_rotary_positions():
    TransformerConfig(8, 8, d_model=6, num_heads=2)
    with pytest.raises(ValueError, match="d_model has to be an even number of times num_heads"):
        TransformerConfig(8, 8, d_model=6, num_heads=2, positions="rotary")


OF_BEFORE = {  # as version 0.1 and the first runs of this one wrote it
    **{"src_vocab_size": 9, "tgt_vocab_size": 9, "d_model": 8, "num_heads": 2, "d_ff": 12},
    **{"num_encoder_layers": 1, "num_decoder_layers": 1, "dropout": 0.0, "max_length": 6},
    **{"norm_first": False, "activation": "relu", "positions": "sinusoidal"},
}


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("more", [{}, {"pad_id": 0}], ids=str)
def test_a_config_that_was_written_before_these_fields_is_the_model_that_it_was(tied, more):
    config = TransformerConfig.from_json({**OF_BEFORE, "tie_embeddings": tied, **more})
    assert (config.norm, config.init, config.tie_embeddings) == ("layer", "xavier", tied)
    assert (config.attention_bias, config.normalises_end) == (False, False)
    paths = Transformer(config).state_dict().keys()
    assert ("output.weight" in paths) != tied and ("tgt_embedding.weight" in paths) != tied
    assert not any("running" in path for path in paths)


def test_an_unknown_size_is_answered_with_the_sizes():
    with pytest.raises(ValueError, match="no size 'huge'; the sizes are tiny, small, medium"):
        TransformerConfig.of_size("huge", 8, 8)
