import importlib
import os
import re
import stat
import warnings
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad.drawing.draw import draw
from minigrad.looking.trace import graph_of

module = importlib.import_module("minigrad.drawing.draw")  # `minigrad.draw` alone is the function
picture = importlib.import_module("minigrad.drawing.picture")
rng = np.random.default_rng(0)
pytestmark = pytest.mark.skipif(not module.can_render(), reason="neither dot nor pygraphviz")
BEGINNINGS = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph"}


class Linear(mg.Module):
    def __init__(self, inputs, outputs):
        self.weight = mg.Parameter(rng.normal(size=(inputs, outputs)), dtype=np.float32)
        self.bias = mg.Parameter(np.zeros(outputs), dtype=np.float32)

    def forward(self, x):
        return mg.linear(x, self.weight, self.bias)


class Attention(mg.Module):
    def __init__(self, width):
        self.w_q, self.w_k = Linear(width, width), Linear(width, width)

    def forward(self, x):
        scores = (self.w_q(x).named("Q") @ self.w_k(x).named("K").mT * 0.5).named("scores")
        return scores.softmax() @ x


def attention():
    return Attention(8)(np.ones((2, 5, 8), np.float32))


def expression():
    a, b, c = (mg.Tensor(value, True, name=name) for name, value in zip("abc", (2.0, -3.0, 10.0)))
    return (a * b + c) ** 2


def texts(drawing):
    """All that can be read in the picture."""
    root = ElementTree.fromstring(drawing.svg())
    return [element.text.strip() for element in root.iter() if element.tag.endswith("}text")]


def drawn(drawing):
    """How many nodes, edges and clusters Graphviz has drawn."""
    classes = [element.get("class") for element in ElementTree.fromstring(drawing.svg()).iter()]
    return classes.count("node"), classes.count("edge"), classes.count("cluster")


