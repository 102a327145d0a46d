import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.looking.trace import graph_of

rng = np.random.default_rng(0)


class Linear(mg.Module):
    def __init__(self, inputs, outputs):
        self.weight = mg.Parameter(0.1 * rng.normal(size=(inputs, outputs)), dtype=np.float32)
        self.bias = mg.Parameter(np.zeros(outputs), dtype=np.float32)

    def forward(self, x):
        return mg.linear(x, self.weight, self.bias)


class Attention(mg.Module):
    def __init__(self, width):
        self.w_q, self.w_k, self.w_v = (Linear(width, width) for _ in range(3))

    def forward(self, x, mask):
        q, k, v = self.w_q(x).named("Q"), self.w_k(x).named("K"), self.w_v(x).named("V")
        scores = (q @ k.mT * 0.5).named("scores")
        return mg.masked_fill(scores, mask, -np.inf).softmax().named("weights") @ v


class Encoder(mg.Module):
    def __init__(self, width, depth):
        self.layers = [Attention(width) for _ in range(depth)]

    def forward(self, x, mask):
        for layer in self.layers:
            x = x + layer(x, mask)
        return x.named("memory")


class Model(mg.Module):
    def __init__(self, width=4, depth=2):
        self.table = mg.Parameter(rng.normal(size=(7, width)), dtype=np.float32)
        self.encoder = Encoder(width, depth)

    def forward(self, ids, mask):
        memory = self.encoder(mg.embedding(self.table, ids), mask)
        return (memory @ self.table.T).named("logits")


class Chain(mg.Module):
    """Calls its parts one after another, the way that `order` says."""

    def __init__(self, parts, order=None):
        self.parts = parts
        self.order = order or range(len(parts))

    def forward(self, x):
        for i in self.order:
            x = self.parts[i](x)
        return x


def model_graph(depth=2):
    ids, mask = rng.integers(0, 7, (2, 3)), np.triu(np.ones((3, 3), bool), 1)
    return graph_of(Model(depth=depth)(ids, mask).sum().named("loss"))


def paths(graph):
    return [cluster.path for cluster in graph.root.walk()][1:]


def labels(graph):
    return [node.label for node in graph.nodes]


def inputs(graph, node):
    """{argument: the node it comes from}"""
    by_id = {n.id: n for n in graph.nodes}
    return {e.argument: by_id[e.source] for e in graph.edges if e.target == node.id}


def x_of(*shape, **options):
    return mg.Tensor(rng.normal(size=shape).astype(np.float32), **options)


# ---- nodes and edges


def test_an_expression_is_its_ops_and_leaves_in_the_order_of_computation():
    a, b = mg.Tensor(2.0, True, name="a"), mg.Tensor(-3.0, True, name="b")
    graph = graph_of((a * b + 1) ** 2)
    assert [(n.kind, n.label) for n in graph.nodes] == [
        ("input", "a"),
        ("input", "b"),
        ("op", "mul"),
        ("op", "add 1"),
        ("op", "pow 2"),
    ]
    assert graph.output is graph.nodes[-1]
    assert [(e.source, e.target, e.argument) for e in graph.edges] == [
        ("n0", "n2", "a"),
        ("n1", "n2", "b"),
        ("n2", "n3", "a"),
        ("n3", "n4", "a"),
    ]


def test_a_tensor_used_twice_is_one_node_with_two_edges():
    x = mg.Tensor(3.0, True)
    graph = graph_of(x * x)
    assert len(graph.nodes) == 2
    assert [e.argument for e in graph.edges] == ["a", "b"]


def test_shape_and_dtype_are_the_tensors():
    y = mg.Tensor(np.ones((2, 3)), True).sum(axis=0)
    node = graph_of(y).output
    assert (node.shape, node.dtype) == ((3,), np.float64)


