"""People step through this code: nothing depends on who watches, what stands at a breakpoint says
what it is, and from a line to what it does it is two or three frames."""

import os
import re
import subprocess
import sys
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg

HERE = Path(__file__).parent


def leaf(*shape):
    return mg.Tensor(np.ones(shape, np.float32), requires_grad=True)


# ---- who watches


@cache
def printed(*command):
    """What the program prints when it is run by `python *command`."""
    result = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        env={**os.environ, "COVERAGE_FILE": os.devnull},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


PROGRAM = str(HERE / "watched_program.py")
WATCHERS = {
    "a tracer that reads all local variables, from the import on": (PROGRAM, "traced"),
    "python -X dev": ("-X", "dev", PROGRAM),
    "coverage": ("-m", "coverage", "run", "--data-file", os.devnull, PROGRAM),
}


@pytest.mark.parametrize("watcher", WATCHERS)
def test_every_number_is_the_same_whoever_watches(watcher):
    if watcher == "coverage":
        pytest.importorskip("coverage")
    assert printed(*WATCHERS[watcher]) == printed(PROGRAM)


def test_references_held_elsewhere_change_no_gradient():
    """`loss = (a*v + (a+b)*w).sum()` once gave 110 for 10 where a debugger held the arrays."""
    a, b, v, w = (mg.Tensor([x], requires_grad=True) for x in (1.0, 2.0, 10.0, 100.0))
    held = []

    def keep(frame, event, arg):
        held.append(dict(frame.f_locals))
        return keep

    before = sys.gettrace()
    sys.settrace(keep)
    try:
        (a * v + (a + b) * w).sum().backward()
    finally:
        sys.settrace(before)
    assert [x.grad.item() for x in (a, b, v, w)] == [110, 100, 1, 3]


# ---- how far it is


def frames_of(run, last):
    """The names of the functions that are entered from `run` to the first call of `last`."""
    stacks = []

    def trace(frame, event, arg):
        if event == "call" and frame.f_code.co_name == last and not stacks:
            names = []
            while frame.f_code is not run.__code__:
                names.append(frame.f_code.co_name)
                frame = frame.f_back
            stacks.append(names[::-1])
        return None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return stacks[0]


def test_from_an_operator_to_the_body_of_its_op_it_is_three_frames():
    a, b = leaf(2, 3), leaf(3, 2)
    assert frames_of(lambda: a @ b, "matmul") == ["__matmul__", "call", "matmul"]
    assert frames_of(lambda: a.sum(), "sum")[1:] == []  # the method of that name
    assert frames_of(lambda: a.reshape(6), "reshape") == ["reshape"]


def test_from_a_function_to_the_body_of_its_op_it_is_two_frames():
    a = leaf(2, 3)
    assert frames_of(lambda: mg.softmax(a), "softmax") == ["call", "softmax"]


def test_from_backward_to_a_rule_it_is_three_frames():
    loss = mg.exp(leaf(1))
    assert frames_of(lambda: loss.backward(), "dx") == ["backward", "backpropagate", "dx"]


def test_from_grad_to_a_rule_it_is_three_frames():
    x = leaf(1)
    loss = mg.exp(x)
    assert frames_of(lambda: mg.grad(loss, [x]), "dx") == ["grad", "backpropagate", "dx"]


# ---- what one sees


class Inner(mg.Module):
    def __init__(self):
        self.weight = mg.Parameter(np.ones((3, 2), np.float32))

    def forward(self, x):
        return (x @ self.weight).named("scores")


class Outer(mg.Module):
    def __init__(self):
        self.layers = [Inner(), Inner()]

    def forward(self, x):
        return self.layers[1](x)


def here(offset=0):
    return f"test_debugger.py:{sys._getframe(1).f_lineno + offset}"


def test_a_node_says_what_made_it_and_where():
    a, b = leaf(2, 3), leaf(2, 3)
    y = a * b
    assert repr(y.node) == f"<mul (2, 3) float32, made at {here(-1)}>"
    y = mg.softmax(a)
    assert repr(y.node) == f"<softmax (2, 3) float32, made at {here(-1)}>"


def test_a_node_says_in_which_module_it_was_made_and_its_name():
    y = Outer()(leaf(4, 3))
    line = Inner.forward.__code__.co_firstlineno + 1
    assert repr(y.node) == (
        f"<'scores' = matmul (4, 2) float32, made in layers.1 at test_debugger.py:{line}>"
    )
    y.sum().backward()
    assert "freed by backward" in repr(y.node)


def test_a_scope_says_which_module_is_being_called():
    scope = Outer()(leaf(4, 3)).node.scope
    assert repr(scope) == "<call of Inner layers.1>"
    assert repr(scope.outer) == "<call of Outer>"
    assert (scope.path, scope.outer.path) == ("layers.1", "")


def test_a_graph_prints_as_text_an_op_a_line():
    graph = mg.graph_of((Outer()(mg.Tensor(np.ones((4, 3)), name="x")) * 2).sum())
    lines = str(graph).splitlines()
    assert len(lines) == len(graph.nodes) == 5
    assert [" ".join(line.split()) for line in lines] == [
        "n0 x = input (4, 3) float64",
        "n1 weight = parameter (3, 2) float32 in layers.1",
        "n2 scores = matmul(a=n0, b=n1) (4, 2) float64 in layers.1",
        "n3 = mul(a=n2, 2) (4, 2) float64",
        "n4 = sum(x=n3) () float64",
    ]