@pytest.fixture
def no_graphviz(monkeypatch):
    monkeypatch.setattr(picture.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(picture.shutil, "which", lambda program: None)


# ---- what is in the picture


def test_each_node_edge_and_module_call_is_drawn():
    graph = graph_of(attention())
    assert drawn(draw(graph)) == (len(graph.nodes), len(graph.edges), 3)


def test_a_reader_finds_names_ops_shapes_and_modules():
    shown = texts(draw(attention()))
    assert {"Q", "scores", "mul 0.5", "(2, 5, 5)", "weight", "(8, 8)", "w_q", "Linear"} <= {*shown}
    assert shown.count("weight") == 2


def test_a_number_is_shown_though_the_op_mentions_it():
    x = mg.Tensor(np.sqrt(2.0), True, name="x")
    assert "2" in texts(draw((x**2).named("y")))


def test_a_shape_is_not_said_twice():
    x = mg.Tensor(np.ones((2, 3)), True, name="x")
    assert texts(draw(x.reshape(3, 2), numbers=False)) == ["x", "(2, 3)", "reshape (3, 2)"]


def test_a_leaf_is_drawn_as_one_node():
    x = mg.Tensor(np.ones((2, 3)), name="x")
    assert texts(draw(x))[-3:] == ["x", "(2, 3)", "[[1, 1, 1], [1, 1, 1]]"]
    assert drawn(draw(mg.Tensor(np.ones((2, 3)), name="x"))) == (1, 0, 0)


def test_depth_folds_the_picture():
    assert drawn(draw(attention(), depth=1))[2] == 1
    assert drawn(draw(attention(), depth=0)) == (2, 1, 0)
    shown = texts(draw(attention(), depth=0, numbers=False))
    assert sorted(shown) == sorted([
        *("x", "(2, 5, 8)", "Attention", "7 ops · 144 parameters", "(2, 5, 8)"),
        "(2, 5, 8)",  # what goes along the arrow between them
        "7 ops in 1 box: 1 module is closed; depth= or expand= opens them",
    ])  # fmt: skip


def test_a_graph_is_drawn_like_its_tensor():
    y = attention()
    assert draw(graph_of(y)).source == draw(y).source
    assert draw(graph_of(y).fold(1)).source == draw(y, depth=1).source


def test_the_same_model_gives_the_same_source():
    sources = [draw(attention(), numbers=False).source for _ in range(2)]
    assert sources[0] == sources[1]


def test_inputs_that_could_be_mixed_up_are_labelled_and_no_others():
    a, b = mg.Tensor(np.eye(2), True), mg.Tensor(np.eye(2), True)
    assert {"a", "b"} <= {*texts(draw(a @ b))}
    assert {"a", "b"}.isdisjoint(texts(draw(a * b)))
    assert {"a", "b"}.isdisjoint(texts(draw(a - 1)))
    assert texts(draw(a.named("a") - b.named("b"))).count("a") == 1
    linear = Linear(2, 2)(a)
    assert texts(draw(linear)).count("weight") == 1 and "x" not in texts(draw(linear))


def test_direction_turns_the_picture():
    def size(drawing):
        root = ElementTree.fromstring(drawing.svg())
        return float(root.get("width")[:-2]), float(root.get("height")[:-2])

    wide, tall = (size(draw(expression(), None, way, numbers=False)) for way in ("LR", "TB"))
    assert wide[0] > wide[1] and tall[0] < tall[1]


def test_saved_says_what_backward_remembers():
    a = mg.Tensor(np.ones((2, 3)), True)
    assert "keeps y (2, 3): 48 bytes" in texts(draw(a.exp(), saved=True))
    assert not any("keeps" in text for text in texts(draw(a.exp())))
    assert any("arrays" in text for text in texts(draw(attention(), depth=0, saved=True)))


@pytest.mark.parametrize(
    "name", ['a"b\\n<c>', "<b>x</b>", "&amp;", "\\N \\G", "größe 注意", "->", "n0"]
)
def test_odd_names_are_drawn_to_the_letter(name):
    a = mg.Tensor([1.0], True, name=name)
    y = (a * 2).named(name)
    assert texts(draw(y, numbers=False)) == [name, "(1,)", name, "mul 2", "(1,)"]


@settings(deadline=None, max_examples=15)
@given(st.text(max_size=8), st.text(max_size=8))
def test_no_name_breaks_the_picture(name, key):
    class Holder(mg.Module):
        def __init__(self):
            self.parts = {key: Linear(2, 2)}

        def forward(self, x):
            return self.parts[key](x)

    y = Holder()(mg.Tensor(np.eye(2), True, name=name)).named(name)
    assert drawn(draw(y)) == (4, 3, 2)
    assert drawn(draw(y, depth=1)) == (2, 1, 1)


# ---- numbers


def test_a_node_shows_its_value_and_its_gradient():
    shown = texts(draw(expression()))
    assert {"a", "2", "mul", "-6", "add", "4", "pow 2", "16"} <= {*shown}
    assert shown.count("grad: not computed") == 6 and not any("grad: 0" in text for text in shown)
    loss = expression()
    loss.backward(retain_graph=True)
    shown = texts(draw(loss))
    assert {"grad: -24", "grad: 16", "grad: 8"} <= {*shown}
    assert shown.count("grad: not kept") == 3


def test_without_numbers_there_are_none():
    shown = texts(draw(expression(), numbers=False))
    assert sorted(shown) == sorted(["a", "b", "c", "mul", "add", "pow 2"])


def test_in_a_larger_picture_what_has_no_gradient_is_said_once():
    loss = graph_of(attention().sum())  # of 13 nodes
    model = attention() @ Attention(8)(np.ones((2, 5, 8), np.float32)).mT
    assert len(loss.nodes) < 16 < len(graph_of(model.sum()).nodes)
    assert texts(draw(loss)).count("grad: not computed") > 5
    shown = texts(draw(model.sum()))
    assert "grad: not computed" not in shown
    assert sum("grad: not computed, backward has not come by" in text for text in shown) == 1


def test_a_value_that_cannot_be_known_is_left_out_and_that_is_said():
    x = mg.Tensor(2.0, True, name="x")
    y = (x * 3) + 1
    x.data = x.data + 1
    shown = texts(draw(y))
    assert "6" not in shown and "9" not in shown
    assert any("a tensor was changed since" in text for text in shown)


# ---- folding


def loop(steps):
    y, w = mg.Tensor(np.ones(3), True, name="x"), mg.Parameter(np.ones(3), name="w")
    for _ in range(steps):
        y = mg.tanh(y * w + 0.1)
    return y.sum()


def test_what_is_folded_is_said_below_the_picture():
    said = "7 ops in 1 box: 1 module is closed; depth= or expand= opens them"
    assert said in texts(draw(attention(), depth=0))
    said = "301 ops in 2 boxes: 300 ops stand in 1 section; depth= or expand= opens them"
    assert said in texts(draw(loop(100)))
    assert not any("boxes" in text for text in texts(draw(attention())))


def test_a_graph_of_100_000_ops_is_drawn():
    shown = texts(draw(loop(33_334)))
    assert "mul, add, tanh x33,334" in shown and "w" in shown and "x" in shown
    assert any("100,003 ops in 2 boxes: 100,002 ops stand" in text for text in shown)


def test_an_arrow_across_a_fold_says_what_passes():
    assert texts(draw(attention(), depth=1)).count("(2, 5, 8)") > 5
    folded, whole = (draw(attention(), depth=depth, numbers=False) for depth in (0, 9))
    assert texts(folded).count("(2, 5, 8)") == 3  # x, the box, and the arrow between them
    assert "label" not in " ".join(line for line in whole.source.splitlines() if "-> n1 " in line)


def test_expand_opens_a_module_in_the_picture():
    assert drawn(draw(attention(), depth=0, expand="w_q"))[2] == 2
    assert draw(attention(), depth=0, expand="*", numbers=False).source.count("subgraph") == 3


def test_a_graph_that_was_folded_is_drawn_as_it_is():
    graph = graph_of(loop(40))
    assert len(draw(graph).graph.nodes) < 10
    assert len(draw(graph.fold(0)).graph.nodes) == len(graph.nodes) > 100


# ---- the way of the gradient


def arrows(drawing):
    """{(from, to): the look of the arrow}, as it stands in the DOT."""
    source = drawing.source
    for label, words in re.findall(r'^\t*("edge-[^"]*-label") .*(label="[^"]*")', source, re.M):
        (tail,) = re.findall(rf"^\t*(n\d+) -> {label} ", source, re.M)  # cut in two by its label
        source = re.sub(
            rf"^\t*{label} -> (n\d+) \[", rf"{tail} -> \1 [{words} ", source, flags=re.M
        )
    found = re.findall(r"^\t*(n\d+) -> (n\d+) \[(.*)", source, re.M)
    return {(tail, head): look for tail, head, look in found}


def test_backward_turns_every_arrow_and_says_the_shape_of_its_gradient():
    y = attention()
    there, back = arrows(draw(y)), arrows(draw(y, direction="backward"))
    assert {(target, source) for source, target in there} == back.keys()
    graph = graph_of(y)
    for (_, to), look in back.items():
        node = graph.by_id[to]
        assert (str(node.shape) in look) == node.requires_grad
        assert ("dotted" in look) == (not node.requires_grad)


def test_the_larger_a_gradient_the_wider_its_arrow():
    x = mg.Tensor(np.ones((100, 100)), True)
    looks = arrows(draw((x * 2)[0].sum() * 2, direction="backward")).values()
    widths = [float(look.partition("penwidth=")[2].split()[0].rstrip("]")) for look in looks]
    assert widths == sorted(widths, reverse=True) and len(set(widths)) == 3


def test_the_loss_stands_at_the_top_of_the_way_back():
    def height(drawing, id):
        root = ElementTree.fromstring(drawing.svg())
        group = next(g for g in root.iter() if g.get("id") == f"node-{id}")
        return min(float(t.get("y")) for t in group.iter() if t.tag.endswith("}text"))

    y = attention()
    output = graph_of(y).output.id
    for direction, wanted in (("backward", min), ("TB", max)):
        drawing = draw(y, direction=direction)
        heights = {node.id: height(drawing, node.id) for node in drawing.graph.nodes}
        assert wanted(heights, key=lambda id: heights[id]) == output


# ---- what backward keeps


def test_saved_counts_an_array_that_is_kept_twice_once():
    class Twice(mg.Module):
        def forward(self, x):
            return x * x + x.exp() * x

    x = mg.Tensor(np.ones((10, 10)), True)  # 800 bytes, kept by both products; exp keeps its value
    shown = texts(draw(Twice()(x), depth=0, saved=True))
    assert any(text.endswith("arrays: 1,600 bytes") for text in shown)


# ---- the picture says what is in it, to the mouse and to the ear


def titles(drawing, kind):
    groups = ElementTree.fromstring(drawing.svg()).iter("{http://www.w3.org/2000/svg}g")
    return [group[0].text for group in groups if group.get("class") == kind]


def test_a_title_says_the_name_or_the_op_and_the_shape():
    shown = titles(draw(attention()), "node")
    assert {"w_q.Q (2, 5, 8)", "w_k.weight (8, 8)", "matmul (2, 5, 5)"} <= {*shown}
    assert "scores (2, 5, 5)" in shown


def test_an_arrow_says_from_where_to_where_and_what_passes():
    assert "w_k.K -> swapaxes -1, -2 (2, 5, 8)" in titles(draw(attention()), "edge")


def test_a_box_says_its_path_and_class():
    assert titles(draw(attention()), "cluster") == ["Attention", "w_q Linear", "w_k Linear"]


def test_titles_are_to_the_letter_too():
    name = '&amp; <b>"\\N\\T -> größe'
    a = mg.Tensor([1.0], True, name=name)
    y = draw((a * 2).named(name))
    assert titles(y, "node") == [f"{name} (1,)"] * 2
    assert titles(y, "edge") == [f"{name} -> {name} (1,)"]


def groups(drawing, kind):
    found = ElementTree.fromstring(drawing.svg()).iter("{http://www.w3.org/2000/svg}g")
    return [group.get("id") for group in found if kind in (group.get("class") or "").split()]


def test_each_part_is_a_group_with_an_id():
    drawing = draw(attention())
    nodes, edges = drawing.graph.nodes, drawing.graph.edges
    assert {f"node-{node.id}" for node in nodes} <= {*groups(drawing, "node")}
    assert sorted(groups(drawing, "edge")) == sorted(f"edge-{e.source}-{e.target}" for e in edges)
    assert groups(drawing, "cluster") == ["cluster-Attention", "cluster-w_q", "cluster-w_k"]


def test_the_second_edge_between_two_nodes_has_an_id_of_its_own():
    x = mg.Tensor(3.0, True)
    assert groups(draw(x * x), "edge") == ["edge-n0-n1", "edge-n0-n1-2"]


def test_an_id_holds_no_odd_letters_and_stands_for_one_call():
    class Holder(mg.Module):
        def __init__(self):
            self.parts = {'a "b"': Linear(2, 2), "a 'b'": Linear(2, 2)}

        def forward(self, x):
            for part in self.parts.values():
                x = part(x)
            return x

    ids = groups(draw(Holder()(mg.Tensor(np.eye(2), True))), "cluster")
    assert ids == ["cluster-Holder", "cluster-parts.a_b_", "cluster-parts.a_b_-2"]


def test_a_drawing_keeps_what_it_was_drawn_from_and_what_it_shows():
    y = attention()
    assert draw(y).tensor is y and draw(graph_of(y)).tensor is None
    assert len(draw(y, depth=0).graph.nodes) == 2


def test_the_same_graph_gives_the_same_bytes(tmp_path):
    y = attention()
    for options in ({}, {"depth": 0}, {"direction": "backward", "saved": True}):
        files = [draw(y, **options).save(tmp_path / f"{i}.svg").read_bytes() for i in (1, 2)]
        assert files[0] == files[1]


# ---- nothing to draw


def test_a_tensor_that_nothing_was_recorded_of_says_so():
    with mg.no_grad():
        y = mg.Tensor([1.0], True) * 2
    for empty in (y, mg.Tensor([1.0]) * 2, mg.Tensor(1.0), mg.Tensor(1.0, True)):
        said = " ".join(texts(draw(empty)))
        assert "nothing was recorded" in said and "under no_grad" in said
    assert "nothing was recorded: a parameter" in " ".join(texts(draw(mg.Parameter([1.0]))))


def test_what_was_recorded_says_nothing_of_the_kind():
    assert not any("nothing" in said for said in texts(draw(expression())))


# ---- what cannot be drawn


def test_a_freed_graph_is_refused_with_the_way_out():
    loss = expression()
    loss.backward()
    sentence = "freed by an earlier backward: .*retain_graph=True; or look at the graph before"
    with pytest.raises(RuntimeError, match=sentence):
        draw(loss)


def test_what_is_no_tensor_is_refused():
    with pytest.raises(TypeError, match="a Tensor or a Graph, not list"):
        draw([mg.Tensor(1.0)])


def test_an_unknown_direction_is_refused():
    with pytest.raises(ValueError, match='"TB", "LR", .* or "backward", not \'down\''):
        draw(expression(), direction="down")


def test_a_pattern_that_fits_nothing_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="no module of this graph fits 'w_x'; there is w_"):
        draw(attention(), expand="w_x")
    with pytest.raises(ValueError, match="an empty pattern"):
        draw(attention(), expand="")


