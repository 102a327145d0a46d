"""How PyTorch's optimisers move two parameters in ten steps: recorded in optim_oracle.npz. To
record it anew: `python tests/minigrad/optim_oracle.py`.
"""

from pathlib import Path

import numpy as np

FILE = Path(__file__).with_suffix(".npz")
SHAPES = [(3, 2), (4,)]
STEPS = 10

# Our optimiser, PyTorch's, and the arguments of both.
OPTIMISERS = {
    "sgd": ("SGD", "SGD", {"lr": 0.1}),
    "momentum": ("SGD", "SGD", {"lr": 0.1, "momentum": 0.9}),
    "adam": ("Adam", "Adam", {"lr": 0.05}),
    "adam betas": ("Adam", "Adam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3}),
    "adamw": ("AdamW", "AdamW", {"lr": 0.05, "weight_decay": 0.1}),
}


def given():
    """(the parameters to begin with, the gradients of each step), float64."""
    rng = np.random.default_rng(0)
    start = [rng.standard_normal(shape) for shape in SHAPES]
    return start, [[rng.standard_normal(shape) for shape in SHAPES] for _ in range(STEPS)]


def asked(name):
    """(STEPS, 10): all parameter entries after each step, by PyTorch."""
    import torch  # noqa: PLC0415  only the recording needs it

    start, gradients = given()
    parameters = [torch.tensor(array, requires_grad=True) for array in start]
    _, theirs, arguments = OPTIMISERS[name]
    optimiser = getattr(torch.optim, theirs)(parameters, **arguments)
    rows = []
    for step in gradients:
        for parameter, g in zip(parameters, step):
            parameter.grad = torch.tensor(g)
        optimiser.step()
        rows.append(np.concatenate([p.detach().numpy().reshape(-1) for p in parameters]))
    return np.array(rows)


def clipped(max_norm):
    """(the norm, all entries of the clipped gradients), by PyTorch."""
    import torch  # noqa: PLC0415

    parameters = [torch.zeros(shape, requires_grad=True) for shape in SHAPES]
    for parameter, g in zip(parameters, given()[1][0]):
        parameter.grad = torch.tensor(g, dtype=torch.float32)
    norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm)
    return np.concatenate([[norm], *(p.grad.numpy().reshape(-1) for p in parameters)])


def write():
    rows = {name: asked(name) for name in OPTIMISERS}
    np.savez_compressed(FILE, **rows, clip=clipped(1.0), loose=clipped(100.0))
    print(f"{FILE.name}: {FILE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    write()