@pytest.mark.parametrize("leaf, kind", [
    (mg.Parameter([1.0]), "parameter"),
    (mg.Tensor([1.0], True), "input"),
    (mg.Tensor([1.0]), "input"),
])  # fmt: skip
def test_a_leaf_is_a_graph_of_one_node(leaf, kind):
    graph = graph_of(leaf.named("x"))
    assert graph.nodes == graph.root.nodes == [graph.output]
    assert (graph.output.kind, graph.output.name, graph.edges) == (kind, "x", [])


def test_what_no_grad_computed_is_a_leaf():
    with mg.no_grad():
        y = mg.Tensor([1.0], True) * 2
    assert len(graph_of(y).nodes) == 1


def test_the_many_inputs_of_an_op_are_numbered():
    a, b = x_of(2, 3, requires_grad=True), x_of(2, 3, requires_grad=True)
    graph = graph_of(mg.concatenate([a, b], axis=1))
    assert [e.argument for e in graph.edges] == ["arrays[0]", "arrays[1]"]
    assert graph.output.label == "concatenated 1"


x = mg.Tensor(np.ones((2, 3, 4), np.float32), True)


@pytest.mark.parametrize("y, label", [
    (lambda: x * 0.125, "mul 0.125"),
    (lambda: x * np.float32(1 / 3), "mul 0.3333"),
    (lambda: x.swapaxes(-1, -2), "swapaxes -1, -2"),
    (lambda: x.reshape(6, 4), "reshape (6, 4)"),
    (lambda: x.reshape(24), "reshape 24"),
    (lambda: x[:, 0, 1:], "getitem (:, 0, 1:)"),
    (lambda: x[..., np.array([0, 1])], "getitem (..., array(2,))"),
    (lambda: x.sum(axis=1, keepdims=True), "sum axis=1, keepdims=True"),
    (lambda: x.softmax(-1), "softmax"),
    (lambda: x.sum(None), "sum"),
    (lambda: x - 2, "sub 2"),
    (lambda: 2 - x, "sub 2, ·"),
    (lambda: x.astype(np.float64), "astype float64"),
    (lambda: mg.einsum("ijk->kj", x), "einsum ijk->kj"),
])  # fmt: skip
def test_arguments_that_are_no_arrays_are_in_the_label(y, label):
    assert graph_of(y()).output.label == label


@pytest.mark.parametrize("number, text", [
    (1.00001, "1.00001"),
    (0.9999999, "0.9999999"),
    (1 / 3, "0.3333"),
    (2.0, "2"),
    (1e9 + 0.5, "1000000000.5"),
    (1e-9, "1e-09"),
    (np.inf, "inf"),
])  # fmt: skip
def test_a_setting_that_is_no_whole_number_does_not_look_like_one(number, text):
    x = mg.Tensor(1.0, requires_grad=True, dtype=np.float64)
    assert graph_of(x * number).output.label == f"mul {text}"


def test_a_label_stays_short():
    index = list(range(2)) * 500
    assert len(graph_of(x[:, index]).output.label) < 40


def test_an_array_that_meets_parameters_only_is_an_input_and_any_other_a_constant():
    weight, data, mask = mg.Parameter(np.ones((3, 3))), np.ones((2, 3)), np.eye(3, dtype=bool)
    graph = graph_of(mg.masked_fill(mg.linear(data, weight)[:, None] * 1.0, mask, 0.0))
    kinds = {node.label: node.kind for node in graph.nodes}
    assert (kinds["x"], kinds["mask"], kinds["parameter"]) == ("input", "constant", "parameter")


def test_an_array_that_several_ops_use_is_one_node():
    graph = model_graph()
    assert labels(graph).count("mask") == labels(graph).count("ids") == 1


def test_leaves_keep_their_value_and_named_ops_too():
    a = mg.Tensor([2.0], True)
    graph = graph_of((a * 3).named("b") + 1)
    assert [None if n.value is None else n.value.tolist() for n in graph.nodes] == [[2], [6], None]