@pytest.mark.parametrize("depth, error", [(-1, ValueError), (True, TypeError), (0.5, TypeError)])
def test_a_depth_that_cannot_be_is_refused(depth, error):
    with pytest.raises(error, match=f"how many levels stay open, .*; not {depth}"):
        draw(attention(), depth=depth)


# ---- files


@pytest.mark.parametrize("ending", ["svg", "png", "pdf", "dot", "SVG"])
def test_a_file_is_written_for_each_ending(tmp_path, ending):
    path = draw(expression()).save(tmp_path / f"x.{ending}")
    assert path == tmp_path / f"x.{ending}"
    assert path.read_bytes().startswith(BEGINNINGS[ending.lower()])
    assert os.listdir(tmp_path) == [path.name]


def test_a_file_has_the_permissions_of_any_other_new_file(tmp_path):
    (tmp_path / "other").touch()
    path = draw(expression()).save(str(tmp_path / "x.svg"))
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "other").stat().st_mode)


@pytest.mark.parametrize("name", ["x.jpg", "x", ".svg"])
def test_an_unknown_ending_is_refused_with_the_known_ones(tmp_path, name):
    with pytest.raises(ValueError, match=r"\.svg, \.png, \.pdf, \.dot"):
        draw(expression()).save(tmp_path / name)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("failing", ["rendered", "os.replace"])
