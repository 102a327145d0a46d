import numpy as np
import pytest
from toy_models import (
    BATCH,
    close,
    gradcheck_module,
    normal,
    same_weights,
    scattered,
    toy_model,
)

import minigrad as mg
from minitransformer import (
    BatchNorm,
    Decoder,
    DecoderLayer,
    Encoder,
    EncoderLayer,
    LayerNorm,
    MultiHeadAttention,
    Transformer,
    TransformerConfig,
    look_ahead_mask,
    padding_mask,
    sinusoids,
)
from minitransformer.models import transformer
from minitransformer.training.metrics import batch_loss

VARIANTS = {
    "post-norm": {},
    "pre-norm": {"norm_first": True},
    "learned positions": {"positions": "learned"},
    "tied embeddings": {"tie_embeddings": True},
    "gelu": {"activation": "gelu"},
    "concatenated positions": {"positions": "concatenated"},
    "rotary positions": {"positions": "rotary"},
    "target tied with the output": {"tie_embeddings": "target"},
    "source tied with target": {"tie_embeddings": "source-target"},
    "biases in attention, norms at the ends": {"attention_bias": True, "final_norm": True},
}
BATCH_NORM = {"norm": "batch"}  # where the future leaks in training, see below
ALL = {
    **VARIANTS,
    "batch norm": BATCH_NORM,
    "batch norm first": {**BATCH_NORM, "norm_first": True, "positions": "rotary"},
}
variants = pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
all_variants = pytest.mark.parametrize("changes", ALL.values(), ids=ALL)


def config(**changes):
    return toy_model(**changes).config


def larger_model(**changes):
    """Of a width and length at which BLAS and NumPy work as they do in practice."""
    settings = {"d_model": 32, "num_heads": 4, "d_ff": 48, "max_length": 40}
    layers = {"num_encoder_layers": 2, "num_decoder_layers": 2}
    return toy_model(**{**settings, **layers, **changes}).eval()


def tokens(batch, time, seed=0):
    return np.random.default_rng(seed).integers(3, 8, (batch, time))


def hide_nothing(monkeypatch, name):
    """The model from here on, with a mask that lets everything through."""
    right = getattr(transformer, name)
    monkeypatch.setattr(transformer, name, lambda *args: np.ones_like(right(*args)))


# No leak from the future.


def positions_with_a_leak(model, length=7):
    """Where the logits change, by a single bit, when a later target token changes: to any other
    token, one at a time, or all of them at once."""
    src, tgt = tokens(2, 5), tokens(2, length, seed=1)
    memory = model.encode(src)
    before = model.decode(tgt, memory, src).data
    leaks = set()
    for changed in range(1, length):
        for token in range(model.config.tgt_vocab_size):
            for last in (changed + 1, length):
                other = tgt.copy()
                other[:, changed:last] = token
                logits = model.decode(other, memory, src).data
                different = (logits != before).any(axis=(0, 2))
                leaks |= set(np.flatnonzero(different[:changed]).tolist())
                if token not in tgt[:, changed]:
                    assert different[changed]  # or else nothing at all was tried
    return leaks


@variants
def test_no_later_target_token_changes_an_earlier_logit_by_a_bit(changes):
    assert positions_with_a_leak(toy_model(**changes)) == set()


def test_no_later_target_token_changes_an_earlier_logit_in_a_larger_model():
    assert positions_with_a_leak(larger_model(), length=20) == set()


def test_without_the_look_ahead_mask_the_same_check_finds_the_leak(monkeypatch):
    hide_nothing(monkeypatch, "look_ahead_mask")
    assert positions_with_a_leak(toy_model()) == set(range(6))


def test_with_a_mask_that_shows_one_token_too_many_the_same_check_finds_the_leak(monkeypatch):
    monkeypatch.setattr(
        transformer, "look_ahead_mask", lambda n: np.tri(n, k=1, dtype=bool)[None, None]
    )
    assert positions_with_a_leak(toy_model()) == set(range(6))


