"""`minitransformer translate` with a beam, with chance, and with the tree of a search."""

import numpy as np
import pytest
from test_cli import command, piped, refused

from minigrad.drawing import picture
from minigrad.drawing.picture import can_render
from minitransformer.decoding.beam import BeamSettings, search
from minitransformer.looking.beam_tree import tree_text
from minitransformer.text.batching import source_rows

__all__ = ["command"]  # a fixture

needs_graphviz = pytest.mark.skipif(not can_render(), reason="neither dot nor pygraphviz")
LINES = b"abc\n\nabz\ndd\n"  # two that can be translated


def listed(number, found):
    return [f"{number}\t{score:.4f}\t{text}" for score, text in found]


def test_a_beam_gives_the_best_translation_of_each_text(command, trained):
    texts = ["abc", "dd", "e"]
    for settings in ({"beam": 3}, {"beam": 2, "length_penalty": 0.0}):
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
        right = trained.translate(texts, **settings)
        assert command("translate", trained.folder, *texts, *flags) == (0, right, [])


def test_texts_and_flags_may_stand_in_any_order(command, trained):
    right = (0, trained.translate("abc", "dd", "e", beam=3), [])
    for words in (
        "--beam 3 abc dd e",
        "abc --beam 3 dd e",
        "abc dd --beam=3 e",
        "abc dd e --beam 3",
    ):
        assert command("translate", trained.folder, *words.split()) == right
    result = command("translate", trained.folder, "abc", "--bean", "3")
    refused(result, "unrecognized arguments: --bean 3; did you mean --beam?")


def test_n_best_are_lines_of_number_score_and_text_with_tabs_between_them(command, trained):
    first, second = trained.translations("abc", "dd", n_best=3, beam=4)
    status, out, err = command("translate", trained.folder, "abc", "dd", "--beam=4", "--n-best=3")
    assert (status, err) == (0, [])
    assert out == listed(1, first) + listed(2, second)
    assert len(out) == 6


def test_in_n_best_of_an_input_the_number_is_that_of_the_line(command, trained, monkeypatch):
    piped(monkeypatch, LINES)
    status, out, err = command("translate", trained.folder, "--beam=4", "--n-best=2")
    first, second = trained.translations("abc", "dd", n_best=2)
    assert status == 1
    assert out == listed(1, first) + listed(4, second)
    assert [line.split(": ")[1] for line in err] == ["line 2", "line 3"]


@pytest.mark.parametrize("flags", [["--beam=3"], ["--sample", "--seed=4"]], ids=" ".join)
def test_each_line_of_the_input_still_has_its_line_of_the_output(
    flags, command, trained, monkeypatch
):
    piped(monkeypatch, LINES)
    status, out, err = command("translate", trained.folder, *flags)
    settings = {"beam": 3} if "--beam=3" in flags else {"sample": np.random.default_rng(4)}
    first, second = trained.translate("abc", "dd", **settings)
    assert (status, out, len(err)) == (1, [first, "", "", second], 2)


def test_a_sample_is_that_of_its_seed_and_0_where_none_is_given(command, trained):
    texts, flags = ["abc", "ddee", "cab"], ["--sample", "--temperature=3", "--top-k=4"]

    def right(seed):
        rng = np.random.default_rng(seed)
        return trained.translate(texts, sample=rng, temperature=3.0, top_k=4)

    assert command("translate", trained.folder, *texts, *flags) == (0, right(0), [])
    assert command("translate", trained.folder, *texts, *flags, "--seed=5") == (0, right(5), [])
    assert right(0) != right(5)


def test_the_same_lines_are_drawn_alike_however_they_come(command, trained, monkeypatch):
    flags = ["--sample", "--temperature=3"]
    together = command("translate", trained.folder, "abc", "dd", "e", *flags)
    piped(monkeypatch, b"abc\ndd\nzz\ne\n")
    _, (first, second, failed, third), _ = command("translate", trained.folder, *flags)
    assert ([first, second, third], failed) == (together[1], "")


