"""`mg.step`: backward one op at a time, with backward's own numbers."""

import gc
import importlib
import linecache
import os
import re
import subprocess
import sys
import weakref
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from op_cases import CASES
from random_programs import OURS, programs

import minigrad as mg
import minitransformer as mt
from minigrad.stepping import card
from minigrad.stepping.source import SourceLine, equation_in

BATCH = mt.Batch(
    src=np.array([[4, 5, 6, 2], [7, 2, 0, 0]]),
    tgt_in=np.array([[1, 4, 5], [1, 6, 0]]),
    tgt_out=np.array([[4, 5, 2], [6, 2, 0]]),
)


def leaf(*values, dtype=np.float32, name=None):
    return mg.Tensor(np.array(values, dtype), requires_grad=True, name=name)


def transformer(**changes):
    config = mt.TransformerConfig.tiny(9, 9, max_length=8, **changes)
    return mt.Transformer(config, np.random.default_rng(0))


def bits(tensors):
    return [None if x.grad is None else (x.grad.dtype, x.grad.data.tobytes()) for x in tensors]


def is_backwards(make):
    """That `make()`, which gives a loss and the tensors that want a gradient, gets by steps what it
    gets by backward. Returns the steps."""
    with np.errstate(all="ignore"):
        loss, tensors = make()
        loss.backward()
        expected = bits(tensors)
        loss, tensors = make()
    before = bits(tensors)
    steps = []
    for step in mg.step(loss):
        assert bits(tensors) == before  # untouched until the iterator has ended
        steps.append(step)
    assert bits(tensors) == expected
    return steps


# ---- the numbers


@settings(max_examples=100)
@given(programs())
def test_after_the_last_step_every_gradient_is_bit_for_bit_that_of_backward(program):
    def make():
        leaves = [mg.Tensor(array, requires_grad=True) for array in program.leaves]
        loss = program.loss(OURS, leaves)
        return (loss if loss.requires_grad else leaves[0].sum()), leaves

    is_backwards(make)


@settings(max_examples=100)
@given(programs())
def test_what_comes_in_is_what_has_accumulated_by_all_ways(program):
    leaves = [mg.Tensor(array, requires_grad=True) for array in program.leaves]
    loss = program.loss(OURS, leaves)
    if not loss.requires_grad:
        return
    sums, arrived = {}, defaultdict(int)
    for number, step in enumerate(mg.step(loss), start=1):
        assert (step.number, step.left) == (number, step.total - number)
        if number > 1:
            assert step.incoming.tobytes() == sums[step.node.id].tobytes()
        for way in step.ways:
            target = way.target.id
            arrived[target] += 1
            assert (way.arrived, way.outgoing.shape) == (arrived[target], way.target.shape)
            assert way.outgoing.dtype == way.target.dtype
            total = sums[target] + way.outgoing if target in sums else way.outgoing
            assert way.accumulated.tobytes() == np.asarray(total).tobytes()
            sums[target] = way.accumulated
            assert way.arrived <= way.expected
    assert step.left == 0
    assert {way.target.id: way.expected for way in step.ways}.items() <= arrived.items()


@pytest.mark.parametrize("changes", [{}, {"tie_embeddings": True}, {"norm_first": True}])
def test_a_transformers_gradients_are_those_of_backward(changes):
    def make():
        model = transformer(**changes)
        return mt.batch_loss(model, BATCH, label_smoothing=0.1), list(model.parameters())

    assert len(is_backwards(make)) > 50


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_gradients_that_meet_are_summed_in_their_dtype(dtype):
    def make():
        x = leaf(0.1, 1000.0, -3.0, dtype=dtype)
        y = x * 3 + x * x + mg.exp(-x) + x
        return (y * y * mg.softmax(y)).mean(), [x]

    is_backwards(make)


def test_steps_add_to_the_gradients_that_are_there_and_respect_retain_grad():
    def make():
        x = leaf(1.0, 2.0)
        (x * 5).sum().backward()
        y = x * x
        y.retain_grad()
        return (y * y + y).sum(), [x, y]

    steps = is_backwards(make)
    assert [step.node.label for step in steps] == ["sum", "add", "mul", "mul"]


