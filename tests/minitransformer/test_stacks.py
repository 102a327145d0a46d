"""The models of one stack: a decoder alone, and an encoder alone; and the tasks made for them."""

import numpy as np
import pytest
from toy_models import BATCH, close, gradcheck_module, toy_model

import minitransformer as mt
from minitransformer import tasks
from minitransformer.models.decoder_lm import stream
from minitransformer.models.kinds import KINDS
from minitransformer.text.batching import source_rows
from minitransformer.text.specials import END, PAD

STACKS = {
    "decoder-lm": {"kind": "decoder-lm"},
    "decoder-lm, tied and rotary": {
        "kind": "decoder-lm",
        "tie_embeddings": True,
        "positions": "rotary",
    },
    "decoder-lm, learned": {"kind": "decoder-lm", "positions": "learned", "norm_first": True},
    "encoder-classifier": {"kind": "encoder-classifier", "activation": "gelu"},
    "encoder-classifier, learned": {"kind": "encoder-classifier", "positions": "learned"},
}
stacks = pytest.mark.parametrize("changes", STACKS.values(), ids=STACKS)


def test_source_and_target_are_one_stream_in_which_only_the_end_is_padded():
    src = source_rows([[4, 5, 6], [7], []])
    ids, words = stream(src, np.array([[5, 6], [5, 0], [7, 7]]))
    assert ids.tolist() == [[1, 4, 5, 6, 5, 6], [1, 7, 5, 0, 0, 0], [1, 7, 7, 0, 0, 0]]
    assert words.tolist() == [3, 1, 0]


@stacks
def test_every_gradient_is_that_of_differences(changes):
    model = toy_model(max_length=5, **changes).eval()
    src, tgt = BATCH.src, BATCH.tgt_in
    assert gradcheck_module(model, lambda: model(src, tgt))


@stacks
def test_a_model_has_as_many_parameters_as_the_formula_says(changes):
    model = toy_model(attention_bias=True, **changes)
    assert sum(p.size for p in model.parameters()) == model.num_parameters(model.config)


@pytest.mark.parametrize("norm_first", [True, False])
def test_the_stack_of_a_language_model_is_pytorchs_encoder_under_a_causal_mask(norm_first):
    torch = pytest.importorskip("torch")
    from minitransformer.lab.torch_names import _layer, _norm  # noqa: PLC0415

    config = mt.StackConfig(
        *(9, 9, 8, 2, 12, 2), dropout=0.0, norm_first=norm_first, final_norm=True, max_length=8
    )
    model = mt.DecoderLM(config, np.random.default_rng(0)).astype(np.float64).eval()
    layer = torch.nn.TransformerEncoderLayer(
        8, 2, 12, 0.0, batch_first=True, norm_first=norm_first, dtype=torch.float64
    )
    stack = torch.nn.TransformerEncoder(
        layer, 2, torch.nn.LayerNorm(8, dtype=torch.float64), enable_nested_tensor=False
    )
    ours, state = model.state_dict(), stack.state_dict()
    attentions = {"self_attention": "self_attn"}
    links = [link for i in range(2) for link in _layer(f"decoder.layers.{i}", config, attentions)]
    for link in [*links, *_norm("transformer.decoder.norm", "decoder.norm")]:
        state[link.theirs.removeprefix("transformer.decoder.")] = torch.tensor(link.joined(ours))
    state = {
        k: v * 0 if "in_proj_bias" in k or "out_proj.bias" in k else v for k, v in state.items()
    }
    stack.load_state_dict(state)
    src, tgt = source_rows([[4, 5, 6], [7, 8], [5]]), np.array([[1, 4, 5], [1, 6, 0], [1, 7, 8]])
    ids, words = stream(src, tgt[:, 1:])
    x = torch.tensor(model.embed(ids).data)
    later = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool).triu(1)
    with torch.no_grad():
        out = stack.eval()(x, mask=later, src_key_padding_mask=torch.tensor(ids == PAD)).numpy()
    right = out[np.arange(3)[:, None], words[:, None] + np.arange(3)]
    right = right @ ours["output.weight"] + ours["output.bias"]
    close(model(src, tgt), right, 1e-10)