def test_show_tree_prints_the_tree_of_each_search_before_its_translation(command, trained):
    settings = BeamSettings(3, 1.0, 1)
    right = []
    for text in ("abc", "dd"):
        src = source_rows([trained.encode_source(text)])
        (beam,) = search(trained.model, src, settings)
        lines = tree_text(beam, trained.target_vocab.tokens).splitlines()
        right += [*lines, "", trained.scored(beam, trained.read(text))[0][1], ""]
    flags = ["--beam=3", "--length-penalty=1", "--show-tree"]
    assert command("translate", trained.folder, "abc", "dd", *flags) == (0, right, [])


@needs_graphviz
def test_tree_draws_the_search_and_prints_the_translation_as_ever(command, trained, tmp_path):
    path = tmp_path / "new" / "beam.svg"
    result = command("translate", trained.folder, "abc", "--beam=3", "--tree", path)
    assert result == (0, trained.translate("abc", beam=3), [])
    assert "beam of 3" in path.read_text(encoding="utf-8")


def test_without_graphviz_the_tree_is_written_as_dot(command, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(picture, "can_render", lambda: False)
    with pytest.warns(UserWarning, match="drawing needs Graphviz"):
        command("translate", trained.folder, "abc", "--beam=3", "--tree", tmp_path / "beam.svg")
    assert [path.name for path in tmp_path.iterdir()] == ["beam.dot"]


@pytest.mark.parametrize(
    "flags, parts",
    [
        (["--beam=3", "--sample"], ["--beam and --sample exclude each other"]),
        (["--n-best=3"], ["--n-best belongs to a beam search: give --beam WIDTH too"]),
        (["--length-penalty=1"], ["--length-penalty belongs to a beam search"]),
        (["--show-tree"], ["--show-tree belongs to a beam search"]),
        (["--tree=x.svg"], ["--tree belongs to a beam search"]),
        (["--sample", "--n-best=2"], ["--n-best belongs to a beam search"]),
        (["--temperature=1"], ["--temperature belongs to sampling: give --sample too"]),
        (["--top-k=1", "--beam=2"], ["--top-k belongs to sampling"]),
        (["--top-p=1"], ["--top-p belongs to sampling"]),
        (["--seed=0"], ["--seed belongs to sampling"]),
        (["--beam=0"], ["width has to be a whole number above 0, not 0"]),
        (["--beam=2", "--n-best=3"], ["n_best has to be at most the width of the beam, 2, not 3"]),
        (["--beam=2", "--n-best=0"], ["n_best has to be a whole number above 0, not 0"]),
        (["--beam=2", "--length-penalty=nan"], ["length_penalty has to be from 0 to 10, not nan"]),
        (["--sample", "--temperature=-1"], ["temperature has to be a finite number from 0"]),
        (["--sample", "--top-k=0"], ["top_k has to be a whole number above 0, not 0"]),
        (["--sample", "--top-p=1.5"], ["top_p has to be above 0 and at most 1, not 1.5"]),
        (["--sample", "--seed=-1"], ["--seed has to be at least 0, not -1"]),
        (["--beam=two"], ["--beam", "two"]),
        (["--beam=2", "--tree=beam.gif"], ["beam.gif", ".svg, .png, .pdf, .dot"]),
        (["--beam=2", "--tree=x.svg", "dd"], ["--tree draws the search of one text", "not 2"]),
    ],
    ids=lambda words: " ".join(words) if words[0].startswith("--") else "",
)
def test_flags_that_make_no_sense_are_refused_in_a_sentence(flags, parts, command, trained):
    refused(command("translate", trained.folder, "abc", *flags), *parts)


def test_a_tree_of_standard_input_is_refused(command, trained, monkeypatch):
    piped(monkeypatch, b"abc\n")
    result = command("translate", trained.folder, "--beam=2", "--tree=x.svg")
    refused(result, "give one as argument, not standard input")