def test_infinities_and_nan_pass_as_they_do_in_backward():
    def make():
        x = leaf(0.0, -1.0, np.inf)
        return (mg.sqrt(x) * mg.log(x)).sum(), [x]

    is_backwards(make)


def test_the_gradient_to_begin_with_may_be_given():
    x = leaf(1.0, 2.0)
    (step,) = mg.step(x * 3, gradient=[1.0, 10.0])
    assert step.incoming.tolist() == [1, 10] and x.grad.tolist() == [3, 30]


def test_a_leaf_has_no_step_and_its_own_gradient_is_one():
    x = leaf(2.0).reshape(()).detach()
    x.requires_grad = True
    assert list(mg.step(x)) == [] and x.grad.item() == 1


def test_the_arrays_of_a_step_are_its_own():
    def make():
        x = leaf(1.0, 2.0)
        return (x + x * x).sum(), [x]

    loss, (x,) = make()
    for step in mg.step(loss):
        step.incoming[...] = 99
        for way in step.ways:
            way.outgoing[...] = way.accumulated[...] = 99
    assert x.grad.tolist() == [3, 5]


# ---- what is left behind


def test_steps_left_halfway_have_changed_nothing():
    x = leaf(1.0, 2.0)
    loss = (x * x).sum()
    steps = mg.step(loss)
    next(steps)
    del steps
    assert x.grad is None
    loss.backward()
    assert x.grad.tolist() == [2, 4]


def test_the_graph_is_freed_at_the_end_unless_it_is_to_be_kept():
    x = leaf(1.0, 2.0)
    loss = (x * x).sum()
    assert len(list(mg.step(loss, retain_graph=True))) == len(list(mg.step(loss))) == 2
    assert x.grad.tolist() == [4, 8]
    with pytest.raises(RuntimeError, match="freed by an earlier backward"):
        mg.step(loss)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_no_cycle_keeps_a_graph(count):
    x = leaf(1.0, 2.0)
    y = (x * x).named("y")
    loss = y.sum()
    held = weakref.ref(y.data)
    gc.disable()
    try:
        steps = mg.step(loss, check=True)
        for _ in range(count):
            next(steps)
        del y, loss
        assert held() is not None
        del steps
        assert held() is None
    finally:
        gc.enable()


def test_numbers_that_are_changed_between_two_steps_are_noticed():
    x = leaf(1.0, 2.0)
    steps = mg.step((x * x).sum())
    next(steps)
    x.data += 1
    with pytest.raises(RuntimeError, match="changed in place"):
        next(steps)
    assert list(steps) == [] and x.grad is None

    steps = mg.step((x * x).sum())
    x.data += 1
    with pytest.raises(RuntimeError, match="changed in place"):
        next(steps)


@pytest.mark.parametrize("count", [0, 1])
def test_a_backward_in_between_changes_no_step(count):
    x = leaf(1.0, 2.0)
    loss = (x * x).sum()
    steps = mg.step(loss, check=True)
    for _ in range(count):
        next(steps)
    loss.backward()
    *_, last = steps
    assert [way.outgoing.tolist() for way in last.ways] == [[1, 2], [1, 2]]
    assert x.grad.tolist() == [4, 8]


def test_who_watches_sees_the_rules_of_the_steps():
    x = leaf(0.0, 1.0)
    with mg.detect_anomaly():
        steps = mg.step(mg.sqrt(x).sum())
        next(steps)
        with pytest.raises(FloatingPointError, match="sqrt, in its rule dx"):
            next(steps)
    assert x.grad is None


# ---- where to begin