def test_with_batch_norm_the_future_leaks_in_training_and_not_in_evaluation():
    for norm_first in (False, True):
        model = toy_model(**BATCH_NORM, norm_first=norm_first)
        assert positions_with_a_leak(model) == set(range(6))
        assert positions_with_a_leak(model.eval()) == set()


# No leak from padding.


def padded_batch(length):
    src, tgt = tokens(3, length), tokens(3, length, seed=1)
    src[1, length // 2 :] = tgt[1, length // 3 :] = tgt[2, -1:] = 0
    src[2, 1:] = 0
    return src, tgt


def logits_at_real_positions(model, src, tgt):
    return model(src, tgt).data[tgt != 0]


def padding_leaks(model, length, in_source, in_target):
    """Whether what stands in padding, the embedding of the pad token, reaches a real logit."""
    src, tgt = padded_batch(length)
    before = logits_at_real_positions(model, src, tgt)
    row = 5 * normal(model.config.d_model, seed=2)
    if in_source:
        model.src_embedding.weight.data[0] = row
    if in_target:
        model.tgt_embedding.weight.data[0] = row
    after = logits_at_real_positions(model, src, tgt)
    if model.config.ties_output:  # the row is also what the pad token's own logit is made with
        before, after = before[:, 1:], after[:, 1:]
    return (before != after).any()


@all_variants
def test_what_stands_in_padding_changes_no_real_logit_by_a_bit(changes):
    assert not padding_leaks(toy_model(**changes), 6, in_source=True, in_target=True)


def test_what_stands_in_padding_changes_no_real_logit_in_a_larger_model():
    assert not padding_leaks(larger_model(), 30, in_source=True, in_target=True)


@pytest.mark.parametrize("side", ["in_source", "in_target"])
def test_without_the_padding_mask_the_same_check_finds_the_leak(side, monkeypatch):
    hide_nothing(monkeypatch, "padding_mask")
    # In a target padded after its end the look-ahead mask hides the padding from all that is real.
    if side == "in_target":
        hide_nothing(monkeypatch, "look_ahead_mask")
    sides = {"in_source": False, "in_target": False, side: True}
    assert padding_leaks(toy_model(), 6, **sides)


def test_padding_gets_no_gradient():
    model = toy_model()
    batch_loss(model, BATCH).backward()
    for embedding in (model.src_embedding, model.tgt_embedding):
        np.testing.assert_array_equal(embedding.weight.grad.data[0], 0)
        assert embedding.weight.grad.data[1:].any()


@all_variants
def test_more_padding_changes_nothing(changes):
    model = toy_model(**changes).astype(np.float64)
    src, tgt = tokens(2, 4), tokens(2, 3)
    padded = [np.pad(ids, ((0, 0), (0, 2))) for ids in (src, tgt)]
    close(model(*padded).data[:, :3], model(src, tgt), 1e-14)


def test_a_sentence_does_not_depend_on_the_others_in_its_batch():
    model = toy_model().astype(np.float64)
    src, tgt = padded_batch(6)
    whole = model(src, tgt).data
    for i in range(3):
        close(model(src[i : i + 1], tgt[i : i + 1]).data[0], whole[i], 1e-13)


def test_a_source_of_nothing_but_padding_gives_finite_logits_and_gradients():
    model = toy_model()
    src, tgt = tokens(2, 4), tokens(2, 3)
    src[1] = 0
    logits = model(src, tgt)
    assert np.isfinite(logits.data).all()
    (logits * normal(2, 3, 8)).sum().backward()
    assert all(np.isfinite(p.grad.data).all() for p in model.parameters())


# Derivatives.


@pytest.mark.parametrize("norm_first", [False, True], ids=["post-norm", "pre-norm"])
@pytest.mark.parametrize("part", [EncoderLayer, Encoder, DecoderLayer, Decoder])
def test_a_part_of_the_figure_passes_gradcheck(part, norm_first):
    rng = np.random.default_rng(0)
    module = scattered(part(config(norm_first=norm_first), rng), rng)
    seen = padding_mask([[1, 1, 1], [1, 1, 0]])
    x, memory = normal(2, 2, 4), normal(2, 3, 4, seed=1)
    if part in (EncoderLayer, Encoder):
        gradcheck_module(module, lambda memory: module(memory, seen), memory)
    else:
        gradcheck_module(
            module, lambda x, memory: module(x, memory, look_ahead_mask(2), seen), x, memory
        )


@all_variants
def test_the_whole_loss_passes_gradcheck_for_every_parameter(changes):
    model = toy_model(seed=1, **changes)

    # Times 1,000, so that most derivatives are above 1 and the error is relative to themselves.
    def loss():
        return 1000 * batch_loss(model, BATCH)

    assert gradcheck_module(model, loss, step=1e-5)


def test_gradcheck_of_the_whole_loss_can_fail(monkeypatch):
    model = toy_model()

    # One of the residual connections passes its value on, but not its gradient.
    def forward(self, x, mask, cache=None):
        attended = self.self_attention(x, x, x, mask)
        x = self.norm_1(x.detach() + attended)
        return self.norm_2(x + self.feed_forward(x))

    monkeypatch.setattr(EncoderLayer, "forward", forward)
    with pytest.raises(mg.GradcheckError):
        gradcheck_module(model, lambda: batch_loss(model, BATCH))


@all_variants
def test_every_parameter_takes_part_in_the_loss(changes):
    model = toy_model(**changes)
    batch_loss(model, BATCH).backward()
    for path, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.data.any(), path
        assert parameter.grad.dtype == parameter.dtype == np.float32


# The figure, put together by hand.


def layer_norm(x, module):
    x = x - x.mean(axis=-1, keepdims=True)
    x = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + module.eps)
    return x * module.gamma.data + module.beta.data


