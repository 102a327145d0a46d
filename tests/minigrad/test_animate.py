"""The film of backward shows the numbers of `mg.step`, and changes nothing that it looks at."""

import re

import numpy as np
import pytest
from films import DRAWINGS, count, fan_out, lines, lit, steps_of, texts

import minigrad as mg
from minigrad import draw
from minigrad.drawing import animate
from minigrad.drawing.animate import NOTHING, in_full
from minigrad.drawing.numbers import in_short
from minigrad.stepping.card import called

each_drawing = pytest.mark.parametrize("name", DRAWINGS)


# ---- the numbers


@each_drawing
def test_every_step_shows_what_mg_step_gives(opened, files, name):
    drawing, path = files[name]
    steps = steps_of(drawing)
    with opened(path) as tab:
        for step in steps:
            tab.keyboard.press("ArrowRight")
            assert count(tab) == f"{step.number} of {step.total}"
            assert lit(tab) == [f"node-{drawing.graph.drawn_as[step.node.id]}"]
            assert tab.inner_text("#card h2").split() == (
                f"{step.node.name or ''} {step.node.label}".split()
            )
            assert step.line is not None and step.line.text in tab.text_content("#card .line")
            assert step.node.path in tab.text_content("#card .facts")
            assert texts(tab, "#card .incoming") == [in_full(step.incoming)]
            assert texts(tab, "#card .outgoing") == [in_full(way.outgoing) for way in step.ways]
            assert texts(tab, "#card .rule") == [way.source for way in step.ways]
            assert texts(tab, "#card .way h3") == [
                f"goes out to {called(way.argument, way.target)}" for way in step.ways
            ]
            several = [way for way in step.ways if way.expected > 1]
            assert texts(tab, "#card .accumulated") == [in_full(w.accumulated) for w in several]
            assert texts(tab, "#card .way h4") == [
                "sum so far" if way.arrived < way.expected else "sum" for way in several
            ]
            assert [text for text in texts(tab, "#card .arrived") if "only" not in text] == [
                f"{way.arrived} of {way.expected} ways arrived" for way in several
            ]
            assert texts(tab, ".flow text") == [
                in_short(way.outgoing)
                for way in step.ways
                if drawing.graph.drawn_as[way.target.id] != drawing.graph.drawn_as[step.node.id]
            ]


def test_the_sums_on_the_page_are_the_gradients(opened, tmp_path):
    """Read as numbers and held against `mg.grad`, not against words that the same hand printed."""
    rng = np.random.default_rng(3)
    x = mg.Tensor(rng.normal(size=(2, 2)), True, name="x")
    w = mg.Tensor(rng.normal(size=(2, 2)), True, name="w")
    h = mg.tanh(x @ w).named("h")
    loss = (h @ x + h * w).sum().named("loss")
    drawing = draw(loss)
    path = drawing.animate(tmp_path / "film.html")
    ids = {node.name: node.id for node in drawing.graph.nodes if node.name}
    with opened(path) as tab:
        tab.keyboard.press("End")
        found = lines(tab)
    for tensor in (x, w, h, loss):
        on_page = read(found[f"node-{ids[tensor.name]}"])
        right = mg.grad(loss, tensor).numpy().ravel()
        np.testing.assert_allclose(on_page, right, rtol=1e-3, err_msg=tensor.name)


def read(text):
    return [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e[-+]\d+)?", text)]


@each_drawing
def test_a_box_shows_a_dash_until_a_gradient_has_come_and_then_the_sum_so_far(opened, files, name):
    drawing, path = files[name]
    nodes = [node for node in drawing.graph.nodes if node.requires_grad]  # no other ever gets one
    expected = {f"node-{node.id}": NOTHING for node in nodes}
    with opened(path) as tab:
        assert lines(tab) == expected
        for step in steps_of(drawing):
            if step.number == 1:
                expected[f"node-{step.node.id}"] = f"grad: {in_short(step.incoming)}"
            for way in step.ways:
                some = f" ({way.arrived} of {way.expected})" if way.arrived < way.expected else ""
                box = f"node-{way.target.id}"
                if box in expected:  # not within a closed module
                    expected[box] = f"grad: {in_short(way.accumulated)}{some}"
            tab.keyboard.press("ArrowRight")
            assert lines(tab) == expected
        assert NOTHING not in lines(tab).values()


def test_a_sum_grows_at_a_fan_out(opened, files):
    drawing, path = files["fan-out"]
    (s,) = (f"node-{node.id}" for node in drawing.graph.nodes if node.name == "s")
    with opened(path) as tab:
        seen = [lines(tab)[s]]
        for _ in range(len(steps_of(drawing))):
            tab.keyboard.press("ArrowRight")
            seen.append(lines(tab)[s])
    # s = (3, -6): 1 from s itself, then twice s from s * s
    assert list(dict.fromkeys(seen)) == ["grad: –", "grad: [1, 1] (1 of 3)", "grad: [7, -11]"]