def test_a_failure_leaves_the_old_file_and_nothing_half_written(tmp_path, monkeypatch, failing):
    def fail(*args):
        raise OSError("disk full")

    path = tmp_path / "x.svg"
    path.write_text("old")
    target = picture if failing == "rendered" else picture.os
    monkeypatch.setattr(target, failing.split(".")[-1], fail)
    with pytest.raises(OSError, match="disk full"):
        draw(expression()).save(path)
    monkeypatch.undo()
    assert (os.listdir(tmp_path), path.read_text()) == (["x.svg"], "old")


def test_without_graphviz_the_dot_file_is_written_and_said(tmp_path, no_graphviz):
    with pytest.warns(UserWarning, match=r"pip install pygraphviz, or .*; wrote .*x\.dot instead"):
        path = draw(expression()).save(tmp_path / "x.png")
    assert path == tmp_path / "x.dot"
    assert path.read_text() == draw(expression()).source
    assert os.listdir(tmp_path) == ["x.dot"]


def test_without_graphviz_a_dot_file_is_nothing_to_warn_about(tmp_path, no_graphviz):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert draw(expression()).save(tmp_path / "x.dot").exists()


def test_without_graphviz_svg_says_what_to_install_and_jupyter_shows_text(no_graphviz):
    with pytest.raises(RuntimeError, match="pip install pygraphviz, or .*the dot program"):
        draw(expression()).svg()
    assert draw(expression())._repr_svg_() is None
    assert "pip install pygraphviz" in repr(draw(expression()))


def test_it_shows_itself_in_jupyter():
    assert "<svg" in draw(expression())._repr_svg_()


def test_the_dot_program_is_used_where_there_is_one(tmp_path, monkeypatch):
    program = tmp_path / "dot"
    program.write_text('#!/bin/sh\necho "<svg>$*</svg>"\ncat > /dev/null\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(picture.importlib.util, "find_spec", lambda name: None)
    assert "<svg>-Kdot -Tsvg</svg>" in draw(expression()).svg()
