"""Words that a model does not know: read, named, and copied, shown or refused."""

import numpy as np
import pytest
from test_cli import command, piped, refused
from test_run import numbers_run
from toy_models import quick_train, toy_model

import minigrad as mg
import minitransformer as mt
from minitransformer.decoding.copying import looked_at
from minitransformer.models.seq2seq import AttentionTensors
from minitransformer.run import TOGETHER
from minitransformer.text.batching import make_batch
from minitransformer.text.specials import END, UNKNOWN

__all__ = ["command"]  # a fixture


class Pointing(mg.Module):
    """A model that is nothing but its attention: given weights (1, H, T, S) in each layer."""

    def __init__(self, *layers):
        self.layers = [mg.Parameter(np.array([layer])) for layer in layers]

    def forward(self, src, tgt):
        named = [(layer * 1).named(f"layer {i}") for i, layer in enumerate(self.layers)]
        return sum(weights.sum() for weights in named)

    def attention_tensors(self):
        names = [f"layer {i}" for i in range(len(self.layers))]
        own = AttentionTensors("decoder", "target", "target", names[:1])
        return [AttentionTensors("across", "target", "source", names), own]


HEADS = [  # two heads, three queries (the last writes the end), keys: three words and the end
    [[0.0, 0.6, 0.4, 0.0], [0.3, 0.1, 0.0, 0.6], [0.0, 0.0, 0.0, 1.0]],
    [[0.1, 0.0, 0.9, 0.0], [0.1, 0.2, 0.1, 0.6], [0.0, 0.0, 0.0, 1.0]],
]


def test_the_last_layer_decides_by_the_mean_of_its_heads_and_never_for_the_end():
    other = np.roll(np.array(HEADS), 1, axis=-1).tolist()
    assert looked_at(Pointing(other, HEADS), [4, 5, 6], [7, 8]) == [2, 0]


def test_nothing_was_looked_at_by_a_model_that_looks_at_no_source():
    assert looked_at(toy_model(kind="lstm"), [4, 5], [6, 7]) is None


@pytest.mark.parametrize("kind", ["transformer", "attention-lstm"])
def test_what_was_looked_at_is_what_the_recorded_graph_says_also_where_none_is_recorded(kind):
    model, source, written = toy_model(kind=kind), [4, 5, 6, 7, 4], [6, UNKNOWN, 7]
    batch = make_batch([(source, written)])
    name = model.attention_tensors()[-1].names[-1]
    weights = mg.graph_of(model(batch.src, batch.tgt_in)).find(name).value[0].mean(axis=0)
    right = weights[:3, :5].argmax(axis=-1).tolist()
    assert looked_at(model, source, written) == right
    with mg.no_grad():
        assert looked_at(model, source, written) == right


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    """A run that knows only the most frequent letters of its task: three of five, or four."""
    folder = tmp_path_factory.mktemp("cut") / "run"
    return quick_train(folder, steps=100, vocabulary={"vocab_size": 7})


def unknown_text(run):
    known = set(run.source_vocab.tokens)
    letter = next(letter for letter in "abcde" if letter not in known)
    return letter, "".join(sorted(known & set("abcde"))[:1]) + letter


def test_the_default_is_to_fail_where_all_is_known_and_to_copy_where_some_is_left_out(trained, cut):
    assert (trained.unknown, numbers_run().unknown, cut.unknown) == ("fail", "fail", "copy")
    letter, text = unknown_text(cut)
    assert cut.read(text).unknown == [letter]
    assert cut.encode_source(text)[-1] == UNKNOWN
    with pytest.raises(ValueError, match=f"unknown to this model: '{letter}'. It knows 7 char"):
        cut.translate(text, unknown="fail")


def test_an_unknown_word_that_was_written_is_the_source_word_or_is_shown(cut):
    letter, text = unknown_text(cut)
    source = cut.read(text)
    known = cut.source_vocab.encode(text)[0]
    ids = [UNKNOWN, known, UNKNOWN, END, UNKNOWN]
    places = looked_at(cut.model, source.ids, ids[:3])
    copied = "".join([text[places[0]], text[0], text[places[2]]])
    assert cut.text(ids, source) == cut.text(ids, source, "copy") == copied
    assert cut.text(ids, source, "show") == f"<unknown>{text[0]}<unknown>"


