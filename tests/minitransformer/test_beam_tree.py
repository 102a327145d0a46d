import re
import xml.etree.ElementTree as ElementTree

import pytest
from test_beam import ONE, Told
from toy_models import a_writer, models

from minigrad.drawing.picture import can_render
from minitransformer.decoding.beam import BeamSettings, search
from minitransformer.looking.beam_tree import draw_tree, tree_text
from minitransformer.text.specials import END, SPECIALS

TOKENS = [*SPECIALS, "a", "b", "<c&\\N>", " "]
needs_graphviz = pytest.mark.skipif(not can_render(), reason="neither dot nor pygraphviz")

# 4 is a, 5 is b
EXAMPLE = {
    (): {4: 0.6, 5: 0.4},
    (4,): {6: 0.5, 7: 0.3, END: 0.2},
    (5,): {END: 0.9, 4: 0.1},
    (4, 6): {END: 0.01, 5: 0.99},
}


def a_beam(distributions=None, width=2, penalty=0.0, n_best=1, **limits):
    model = Told(EXAMPLE if distributions is None else distributions)
    (beam,) = search(model, ONE, BeamSettings(width, penalty, n_best), **limits)
    return beam


def test_the_tree_of_a_search_says_what_was_kept_and_what_became_of_it():
    assert tree_text(a_beam(), TOKENS).splitlines() == [
        "   log p    score  beam of 2, length penalty 0",
        "   0.000           <start>",
        "  -0.511           ├ a",
        "  -1.204           │ └ <c&\\N>  left open",
        "  -0.916           └ b",
        "  -1.022   -1.022    └ <end>  number 1",
    ]


def test_the_tree_says_where_a_hypothesis_was_dropped_and_what_its_best_way_on_was():
    dropping = {(): {4: 0.6, 5: 0.4}, (4,): {6: 0.51, 7: 0.49}, (5,): {END: 0.4, 4: 0.6}}
    assert tree_text(a_beam(dropping, n_best=2), TOKENS).splitlines() == [
        "   log p    score  beam of 2, length penalty 0",
        "   0.000           <start>",
        "  -0.511           ├ a",
        "  -1.184           │ ├ <c&\\N>",
        "  -1.184   -1.184  │ │ └ <end>  number 1",
        "  -1.224           │ └ ␣",
        "  -1.224   -1.224  │   └ <end>  number 2",
        "  -0.916           └ b",
        "  -1.427             └ a  dropped",
    ]


def test_the_tree_says_what_was_cut_and_what_was_found_but_is_not_among_the_best():
    lines = tree_text(a_beam(n_best=2, max_length=2), TOKENS).splitlines()
    assert lines[4:] == [
        "  -5.809   -5.809  │   └ <end>  cut, number 2",
        "  -0.916           └ b",
        "  -1.022   -1.022    └ <end>  number 1",
    ]
    penalised = tree_text(a_beam({**EXAMPLE, (4, 6): {END: 1.0}}, penalty=2.0), TOKENS)
    assert "  -1.204   -0.677  │   └ <end>  number 1" in penalised
    assert "  -1.022   -0.751    └ <end>  not among the best" in penalised


@models
def test_the_tree_of_any_search_has_a_line_for_each_node_and_each_of_the_n_best(make):
    for beam in search(a_writer(make, 3), [[4, 5, END], [7, END, 0]], BeamSettings(4, 0.6, 3)):
        lines = tree_text(beam, TOKENS).splitlines()[1:]
        assert len(lines) == len(beam.nodes)
        assert [sum(f"number {n}" in line for line in lines) for n in (1, 2, 3)] == [1, 1, 1]
        assert sum("dropped" in line for line in lines) == sum(
            node.fate == "dropped" for node in beam.nodes
        )
        for node in beam.nodes:  # what ends a branch says what became of it
            assert (node.fate == "kept") == any(each.parent is node for each in beam.nodes)


def test_a_tree_as_deep_as_one_likes_is_shown():
    deep = {tuple([4] * n): {4: 1.0} for n in range(1500)}
    model = Told(deep, max_length=2000)
    (beam,) = search(model, ONE, BeamSettings(1, 0.0, 1))
    assert tree_text(beam, TOKENS).count("\n") == 1502


@needs_graphviz
def test_the_picture_has_a_box_for_each_node_with_what_the_text_says(tmp_path):
    dropping = {(): {4: 0.6, 5: 0.4}, (4,): {6: 0.51, 7: 0.49}, (5,): {END: 0.4, 4: 0.6}}
    beam = a_beam(dropping, n_best=2)
    path = draw_tree(beam, TOKENS).save(tmp_path / "beam.svg")
    root = ElementTree.parse(path).getroot()
    kinds = [group.get("class") for group in root.iter("{http://www.w3.org/2000/svg}g")]
    assert kinds.count("node") == len(beam.nodes)
    assert kinds.count("edge") == len(beam.nodes) - 1
    words = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    for word in ("<c&\\N>", "␣", "score -1.184", "number 1", "number 2", "dropped", "-1.427"):
        assert word in words
    assert words.count("0.6") == 2  # the probability of a after the start, and of a after b
    titles = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert "<start> a <c&\\N> <end>" in titles


def test_the_way_to_the_best_is_thick():
    source = draw_tree(a_beam(), TOKENS).source
    assert len(re.findall("n. -> n..*penwidth=2", source)) == 2  # b, and its end


def test_what_a_model_has_no_probability_for_can_still_be_shown():
    beam = a_beam({(): {4: 1.0}, (4,): {4: 1.0}}, width=1, max_length=1)
    assert tree_text(beam, TOKENS).endswith("    -inf     -inf    └ <end>  cut, number 1")
    assert "-inf" in draw_tree(beam, TOKENS).source
