"""A few steps of a group on parameters of all kinds; a program, so that `mpiexec` can start it:
`group_steps.py FOLDER`."""

import sys

import numpy as np

import minigrad as mg
from minitransformer.text.batching import Batch
from minitransformer.training.parallel import started_by_mpi

# (dtype, size of the gradients, what is special)
KINDS = {
    "nothing": (np.float32, 1.0),
    "two share an array": (np.float32, 1.0),
    "one is frozen": (np.float32, 1.0),
    "float16": (np.float16, 1.0),
    "float64": (np.float64, 1.0),
    "huge gradients": (np.float32, 1e28),
    "tiny gradients": (np.float32, 1e-28),
}


def parameters_of(kind):
    dtype, _ = KINDS[kind]
    rng = np.random.default_rng(0)
    shapes = {"a": (4, 3), "b": (4, 3), "rare": (3,), "unused": (2,), "c": (4, 3)}
    found = {name: mg.Parameter(rng.normal(size=shapes[name]).astype(dtype)) for name in shapes}
    if kind == "two share an array":
        found["c"].data = found["a"].data
    if kind == "one is frozen":
        found["b"].requires_grad = False
    return found


def steps(kind, parameters, group):
    """Three steps of five examples; gives the norms of the gradients, and the weights."""
    dtype, size = KINDS[kind]
    optimizer = mg.optim.SGD(parameters.values(), lr=0.1, momentum=0.9, weight_decay=0.1)
    group.attach(optimizer)
    rng = np.random.default_rng(1)
    norms = []
    for number in range(3):
        examples = rng.normal(size=(5, 4)).astype(dtype)
        ids = np.arange(1, 6)[:, None]
        mine, weight = group.share(Batch(ids, ids, ids))
        x = mg.Tensor(examples[mine.src[:, 0] - 1])
        optimizer.zero_grad()
        a, b, c = (x @ parameters[name] for name in "abc")
        y = a * b + c * c * (parameters["rare"] if number == 1 else 1.0)
        (y.mean() * weight * size).backward()
        norms.append(group.step(optimizer, 1.0, 0.0)[0])
    return {"norms": np.array(norms), **{name: p.data for name, p in parameters.items()}}


if __name__ == "__main__":
    group = started_by_mpi()
    for kind in KINDS:
        found = steps(kind, parameters_of(kind), group)
        if group.rank == 0:
            np.savez(f"{sys.argv[1]}/{kind}.npz", **found)