def test_a_long_chain_is_read_without_recursion():
    y = mg.Tensor(1.0, True)
    for _ in range(20_000):
        y = -y
    graph = graph_of(y)
    assert len(graph.nodes) == len(graph.edges) + 1 == 20_001
    assert len(graph.fold(0).nodes) == 20_001


def test_a_freed_graph_is_said_to_be_freed():
    loss = (mg.Tensor([1.0, 2.0], True) * 2).sum()
    loss.backward()
    with pytest.raises(
        RuntimeError, match=r"at sum was freed by an earlier backward: .*retain_graph=True"
    ):
        graph_of(loss)


def test_a_graph_that_was_retained_is_still_there():
    loss = (mg.Tensor([1.0, 2.0], True) * 2).sum()
    loss.backward(retain_graph=True)
    assert len(graph_of(loss).nodes) == 3


def test_only_what_leads_to_the_output_is_in_it():
    a = mg.Tensor(1.0, True)
    b = a * 2
    b.exp()
    assert labels(graph_of(b + 1)) == ["tensor", "mul 2", "add 1"]


# ---- what backward remembers


def test_saved_are_the_arrays_that_the_rules_close_over():
    a, b = x_of(2, 3, requires_grad=True), x_of(3, requires_grad=True)
    assert dict(graph_of(a * b).output.saved) == {"a": (2, 3), "b": (3,)}
    assert graph_of(a + b).output.saved == []
    assert graph_of(a.exp()).output.saved == [("y", (2, 3))]


def test_what_only_an_untracked_input_would_need_is_not_saved():
    a, b = x_of(2, 3, requires_grad=True), x_of(3)
    assert graph_of(a * b).output.saved == [("b", (3,))]


def test_saved_names_each_of_many_inputs_once():
    a, b = x_of(2, 3, requires_grad=True), x_of(3, 4, requires_grad=True)
    saved = graph_of(mg.einsum("ij,jk->ik", a, b)).output.saved
    assert saved == [("operands[0]", (2, 3)), ("operands[1]", (3, 4))]


def test_a_variable_that_a_rule_never_got_does_no_harm():
    @mg.op
    def half(x):
        def dx(g):
            return g * (0.5 if x.ndim else never)

        if x.ndim == 0:
            never = 1
        return x * 0.5, dx

    assert graph_of(half(mg.Tensor([1.0], True))).output.saved == [("x", (1,))]


# ---- module calls


def test_a_cluster_is_named_by_the_dotted_path_of_its_module():
    graph = model_graph()
    layers = [f"encoder.layers.{i}{part}" for i in (0, 1) for part in ("", ".w_q", ".w_k", ".w_v")]
    assert paths(graph) == ["", "encoder", *layers]
    assert [c.module for c in graph.root.walk()][1:5] == ["Model", "Encoder", "Attention", "Linear"]
    assert [c.depth for c in graph.root.walk()][:5] == [0, 1, 2, 3, 4]


def test_each_node_is_in_exactly_one_cluster():
    graph = model_graph()
    inside = [node for cluster in graph.root.walk() for node in cluster.nodes]
    assert sorted(n.id for n in inside) == sorted(n.id for n in graph.nodes)
    assert all(
        node.path == c.path for c in graph.root.walk() for node in c.nodes if node.kind == "op"
    )


def test_ops_outside_of_any_module_are_at_the_root():
    graph = model_graph()
    assert graph.output in graph.root.nodes and graph.output.path == ""


def test_two_calls_of_one_module_are_two_clusters_that_share_its_parameters():
    block = Linear(3, 3)
    graph = graph_of(Chain([block], order=[0, 0])(x_of(2, 3)))
    assert paths(graph) == ["", "parts.0", "parts.0 (2)"]
    weights = [n for n in graph.nodes if n.label == "parts.0.weight"]
    assert len(weights) == 1 and weights[0] in graph.root.children[0].nodes


def test_a_parameter_is_in_the_innermost_call_that_has_all_its_uses():
    graph = model_graph()
    homes = {node.full_name: c.path for c in graph.root.walk() for node in c.nodes}
    assert homes["encoder.layers.1.w_k.weight"] == "encoder.layers.1.w_k"
    table = next(n for n in graph.nodes if n.full_name == "table")  # embeds, and gives the logits
    assert table in graph.root.children[0].nodes and table.label == "table"


