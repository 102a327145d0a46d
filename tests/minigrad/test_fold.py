"""A picture of anything can be read: what is folded, what is opened, and that all stays true."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_graph import Chain, Linear, Model, check_consistent, labels, model_graph, modules, x_of
from test_layout import dense, sum_of, translator, unrolled, unrolled_modules

import minigrad as mg
from minigrad.looking.boxes import with_boxes
from minigrad.looking.calls import Calls
from minigrad.looking.fold import MOST, Automatic
from minigrad.looking.repeats import Repeat, longest_run, repeats
from minigrad.looking.trace import graph_of


def chain(steps):
    y, w = mg.Tensor(np.ones(3), True, name="x"), mg.Parameter(np.ones(3), name="w")
    for _ in range(steps):
        y = mg.tanh(y * w + 0.1)
    return y.sum()


def irregular(ops, seed=0):
    some = [mg.tanh, mg.sigmoid, mg.sin, lambda y: y * 0.5, lambda y: -y, lambda y: y + 1]
    y = mg.Tensor(np.ones(3), True, name="x")
    for i in np.random.default_rng(seed).integers(0, len(some), ops):
        y = some[i](y)
    return y.sum()


def side_by_side(count):
    x = mg.Tensor(np.ones(3), True, name="x")
    return mg.stack([x * float(i) for i in range(count)]).sum()


def leaves(count):
    return mg.stack([mg.Tensor(np.ones(3), True, name=f"x{i}") for i in range(count)]).sum()


def one_op_of(count):
    return mg.concatenate([mg.Tensor(np.ones(1), True, name=f"x{i}") for i in range(count)]).sum()


def nested(outer, inner):
    y = mg.Tensor(np.ones(3), True)
    for _ in range(outer):
        for _ in range(inner):
            y = mg.tanh(y * 0.5)
        y = mg.exp(y)
    return y.sum()


ANYTHING = {
    "a neuron": lambda: mg.tanh(mg.Tensor([1.0], True) * 2 + 1),
    "a small model": lambda: translator(1),
    "6 and 6 layers": lambda: translator(6),
    "2,000 ops in modules": lambda: translator(65),
    "an unrolled loop": lambda: unrolled(50),
    "an unrolled loop of modules": lambda: unrolled_modules(50),
    "a loop in a loop": lambda: nested(20, 10),
    "a sum of leaves": lambda: sum_of(500, shared=False),
    "a sum of one weight": lambda: sum_of(200, shared=True),
    "every value from all before": lambda: dense(60),
    "ops in no order": lambda: irregular(500),
    "ops side by side": lambda: side_by_side(300),
    "many leaves": lambda: leaves(300),
    "one op of many leaves": lambda: one_op_of(300),
    "modules side by side": lambda: mg.stack([Linear(2, 2)(x_of(1, 2)) for _ in range(70)]).sum(),
}


@pytest.mark.parametrize("name", ANYTHING)
def test_without_arguments_nothing_has_more_than_60_boxes(name):
    graph = graph_of(ANYTHING[name]())
    folded = graph.fold()
    assert len(folded.nodes) <= MOST == 60
    check_consistent(folded)
    assert graph.drawn_as.keys() == folded.drawn_as.keys()
    assert set(folded.drawn_as.values()) == {node.id for node in folded.nodes}
    ops = [node.box.ops if node.box else node.kind == "op" for node in folded.nodes]
    assert sum(ops) == sum(node.kind == "op" for node in graph.nodes)


@given(modules, st.integers(1, 12), st.sampled_from(["", "tanh", "residual"]))
@settings(deadline=None)
def test_whatever_is_nested_and_repeated_folds_to_a_consistent_graph(module, times, between):
    h = x_of(1, 2, requires_grad=True)
    for _ in range(times):
        y = module(h)
        h = mg.tanh(y) if between == "tanh" else h + y if between == "residual" else y
    graph = graph_of(h.sum())
    folded = graph.fold()
    check_consistent(folded)
    assert len(folded.nodes) <= max(MOST, len(graph.nodes) if len(graph.nodes) <= MOST else 0)
    check_consistent(graph.fold(expand="*parts.0*") if "parts.0" in str(graph) else graph)


def test_what_fits_is_drawn_whole():
    graph = graph_of(translator(1))
    assert len(graph.nodes) <= MOST
    assert graph.fold().nodes == graph.nodes


@pytest.mark.parametrize("ops", [lambda: chain(5_000), lambda: irregular(15_000)])
def test_15_000_ops_are_folded_without_looking_at_each_often(ops):
    graph = graph_of(ops())
    looked_at = 0

    class Counted(list):
        def __getitem__(self, at):
            nonlocal looked_at
            found = super().__getitem__(at)
            looked_at += len(found) if isinstance(at, slice) else 1
            return found

    calls = Calls(graph)
    calls.ops = Counted(calls.ops)
    folded = with_boxes(graph, Automatic(calls).groups(set()))
    assert len(folded.nodes) <= 30
    assert looked_at < 4 * len(graph.nodes)


def test_modules_within_modules_within_modules_are_no_deeper_than_can_be_seen():
    class Wrapper(mg.Module):
        def __init__(self, inner):
            self.inner = [] if inner is None else [inner]

        def forward(self, x):
            return self.inner[0](x) if self.inner else mg.tanh(x) * sum_of(70, shared=True)

    module = None
    for _ in range(80):
        module = Wrapper(module)
    folded = graph_of(module(mg.Tensor(1.0, True))).fold()
    assert len(folded.nodes) <= MOST and len(list(folded.root.walk())) <= MOST
    check_consistent(folded)


# ---- equal blocks that follow each other


def boxes(graph):
    return [node for node in graph.nodes if node.box]


def test_equal_layers_that_follow_each_other_are_one_box():
    encoder, decoder, output = boxes(graph_of(translator(6)).fold())
    assert (encoder.kind, encoder.label, encoder.name) == ("module", "Layer x6", "memory")
    assert encoder.box.calls == tuple(f"encoder.layers.{i}" for i in range(6))
    parameters = 6 * 5 * (4 * 4 + 4)  # five Linear of width 4 in each layer
    assert (encoder.box.ops, encoder.box.parameters) == (6 * 13, parameters)
    assert (decoder.label, output.label) == ("Layer x6", "Linear")


def test_layers_of_another_shape_are_boxes_of_their_own():
    model = Chain([Linear(3, 3), Linear(3, 3), Linear(3, 5), Linear(5, 5), Linear(5, 5)])
    folded = graph_of(model(x_of(2, 3))).fold(1)
    assert labels(folded) == ["x", "Linear x2", "Linear", "Linear x2"]


def test_layers_that_compute_otherwise_are_boxes_of_their_own():
    class Layer(mg.Module):
        def __init__(self, twice):
            self.twice = twice

        def forward(self, x):
            y = mg.tanh(x)
            return y * y if self.twice else y * x

    model = Chain([Layer(True), Layer(True), Layer(False)])
    folded = graph_of(model(x_of(2, 3, requires_grad=True))).fold(1)
    assert labels(folded)[1:] == ["Layer x2", "Layer"]


def test_equal_calls_side_by_side_are_not_one_box():
    folded = graph_of(Model(depth=1)(np.array([[1, 2]]), np.eye(2, dtype=bool))).fold(3)
    assert labels(folded).count("Linear") == 3  # Q, K and V


def test_depth_folds_no_ops_and_merges_layers():
    assert labels(graph_of(unrolled(50)).fold(0)) == labels(graph_of(unrolled(50)))
    assert [node.label for node in boxes(graph_of(translator(6)).fold(2))][:2] == ["Layer x6"] * 2


# ---- sections


def test_the_steps_of_a_loop_are_one_section_with_what_comes_in():
    folded = graph_of(unrolled(60)).fold()
    assert labels(folded) == ["h0", "W", "U", "x0 ... x59", "matmul, add, tanh x60", "sum"]
    (section,) = [node for node in folded.nodes if node.kind == "section"]
    assert section.box.ops == 240
    inputs = folded.nodes[3]
    assert (inputs.kind, inputs.box.nodes, inputs.box.ops) == ("input", 60, 0)
    assert "x0 ... x59 = 60 inputs" in " ".join(str(folded).split())


def test_a_section_is_named_by_its_ops_and_its_modules():
    folded = graph_of(unrolled_modules(50)).fold()
    assert "Linear, add, tanh x50" in labels(folded)


def test_the_middle_of_what_does_not_repeat_is_left_out():
    folded = graph_of(irregular(500)).fold()
    (middle,) = boxes(folded)
    assert middle.label.endswith(", ...") and middle.box.ops > 400
    assert labels(folded)[-1] == "sum" and labels(folded)[0] == "x"


def test_the_longest_repeat_comes_first_with_its_shortest_section():
    assert repeats([1, 2, 3, 2, 3, 2, 3, 4])[0] == Repeat(1, 2, 3)
    assert repeats([7] * 12)[0] == Repeat(0, 1, 12)
    assert repeats([1, 1, 2] * 4)[0] == Repeat(0, 3, 4)
    assert repeats([1, 2, 3]) == repeats([]) == []


@given(st.lists(st.integers(0, 2), max_size=30))
def test_a_repeat_is_what_it_says(symbols):
    for start, period, times in repeats(symbols):
        section = symbols[start : start + period]
        assert symbols[start : start + period * times] == section * times and times > 1


def test_a_run_ends_where_something_else_comes_or_nothing_is_handed_on():
    assert longest_run("aabbbc", lambda i: True) == (2, 3)
    assert longest_run("bbbbbb", lambda i: i != 2) == (2, 4)


@pytest.mark.parametrize("name", ["6 and 6 layers", "many leaves", "an unrolled loop of modules"])
def test_the_same_computation_is_folded_alike(name):
    one, other = (graph_of(ANYTHING[name]()).fold() for _ in range(2))
    assert str(one) == str(other) and one.edges == other.edges and one.drawn_as == other.drawn_as


# ---- what is opened


def opened(graph):
    return {call.path for call in graph.root.walk()}


def test_expand_opens_what_fits_the_pattern_with_all_around_it():
    graph = graph_of(translator(6)).fold(expand="decoder.layers.2.*")
    assert {"decoder", "decoder.layers.2", "decoder.layers.2.attention.w_q"} <= opened(graph)
    assert not any("layers.1" in path or "layers.3" in path for path in opened(graph))
    assert [node.label for node in boxes(graph)] == ["Layer x6", "Layer x2", "Layer x3", "Linear"]
    check_consistent(graph)


def test_expand_adds_to_a_depth():
    graph = graph_of(translator(2)).fold(1, expand="encoder")
    assert opened(graph) == {"", "encoder"}


def test_several_patterns_are_all_opened():
    graph = graph_of(translator(6)).fold(0, expand=["encoder.layers.0", "decoder.layers.5"])
    assert {"encoder.layers.0", "decoder.layers.5"} <= opened(graph)


@pytest.mark.parametrize("name", ["6 and 6 layers", "an unrolled loop", "ops in no order"])
def test_a_star_and_a_large_depth_open_everything(name):
    graph = graph_of(ANYTHING[name]())
    for whole in (graph.fold(expand="*"), graph.fold(99)):
        assert (whole.nodes, whole.edges) == (graph.nodes, graph.edges)


def test_a_pattern_means_every_call_of_its_module():
    block = Linear(3, 3)
    graph = graph_of(Chain([block], order=[0, 0])(x_of(2, 3)))
    assert opened(graph.fold(0, expand="parts.0")) == {"", "parts.0", "parts.0 (2)"}


def test_a_pattern_in_the_middle_of_a_section_opens_it_there():
    graph = model_graph(depth=40).fold(expand="encoder.layers.20")
    assert "encoder.layers.20" in opened(graph) and len(graph.nodes) < 90
    check_consistent(graph)


# ---- what passes along an edge


def test_an_edge_out_of_a_box_knows_all_that_passes_along_it():
    class Two(mg.Module):
        def forward(self, x):
            return mg.tanh(x), x.sum(axis=0)

    class Both(mg.Module):
        def forward(self, y, z):
            return y + z

    graph = graph_of(Both()(*Two()(x_of(2, 3, requires_grad=True)))).fold(0)
    (edge,) = [edge for edge in graph.edges if graph.by_id[edge.source].kind == "module"]
    assert [node.shape for node in graph.passed_along(edge)] == [(2, 3), (3,)]


# ---- what cannot be


@pytest.mark.parametrize("depth", [True, 1.5, "2"])
def test_a_depth_that_is_no_whole_number_is_refused(depth):
    with pytest.raises(TypeError, match="how many levels stay open, a whole number; not"):
        model_graph().fold(depth)


@pytest.mark.parametrize("pattern", ["", "  ", ["encoder", ""]])
def test_an_empty_pattern_is_refused(pattern):
    with pytest.raises(ValueError, match=r'an empty pattern opens nothing; .*with "\*"'):
        model_graph().fold(expand=pattern)


def test_a_pattern_that_fits_nothing_is_answered_with_the_nearest():
    with pytest.raises(
        ValueError, match=r"no module .* fits 'encoder.layer.0'; there is encoder.la"
    ):
        model_graph().fold(expand="encoder.layer.0")
    with pytest.raises(ValueError, match="fits 'encoder'; it has none"):
        graph_of(unrolled(2)).fold(expand="encoder")


@pytest.mark.parametrize("expand", [3, [3], ["encoder", 3]])
def test_a_pattern_that_is_no_text_is_refused(expand):
    with pytest.raises(TypeError, match=r"patterns such as 'encoder\.\*', not 3"):
        model_graph().fold(expand=expand)
