"""A profile counts every op and rule once, under its name and its module."""

import time

import numpy as np

import minigrad as mg


class Layer(mg.Module):
    def __init__(self):
        self.weight = mg.Parameter(np.ones((4, 5), np.float32))

    def forward(self, x):
        return x @ self.weight


class Model(mg.Module):
    def __init__(self):
        self.layers = [Layer()]

    def forward(self, x):
        return self.layers[0](x).exp().sum()


def profiled(steps=3):
    model, x = Model(), mg.Tensor(np.ones((2, 3, 4), np.float32), requires_grad=True)
    with mg.profile() as profile:
        for _ in range(steps):
            model(x).backward()
    return profile


def test_every_op_and_rule_is_counted_once_a_call():
    rows = profiled(steps=3).by_op()
    calls = {key: row.calls for key, row in rows.items()}
    assert calls == {
        ("matmul", "forward"): 3,
        ("matmul", "backward"): 6,  # one rule for each input
        ("exp", "forward"): 3,
        ("exp", "backward"): 3,
        ("sum", "forward"): 3,
        ("sum", "backward"): 3,
    }


def test_products_of_matrices_count_two_operations_for_each_multiply_and_add():
    rows = profiled(steps=1).by_op()
    assert rows["matmul", "forward"].flops == 2 * 6 * 4 * 5
    assert rows["matmul", "backward"].flops == 2 * (2 * 6 * 4 * 5)
    assert rows["matmul", "forward"].bytes == 6 * 5 * 4


def test_time_is_given_to_the_module_whose_call_it_was():
    rows = profiled(steps=1).by_module()
    assert {path for path, _ in rows} == {"layers.0", "Model"}
    assert rows["layers.0", "forward"].calls == 1
    assert rows["Model", "forward"].calls == 2


def test_an_op_within_an_op_is_not_counted_twice():
    x = mg.Tensor(np.ones(100_000, np.float32), requires_grad=True)
    picked = x[np.arange(100_000)]
    with mg.profile() as profile:
        started = time.perf_counter()
        picked.backward(np.ones(100_000, np.float32))  # the rule of getitem calls the op put
        elapsed = time.perf_counter() - started
    rows = profile.by_op()
    assert set(rows) == {("getitem", "backward"), ("put", "forward")}
    assert sum(row.seconds for row in rows.values()) <= elapsed


def test_the_table_names_ops_and_modules():
    table = str(profiled())
    for word in ("matmul", "backward", "layers.0", "GFLOP/s", "share"):
        assert word in table


def test_outside_the_block_nothing_is_measured():
    profile = profiled(steps=1)
    before = {key: row.calls for key, row in profile.by_op().items()}
    mg.Tensor([1.0]).exp()
    assert {key: row.calls for key, row in profile.by_op().items()} == before
