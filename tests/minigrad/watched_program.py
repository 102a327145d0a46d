"""A program whose every number must be the same whoever watches: `watched_program.py [traced]`.

It trains a small Transformer, differentiates one case of every op, and sums shared values in every
way in which a gradient could end up in an array that is not its own. It prints a digest of all
bits. With `traced`, a tracer reads the local variables of every frame, from the import on.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def read_locals(frame, event, arg):
    """A tracer as debuggers and variable views have them: it looks at everything, at every line."""
    if "minigrad" in frame.f_code.co_filename or "minitransformer" in frame.f_code.co_filename:
        seen.append(list(frame.f_locals.values()))  # more references than anyone counts on
        del seen[:-50]
        return read_locals
    return None


seen: list = []
if "traced" in sys.argv:
    sys.settrace(read_locals)

sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

import minigrad as mg  # noqa: E402
import minitransformer as mt  # noqa: E402

digest = hashlib.sha256()


def note(*arrays):
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())


def leaf(*values):
    return mg.Tensor(np.array(values, np.float32), requires_grad=True)


def shared_values():
    """Sums that meet in one tensor, in each of which two gradients could be the same array."""
    a, b, v, w = leaf(1.0, 2.0), leaf(3.0, 4.0), leaf(10.0, 20.0), leaf(0.5, 0.25)
    loss = (a * v + (a + b) * w).sum()
    loss.backward()
    note(*(x.grad.data for x in (a, b, v, w)))
    x = leaf(1.0, 2.0)
    y = x + x
    z = y + y + y.reshape(1, 2)[0] + y * 1
    y.retain_grad()
    (z.sum() + x.sum()).backward()
    note(x.grad.data, y.grad.data)
    for create_graph in (False, True):
        c, d = leaf(1.0, 2.0), leaf(1.0, 2.0)
        ((c + d) * 2.0 + c).sum().backward(create_graph=create_graph)
        (c * 3.0 + d.reshape(2, 1)[:, 0]).sum().backward()
        note(c.grad.data, d.grad.data)


def ops():
    """The first cases of every op, value and gradients."""
    from op_cases import TABLE  # noqa: PLC0415  while the tracer looks
    from op_checks import value_and_gradients  # noqa: PLC0415

    for row in TABLE:
        for case in row.cases[:2]:
            value, cotangent, gradients = value_and_gradients(case, row.ours, case.arrays())
            note(value, cotangent, *gradients)


def training():
    rng = np.random.default_rng(0)
    config = mt.TransformerConfig.tiny(9, 9, max_length=8, dropout=0.1)
    model = mt.Transformer(config, rng)
    optimizer = mg.optim.Adam(model.parameters())
    for _ in range(3):
        optimizer.zero_grad()
        batch = mt.Batch(*rng.integers(3, 9, (3, 4, 6)))
        loss = mt.batch_loss(model, batch, label_smoothing=0.1)
        loss.backward()
        mg.optim.clip_grad_norm(model.parameters(), 1.0)
        optimizer.step()
        note(loss.data)
    note(*model.state_dict().values())


with np.errstate(all="ignore"):
    shared_values()
    ops()
    training()
sys.settrace(None)
print(digest.hexdigest())
