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
    "sgd decay": ("SGD", "SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
    "nesterov": (
        *("SGD", "SGD"),
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05},
    ),
    "adam decay": ("Adam", "Adam", {"lr": 0.05, "weight_decay": 0.1}),
}

# Those that are also asked about parameters with settings of their own, under a schedule.
GROUPED = {
    "momentum": [{}, {"lr": 0.5, "weight_decay": 0.1, "momentum": 0.5}],
    "adam": [{"weight_decay": 0.2}, {"lr": 2.0, "betas": (0.5, 0.9)}],
    "adamw": [{}, {"lr": 0.5, "weight_decay": 0.0, "eps": 1e-2}],
}
LATE = 1000  # steps before the second parameter has its first gradient


def has_gradient(step):
    """Of which parameters there is a gradient in a step: the second's are late, and then rare."""
    return step % 4 != 3, step >= 3 and step % 3 == 0


def curve(step):
    """Equation 3 of the paper for d_model 16 and 4 steps of warm-up."""
    return 16**-0.5 * min(step**-0.5, step * 4**-1.5)


def given():
    """(the parameters to begin with, the gradients of each step), float64."""
    rng = np.random.default_rng(0)
    start = [rng.standard_normal(shape) for shape in SHAPES]
    return start, [[rng.standard_normal(shape) for shape in SHAPES] for _ in range(STEPS)]


def moved(name, steps, groups=None, at_step=lambda parameters, number: None):
    """All parameter entries after each of `steps`, by PyTorch. A gradient may be None. `at_step`
    may change the parameters before a step, `groups` has the settings of each parameter."""
    import torch  # noqa: PLC0415  only the recording needs it

    parameters = [torch.tensor(array, requires_grad=True) for array in given()[0]]
    _, theirs, arguments = OPTIMISERS[name]
    if groups is None:
        optimiser = getattr(torch.optim, theirs)(parameters, **arguments)
    else:
        each = [{"params": [p], **own} for p, own in zip(parameters, groups)]
        optimiser = getattr(torch.optim, theirs)(each, **{**arguments, "lr": 1.0})
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: curve(step + 1))
    rows = []
    for number, step in enumerate(steps):
        at_step(parameters, number)
        for parameter, g in zip(parameters, step):
            frozen = g is None or not parameter.requires_grad
            parameter.grad = None if frozen else torch.tensor(g)
        optimiser.step()
        if groups is not None:
            scheduler.step()
        rows.append(np.concatenate([p.detach().numpy().reshape(-1) for p in parameters]))
    return np.array(rows)


def asked(name):
    """(STEPS, 10): with a gradient for all in each step."""
    return moved(name, given()[1])


def rare():
    """The gradients of each step, None where `has_gradient` says so."""
    return [
        [g if there else None for g, there in zip(gradients, has_gradient(number))]
        for number, gradients in enumerate(given()[1])
    ]


def late():
    """LATE steps in which only the first parameter has a gradient, then three with both."""
    gradients = given()[1]
    return [[gradients[i % STEPS][0], None] for i in range(LATE)] + gradients[:3]


def freeze_the_second(parameters, number):
    """It is frozen in the first three steps and in the seventh."""
    parameters[1].requires_grad = number >= 3 and number != 6


def answers():
    """{name: rows} of all that is recorded."""
    rows = {name: asked(name) for name in OPTIMISERS}
    rows |= {f"rare {name}": moved(name, rare()) for name in OPTIMISERS}
    rows |= {f"late {name}": moved(name, late())[-4:] for name in OPTIMISERS}
    rows |= {f"frozen {n}": moved(n, given()[1], at_step=freeze_the_second) for n in OPTIMISERS}
    rows |= {f"groups {name}": moved(name, given()[1], GROUPED[name]) for name in GROUPED}
    return rows | {"clip": clipped(1.0), "loose": clipped(100.0)}


def clipped(max_norm):
    """(the norm, all entries of the clipped gradients), by PyTorch."""
    import torch  # noqa: PLC0415

    parameters = [torch.zeros(shape, requires_grad=True) for shape in SHAPES]
    for parameter, g in zip(parameters, given()[1][0]):
        parameter.grad = torch.tensor(g, dtype=torch.float32)
    norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm)
    return np.concatenate([[norm], *(p.grad.numpy().reshape(-1) for p in parameters)])


def write():
    np.savez_compressed(FILE, **answers())
    print(f"{FILE.name}: {FILE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    write()
