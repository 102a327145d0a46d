"""The numbers in a picture are those that were computed, or they are not there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from hypothesis.strategies import floats
from op_cases import CASES

import minigrad as mg
from minigrad.drawing.numbers import Gradients, Values, computed_again, in_short
from minigrad.looking.summary import in_words, mean_and_spread
from minigrad.looking.trace import graph_of

rng = np.random.default_rng(0)


def values_of(tensor):
    """{label: value} at the nodes of its graph, and what is said of those that are missing."""
    graph = graph_of(tensor)
    values = Values(graph, tensor)
    return {node.label: values.of.get(node.id) for node in graph.nodes}, values.missing


def bits(array):
    return array.shape, array.dtype, array.tobytes()


# ---- values


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.filterwarnings("ignore")
def test_every_op_computed_again_gives_the_same_bits(case, dtype):
    inputs = [mg.Tensor(array, True) for array in case.arrays(dtype)]
    outputs = case.call(case.op.ours, inputs)
    for y in outputs if isinstance(outputs, (list, tuple)) else [outputs]:
        graph = graph_of(y)
        again = {node: value for node, value, _ in computed_again(list(graph.recorded.values()))}
        assert bits(again[y.node]) == bits(y.data)


def test_every_value_of_a_computation_is_the_one_that_was_computed():
    x = mg.Tensor(rng.normal(size=(4, 5)).astype(np.float32), True)
    w = mg.Parameter(rng.normal(size=(5, 5)).astype(np.float16))
    made = [x @ w]
    made.append(made[-1].softmax())
    made.append(made[-1] * np.arange(5))
    made.append(mg.normalize(made[-1]))
    made.append(made[-1].astype(np.float16))
    made.append(made[-1].sum())
    values, missing = values_of(made[-1])
    assert missing == ""
    ops = ("matmul", "softmax", "mul", "normalize", "astype float16", "sum")
    assert [bits(values[op]) for op in ops] == [bits(y.data) for y in made]


def test_an_op_that_draws_random_numbers_has_no_value_and_neither_has_what_comes_of_it():
    noise = np.random.default_rng(1)

    @mg.op
    def noisy(x):
        def dx(g):
            return g

        return x + noise.normal(size=x.shape), dx

    y = noisy(mg.Tensor([1.0, 2.0], True) * 2) + 1
    state = noise.bit_generator.state
    values, missing = values_of(y * 3)
    assert values["noisy"] is None and values["add 1"] is None
    assert values["mul 2"].tolist() == [2, 4]
    assert "computed again, noisy gives others" in missing
    assert noise.bit_generator.state == state  # who looks changes nothing
    named, missing = values_of(noisy(mg.Tensor([1.0], True)).named("n") * 2)
    assert named["noisy"] is not None and named["mul 2"].tolist() == (named["noisy"] * 2).tolist()
    assert missing == ""


def test_an_op_of_a_user_that_is_a_function_of_its_inputs_has_its_value():
    @mg.op
    def cube(x):
        def dx(g):
            return 3 * x**2 * g

        return x**3, dx

    assert values_of(cube(mg.Tensor([2.0], True)) * 1)[0]["cube"].tolist() == [8]


def test_numbers_that_were_changed_since_are_left_out():
    x = mg.Tensor([1.0, 2.0], True, name="x")
    y = (x * 2).exp().sum()
    x.data += 1
    values, missing = values_of(y)
    assert values["mul 2"] is None and values["exp"] is None
    assert "a tensor was changed since" in missing


def test_numbers_that_were_written_to_behind_its_back_are_noticed_at_the_end():
    x = mg.Tensor(np.array([1.0, 2.0]), True)
    y = (x * 2).exp().sum()
    x.data[0] = 5.0
    values, missing = values_of(y)
    assert values["exp"] is None and "was written to since" in missing


def test_a_graph_that_was_freed_since_it_was_read_has_no_values():
    x = mg.Tensor([1.0], True)
    y = (x * 2).named("y").exp()
    graph = graph_of(y)
    y.backward()
    values = Values(graph)
    assert "backward has freed the graph" in values.missing
    assert [node.label for node in graph.nodes if node.id in values.of] == ["tensor", "mul 2"]


def test_a_folded_box_has_the_value_of_what_it_returns():
    class Twice(mg.Module):
        def forward(self, x):
            return (x + 1) * 2

    graph = graph_of(Twice()(mg.Tensor([3.0], True)).sum()).fold(0)
    assert [Values(graph).of[node.id].tolist() for node in graph.nodes] == [[3], [8], 8]


# ---- gradients


def gradients_of(graph):
    gradients = Gradients(graph)
    return {node.label: gradients.line(node) for node in graph.nodes}


def test_before_backward_no_gradient_is_computed_and_none_is_a_zero():
    x = mg.Tensor(2.0, True, name="x")
    graph = graph_of((x * mg.Tensor(3.0, name="c")).exp())
    assert gradients_of(graph) == {
        "x": "grad: not computed",
        "c": "",
        "mul": "grad: not computed",
        "exp": "grad: not computed",
    }


def test_after_backward_leaves_have_one_and_what_was_computed_if_it_was_kept():
    x = mg.Tensor(2.0, True, name="x")
    y = x * 3
    z = y + 1
    y.retain_grad()
    loss = z**2
    loss.backward(retain_graph=True)
    assert gradients_of(graph_of(loss)) == {
        "x": "grad: 42",
        "mul 3": "grad: 14",
        "add 1": "grad: not kept",
        "pow 2": "grad: not kept",
    }


def test_a_leaf_that_backward_has_not_reached_is_still_not_computed():
    x, w = mg.Tensor(2.0, True, name="x"), mg.Tensor(3.0, True, name="w")
    (x * 1).backward()
    assert gradients_of(graph_of(x * w))["w"] == "grad: not computed"


# ---- in words


@pytest.mark.parametrize("array, said", [
    (np.float32(0.1), "0.1"),
    ([1.0, -0.5], "[1, -0.5]"),
    ([[1, 2], [3, 4]], "[[1, 2], [3, 4]]"),
    ([True, False], "[True, False]"),
    (np.zeros((0, 3)), "no entries"),
    (np.arange(8.0), "mean 3.5, spread 2.29"),
    (np.arange(8), "from 0 to 7"),
    (np.arange(8) > 2, "5 of 8 true"),
    (np.where(np.arange(8) > 5, -np.inf, 2.0), "mean 2, spread 0, 2 of 8 -inf"),
    (np.full(7, np.nan), "7 of 7 NaN"),
    (np.float32([0.1] * 9 + [-0.1] * 8 + [-0.1 + 1e-8]), "mean 0, spread 0.1"),
    (np.float32([1e-8] * 9 + [3e-8]), "mean 1.2e-08, spread 6e-09"),
    (np.full(7, 0.1), "mean 0.1, spread 0"),
    (np.array([1e300] * 7 + [-1e300]), "mean 7.5e+299, spread 6.61e+299"),
    (np.array([5e-324] * 7 + [0.0]), "mean 4.94e-324, spread 0"),
])  # fmt: skip
def test_small_arrays_are_said_in_full_and_large_ones_in_short(array, said):
    assert in_short(np.asarray(array)) == said


@pytest.mark.filterwarnings("error")
@given(arrays(np.float32, 9, elements=floats(width=32)))
def test_a_picture_and_a_card_say_the_same_mean_and_spread(array):
    brief, full = in_words(array, brief=True), in_words(array, brief=False)
    names = [part.split()[:-1] for part in brief.split(", ")]
    assert [part.split()[:-1] for part in full.split(", ") if "from" not in part] == names


@given(arrays(np.float32, 20, elements=floats(0.125, 1, width=32)), floats(2**-18, 1))
def test_a_mean_that_is_only_rounding_is_0_and_any_other_is_not(array, shift):
    nearly = np.concatenate([array, np.nextafter(-array, np.float32(0))])
    assert mean_and_spread(nearly)[0] == 0.0
    mean, spread = mean_and_spread(nearly + np.float32(shift))
    assert np.isclose(mean, shift, rtol=0.1)
    assert np.isclose(spread, nearly.astype(np.float64).std(), rtol=1e-3)
