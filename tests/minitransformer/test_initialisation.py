import math

import numpy as np
import pytest
from toy_models import TOY

from minitransformer import Transformer, TransformerConfig
from minitransformer.models.initialisation import INITIALISATIONS

SHAPE = {**TOY, "d_model": 16, "num_heads": 4, "num_encoder_layers": 3, "num_decoder_layers": 2}


def weights(init):
    config = TransformerConfig(**{**SHAPE, "init": init})
    return Transformer(config, np.random.default_rng(0)).state_dict()


def changed(init):
    """{path: array} of the weights that begin otherwise than by default."""
    default = weights("xavier")
    return {p: w for p, w in weights(init).items() if not np.array_equal(w, default[p])}


def test_xavier_is_how_the_layers_are_made():
    assert changed("xavier") == {}


def test_identity_is_w_q_w_k_and_w_v_of_every_attention_and_nothing_else():
    paths = [p for p in weights("xavier") if p.split(".")[-2] in ("w_q", "w_k", "w_v")]
    assert len(paths) == 3 * (3 + 2 * 2)
    made = changed("identity")
    assert sorted(made) == sorted(paths)
    for weight in made.values():
        assert weight.dtype == np.float32
        np.testing.assert_array_equal(weight, np.eye(16))


def test_scaled_makes_what_each_sub_layer_adds_smaller_by_the_root_of_their_number():
    default, made = weights("xavier"), changed("scaled")
    ends = ("attention.w_o.weight", "feed_forward.linear_2.weight")
    assert sorted(made) == sorted(p for p in default if p.endswith(ends))
    for path, weight in made.items():
        count = {"encoder": 2 * 3, "decoder": 3 * 2}[path.split(".")[0]]
        np.testing.assert_allclose(weight, default[path] / math.sqrt(count), rtol=1e-6)


@pytest.mark.parametrize("init", INITIALISATIONS)
def test_an_initialisation_says_what_it_does_and_keeps_float32(init):
    assert INITIALISATIONS[init].__doc__
    assert {w.dtype for w in weights(init).values()} == {np.dtype(np.float32)}