@pytest.mark.parametrize("norm_first", [False, True], ids=["post-norm", "pre-norm"])
def test_an_encoder_layer_is_two_sub_layers_each_with_its_add_and_norm(norm_first):
    rng = np.random.default_rng(0)
    layer = scattered(EncoderLayer(config(norm_first=norm_first), rng), rng).astype(np.float64)
    x = normal(2, 3, 4)

    def attend(x):
        x = mg.Tensor(x)
        return layer.self_attention(x, x, x).data

    def feed(x):
        return layer.feed_forward(mg.Tensor(x)).data

    if norm_first:
        middle = x + attend(layer_norm(x, layer.norm_1))
        by_hand = middle + feed(layer_norm(middle, layer.norm_2))
    else:
        middle = layer_norm(x + attend(x), layer.norm_1)
        by_hand = layer_norm(middle + feed(middle), layer.norm_2)
    close(layer(mg.Tensor(x), None), by_hand, 1e-13)


@pytest.mark.parametrize("norm_first", [False, True], ids=["post-norm", "pre-norm"])
def test_a_decoder_layer_is_three_sub_layers_each_with_its_add_and_norm(norm_first):
    rng = np.random.default_rng(0)
    layer = scattered(DecoderLayer(config(norm_first=norm_first), rng), rng).astype(np.float64)
    x, memory, mask = normal(2, 3, 4), mg.Tensor(normal(2, 5, 4, seed=1)), look_ahead_mask(3)

    def attend(x):
        x = mg.Tensor(x)
        return layer.self_attention(x, x, x, mask).data

    def look_at_memory(x):
        return layer.cross_attention(mg.Tensor(x), memory, memory).data

    def feed(x):
        return layer.feed_forward(mg.Tensor(x)).data

    if norm_first:
        one = x + attend(layer_norm(x, layer.norm_1))
        two = one + look_at_memory(layer_norm(one, layer.norm_2))
        by_hand = two + feed(layer_norm(two, layer.norm_3))
    else:
        one = layer_norm(x + attend(x), layer.norm_1)
        two = layer_norm(one + look_at_memory(one), layer.norm_2)
        by_hand = layer_norm(two + feed(two), layer.norm_3)
    close(layer(mg.Tensor(x), memory, mask, None), by_hand, 1e-13)


