import numpy as np
import pytest
from hypothesis import given, settings
from op_cases import TABLE
from random_programs import OURS, Program, Step, Value, check_program, programs, run_programs
from random_sessions import run_sessions

import minigrad as mg
from minigrad import backward
from minigrad.clock import Clock
from minigrad.ops import select
from minigrad.optim import Optimizer


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


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_nothing_goes_wrong_in_40_random_sessions():
    refused, kept = run_sessions(40, 0)
    assert refused >= 10 and kept >= 10


# ---- faults that were there once: the programs find them


def ids_in_their_own_dtype(monkeypatch):
    monkeypatch.setattr(select, "integers", lambda ids, name: np.asarray(ids))


def gradients_that_share_an_array(monkeypatch):
    monkeypatch.setattr(backward.Gradients, "finished", lambda self: self.kept | self.sums)


def changes_seen_in_objects_alone(monkeypatch):
    monkeypatch.setattr(Clock, "changed_since", lambda self, tick: [])


def changes_seen_too_often(monkeypatch):
    monkeypatch.setattr(Clock, "changed_since", lambda self, tick: [(0, 2**64, 2**64)])


def sums_of_half_precision_in_half(monkeypatch):
    def summed_to(shape, d):
        new = d.ndim - len(shape)
        axes = tuple(new + i for i, n in enumerate(shape) if n == 1)
        return d.sum(axis=(*range(new), *axes), keepdims=True).reshape(shape)

    monkeypatch.setattr(backward, "summed_to", summed_to)


def copies_that_move_their_own_buffer_alone(monkeypatch):
    def restored(self, state):
        vars(self).update(state)
        self.flat = np.concatenate([p.data.reshape(-1) for p in self.parameters])
        self.views = [p.data for p in self.parameters]

    monkeypatch.setattr(Optimizer, "__setstate__", restored)


FAULTS = {
    ids_in_their_own_dtype: run_programs,
    gradients_that_share_an_array: run_sessions,
    changes_seen_in_objects_alone: run_sessions,
    changes_seen_too_often: run_sessions,
    sums_of_half_precision_in_half: run_sessions,
    copies_that_move_their_own_buffer_alone: run_sessions,
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_an_old_fault_is_found_by_programs_at_random(fault, monkeypatch):
    fault(monkeypatch)
    with pytest.raises((AssertionError, RuntimeError, ValueError)):
        FAULTS[fault](60, 0, shrink=False)