def test_a_shared_parameter_has_the_path_that_the_outermost_module_gives_it():
    class Tied(mg.Module):
        def __init__(self):
            first = Linear(2, 2)
            self.weight, self.part = first.weight, first

        def forward(self, x):
            return self.part(x) @ self.weight

    assert graph_of(Tied()(x_of(1, 2))).find("weight").full_name == "weight"


def test_data_is_outside_of_the_modules():
    graph = model_graph()
    assert [n.label for n in graph.root.nodes if n.kind == "input"] == ["ids"]


def test_a_module_that_a_caller_further_out_holds_is_named_by_that_one():
    class Borrower(mg.Module):
        def forward(self, x):
            return self.lender()(x)

    class Owner(mg.Module):
        def __init__(self):
            self.part, self.shared = Borrower(), Linear(3, 3)
            self.part.lender = lambda: self.shared

        def forward(self, x):
            return self.part(x)

    graph = graph_of(Owner()(x_of(2, 3)))
    assert paths(graph) == ["", "part", "shared"]
    assert graph.find("shared.weight").shape == (3, 3)


def test_a_module_built_on_the_fly_is_named_by_its_class():
    class Maker(mg.Module):
        def forward(self, x):
            return Linear(3, 2)(x)

    graph = graph_of(Maker()(x_of(2, 3)))
    assert paths(graph) == ["", "linear"]
    assert graph.find("linear.weight").shape == (3, 2)


def test_several_outermost_modules_are_named_by_their_classes():
    graph = graph_of(Linear(3, 2)(Attention(3)(x_of(2, 3), np.eye(2, dtype=bool))))
    assert paths(graph) == [
        "attention",
        "attention.w_q",
        "attention.w_k",
        "attention.w_v",
        "linear",
    ]
    assert graph.find("linear.weight").shape == (3, 2)


def test_a_module_that_calls_itself_has_a_cluster_for_each_call():
    class Tree(mg.Module):
        def forward(self, x, depth=2):
            return self(x, depth - 1) * 2 if depth else x.exp()

    assert paths(graph_of(Tree()(mg.Tensor(1.0, True)))) == ["", "tree", "tree.tree"]


def test_a_large_model_takes_well_under_a_second():
    ids, mask = rng.integers(0, 7, (2, 3)), np.triu(np.ones((3, 3), bool), 1)
    loss = Model(depth=70)(ids, mask).sum()
    start = time.perf_counter()
    graph = graph_of(loss)
    graph.fold(2)
    assert len(graph.nodes) > 1000
    assert time.perf_counter() - start < 1


# ---- folding


def ancestors(graph, node):
    """The ids of all nodes that `node` is computed from."""
    sources = {}
    for edge in graph.edges:
        sources.setdefault(edge.target, []).append(edge.source)
    found, stack = set(), [node.id]
    while stack:
        for source in sources.get(stack.pop(), ()):
            if source not in found:
                found.add(source)
                stack.append(source)
    return found


def check_consistent(graph):
    """Edges join nodes that are there, each node comes after its sources (so there is no cycle),
    all lead to the output, and the tree of clusters holds each node once."""
    place = {node.id: i for i, node in enumerate(graph.nodes)}
    assert len(place) == len(graph.nodes)
    assert all(place[source] < place[target] for source, target, _ in graph.edges)
    assert ancestors(graph, graph.output) | {graph.output.id} == set(place)
    inside = [node.id for cluster in graph.root.walk() for node in cluster.nodes]
    assert sorted(inside) == sorted(place)
    assert all(c in c.parent.children for c in graph.root.walk() if c is not graph.root)