def test_the_encoder_is_given_embeddings_times_the_root_of_the_width_plus_sinusoids():
    model = toy_model().astype(np.float64)
    src = tokens(2, 5)
    x = 2 * model.src_embedding.weight.data[src] + sinusoids(5, 4)  # sqrt(4) = 2
    expected = model.encoder(mg.Tensor(x), padding_mask(src))
    close(model.encode(src), expected, 1e-14)


def test_the_stack_ends_with_a_norm_only_where_the_layers_begin_with_one():
    assert toy_model().encoder.norm is None and toy_model().decoder.norm is None
    model = toy_model(norm_first=True)
    assert model.encoder.norm is not None and model.decoder.norm is not None


def test_the_model_is_the_decoder_on_top_of_the_encoder():
    model = toy_model()
    src, tgt = tokens(2, 5), tokens(2, 3)
    logits = model(src, tgt)
    assert logits.shape == (2, 3, 8) and logits.dtype == np.float32
    np.testing.assert_array_equal(logits.data, model.decode(tgt, model.encode(src), src).data)


def test_tied_embeddings_are_one_matrix_in_three_places():
    model = toy_model(tie_embeddings=True)
    assert model.src_embedding is model.tgt_embedding
    paths = [path for path, _ in model.named_parameters()]
    assert "src_embedding.weight" in paths
    assert not any(path.startswith(("tgt_embedding", "output")) for path in paths)
    x = mg.Tensor(normal(1, 2, 4))
    close(model.logits(x), x.data @ model.src_embedding.weight.data.T, 1e-6)


def test_the_output_may_have_the_matrix_of_the_target_alone_and_the_vocabularies_differ():
    model = toy_model(tie_embeddings="target", tgt_vocab_size=6)
    assert model.src_embedding is not model.tgt_embedding and not hasattr(model, "output")
    x = mg.Tensor(normal(1, 2, 4))
    close(model.logits(x), x.data @ model.tgt_embedding.weight.data.T, 1e-6)


def test_source_and_target_may_have_one_embedding_and_the_output_its_own():
    model = toy_model(tie_embeddings="source-target")
    assert model.src_embedding is model.tgt_embedding
    x = mg.Tensor(normal(1, 2, 4))
    by_hand = x.data @ model.output.weight.data + model.output.bias.data
    close(model.logits(x), by_hand, 1e-6)


def test_rotary_positions_are_in_self_attention_alone():
    model = toy_model(positions="rotary")
    attentions = {path: m for path, m in model.named_modules() if isinstance(m, MultiHeadAttention)}
    assert {path: m.rotary for path, m in attentions.items()} == {
        "encoder.layers.0.self_attention": True,
        "decoder.layers.0.self_attention": True,
        "decoder.layers.0.cross_attention": False,
    }
    src = tokens(2, 5)
    x = mg.Tensor(2 * model.src_embedding.weight.data[src])  # nothing is added
    close(model.encode(src), model.encoder(x, padding_mask(src)), 1e-6)


def test_batch_norm_is_in_every_place_of_a_norm():
    for norm_first in (False, True):
        batch, layer = (toy_model(norm=n, norm_first=norm_first) for n in ("batch", "layer"))
        of_batch, of_layer = (
            [path for path, module in model.named_modules() if isinstance(module, kind)]
            for model, kind in ((batch, BatchNorm), (layer, LayerNorm))
        )
        assert of_batch == of_layer
        assert not any(isinstance(module, LayerNorm) for module in batch.modules())


def test_the_statistics_of_batch_norm_are_of_the_real_positions_of_source_and_target():
    model = toy_model(norm="batch", num_encoder_layers=2, num_decoder_layers=2)
    model = model.astype(np.float64)
    src, tgt = padded_batch(6)
    graph = mg.graph_of(model(src, tgt))
    for path, norm in model.named_modules():
        if isinstance(norm, BatchNorm):
            add = path.replace("norm", "add")
            rows = graph.find(add).value[(src if path.startswith("encoder") else tgt) != 0]
            close(norm.running_mean, 0.1 * rows.mean(axis=0), 1e-13)
            close(norm.running_var, 0.9 + 0.1 * rows.var(axis=0, ddof=1), 1e-13)


