"""For every rule a few wrong versions, which the checks must reject. `prove.py` tries them all."""

import ast

import numpy as np
import pytest
from mutants import (
    ROWS,
    Mutant,
    all_rules,
    excuse,
    mutants_of,
    mutants_of_helpers,
    rejection,
    source_of,
    unsummed,
)
from op_cases import OPS
from op_checks import value_and_gradients

import minigrad as mg

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::SyntaxWarning")


@pytest.mark.parametrize("name, rule", all_rules(), ids=[".".join(pair) for pair in all_rules()])
def test_wrong_versions_of_the_rule_are_rejected(name, rule):
    negated = next(mutant for mutant in mutants_of(name, rule) if "negated" in mutant.change)
    other = next(m for m in mutants_of(name, rule) if m.change != negated.change and not excuse(m))
    for mutant in (negated, other):
        assert rejection(mutant) is not None, str(mutant)


def test_every_rule_of_every_op_has_mutants():
    assert len(all_rules()) == len(set(all_rules())) >= 60
    assert {name for name, _ in all_rules()} == set(OPS)


def test_a_broadcast_input_whose_gradient_is_not_summed_is_rejected():
    broadcast = set()
    for name, rule in all_rules():
        mutant = unsummed(name, rule)
        for case in ROWS[name].cases:
            value_and_gradients(case, mutant.functions[name], case.arrays())
        if mutant.effects:  # there is a case in which the engine has to sum
            broadcast.add(name)
            assert rejection(mutant) is not None, str(mutant)
    assert set("add sub mul div pow maximum minimum where matmul linear".split()) <= broadcast


def test_wrong_versions_of_a_helper_are_rejected():
    by_helper = {}
    for mutant in mutants_of_helpers():
        by_helper.setdefault(mutant.place, mutant)
    assert {"shared", "before", "shifted"} <= by_helper.keys()
    for mutant in by_helper.values():
        if not excuse(mutant):
            assert rejection(mutant) is not None, str(mutant)


def test_a_source_that_was_not_changed_passes():
    source = source_of("softmax")
    before = ast.unparse(source.tree)
    for _ in mutants_of("softmax", "dx"):
        pass
    assert ast.unparse(source.tree) == before
    assert rejection(Mutant("softmax", "nothing", source.ops(["softmax"]))) is None
    assert np.allclose(mg.softmax([0.0, 0.0]).data, 0.5)
