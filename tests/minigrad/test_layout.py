"""Pictures are laid out in seconds, and nothing in them lies on anything else."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest

import minigrad as mg
from minigrad.drawing.draw import can_render, draw
from minigrad.drawing.layout import cut_arrows, effort, with_short_arrows
from minigrad.looking.trace import graph_of

rng = np.random.default_rng(0)
pytestmark = pytest.mark.skipif(not can_render(), reason="neither dot nor pygraphviz")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


class Linear(mg.Module):
    def __init__(self, inputs, outputs):
        self.weight = mg.Parameter(rng.normal(size=(inputs, outputs)))
        self.bias = mg.Parameter(np.zeros(outputs))

    def forward(self, x):
        return mg.linear(x, self.weight, self.bias)


class Attention(mg.Module):
    def __init__(self, width):
        self.w_q, self.w_k, self.w_v = (Linear(width, width) for _ in range(3))

    def forward(self, x, memory, mask):
        scores = (self.w_q(x).named("Q") @ self.w_k(memory).named("K").mT).named("scores")
        return mg.masked_fill(scores, mask, -np.inf).softmax() @ self.w_v(memory).named("V")


class Layer(mg.Module):
    def __init__(self, width):
        self.attention, self.first, self.second = (
            Attention(width), Linear(width, width), Linear(width, width)
        )  # fmt: skip

    def forward(self, x, memory, mask):
        x = x + self.attention(x, memory, mask)
        return x + self.second(mg.tanh(self.first(x)))


class Stack(mg.Module):
    def __init__(self, width, count):
        self.layers = [Layer(width) for _ in range(count)]

    def forward(self, x, memory, mask):
        for layer in self.layers:
            x = layer(x, x if memory is None else memory, mask)
        return x


class Translator(mg.Module):
    """An encoder and a decoder, each with residual connections round its layers."""

    def __init__(self, width=4, count=2):
        self.embedding = mg.Parameter(rng.normal(size=(7, width)))
        self.encoder, self.decoder = Stack(width, count), Stack(width, count)
        self.output = Linear(width, 7)

    def forward(self, source, target, mask):
        embedded = [mg.embedding(self.embedding, ids) * 2.0 for ids in (source, target)]
        memory = self.encoder(embedded[0], None, mask).named("memory")
        return self.output(self.decoder(embedded[1], memory, mask)).named("logits")


def translator(count=2):
    ids = rng.integers(0, 7, (2, 3)), rng.integers(0, 7, (2, 3))
    return Translator(count=count)(*ids, np.triu(np.ones((3, 3), bool), 1)).sum().named("loss")


def unrolled(steps):
    w, u = mg.Parameter(rng.normal(size=(4, 4)), name="W"), mg.Parameter(np.ones((3, 4)), name="U")
    h = mg.Tensor(np.zeros((2, 4)), name="h0")
    for t in range(steps):
        h = mg.tanh(h @ w + mg.Tensor(np.ones((2, 3)), name=f"x{t}") @ u)
    return h.sum()


def sum_of(terms, shared):
    w = mg.Parameter(np.ones(3), name="w")
    total = 0.0
    for i in range(terms):
        total = total + ((w * float(i)).sum() if shared else mg.Tensor(float(i), True))
    return total


def dense(layers):
    values = [mg.Tensor(np.ones((1, 2)), True)]
    for _ in range(layers):
        values.append(mg.concatenate(values, axis=0).sum(axis=0, keepdims=True))
    return values[-1].sum()


def unrolled_modules(steps):
    first, second = Linear(4, 4), Linear(4, 4)
    h = mg.Tensor(np.zeros((2, 4)), True)
    for _ in range(steps):
        h = mg.tanh(first(h) + second(mg.Tensor(np.ones((2, 4)))))
    return h.sum()


GRAPHS = {
    "an unrolled loop of 60 steps": lambda: unrolled(60),
    "an unrolled loop of 50 module calls": lambda: unrolled_modules(50),
    "a sum of 500 leaves": lambda: sum_of(500, shared=False),
    "a sum of 200 terms of one weight": lambda: sum_of(200, shared=True),
    "every value from all before": lambda: dense(60),
    "6 and 6 layers": lambda: translator(6),
    "2,000 ops in modules": lambda: translator(65),
}


# ---- how long it takes


@pytest.mark.parametrize("name", GRAPHS)
def test_any_graph_is_drawn(name):
    # In a process of its own, since nothing else can stop `dot`. It takes some seconds at most.
    program = f"import test_layout as t; t.draw(t.GRAPHS[{name!r}](), depth=99).svg()"
    options = {"cwd": __file__.rpartition("/")[0], "check": True, "stderr": subprocess.DEVNULL}
    subprocess.run([sys.executable, "-c", program], timeout=60, **options)


def test_a_small_graph_has_no_limits_and_no_arrow_cut():
    for loss in (translator(1), unrolled(8), sum_of(40, shared=False)):
        graph = graph_of(loss)
        assert cut_arrows(graph) == set()
        assert effort(graph) == {}


def test_the_larger_the_graph_the_less_effort_a_node():
    limits = []
    for steps in (100, 200, 400):
        limits.append(effort(with_short_arrows(graph_of(unrolled(steps)))))
    assert all(set(limit) == {"nslimit", "nslimit1", "mclimit"} for limit in limits)
    shares = [float(limit["nslimit"]) for limit in limits]
    assert shares == sorted(shares, reverse=True) and shares[-1] > 0


def test_a_weight_is_drawn_again_where_its_arrow_would_be_too_long():
    graph = graph_of(unrolled(50))
    by_id = {node.id: node for node in graph.nodes}
    cut = cut_arrows(graph)
    assert {by_id[edge.source].name for edge in cut} == {"W", "U"}
    drawn = [node for node in picture(draw(graph, depth=99)).nodes if node.words[0] == "W"]
    assert len(drawn) == 1 + sum(by_id[edge.source].name == "W" for edge in cut) > 30
    again = [node for node in with_short_arrows(graph).nodes if node.kind == "again"]
    assert len(again) == len(cut) and len(graph_of(unrolled(50)).nodes) == len(graph.nodes)


def test_a_call_of_very_many_nodes_has_no_box_and_those_in_it_their_whole_path():
    seen = picture(draw(translator(65), depth=99))
    assert len(seen.nodes) > 2000 and len(seen.titles) < len(
        list(graph_of(translator(65)).root.walk())
    )
    svg = draw(translator(65), depth=99).source
    assert ">decoder.layers.64<" in svg and ">Translator<" not in svg


# ---- nothing lies on anything else


def picture(drawing):
    """What is in an SVG: nodes and titles as boxes, arrows as points close together, labels."""
    found = SimpleNamespace(nodes=[], titles=[], arrows=[], labels=[], calls=[])
    for group in ElementTree.fromstring(drawing.svg()).iter():
        kind = (group.get("class") or "").split()
        if "node" in kind and "title" in kind:
            found.titles.append(around([box_of_text(t) for t in parts(group, "text")]))
        elif "node" in kind:
            outline = [*parts(group, "path"), *parts(group, "polygon"), *parts(group, "ellipse")]
            words = [t.text.strip() for t in parts(group, "text")]
            found.nodes.append(SimpleNamespace(box=around(map(box_of, outline)), words=words))
        elif "cluster" in kind:
            found.calls += [box_of(path) for path in parts(group, "path")]
        elif "edge" in kind:
            found.arrows += [points_of(path.get("d")) for path in parts(group, "path")]
            found.labels += [box_of_text(t) for t in parts(group, "text")]
    return found


def parts(group, tag):
    return [element for element in group.iter() if element.tag.endswith("}" + tag)]


def around(boxes):
    left, top, right, bottom = zip(*boxes)
    return min(left), min(top), max(right), max(bottom)


def box_of(shape):
    if shape.get("rx"):
        x, y, rx, ry = (float(shape.get(name)) for name in ("cx", "cy", "rx", "ry"))
        return x - rx * 0.7, y - ry * 0.7, x + rx * 0.7, y + ry * 0.7  # what is inside surely
    numbers = [float(n) for n in NUMBER.findall(shape.get("d") or shape.get("points"))]
    return min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2])


def box_of_text(text):
    """About the box of a line of text: a letter is half as wide as high."""
    x, y, size = float(text.get("x")), float(text.get("y")), float(text.get("font-size"))
    width = 0.5 * size * len(text.text.strip())
    left = x - {"start": 0, "middle": width / 2, "end": width}[text.get("text-anchor", "start")]
    return left, y - 0.7 * size, left + width, y


def points_of(path):
    """Points along the Bezier curves of an SVG's path "M0,0C1,1 2,2 3,3 4,4 ..."."""
    points = np.array([float(n) for n in NUMBER.findall(path)]).reshape(-1, 2)
    t = np.linspace(0, 1, 40)[:, None]
    pieces = [points[i : i + 4] for i in range(0, len(points) - 1, 3)]
    return np.concatenate([
        (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d
        for a, b, c, d in pieces
    ])  # fmt: skip


def touches(points, box, margin=1.0):
    left, top, right, bottom = box
    x, y = points.T
    inside = (x > left + margin) & (x < right - margin) & (y > top + margin) & (y < bottom - margin)
    return bool(inside.any())


def overlap(one, other, margin=1.0):
    return (
        min(one[2], other[2]) - max(one[0], other[0]) > margin
        and min(one[3], other[3]) - max(one[1], other[1]) > margin
    )


def on_border(label, box):
    """Whether a label lies on the outline of a box, and not within it or outside."""
    left, top, right, bottom = label
    within = box[0] <= left and right <= box[2] and box[1] <= top and bottom <= box[3]
    return overlap(label, box) and not within


PICTURES = {
    "modules": lambda: draw(translator(1)),
    **{f"folded to {d}": lambda d=d: draw(translator(2), depth=d) for d in (1, 2, 3)},
    "open": lambda: draw(translator(2), depth=99),
    "as it comes": lambda: draw(translator(2)),
    "one layer open": lambda: draw(translator(3), expand="decoder.layers.1.*"),
    "backward": lambda: draw(translator(2), direction="backward"),
    "backward, open": lambda: draw(translator(1), depth=99, direction="backward"),
    "backward, six layers": lambda: draw(translator(6), direction="backward", saved=True),
    "to the right": lambda: draw(translator(2), depth=2, direction="LR"),
    "called again and again": lambda: draw(unrolled_modules(4)),
    "no modules": lambda: draw(unrolled(6)),
    "a section": lambda: draw(unrolled(60)),
    "the middle left out": lambda: draw(dense(60)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_no_arrow_crosses_a_title_or_a_node_and_no_label_lies_on_these_or_a_border(name):
    seen = picture(PICTURES[name]())
    assert seen.arrows and seen.nodes
    for points in seen.arrows:
        assert not any(touches(points, box) for box in seen.titles)
        # An arrow ends at the border of a node: it is within none.
        assert not any(touches(points, node.box) for node in seen.nodes)
    boxes = [*seen.titles, *(node.box for node in seen.nodes)]
    for i, box in enumerate(boxes):
        assert not any(overlap(box, other) for other in boxes[:i])
        assert not any(overlap(label, box) for label in seen.labels)
    assert not any(on_border(label, call) for label in seen.labels for call in seen.calls)
    assert not any(overlap(a, b) for a, b in combinations(seen.labels, 2))


def test_an_arrow_is_one_group_of_the_svg_with_all_that_is_written_on_it():
    drawing = draw(translator(2), depth=2)
    groups = [g for g in ElementTree.fromstring(drawing.svg()).iter() if g.get("id")]
    edges = {g.get("id"): g for g in groups if (g.get("class") or "").startswith("edge")}
    edges = {id: group for id, group in edges.items() if id.startswith("edge-")}
    assert len(edges) == len(drawing.graph.edges)
    labelled = [group for group in edges.values() if parts(group, "text")]
    assert len(labelled) > 5 and not [g for g in groups if "label" in g.get("class", "").split()]
    for group in labelled:
        assert len(parts(group, "path")) == 2 and len(parts(group, "polygon")) == 1
        (label,), (title,) = parts(group, "text"), parts(group, "title")
        assert label.text.strip() in title.text  # the tooltip says both ends and the shape


def test_every_module_call_has_its_title():
    graph = graph_of(translator(2))
    assert len(picture(draw(graph, depth=99)).titles) == len(list(graph.root.walk())) - 1


def test_a_crossed_title_would_be_noticed():
    points = points_of("M0,0C10,0 20,0 30,0")
    assert touches(points, (10, -5, 20, 5)) and not touches(points, (10, 5, 20, 15))