def test_until_is_a_tensor_a_module_or_their_names_an_op_or_a_number():
    model = transformer()
    attention = model.encoder.layers[0].self_attention
    loss = mt.batch_loss(model, BATCH)
    path = "encoder.layers.0.self_attention"

    def first(until, **how):
        return next(mg.step(loss, until=until, **how))

    scores = first(f"{path}.scores")
    assert scores.node.full_name == f"{path}.scores"
    assert first("encoder.scores").number == first(scores.number).number == scores.number
    assert first("scores").node.path.startswith("decoder")  # which comes first backward
    assert first(path).number == first(attention).number < scores.number
    assert first(path).node.path == f"{path}.w_o"
    assert first(path, forward=True).node.path == f"{path}.w_q"
    assert first("softmax").node.label == "softmax"
    assert first(f"{path}.w_q.weight").node.path == f"{path}.w_q"
    assert first(attention.w_q.weight).number == first(f"{path}.w_q.weight").number
    assert first(loss).number == 1

    x = leaf(1.0)
    y = x * 2
    assert next(mg.step((y + 1).sum(), until=y)).node.label == "mul 2"


def test_the_steps_before_are_done_silently():
    def make():
        model = transformer()
        return mt.batch_loss(model, BATCH), list(model.parameters())

    loss, parameters = make()
    loss.backward()
    expected = bits(parameters)
    loss, parameters = make()
    whole = list(mg.step(loss, retain_graph=True))
    for parameter in parameters:
        parameter.grad = None
    part = list(mg.step(loss, until="encoder"))
    assert bits(parameters) == expected
    assert [step.number for step in part] == [step.number for step in whole][-len(part) :]
    assert 0 < len(part) < len(whole)
    for one, other in zip(part, whole[-len(part) :]):
        for way, same in zip(one.ways, other.ways):
            assert (way.arrived, way.expected) == (same.arrived, same.expected)
            assert way.accumulated.tobytes() == same.accumulated.tobytes()


def test_a_place_that_does_not_occur_is_refused_with_the_nearest():
    loss = mt.batch_loss(transformer(), BATCH)
    with pytest.raises(ValueError, match="'score'; there is .*self_attention.scores"):
        mg.step(loss, until="score")
    with pytest.raises(ValueError, match="is empty"):
        mg.step(loss, until="")
    with pytest.raises(ValueError, match="no step 1000: they are 1 to"):
        mg.step(loss, until=1000)
    with pytest.raises(ValueError, match="'stray' is no part"):
        mg.step(loss, until=leaf(1.0, name="stray"))
    with pytest.raises(ValueError, match="Transformer is no part"):
        mg.step(loss, until=transformer())
    with pytest.raises(TypeError, match="not float"):
        mg.step(loss, until=1.5)


# ---- what cannot be stepped through


def test_a_loss_that_depends_on_nothing_is_refused():
    with pytest.raises(RuntimeError, match="depends on nothing that requires a gradient"):
        mg.step(mg.Tensor([1.0]).sum())
    with pytest.raises(RuntimeError, match="depends on nothing"):
        mg.step(mg.Tensor([1.0]).sum(), forward=True)
    with pytest.raises(ValueError, match="needs `gradient`"):
        mg.step(leaf(1.0, 2.0) * 2)
    with pytest.raises(TypeError, match="not ndarray"):
        mg.step(np.ones(3))


def test_arguments_of_backward_are_refused_forward():
    loss = leaf(1.0).sum()
    for argument in ({"check": True}, {"retain_graph": True}, {"gradient": 1.0}):
        with pytest.raises(ValueError, match="forward=True"):
            mg.step(loss, forward=True, **argument)


# ---- the rules, held against differences


@pytest.mark.parametrize("case", [case for case in CASES if not case.kink], ids=str)
def test_the_rules_of_every_op_agree_with_differences(case):
    y = case.call(case.op.ours, [mg.Tensor(x, requires_grad=True) for x in case.arrays()])
    for step in mg.step(y, case.cotangent(y.shape, y.dtype), check=True):
        for way in step.ways:
            assert way.check.agrees, f"{step}"
            assert way.check.size == way.outgoing.size


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_checks_are_made_in_float64_whatever_the_graph_is_in(dtype):
    x = leaf(*np.linspace(-1, 2, 12), dtype=dtype).reshape(3, 4)
    loss = (mg.softmax(x) * mg.tanh(x)).mean() + mg.concatenate([x, x * 2]).std()
    for step in mg.step(loss, check=True):
        assert all(way.check.agrees and way.check.by_rule.dtype == float for way in step.ways)


