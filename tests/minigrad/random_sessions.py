"""What people do with programs (random_programs.py) beside differentiating them once: they write
through views, add gradients up, compute in half precision, and copy a training half-way.

Each check raises where something is wrong without a word.
"""

import copy
import pickle
from dataclasses import dataclass

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from random_programs import OURS, Program, programs

import minigrad as mg


def leaves_of(program, dtype=np.float64):
    return [mg.Tensor(array.astype(dtype), requires_grad=True) for array in program.leaves]


def gradients_of(loss, leaves):
    if not loss.requires_grad:
        return [np.zeros(leaf.shape, leaf.dtype) for leaf in leaves]
    return [g.data for g in mg.grad(loss, leaves, allow_unused=True)]


# ---- gradients that add up


def check_accumulation(program):
    """Two backwards, the first or both recorded, give the sum of two gradients. No `.grad` shares
    memory with another or with an input, and the seed stays what it was."""
    leaves = leaves_of(program)
    loss = program.loss(OURS, leaves)
    if not loss.requires_grad:
        return
    once = gradients_of(loss, leaves)
    for recorded in (True, False):
        for leaf in leaves:
            leaf.grad = None
        start = np.full(loss.shape, 3.0)
        loss.backward(start, create_graph=recorded, retain_graph=True)
        program.loss(OURS, leaves).backward()
        assert start == 3.0
        arrays = [start, *program.leaves]
        for leaf, g in zip(leaves, once):
            found = np.zeros(g.shape) if leaf.grad is None else leaf.grad.data
            np.testing.assert_allclose(found, 4 * g, rtol=1e-9, atol=1e-9)
            assert not any(np.shares_memory(found, array) for array in arrays)
            arrays.append(found)


# ---- writing through views

VIEWS = {
    "itself": lambda t: t,
    "another tensor": lambda t: mg.Tensor(t),
    "flat": lambda t: t.reshape(-1),
    "transposed": lambda t: t.transpose(),
    "backwards": lambda t: mg.flip(t),
    "a slice": lambda t: t[..., None][..., :1],
    "a slice of the flat": lambda t: t.reshape(-1)[:1],
}


@dataclass(frozen=True)
class Write:
    """Before the step number `before`, the leaf number `leaf` is written to through a view."""

    before: int
    leaf: int
    view: str


def check_write(program, write):
    """The gradient is that of a program which goes on with another array, or backward refuses the
    graph; it does not where the write came before all use. Returns whether it refused."""
    rng = np.random.default_rng(program.numbers)
    leaves, others = leaves_of(program), leaves_of(program)
    new = {}

    def in_place(number, values):
        if number != write.before:
            return
        with mg.no_grad():
            view = VIEWS[write.view](values[write.leaf])
            view[...] = rng.uniform(0.5, 1.5, view.shape)
        new["data"] = values[write.leaf].data.copy()

    def in_a_copy(number, values):
        if number == write.before:
            old = values[write.leaf]
            values[write.leaf] = old + (new["data"] - old.data)

    loss = program.loss(OURS, leaves, in_place)
    expected = gradients_of(program.loss(OURS, others, in_a_copy), others)
    try:
        found = gradients_of(loss, leaves)
    except RuntimeError as error:
        assert "changed in place" in str(error)
        used = set().union(*(step.uses() for step in program.steps[: write.before]), set())
        assert write.leaf in used, "refused, though it was written before all use"
        return True
    for a, b in zip(found, expected):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    return False


# ---- half precision


def check_half(program):
    """In float16 the gradients are those of float64, up to what inputs that are rounded a few times
    would change. Each leaf goes in as the mean of many copies, whose gradients half precision alone
    could not add up."""
    rng = np.random.default_rng(program.numbers)
    half = Program([x.astype(np.float16) for x in program.leaves], program.steps, program.numbers)
    leaves = leaves_of(half, np.float16)
    with np.errstate(all="ignore"):
        copies = [leaf * np.ones((5000, *leaf.shape)) for leaf in leaves]
        loss = half.loss(OURS, [mg.mean(many, axis=0) for many in copies])
        found = gradients_of(loss, leaves)
    assert all(g.dtype == np.float16 for g in found)

    def in_double(size):
        moved = [x * (1 + size * rng.choice([-1, 1], x.shape)) for x in half.leaves]
        doubles = [mg.Tensor(np.asarray(x, float), requires_grad=True) for x in moved]
        return gradients_of(program.loss(OURS, doubles), doubles)

    exact = in_double(0)
    reach = [np.abs(g).max() for g in exact]
    for size in [2e-3] * 3 + [1e-2] * 2:
        for i, g in enumerate(in_double(size)):
            reach[i] = max(reach[i], 20 * np.abs(g - exact[i]).max())
    for a, b, limit in zip(found, exact, reach):
        assert np.abs(a - b).max() <= 0.1 * limit + 0.01, f"in half {a}, in double {b}"


# ---- trainings that are copied half-way

OPTIMIZERS = [
    lambda p: mg.optim.SGD(p, lr=0.01),
    lambda p: mg.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.01),
    lambda p: mg.optim.Adam(p, lr=0.01, betas=(0.8, 0.9)),
    lambda p: mg.optim.AdamW([{"params": p[-2:], "lr": 0.02}, {"params": p[:-2]}][: len(p) - 1]),
]


class Model(mg.Module):
    """The leaves of a program as parameters; the last one shares its array with a twin."""

    def __init__(self, program):
        self.leaves = [mg.Parameter(array.copy()) for array in program.leaves]
        self.twin = mg.Parameter(self.leaves[-1].data)

    def forward(self, program, number):
        loss = program.loss(OURS, self.leaves) * 0.1
        return loss + (self.twin * self.twin).sum() if number % 2 else loss  # a rare gradient


COPIES = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda pair: pickle.loads(pickle.dumps(pair)),
}


def train(model, optimizer, program, numbers):
    for number in numbers:
        optimizer.zero_grad()
        loss = model(program, number)
        if loss.requires_grad:
            loss.backward()
            mg.optim.clip_grad_norm(model.parameters(), 1.0)
            optimizer.step()


def check_copied_training(program, make, way):
    """The copy goes on as the original would have, to the last bit, and leaves that as it was."""
    model = Model(program)
    optimizer = make(model.parameters())
    train(model, optimizer, program, range(3))
    stopped = model.state_dict()
    twin, its_optimizer = COPIES[way]((model, optimizer))
    train(twin, its_optimizer, program, range(3, 6))
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, stopped[name])
    train(model, optimizer, program, range(3, 6))
    changed = False
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(twin.state_dict()[name], array)
        changed |= not np.array_equal(array, stopped[name])
    assert changed, "nothing was trained"


# ---- all of them


@st.composite
def sessions(draw):
    """(a program, a write in its midst, an optimiser, a way to copy)"""
    program = draw(programs())
    write = Write(
        draw(st.integers(0, len(program.steps) - 1)),
        draw(st.integers(0, len(program.leaves) - 1)),
        draw(st.sampled_from(list(VIEWS))),
    )
    return program, write, draw(st.sampled_from(OPTIMIZERS)), draw(st.sampled_from(list(COPIES)))


def run_sessions(count, number, shrink=True):
    """Check `count` sessions made up from the seed `number`; returns how many writes were refused,
    and how many made no difference."""
    refused = []

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
    )
    @given(sessions())
    def all_right(session):
        program, write, make, way = session
        check_accumulation(program)
        refused.append(check_write(program, write))
        if len(program.steps) <= 12:
            check_half(program)
        check_copied_training(program, make, way)

    all_right()
    return sum(refused), len(refused) - sum(refused)