# ---- a rule goes to the input that it is named for


def gradients(op):
    a, b = mg.Tensor([2.0], requires_grad=True), mg.Tensor([5.0], requires_grad=True)
    op(a, b).sum().backward()
    return a.grad.item(), b.grad.item()


def test_rules_may_be_returned_in_any_order():
    @mg.op
    def product(a, b):
        def da(g):
            return g * b

        def db(g):
            return g * a

        return a * b, db, da

    assert gradients(product) == (5, 2)
    assert mg.gradcheck(product, np.ones(2), np.full(2, 3.0), order=2)


def test_rules_may_be_returned_in_another_order_by_another_branch():
    @mg.op
    def product(a, b, turned=False):
        def da(g):
            return g * b

        def db(g):
            return g * a

        if turned:
            return a * b, db, da
        return a * b, da, db

    for turned in (False, True, False):
        assert gradients(partial(product, turned=turned)) == (5, 2)
    turned = partial(product, turned=True)
    assert mg.gradcheck(turned, np.ones(2), np.full(2, 3.0), order=2)


def named_rule(name, factor):
    def rule(g):
        return g * factor

    rule.__name__ = name
    return rule


def test_a_rule_made_by_a_helper_goes_where_its_name_says():
    @mg.op
    def product(a, b):
        def da(g):
            return g * b

        def db(g):  # only there to say that b has a rule
            raise AssertionError

        return a * b, named_rule("db", a), da

    assert gradients(product) == (5, 2)


WRONG_RULES = {
    "a lambda": (lambda da, db: (da, lambda g: g), "da, <lambda>"),
    "one without a name": (lambda da, db: (da, partial(db)), "da, one without a name"),
    "one left out": (lambda da, db: (da,), "da"),
    "none": (lambda da, db: (), "none"),
    "the same one twice": (lambda da, db: (da, da), "da, da"),
    "one too many": (lambda da, db: (da, db, db), "da, db, db"),
    "a helper's under its own name": (
        lambda da, db: (da, named_rule("rule", 1.0)),
        "da, rule",
    ),
    "None": (lambda da, db: (da, None), "da, one without a name"),
}


@pytest.mark.parametrize("rules, given", WRONG_RULES.values(), ids=WRONG_RULES)
def test_other_rules_than_those_defined_are_refused_at_the_first_call(rules, given):
    @mg.op
    def product(a, b):
        def da(g):
            return g * b

        def db(g):
            return g * a

        return a * b, *rules(da, db)

    for tensors in ((leaf(1), leaf(1)), (mg.Tensor([1.0]), 2.0)):
        with pytest.raises(TypeError, match=rf"^product: .*\({given}\).*\(da, db\).*dx\(g\)"):
            product(*tensors)


def test_a_value_without_a_rule_is_refused_whatever_its_shape():
    @mg.op
    def double(x):
        def dx(g):
            return g * 2

        return x * 2

    for shape in ((2, 3), (1,), ()):
        with pytest.raises(TypeError, match=r"double: .*0 rules \(none\)"):
            double(leaf(*shape))


# ---- the debugger itself


def test_the_debugger_shows_what_the_readme_says(tmp_path):
    """`python -m pdb` on the first demo, as in the README, over a pipe: all that the README shows
    is what one sees, but for the numbers of the engine's lines."""
    root = HERE.parent.parent
    readme = (root / "README.md").read_text(encoding="utf-8")
    ((demo, session),) = re.findall(r"^\$ python -m pdb (\S+)\n(.*?)^```", readme, re.M | re.S)
    commands = re.findall(r"^\(Pdb\) (.+)$", session, re.M)
    result = subprocess.run(
        [sys.executable, "-m", "pdb", root / demo],
        input="\n".join([*commands, "where", "quit", ""]),
        capture_output=True,
        text=True,
        cwd=tmp_path,  # the demo draws a picture
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    seen = [without_numbers(line) for line in result.stdout.replace(f"{root}/", "").splitlines()]
    for line in re.findall(r"^(?!\(Pdb\)).+$", session, re.M):  # in this order
        seen = seen[seen.index(without_numbers(line)) + 1 :]
    stops = re.findall(r"^[> ] (?:\S+[/\\])?(\S+)\(N\)(\w+)\(\)", "\n".join(seen), re.M)
    assert stops[-3:] == [  # from loss.backward() to the rule
        ("tensor.py", "backward"),
        ("backward.py", "backpropagate"),
        ("elementwise.py", "da"),
    ]


def without_numbers(line):
    """A line of the debugger, without its prompt and the number of the line that it stopped at."""
    return re.sub(r"\(\d+\)(?=\w+\(\)$)", "(N)", re.sub(r"^(\(Pdb\) )+", "", line)).rstrip()


def test_the_debugger_goes_from_an_operator_to_its_op_in_three_frames():
    result = subprocess.run(
        [sys.executable, "-m", "pdb", "demos/01_scalar_gradient.py"],
        input="break minigrad/ops/elementwise.py:56\ncontinue\nwhere\nquit\n",
        capture_output=True,
        text=True,
        cwd=HERE.parent.parent,
        env={**os.environ, "PYTHONPATH": str(HERE.parent.parent)},
    )
    stops = re.findall(r"^[> ] \S+[/\\](\S+)\(\d+\)(\w+)\(\)", result.stdout, re.M)
    assert stops[-3:] == [
        ("tensor.py", "__mul__"),
        ("tape.py", "call"),
        ("elementwise.py", "mul"),
    ]
