"""What an editor has to know: typical uses with the type that each has, and mistakes that it has to
mark. `make lint` reads this file with pyright; nobody runs it.

An expected mistake carries `pyright: ignore[its rule]`, and pyright complains where that is of no
use, which is where the mistake would pass.
"""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportMissingTypeStubs=false

from pathlib import Path
from typing import Any, assert_type

import numpy as np

import minigrad as mg

rng = np.random.default_rng(0)

# ---- tensors

x = mg.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name="x")
assert_type(x, mg.Tensor)
assert_type(mg.tensor(2.0), mg.Tensor)
assert_type(x.shape, tuple[int, ...])
assert_type(x.ndim, int)
assert_type(x.size, int)
assert_type(x.requires_grad, bool)
assert_type(x.item(), float)
assert_type(x.T, mg.Tensor)
assert_type(x.mT, mg.Tensor)
assert_type(x.detach(), mg.Tensor)
assert_type(x.named("Q"), mg.Tensor)
assert_type(x.name, str | None)
assert_type(len(x), int)
assert_type(float(x[0, 0]), float)
x.data -= 0.1 * x.grad.data
x.grad = None

# ---- operators and methods

assert_type(x + 1, mg.Tensor)
assert_type(1 - x, mg.Tensor)
assert_type(x * x, mg.Tensor)
assert_type(2.0 / x, mg.Tensor)
assert_type(x**2, mg.Tensor)
assert_type(-x, mg.Tensor)
assert_type(abs(x), mg.Tensor)
assert_type(x @ x, mg.Tensor)
assert_type(x @ np.ones((2, 2)), mg.Tensor)
assert_type(x[0], mg.Tensor)
assert_type(x[:, None, ..., 0], mg.Tensor)
assert_type(x.sum(), mg.Tensor)
assert_type(x.mean(axis=0, keepdims=True), mg.Tensor)
assert_type(x.max(axis=(0, 1)), mg.Tensor)
assert_type(x.var(ddof=1), mg.Tensor)
assert_type(x.reshape(4), mg.Tensor)
assert_type(x.reshape((2, -1)), mg.Tensor)
assert_type(x.transpose(1, 0), mg.Tensor)
assert_type(x.swapaxes(0, 1), mg.Tensor)
assert_type(x.softmax(axis=-1), mg.Tensor)
assert_type(x.exp().log().sqrt().tanh().relu().sigmoid(), mg.Tensor)
assert_type(x.astype(np.float64), mg.Tensor)
assert_type(list(x), list[mg.Tensor])

# ---- ops

assert_type(mg.softmax(x, axis=0), mg.Tensor)
assert_type(mg.log_softmax([1.0, 2.0]), mg.Tensor)
assert_type(mg.cross_entropy(x, np.array([0, 1]), label_smoothing=0.1), mg.Tensor)
assert_type(mg.normalize(x, eps=1e-6), mg.Tensor)
assert_type(mg.linear(x, x, None), mg.Tensor)
assert_type(mg.where(np.array(True), x, 0.0), mg.Tensor)
assert_type(mg.masked_fill(x, np.eye(2) > 0, -np.inf), mg.Tensor)
assert_type(mg.einsum("ij,jk->ik", x, x), mg.Tensor)
assert_type(mg.concatenate([x, x], axis=1), mg.Tensor)
assert_type(mg.split(x, 2), list[mg.Tensor])
assert_type(mg.embedding(x, np.array([0, 1])), mg.Tensor)
assert_type(mg.dropout(x, 0.1, rng), mg.Tensor)
assert_type(mg.split_heads(x, num_heads=2), mg.Tensor)

mg.softmax(x, axis="last")  # pyright: ignore[reportArgumentType]
mg.softmax(x, axes=-1)  # pyright: ignore[reportCallIssue]
mg.softmax()  # pyright: ignore[reportCallIssue]
mg.sofmax(x)  # pyright: ignore[reportAttributeAccessIssue]
mg.put(x, 0, (2,))  # pyright: ignore[reportAttributeAccessIssue]
x.summ()  # pyright: ignore[reportAttributeAccessIssue]
x + "one"  # pyright: ignore[reportOperatorIssue, reportUnusedExpression]
x.sum(axis="rows")  # pyright: ignore[reportArgumentType]
x.shape = (4,)  # pyright: ignore[reportAttributeAccessIssue]
mg.Tensor([1.0], require_grad=True)  # pyright: ignore[reportCallIssue]


# ---- an op of one's own


@mg.op
def scaled(a: Any, factor: float = 2.0):
    def da(g: Any) -> Any:
        return g * factor

    return a * factor, da


@mg.op(ufunc=np.sinh)
def sinh(x: Any):
    def dx(g: Any) -> Any:
        return g * np.cosh(x)

    return np.sinh(x), dx


assert_type(scaled(x), mg.Tensor)
assert_type(scaled(x, factor=3.0), mg.Tensor)
assert_type(sinh(x) + 1, mg.Tensor)
scaled(x, faktor=3.0)  # pyright: ignore[reportCallIssue]
scaled(x, "three")  # pyright: ignore[reportArgumentType]

# ---- gradients

x.sum().backward()
x.backward(np.ones((2, 2)), retain_graph=True)
assert_type(mg.grad(x.sum(), x), mg.Tensor)
assert_type(mg.grad(x.sum(), [x, x], create_graph=True), list[mg.Tensor])
assert_type(mg.gradcheck(mg.tanh, x, order=2), bool)
with mg.no_grad(), mg.detect_anomaly(), mg.profile() as profile:
    print(profile.by_op())
x.backward(keep_graph=True)  # pyright: ignore[reportCallIssue]


@mg.no_grad()
def evaluate(a: mg.Tensor, times: int) -> mg.Tensor:
    return a * times


assert_type(evaluate(x, 2), mg.Tensor)
evaluate(x, "twice")  # pyright: ignore[reportArgumentType]

# ---- modules and optimisers


class Double(mg.Module):
    def __init__(self) -> None:
        self.weight = mg.Parameter(np.ones(2), np.float32)

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return x * self.weight


model = Double().train()
assert_type(model, Double)
assert_type(model.parameters(), list[mg.Parameter])
assert_type(model.state_dict()["weight"].size, int)
optimizer = mg.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.98))
optimizer.zero_grad()
optimizer.step()
assert_type(mg.optim.clip_grad_norm(model.parameters(), 1.0), float)
mg.optim.Adam(model.parameters(), learning_rate=1e-3)  # pyright: ignore[reportCallIssue]
mg.optim.Adm(model.parameters())  # pyright: ignore[reportAttributeAccessIssue]

# ---- steps

for step in mg.step(x.sum(), until="exp", check=True):
    assert_type(step.incoming, np.ndarray)
    assert_type([way.rule for way in step.ways], list[str])
for forward_step in mg.step(x.sum(), forward=True):
    assert_type(forward_step.equation, str)
mg.step(x.sum(), untill="exp")  # pyright: ignore[reportCallIssue]

# ---- pictures

assert_type(mg.draw(x, depth=2).save("x.svg"), Path)
assert_type(mg.draw(x, expand=["encoder.*"], direction="backward").graph.fold(1).nodes[0].id, str)
assert_type(mg.draw(x).source, str)
assert_type(mg.graph_of(x).find("scores").shape, tuple[int, ...])
mg.draw(x, dept=2)  # pyright: ignore[reportCallIssue]
