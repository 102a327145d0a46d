import itertools
import math
import re

import numpy as np
import pytest
from toy_models import TOY, close

import minigrad as mg
from minitransformer import Transformer, TransformerConfig, Vocabulary, explaining, load
from minitransformer.explaining import explain

VARIANTS = {
    "post-norm": {},
    "pre-norm": {"norm_first": True},
    "rotary": {"positions": "rotary", "norm": "batch"},
    "learned, tied": {"positions": "learned", "tie_embeddings": True},
}
variants = pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
TWO = {"num_encoder_layers": 2, "num_decoder_layers": 3, "max_length": 6}
VOCABULARY = Vocabulary("abcd", "characters")


def explained(**changes):
    """Of a model that was not trained, so that it writes up to its limit."""
    config = TransformerConfig(**{**TOY, **TWO, **changes})
    model = Transformer(config, np.random.default_rng(0)).astype(np.float64)
    return model, explain(model, "abc", VOCABULARY.encode("abc"), VOCABULARY, VOCABULARY)


# The table in the docs and the code.


def rows():
    """(name, shape) of each row of the table of the Transformer."""
    of_transformer, _, _ = explaining.__doc__.partition("An EncoderClassifier has")
    lines = [line for line in of_transformer.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return {name: shape for name, shape, _ in cells}


def names_of(row):
    """The names that a row of the table stands for."""
    attentions = [f"encoder.layers.{i}.self_attention" for i in range(TWO["num_encoder_layers"])]
    for i in range(TWO["num_decoder_layers"]):
        attentions += [f"decoder.layers.{i}.{kind}_attention" for kind in ("self", "cross")]
    if row.startswith("ATTENTION"):
        return [row.replace("ATTENTION", attention) for attention in attentions]
    layers = TWO[f"num_{row[:7]}_layers"] if ".N." in row else 1
    return [row.replace(".N.", f".{i}.") for i in range(layers)]


def shape_of(name, shape, source, target):
    """The shape of the table in numbers."""
    queries = source if name.startswith("encoder") else target
    keys = target if "decoder" in name and "self_attention" in name else source
    sizes = {"B": 1, "S": source, "T": target, "T_q": queries, "T_k": keys, "H": 2, "d_k": 2}
    sizes |= {"d_model": TOY["d_model"], "d_ff": TOY["d_ff"], "vocabulary": len(VOCABULARY)}
    return tuple(sizes[letter] for letter in re.findall(r"\w+", shape))


def full_names(explanation, name):
    """Those of which `name` is short: with parts of the path left out."""
    pattern = re.escape(name).replace(r"\.", r"\.(?:[^.]+\.)*")
    return [full for full in explanation if re.fullmatch(rf"(?:[^.]+\.)*{pattern}", full)]


@variants
def test_every_tensor_that_is_named_is_in_the_table_once_and_has_the_shape_that_it_says(changes):
    _, explanation = explained(**changes)
    left = set(explanation)
    for row, shape in rows().items():
        for name in names_of(row):
            for full in full_names(explanation, name):
                sizes = shape_of(name, shape, len(explanation.source), len(explanation.target))
                assert explanation[full].shape == sizes, full
                left.remove(full)
    assert left == set()


def test_every_row_of_the_table_is_found_by_its_name():
    explanations = {name: explained(**changes)[1] for name, changes in VARIANTS.items()}
    for row in rows():
        for name in names_of(row):
            found = {variant for variant, e in explanations.items() if name in e}
            if "rotated" in row:
                assert found == ({"rotary"} if "self_attention" in name else set()), name
            elif "_positions." in row:
                assert found == set(VARIANTS) - {"rotary"}, name
            elif name == "decoder.norm.normalised":
                assert found == {"pre-norm"}
            elif name == "encoder.layers.1.norm_2.normalised":  # else it is the memory
                assert found == {"pre-norm"}
            else:
                assert found == set(VARIANTS), name


# The numbers.


@variants
def test_what_is_explained_keeps_the_equations_of_the_paper(changes):
    model, e = explained(**changes)
    places = [f"encoder.layers.{i}.self_attention" for i in range(2)]
    for i, kind in itertools.product(range(3), ("self", "cross")):
        places.append(f"decoder.layers.{i}.{kind}_attention")
    attentions = dict(model.named_modules())
    for at in places:
        rotated = "rotated " if changes.get("positions") == "rotary" and "self" in at else ""
        q, k, v = e[f"{at}.{rotated}Q"], e[f"{at}.{rotated}K"], e[f"{at}.V"]
        close(e[f"{at}.Q K^T"], q @ k.swapaxes(-1, -2), 1e-14)
        close(e[f"{at}.scores"], e[f"{at}.Q K^T"] / math.sqrt(2), 1e-14)
        seen = np.isfinite(e[f"{at}.masked scores"])
        hides = at.startswith("decoder") and "self" in at
        assert (seen == (np.tri(seen.shape[-1]) if hides else 1)).all()
        np.testing.assert_array_equal(e[f"{at}.masked scores"][seen], e[f"{at}.scores"][seen])
        weights = np.exp(e[f"{at}.masked scores"])
        close(e[f"{at}.weights"], weights / weights.sum(axis=-1, keepdims=True), 1e-14)
        close(e[f"{at}.heads"], e[f"{at}.weights"] @ v, 1e-14)
        concat = np.concatenate([e[f"{at}.heads"][:, 0], e[f"{at}.heads"][:, 1]], axis=-1)
        np.testing.assert_array_equal(e[f"{at}.concat"], concat)
        close(e[f"{at}.output"], concat @ attentions[at].w_o.weight.data, 1e-14)
    probabilities = np.exp(e["logits"])
    probabilities /= probabilities.sum(axis=-1, keepdims=True)
    close(e["probabilities"], probabilities, 1e-14)


def test_the_embeddings_their_positions_and_the_sum_are_what_the_first_layer_is_given():
    model, e = explained()
    ids = [*VOCABULARY.encode("abc"), 2]
    close(e["source embeddings"][0], 2 * model.src_embedding.weight.data[ids], 1e-15)
    close(e["src_positions.positions"], model.src_positions.table[:4], 1e-15)
    added = e["source embeddings"] + e["src_positions.positions"]
    close(e["src_positions.with positions"], added, 1e-15)
    add_1 = added + e["encoder.layers.0.self_attention.output"]
    close(e["encoder.layers.0.add_1"], add_1, 1e-14)
    close(e["encoder.layers.0.norm_1.normalised"].mean(axis=-1), np.zeros((1, 4)), 1e-14)


def test_an_explanation_says_what_was_read_and_what_was_written(trained):
    e = trained.explain("abc")
    assert e.text == "abc"
    assert e.source == ["a", "b", "c", "<end>"]
    assert [e.prediction] == trained.translate("abc")
    assert e.target == ["<start>", *e.prediction]
    assert e.written == [*e.prediction, "<end>"]
    best = e["probabilities"][0].argmax(axis=-1)
    assert [trained.target_vocab.tokens[i] for i in best] == e.written
    assert repr(e) == f"<Explanation of 'abc' -> {e.prediction!r}: {len(e)} tensors>"


def test_one_pass_is_made_and_the_model_is_left_as_it_was(run_folder, monkeypatch):
    run, passes = load(run_folder), []
    forward = Transformer.forward
    monkeypatch.setattr(
        Transformer, "forward", lambda self, *ids: passes.append(1) or forward(self, *ids)
    )
    run.model.dropout.p = 0.9
    run.model.train()
    first, again = run.explain("abc"), run.explain("abc")
    assert len(passes) == 2
    assert run.model.training
    assert all(p.grad is None for p in run.model.parameters())
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])  # without dropout