def wrong_op(factor):
    @mg.op
    def cube(x):
        def dx(g):
            return g * x**2 * factor

        return x**3, dx

    return cube


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_a_wrong_rule_differs(scale):
    x = leaf(0.5 * scale, -1.5 * scale)
    for factor, right in ((3, True), (2.99, False), (-3, False), (0, False)):
        check = next(mg.step(wrong_op(factor)(x).sum(), until="cube", check=True)).ways[0].check
        assert check.agrees == right
        assert (check.error > 1e-3 * scale**2) != right
        numbers = 3 * x.data.astype(float) ** 2
        np.testing.assert_allclose(check.by_differences, numbers, rtol=1e-6)


def test_of_a_large_input_some_entries_are_checked_and_the_card_says_so():
    x = mg.Tensor(np.random.default_rng(0).standard_normal((40, 50)), requires_grad=True)
    step = next(mg.step((x * x).sum(), until="mul", check=True))
    check = step.ways[0].check
    assert len(check.places) == len(set(check.places)) == len(check.by_rule) <= 12
    assert np.unravel_index(np.abs(x.data).argmax(), x.shape) in check.places
    assert f"{len(check.places)} of 2,000 entries moved a little: agrees" in str(step)


def test_an_op_that_draws_random_numbers_cannot_be_looked_at_again():
    rng = np.random.default_rng(0)

    @mg.op
    def noisy(x):
        def dx(g):
            return g

        return x + rng.standard_normal(x.shape), dx

    loss = noisy(leaf(1.0, 2.0)).sum()
    for how in ({"check": True}, {"forward": True}):
        with pytest.raises(RuntimeError, match="noisy gives another value"):
            list(mg.step(loss, **how))


# ---- forward


@settings(max_examples=50)
@given(programs())
def test_forward_every_value_is_computed_again_from_the_values_before_it(program):
    leaves = [mg.Tensor(array, requires_grad=True) for array in program.leaves]
    loss = program.loss(OURS, leaves)
    if not loss.requires_grad:
        return
    made = {}
    for number, step in enumerate(mg.step(loss, forward=True), start=1):
        assert (step.number, step.left) == (number, step.total - number)
        for one in step.given:
            expected = made.get(one.source.id, one.source.value)
            np.testing.assert_array_equal(one.value, expected)
        made[step.node.id] = step.value
        assert (step.value.shape, step.value.dtype) == (step.node.shape, step.node.dtype)
    assert step.value.tobytes() == loss.data.tobytes()
    assert all(x.grad is None for x in leaves)
    loss.backward()  # the graph is there


def test_forward_the_values_are_those_that_the_tape_kept():
    loss = mt.batch_loss(transformer(), BATCH)
    kept = 0
    for step in mg.step(loss, forward=True):
        if step.node.value is not None:
            kept += 1
            assert step.value.tobytes() == step.node.value.tobytes()
    assert kept > 10


def test_forward_says_the_equation_of_the_paper_where_the_docstring_gives_one():
    model = transformer()
    said = {}
    for step in mg.step(mt.batch_loss(model, BATCH), forward=True):
        said[step.node.full_name or f"{step.node.path} {step.node.label}"] = step
    attention = "encoder.layers.0.self_attention"
    equation = "softmax(Q K^T / sqrt(d_k)) V, equation 1 of the paper"
    assert said[f"{attention}.weights"].equation == equation
    assert f"equation {equation}" in str(said[f"{attention}.weights"])
    assert said[f"{attention}.w_q linear"].equation == "x @ weight + bias"
    assert said["encoder.layers.0.add_1"].equation == ""  # "Self-attention and feed-forward, ..."