def test_dropout_is_where_the_paper_has_it_and_nowhere_else():
    model = toy_model(dropout=0.5, num_encoder_layers=2, num_decoder_layers=2)
    graph = mg.graph_of(batch_loss(model, BATCH))
    named = {node.id: node for node in graph.nodes}
    thinned = {node.id for node in graph.nodes if node.label.startswith("thinned")}
    dropped = [named[a] for a, b, argument in graph.edges if b in thinned and argument == "x"]
    of_layers = [node.full_name for node in dropped if "layers" in node.path]
    rest = [node.full_name for node in dropped if "layers" not in node.path]
    assert rest == ["src_positions.with positions", "tgt_positions.with positions"]  # the sums
    attention, feed_forward = "self_attention.w_o.output", "feed_forward.linear_2.output"
    cross = "cross_attention.w_o.output"
    assert of_layers == [
        *(f"encoder.layers.{i}.{part}" for i in (0, 1) for part in (attention, feed_forward)),
        *(
            f"decoder.layers.{i}.{part}"
            for i in (0, 1)
            for part in (attention, cross, feed_forward)
        ),
    ]
    assert len(thinned) == len(dropped)


def test_the_two_languages_may_have_vocabularies_of_different_sizes():
    model = Transformer(TransformerConfig.tiny(9, 5, max_length=4))
    assert model(np.array([[8, 2]]), np.array([[1, 4, 3]])).shape == (1, 3, 5)


# Bad input.


@pytest.mark.parametrize("ids", [[4, 5], [[[4]]], [[4.0, 5.0]], [[True, False]]], ids=str)
def test_ids_that_are_no_batch_of_integers_are_refused(ids):
    with pytest.raises(ValueError, match=r"the source ids are .*; give integers \(batch, time\)"):
        toy_model().encode(ids)


@pytest.mark.parametrize("length", [0, 9])
def test_a_sentence_longer_than_the_positions_or_empty_is_refused(length):
    model = toy_model()
    right, wrong = tokens(1, 3), tokens(1, length)
    for src, tgt, what in ((wrong, right, "source"), (right, wrong, "target")):
        sentence = f"the {what} has {length} tokens; this model has positions for 1 to 8"
        with pytest.raises(ValueError, match=sentence):
            model(src, tgt)


@pytest.mark.parametrize("token", [-1, 8])
def test_an_id_outside_the_vocabulary_is_refused(token):
    with pytest.raises(IndexError, match=f"id {token} is outside"):
        toy_model()(tokens(1, 3), np.array([[1, token]]))


# Randomness.


def trained_a_step(seed, dropout):
    model = toy_model(seed, dropout=dropout)
    optimizer = mg.optim.Adam(model.parameters())
    for _ in range(2):
        optimizer.zero_grad()
        batch_loss(model, BATCH).backward()
        optimizer.step()
    return model


@all_variants
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(changes):
    assert same_weights(toy_model(3, **changes), toy_model(3, **changes))
    assert not same_weights(toy_model(3, **changes), toy_model(4, **changes))


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_a_step_of_training_gives_the_same_weights_bit_for_bit(dropout):
    assert same_weights(trained_a_step(0, dropout), trained_a_step(0, dropout))
    assert not same_weights(trained_a_step(0, dropout), toy_model(0, dropout=dropout))


def test_without_a_generator_every_model_begins_alike():
    assert same_weights(Transformer(config()), Transformer(config()))


def test_dropout_acts_in_training_and_not_in_evaluation():
    model = toy_model(dropout=0.5)
    src, tgt = tokens(2, 4), tokens(2, 3)
    assert (model(src, tgt).data != model(src, tgt).data).any()
    model.eval()
    np.testing.assert_array_equal(model(src, tgt).data, model(src, tgt).data)
