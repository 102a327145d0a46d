import numpy as np
import pytest
from hypothesis import given, settings
from op_cases import TABLE
from random_programs import OURS, Program, Step, Value, check_program, programs, run_programs

import minigrad as mg


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_gradient_of_100_random_programs_is_the_numerical_one():
    ops = run_programs(100, 0)
    assert len(ops) >= 100 and min(ops) >= 5 and max(ops) <= 30


def test_a_program_that_uses_a_wrong_rule_is_caught(monkeypatch):
    @mg.op
    def tanh(x):
        def dx(g):
            return g * (1 - y)

        y = np.tanh(x)
        return y, dx

    monkeypatch.setitem(OURS, "tanh", tanh)
    with pytest.raises(AssertionError, match="by the rules"):
        check_program(Program([np.array([0.5])], [Step("tanh", (Value(0),), {})], 0))


def test_a_program_that_uses_a_wrong_second_derivative_is_caught(monkeypatch):
    @mg.op
    def tanh(x):
        def dx(g):
            return g * (1 - constant * constant)

        y = np.tanh(x)
        constant = y.data if isinstance(y, mg.Tensor) else y
        return y, dx

    monkeypatch.setitem(OURS, "tanh", tanh)
    with pytest.raises(AssertionError, match="by the rules"):
        check_program(Program([np.array([0.5])], [Step("tanh", (Value(0),), {})], 0))


def test_random_programs_use_every_op_that_a_user_calls():
    seen = set()

    @settings(max_examples=300, deadline=None, database=None, derandomize=True)
    @given(programs())
    def note(program):
        seen.update(step.op for step in program.steps)

    note()
    inner = {
        "put",
        "add_rows",
        "concatenated",
        "normal_cdf",
        "mod",
        "thinned",
        "dropout",
        "astype",
        "squeeze",
    }
    assert {row.name for row in TABLE} - seen <= inner