@pytest.mark.parametrize(
    "docstring, equation",
    [
        ("x @ weight + bias: (..., inputs) -> (..., outputs). More.", "x @ weight + bias"),
        (
            "activation(x W_1 + b_1) W_2 + b_2, each position (section 3.3, equation 2).",
            "activation(x W_1 + b_1) W_2 + b_2, each position (section 3.3, equation 2)",
        ),
        ("y = x / (1: n) * 2. Then.", "y = x / (1: n) * 2"),
        ("x + one\n    row.\n\n    More", "x + one row"),
        ("One learned row for each id: (...) integers, times sqrt(d_model).", ""),
        ("In training each entry is 0, and the rest grow by 1 / (1 - p) (5.4).", ""),
        ("Layer(inputs, outputs) is inputs * outputs", ""),
        ("self-attention over a + b", ""),
        ("print(x) shows it", ""),
        ("", ""),
    ],
)
def test_an_equation_is_what_a_docstring_opens_with(docstring, equation):
    assert equation_in(docstring, "Layer") == equation


def test_a_function_without_a_docstring_has_no_equation():
    def scaled(x):
        return x * float("x + y: a sum".count("x"))

    (step,) = mg.step(scaled(leaf(2.0)), forward=True)
    assert (step.equation, step.value.tolist()) == ("", [2])


def test_the_equations_of_the_layers_are_all_found():
    found = {
        name: equation_in(getattr(mt, name).__doc__ or "", name)
        for name in ("Linear", "LayerNorm", "FeedForward", "SinusoidalEncoding", "Embedding")
    }
    assert all(found[name] for name in found if name != "Embedding") and not found["Embedding"]


# ---- where it stands


def test_a_step_says_which_line_made_it():
    x = leaf(1.0, 2.0)
    number = sys._getframe().f_lineno + 1
    loss = (x * 3).sum()  # the line
    line = next(mg.step(loss)).line
    assert (line.file, line.number) == (__file__, number)
    assert line.text == "loss = (x * 3).sum()  # the line"


def test_the_line_of_a_cell_is_found_as_notebooks_hand_it_over():
    text = "loss = (x * 3).sum()\n"
    linecache.cache["<cell 7>"] = (len(text), None, [text], "<cell 7>")
    variables = {"x": leaf(1.0)}
    try:
        exec(compile(text, "<cell 7>", "exec"), variables)
        line = next(mg.step(variables["loss"])).line
        assert line == SourceLine("<cell 7>", 1) and line.text == text.strip()
    finally:
        del linecache.cache["<cell 7>"]


def test_where_the_source_is_gone_the_card_does_without():
    variables = {"mg": mg, "x": leaf(1.0), "__name__": "nowhere"}
    text = """
@mg.op
def double(x):
    def dx(g):
        return g * 2
    return x * 2, dx
loss = double(x).sum()
"""
    exec(compile(text, "<nowhere>", "exec"), variables)
    step = list(mg.step(variables["loss"], retain_graph=True))[-1]
    assert step.line.text == "" and step.ways[0].source == ""
    assert "<nowhere>:7" in str(step) and "by the rule dx" in str(step)
    assert str(next(mg.step(variables["loss"], forward=True)))


def test_a_rule_says_its_source_whatever_wraps_it():
    x = leaf(1.0, 2.0, dtype=np.float16)
    loss = mg.concatenate([x * 2, mg.exp(x)]).mean()
    found = {}
    for step in mg.step(loss):
        for way in step.ways:
            found[step.node.label.split()[0], way.argument] = (way.rule, way.source)
    assert found["mul", "a"] == ("da", "def da(g):\n    return g * b")
    assert found["concatenated", "arrays[0]"][1].startswith("def darrays(g, i")
    assert {way for _, way in found} >= {"arrays[0]", "arrays[1]"}
    assert found["mean", "x"][1].startswith("def dx(g)")  # which is given float32 here


# ---- the card


def cards(width, **how):
    loss = mt.batch_loss(transformer(), BATCH)
    return [step.text(width) for step in mg.step(loss, **how)]