def test_a_model_without_attention_shows_what_it_cannot_copy():
    run = numbers_run(known=[20, 21, 30])
    run.model = toy_model(
        kind="lstm", src_vocab_size=len(run.source_vocab), tgt_vocab_size=len(run.target_vocab)
    )
    assert run.text([UNKNOWN], run.read("seventy-two", "copy"), "copy") == "<unknown>"


@pytest.mark.parametrize("way", ["copy", "show"])
def test_every_way_to_decode_reads_unknown_words(way, cut):
    _, text = unknown_text(cut)
    texts = [text, text[0], text[::-1]] * (TOGETHER // 2)  # more than a batch
    for settings in (
        {},
        {"beam": 2},
        {"sample": np.random.default_rng(0)},
    ):
        written = cut.translate(texts, unknown=way, **settings)
        assert len(written) == len(texts)
        assert way == "show" or not any("<unknown>" in each for each in written)
    (found,) = cut.translations(text, n_best=2, beam=3, unknown=way)
    assert len(found) == 2 and (way == "show" or "<unknown>" not in found[0][1] + found[1][1])


def test_another_way_is_refused_with_the_nearest_name(trained):
    with pytest.raises(ValueError, match="copy, show, fail, not 'shows'; did you mean 'show'?"):
        trained.translate("ab", unknown="shows")


def test_unknown_characters_of_byte_pairs_are_named_and_read(tmp_path):
    run = quick_train(tmp_path / "run", vocabulary={"unit": "bpe", "min_count": 200})
    known = set(run.source_vocab.pairs.characters)
    letter = next(letter for letter in "abcde" if letter not in known)
    assert run.read(letter).unknown == [letter]
    assert run.translate(letter)
    with pytest.raises(ValueError, match=f"unknown to this model: '{letter}'. It knows .* pieces"):
        run.translate(letter, unknown="fail")


# The command.


def test_the_reader_is_told_which_words_of_which_line_are_unknown(command, cut, monkeypatch):
    letter, text = unknown_text(cut)
    piped(monkeypatch, f"{text[0]}\n\n{text}\n".encode())
    status, out, err = command("translate", cut.folder)
    assert out == [*cut.translate(text[0]), "", *cut.translate(text)]
    assert err[1:] == [f"minitransformer: line 3: unknown to this model: '{letter}'"]
    assert status == 1  # for the empty line alone
    piped(monkeypatch, f"{text}\n".encode())
    assert command("translate", cut.folder)[0] == 0
    piped(monkeypatch, f"{text}\n".encode())
    status, out, err = command("translate", cut.folder, "--unknown", "fail")
    assert (status, out) == (1, [""])
    assert err[0].startswith(f"minitransformer: line 1: unknown to this model: '{letter}'. It")


def test_an_argument_with_an_unknown_word_is_translated_too(command, cut):
    letter, text = unknown_text(cut)
    said = f"unknown to this model: '{letter}'"
    right = cut.translate(text, unknown="show")
    assert command("translate", cut.folder, text, "--unknown", "show") == (
        0,
        right,
        [f"minitransformer: {said}"],
    )
    _, out, err = command("translate", cut.folder, text[0], text)
    assert err == [f"minitransformer: text 2: {said}"]
    refused(command("translate", cut.folder, text, "--unknown", "fail"), said, "--unknown")
    assert "--unknown" in command("translate", cut.folder, text, "--unknown", "x")[2][0]


AWKWARD = [
    "abc",
    "\ufeffab",
    "\u00a0c\u00adb\u2028",
    "a\u200bb",
    "\x1b[31mab\x1b[0m\r",
    "x\tz",
    "\u0301a",
]


def test_a_text_is_read_alike_from_a_file_an_argument_and_a_prompt(command, trained, monkeypatch):
    for text in [*AWKWARD, "\udcff"]:
        content = text.encode(errors="surrogateescape") + b"\n"
        status, said, why = command("translate", trained.folder, text)
        for flags in ([], ["--interactive"]):
            piped(monkeypatch, content)
            _, out, err = command("translate", trained.folder, *flags)
            assert list(filter(None, out)) == said
            assert [line.replace("line 1: ", "") for line in err] == why
        assert (status == 0) == bool(said) != bool(why)


def test_a_prompt_ends_at_an_empty_line_and_goes_on_after_a_fault(command, trained, monkeypatch):
    piped(monkeypatch, b"abc\nxyz\ndd\n \nab\n")
    status, out, err = command("translate", trained.folder, "--interactive")
    assert (status, out) == (0, trained.translate("abc", "dd"))
    assert len(err) == 1 and '"x" is not one of the letters' in err[0]
    piped(monkeypatch, b"abc")
    assert command("translate", trained.folder, "--interactive")[1] == trained.translate("abc")


def test_ctrl_c_ends_a_prompt_cleanly(command, trained, monkeypatch):
    def interrupted(prompt):
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", interrupted)
    assert command("translate", trained.folder, "--interactive") == (0, [""], [])


def test_the_attention_of_one_text_is_drawn(command, trained, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "new" / "ab.svg"
    result = command("translate", trained.folder, "ab", "--attention", path)
    assert result == (0, trained.translate("ab"), [])
    assert path.read_text(encoding="utf-8").count("layer 1, head 1") >= 1


@pytest.mark.parametrize(
    "words, part",
    [
        (["ab", "--attention=x.gif"], "its ending has to be one of .svg"),
        (["ab", "cd", "--attention=x.svg"], "--attention draws one text: give one as argument"),
        (["--interactive", "--attention=x.svg"], "--attention draws one text"),
        (["ab", "--beam=2", "--attention=x.svg"], "without --beam or --sample"),
        (["ab", "--interactive"], "--interactive asks for texts: give none as argument"),
    ],
)
def test_flags_that_make_no_sense_together_are_refused(words, part, command, trained):
    refused(command("translate", trained.folder, *words), part)


# `vocab`.


def test_vocab_shows_the_merges_of_a_text_and_its_tokens(command, tmp_path):
    run = quick_train(tmp_path / "run", vocabulary={"unit": "bpe", "vocab_size": 268})
    status, out, err = command("vocab", run.folder, "abcd€")
    assert (status, err) == (0, [])
    pairs = run.source_vocab.pairs
    assert out[0] == "Vocabulary of 268 pieces of words"
    assert out[2].strip() == "▁ a b c d"
    numbers = [int(line.split()[0]) for line in out if " + " in line]
    assert numbers == [step.number for step in pairs.steps(" abcd")] != []
    tokens = [
        line.split()[1].replace("▁", " ") for line in out if line[:6].strip() and "+" not in line
    ][1:]
    assert [token for token in tokens if token in pairs.tokens] == run.source_vocab.tokenize(
        "abcd€"
    )
    assert out[-1].endswith("€")


def test_vocab_shows_which_words_are_unknown(command, cut):
    letter, text = unknown_text(cut)
    _, out, _ = command("vocab", cut.folder, text)
    known = cut.source_vocab.encode(text)[0]
    assert out == [
        "Vocabulary of 7 characters",
        "",
        f"{known:6}  {text[0]}",
        f"     3  {letter}  unknown to this model",
    ]
    assert command("vocab", cut.folder, text, "--side", "target")[0] == 0
    refused(command("vocab", cut.folder, " "), "the text is empty")


def test_an_explained_sentence_of_byte_pairs_shows_where_words_begin(tmp_path):
    run = quick_train(tmp_path / "run", vocabulary={"unit": "bpe", "vocab_size": 268})
    assert "".join(run.explain("abcd").source) == "▁abcd<end>"
    assert isinstance(run.source_vocab, mt.Vocabulary)