def test_a_closed_module_is_lit_while_steps_within_it_run(opened, files):
    drawing, path = files["folded"]
    boxes = {node.id: node.kind for node in drawing.graph.nodes}
    with opened(path) as tab:
        seen = []
        for _ in steps_of(drawing):
            tab.keyboard.press("ArrowRight")
            seen.append(boxes[lit(tab)[0].removeprefix("node-")])
        assert seen == ["op"] + 9 * ["module"]
        tab.keyboard.press("Home")
        stops = []
        while not stops or stops[-1] != count(tab):
            stops.append(count(tab))
            tab.keyboard.press("Shift+ArrowRight")
    assert stops == ["0 of 10", "1 of 10", "2 of 10", "5 of 10", "10 of 10"]


def test_each_step_shows_the_text_of_its_own_rule(opened, tmp_path):
    def scaled(by):
        if by == 2:

            @mg.op
            def scale(x):
                def dx(g):
                    return g * 2

                return x * 2, dx
        else:

            @mg.op
            def scale(x):
                def dx(g):
                    return g * 3

                return x * 3, dx

        return scale

    x = mg.Tensor(1.0, True, name="x")
    path = draw(scaled(3)(scaled(2)(x))).animate(tmp_path / "film.html")
    with opened(path, "#step=1") as tab:
        assert texts(tab, ".rule") == ["def dx(g):\n    return g * 3"]
        tab.keyboard.press("ArrowRight")
        assert texts(tab, ".rule") == ["def dx(g):\n    return g * 2"]


# ---- what is asked of it


def test_it_changes_no_gradient_and_frees_no_graph(tmp_path):
    x = mg.Tensor([1.0, 2.0], True)
    y = x * x
    y.retain_grad()
    loss = (y * 3).sum()
    drawing = draw(loss)
    drawing.animate(tmp_path / "before.html")
    assert x.grad is None and y.grad is None
    loss.backward(retain_graph=True)
    before = x.grad.numpy().copy()
    drawing.animate(tmp_path / "after.html")
    np.testing.assert_array_equal(x.grad.numpy(), before)
    loss.backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * before)


def test_it_returns_the_path_that_it_has_written(tmp_path):
    drawing = draw(fan_out())
    path = drawing.animate(str(tmp_path / "film.HTML"))
    assert path == tmp_path / "film.HTML" and path.read_bytes().startswith(b"<!doctype html>")
    assert [*tmp_path.iterdir()] == [path]


def test_a_tensor_of_several_numbers_needs_a_gradient(tmp_path):
    x = mg.Tensor([1.0, 2.0], True)
    drawing = draw(x * x)
    with pytest.raises(ValueError, match=r"shape \(2,\) needs `gradient`"):
        drawing.animate(tmp_path / "film.html")
    drawing.animate(tmp_path / "film.html", gradient=[1.0, 10.0])
    assert "grad: [1, 10]" in (tmp_path / "film.html").read_text(encoding="utf-8")


def refusals():
    x = mg.Tensor([1.0], True)
    freed = (x * x).sum()
    of_freed = draw(freed)
    freed.backward()
    chain = x
    for _ in range(animate.MOST_STEPS + 1):
        chain = chain + 1
    shallow = draw(x.sum())
    shallow.tensor = chain
    return {
        "a Graph": (draw(mg.graph_of(x.sum())), "film.html", ValueError, r"mg\.draw\(loss\)"),
        "no gradient": (
            draw(mg.Tensor([1.0]).sum()),
            "film.html",
            RuntimeError,
            "depends on nothing",
        ),
        "a leaf": (draw(mg.Tensor(1.0, True)), "film.html", ValueError, "no op has made"),
        "freed": (of_freed, "film.html", RuntimeError, "was freed by an earlier backward"),
        "ending": (draw(x.sum()), "film.svg", ValueError, r"'film\.svg': .* \.html"),
        "long": (shallow, "film.html", ValueError, r"2,001 steps, .* at most 2,000"),
    }


@pytest.mark.parametrize("case", ["a Graph", "no gradient", "a leaf", "freed", "ending", "long"])
def test_what_cannot_be_is_refused_in_a_sentence_and_nothing_is_written(tmp_path, case):
    drawing, name, error, words = refusals()[case]
    with pytest.raises(error, match=words):
        drawing.animate(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_without_graphviz_it_says_what_to_install(tmp_path, monkeypatch):
    drawing = draw(fan_out())
    monkeypatch.setattr("minigrad.drawing.draw.can_render", lambda: False)
    with pytest.raises(RuntimeError, match="needs Graphviz: pip install pygraphviz"):
        drawing.animate(tmp_path / "film.html")
    assert not list(tmp_path.iterdir())