@pytest.mark.parametrize("width", [30, 40, 80])
@pytest.mark.parametrize("how", [{"check": True}, {"forward": True}], ids=str)
def test_no_line_of_a_card_is_wider_than_it_may_be(width, how):
    assert max(len(line) for text in cards(width, **how) for line in text.splitlines()) <= width


def test_a_card_says_all_that_there_is_to_a_step():
    a, b = leaf(2.0, name="a"), leaf(-3.0, name="b")
    loss = ((a * b).named("product") + a * a).sum()
    text = str(list(mg.step(loss, check=True))[2])
    number = sys._getframe().f_lineno - 2
    assert (
        text
        == f"""\
step 3 of 4: mul
  shape    (1,) float32
  line     test_step.py:{number}  loss = ((a * b).named("product") + a * a).sum()
  gradient [1.]
to a, by the rule da
  rule     def da(g):
               return g * b
  gives    [2.]
  so far   the same: 1 of 3 ways
  check    every entry moved a little: agrees
           at  by the rule by differences
           [0]           2              2
to b = a, by the rule db
  rule     def db(g):
               return g * a
  gives    [2.]
  so far   2 of 3 ways
           [4.]
  check    every entry moved a little: agrees
           at  by the rule by differences
           [0]           2              2
1 op left"""
    )


@pytest.mark.parametrize(
    "array, text",
    [
        (np.array(0.123456), "0.1235"),
        (np.array([1.0, np.nan, -np.inf]), "[  1.  nan -inf]"),
        (np.zeros((0, 3)), "(0, 3): no entries"),
        (np.array([True, False]), "[ True False]"),
        (np.ones((9, 9), bool), "(9, 9): 81 of 81 true"),
        (np.arange(40), "(40,): mean 19.5, spread 11.54, from 0 to 39"),
        (np.full((5, 5), np.nan), "(5, 5): 25 of 25 NaN"),
        (
            np.r_[np.ones(20), np.nan, np.inf, -np.inf, -np.inf],
            "(24,): mean 1, spread 0, from 1 to 1, 1 of 24 NaN, 1 of 24 inf, 2 of 24 -inf",
        ),
    ],
    ids=str,
)
def test_an_array_is_shown_in_full_or_in_words(array, text):
    assert card.array_lines(array, 80) == [text]


def test_a_row_that_is_too_wide_is_said_in_words():
    lines = card.array_lines(np.full((1, 3), 1234567.25), 12)
    assert " ".join(lines) == "(1, 3): mean 1.235e+06, spread 0, from 1.235e+06 to 1.235e+06"


def test_in_jupyter_a_card_is_escaped_and_without_a_script():
    x = leaf(1.0, name="<script>alert(1)</script>")
    for how in ({}, {"forward": True}, {"check": True}):
        html = next(mg.step((x * 2).named("a < b").sum(), until="mul", **how))._repr_html_()
        assert "<script" not in html and "&lt;script&gt;" in html and "a &lt; b" in html
        assert len(re.findall("<table", html)) == len(re.findall("</table>", html)) == 1


def test_a_name_does_nothing_to_a_terminal():
    x = leaf(1.0, name="red\x1b[31m")
    assert "\x1b" not in str(next(mg.step((x * 2).sum(), until="mul")))


def test_the_card_in_the_readme_is_one_of_the_demo():
    """But for its digits, the last of which are rounded elsewhere on another machine."""
    root = Path(__file__).parents[2]
    readme = (root / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```text\n(step \d+ of .*?)```", readme, re.DOTALL)
    said = subprocess.run(
        [sys.executable, root / "demos" / "05_step_through_backward.py"],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout
    assert re.sub(r"\d", "0", shown) in re.sub(r"\d", "0", said)


# ---- the name


def test_mg_step_stays_the_function_when_its_command_is_imported():
    imported = importlib.import_module("minigrad.step")
    assert imported is mg.step is sys.modules["minigrad.step"]
    assert mg.step.__name__ == "step" and mg.step.__doc__