def test_a_class_is_a_sentence_of_one_word_and_its_end_is_certain():
    model = toy_model(kind="encoder-classifier").astype(np.float64).eval()
    logits, classes = model(BATCH.src, BATCH.tgt_in).data, model.classify(BATCH.src).data
    np.testing.assert_array_equal(logits[:, 0], classes)
    after = np.exp(logits[:, 1:])
    close(after[..., END] / after.sum(axis=-1), np.ones((2, 2)), 1e-11)


def test_padding_has_no_part_in_the_mean():
    model = toy_model(kind="encoder-classifier").astype(np.float64).eval()
    close(model.classify(BATCH.src[1:]), model.classify(BATCH.src[1:, :2]), 1e-14)


def test_what_makes_no_such_model_is_refused():
    with pytest.raises(ValueError, match="one stream, so they need one vocabulary.* 8 and 9"):
        mt.DecoderLM(mt.StackConfig(8, 9))
    with pytest.raises(ValueError, match="tie_embeddings has no place in an EncoderClassifier"):
        mt.EncoderClassifier(mt.StackConfig(8, 8, tie_embeddings=True))
    with pytest.raises(ValueError, match="StackConfig: a model of these sizes needs [0-9,]+ GB"):
        mt.DecoderLM(mt.StackConfig(8, 8, num_layers=10**9))
    with pytest.raises(ValueError, match='kind "decoder-lm" has no form in PyTorch'):
        mt.to_torch(toy_model(kind="decoder-lm"))


def test_a_classifier_is_not_trained_on_sentences(tmp_path):
    with pytest.raises(ValueError, match="writes 1 token, a class, and targets .* up to 16"):
        mt.train(
            "copy",
            tmp_path / "run",
            model="encoder-classifier",
            steps=1,
            quiet=True,
            train_examples=20,
        )


def test_training_gives_a_language_model_one_vocabulary_and_the_kind_is_the_presets(tmp_path):
    few = {"steps": 2, "validations": 1, "validation_examples": 2, "train_examples": 20}
    run = mt.train("text", tmp_path / "a", model={"d_model": 8, "num_heads": 2}, quiet=True, **few)
    assert (run.model.kind, run.model.config.d_model) == ("decoder-lm", 8)
    assert run.source_vocab.tokens == run.target_vocab.tokens
    assert all("exact_match" not in line for line in run.log())
    assert KINDS["decoder-lm"].one_vocabulary
    maps = mt.attention_maps(run, "the")["decoder"]
    assert maps.keys[:4] == ["<start>", "t", "h", "e"] and maps.queries[:3] == ["t", "h", "e"]
    assert maps.weights.shape[-2:] == (len(maps.queries), len(maps.keys))


# ---- tasks


def test_windows_of_a_text_are_whole_and_those_of_two_splits_share_no_character():
    task, seen = tasks.get("text"), {}
    for start in task.every():
        source, target = task.pair(start)
        assert 1 <= len(source) <= task.prefix and len(target) == task.length
        assert source + target == task.text[start : start + len(source + target)]
        assert (source.strip(), target.strip()) == (source, target)
        places = range(start, start + len(source + target))
        seen.setdefault(task.split_of(start), set()).update(places)
    assert set(seen) == set(tasks.SPLITS)
    assert not seen["train"] & seen["validation"] and not seen["validation"] & seen["test"]


def test_the_end_of_a_window_is_not_learnt():
    batch = mt.make_batch([([4], [5, 6]), ([4], [7])], ends=False)
    assert batch.tgt_in.tolist() == [[1, 5, 6], [1, 7, 0]]
    assert batch.tgt_out.tolist() == [[5, 6, 0], [7, 0, 0]]
    assert batch.num_tokens == 3


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"abc\0def", "is no text: it has bytes of 0"),
        (b"caf\xe9 " * 100, r"is not UTF-8 \(at byte 3\)"),
        (b"too short", "has 9 characters, too few: its part for train"),
    ],
)
def test_a_file_that_is_no_text_is_answered_with_the_reason(tmp_path, content, said):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=said):
        tasks.get("text", file=str(path))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file .*b.txt to learn a text from"):
        tasks.get("text", file=str(tmp_path / "b.txt"))


def test_the_parity_of_bits_is_read_with_and_without_spaces():
    task = tasks.get("parity")
    assert task.pair("1 0 1 1") == ("1 0 1 1", "odd")
    assert task.rewrite("1011") == "1 0 1 1"
    with pytest.raises(ValueError, match='"2" is no bit'):
        task.check("12")