def test_a_call_below_the_depth_is_one_node_with_what_it_returned():
    graph = model_graph().fold(2)
    assert paths(graph) == ["", "encoder"]
    layer = next(n for n in graph.nodes if n.path == "encoder.layers.0")
    assert (layer.kind, layer.label, layer.shape) == ("module", "Attention", (2, 3, 4))
    encoder = graph.root.children[0].children[0]
    assert [n.label for n in encoder.nodes] == ["mask", "add", "add", "Attention", "Attention"]


def test_folded_to_nothing_a_model_is_one_node_between_data_and_loss():
    graph = model_graph().fold(0)
    assert labels(graph) == ["ids", "Model", "sum"]
    assert [tuple(e) for e in graph.edges] == [
        (graph.nodes[0].id, graph.nodes[1].id, ""),
        (graph.nodes[1].id, graph.nodes[2].id, "x"),
    ]


def test_a_folded_call_has_the_name_and_the_value_of_what_it_returned():
    graph = model_graph()
    folded = graph.fold(0)
    assert folded.find("logits").kind == "module"
    assert folded.find("logits").value is graph.find("logits").value


def test_a_folded_call_saves_what_its_ops_save():
    graph = model_graph()
    whole = sum(len(node.saved) for node in graph.nodes)
    assert sum(len(node.saved) for node in graph.fold(0).nodes) == whole > 20


def test_edges_that_fall_together_are_merged():
    folded = model_graph().fold(2)
    layer = next(n for n in folded.nodes if n.path == "encoder.layers.0")
    assert len([e for e in folded.edges if e.target == layer.id]) == 2  # x (thrice) and the mask


def test_deeper_than_the_graph_changes_nothing():
    graph = model_graph()
    folded = graph.fold(9)
    assert (folded.nodes, folded.edges) == (graph.nodes, graph.edges)


def test_folding_leaves_the_graph_as_it_was():
    graph = model_graph()
    before = (list(graph.nodes), list(graph.edges), paths(graph))
    graph.fold(0)
    assert (graph.nodes, graph.edges, paths(graph)) == before


def test_a_folded_graph_knows_what_stands_for_each_node_of_the_whole():
    graph = model_graph()
    assert graph.drawn_as == {node.id: node.id for node in graph.nodes}
    for folded in (graph.fold(2), graph.fold(3).fold(1)):
        assert folded.drawn_as.keys() == graph.drawn_as.keys()
        assert set(folded.drawn_as.values()) == {node.id for node in folded.nodes}
        for node in graph.nodes:
            box = next(n for n in folded.nodes if n.id == folded.drawn_as[node.id])
            inside = node.path.startswith(box.path) or node.label == "mask"  # an array has no path
            assert box is node or (box.kind == "module" and inside)


def test_a_negative_depth_is_refused():
    with pytest.raises(ValueError, match="0 or more; not -1"):
        model_graph().fold(-1)


@pytest.mark.parametrize("depth", range(6))
def test_a_folded_model_is_consistent(depth):
    check_consistent(model_graph().fold(depth))


modules = st.recursive(
    st.builds(Linear, st.just(2), st.just(2)),
    lambda inner: st.lists(inner, min_size=1, max_size=3).flatmap(
        lambda parts: st.lists(st.integers(0, len(parts) - 1), min_size=1, max_size=4).map(
            lambda order: Chain(parts, order)
        )
    ),
    max_leaves=6,
)


@given(modules, st.integers(0, 4))
def test_any_nesting_folds_to_a_consistent_graph_that_keeps_connections(module, depth):
    x = x_of(1, 2, requires_grad=True)
    h = module(x)
    graph = graph_of((h * module(x.tanh()) + h).sum())
    folded = graph.fold(depth)
    check_consistent(graph)
    check_consistent(folded)
    assert len(set(paths(graph))) == len(paths(graph))
    # What stays visible is computed from the same visible nodes as before.
    stay = {n.id for n in folded.nodes if n.kind != "module"}
    whole = {n.id: n for n in graph.nodes}
    for node in folded.nodes:
        if node.id in stay:
            assert ancestors(folded, node) & stay == ancestors(graph, whole[node.id]) & stay