# Names.


def test_parts_of_a_path_may_be_left_out_as_long_as_one_tensor_fits():
    _, e = explained()
    full = "encoder.layers.0.self_attention.w_o.output"
    assert full in list(e)
    assert e["encoder.layers.0.self_attention.output"] is e[full]
    assert e["decoder.layers.2.cross_attention.scores"] is e["decoder.2.cross_attention.scores"]
    assert len(e) == len(list(e)) == len(e.items())


def test_a_name_that_fits_none_or_several_is_answered_with_those_there_are():
    _, e = explained()
    with pytest.raises(KeyError, match="no tensor .* is named 'memry'; there is .*memory"):
        e["memry"]
    with pytest.raises(KeyError, match="'encoder.scores' fits 2 tensors"):
        e["encoder.scores"]
    assert "memry" not in e and e.get("memry") is None


def test_what_cannot_be_read_is_refused_as_for_a_translation(trained):
    for text in ("", "xyz", "a" * 50):
        with pytest.raises(ValueError) as asked:
            trained.explain(text)
        with pytest.raises(ValueError) as translated:
            trained.translate(text)
        assert str(asked.value) == str(translated.value)


def test_where_nothing_is_recorded_there_is_nothing_to_explain():
    with mg.no_grad(), pytest.raises(RuntimeError, match=r"ask outside of mg.no_grad\(\)"):
        explained()


def test_where_names_alone_are_kept_a_value_is_said_not_to_be():
    with mg.names_only():
        _, e = explained()
    with pytest.raises(KeyError, match="the value of 'memory' was not kept"):
        e["memory"]