# ---- looking up


def test_a_named_tensor_is_found_by_its_path_and_name():
    graph = model_graph()
    node = graph.find("encoder.layers.1.weights")
    assert node.full_name == "encoder.layers.1.weights"
    np.testing.assert_allclose(node.value.sum(-1), 1, rtol=1e-6)


def test_a_name_at_the_root_and_a_parameter_are_found_too():
    graph = model_graph()
    assert graph.find("loss") is graph.output
    assert graph.find("encoder.layers.0.w_q.bias").kind == "parameter"


def test_parts_of_a_path_may_be_left_out_while_one_node_fits():
    graph = model_graph()
    assert graph.find("layers.1.Q") is graph.find("encoder.layers.1.w_q.Q")
    assert graph.find("memory").path == "encoder"


def test_a_name_that_fits_several_is_refused_with_all_of_them():
    with pytest.raises(ValueError, match=r"fits 2 tensors: encoder.layers.0.scores, encoder.*1.sc"):
        model_graph().find("scores")


def test_the_last_part_may_not_be_left_out():
    with pytest.raises(ValueError, match="no tensor of this graph is named 'layers.1'"):
        model_graph().find("layers.1")


def test_the_full_path_wins_over_longer_ones_that_fit():
    class Two(mg.Module):
        def __init__(self):
            self.inner = Linear(2, 2)

        def forward(self, x):
            return self.inner(x).named("y").exp().named("y")

    graph = graph_of(Two()(x_of(1, 2)))
    assert graph.find("y").label == "exp"
    assert graph.find("inner.y").label == "linear"


def test_a_name_given_twice_in_one_call_is_numbered():
    a = mg.Tensor(1.0, True)
    graph = graph_of((a * 2).named("h").exp().named("h"))
    assert (graph.find("h").label, graph.find("h (2)").label) == ("mul 2", "exp")


def test_an_unknown_name_is_answered_with_near_ones():
    with pytest.raises(
        ValueError, match=r"named 'encoder.layers.0.score'; there is encoder.layers.0.s"
    ):
        model_graph().find("encoder.layers.0.score")


def test_without_any_name_it_says_how_to_give_one():
    with pytest.raises(ValueError, match=r"none has a name \(see Tensor.named\)"):
        graph_of(mg.Tensor(1.0, True) * 2).find("scores")


# ---- as text


def test_the_text_is_in_columns():
    lines = str(model_graph()).splitlines()
    assert len({line.index(" = ") for line in lines}) == 1
    assert all(line == line.rstrip() for line in lines)


def test_a_name_that_is_very_long_moves_its_own_line_only():
    x = mg.Tensor(1.0, True, name="x" * 200)
    lines = str(graph_of((x * 2).named("y") * 3)).splitlines()
    assert lines[1].index("=") == lines[2].index("=") < 60


def test_a_constant_with_a_name_is_found_in_the_module_that_uses_it():
    class Shift(mg.Module):
        def forward(self, x):
            return x + mg.Tensor([1.0, 2.0], name="by")

    class Twice(mg.Module):
        def __init__(self):
            self.shifts = [Shift(), Shift()]

        def forward(self, x):
            for shift in self.shifts:
                x = shift(x)
            return x

    graph = graph_of(Twice()(mg.Tensor([3.0, 4.0], requires_grad=True) * 2))
    for i in (0, 1):
        assert graph.find(f"shifts.{i}.by").value.tolist() == [1.0, 2.0]
    assert list(graph.named()) == ["shifts.0.by", "shifts.1.by"]


def test_inside_names_only_a_node_has_the_name_and_not_the_value():
    x = mg.Tensor([1.0, 2.0], requires_grad=True)
    with mg.names_only():
        y = (x * 2).named("y")
    z = (y + 1).named("z")
    graph = graph_of(z.sum())
    assert graph.find("y").value is None
    assert graph.find("z").value.tolist() == [3.0, 5.0]
    z.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]
