"""A gradient, one op at a time: what minigrad records, and how backward uses it.

Run it: python demos/01_scalar_gradient.py
"""

# %% Numbers that remember how they were made
import numpy as np

import minigrad as mg

a = mg.Tensor(2.0, requires_grad=True, name="a")
b = mg.Tensor(-3.0, requires_grad=True, name="b")
c = mg.Tensor(10.0, requires_grad=True, name="c")

product = (a * b).named("product")
total = (product + c).named("total")
loss = (total**2).named("loss")
print(f"loss = (a * b + c) ** 2 = {loss.item()}")

# %% The recorded graph: each node is a call of an op, and knows where its inputs came from
picture = mg.draw(loss, direction="LR").save("scalar_graph.svg")
print(f"the graph is drawn in {picture}")

# %% Backward by hand: the chain rule, from the loss to the leaves
d_total = 2 * total.item()  # d(total ** 2) / d total
d_product = d_total  # an addition hands its gradient on
d_a, d_b, d_c = d_product * b.item(), d_product * a.item(), d_total
print(f"by hand:     da = {d_a}, db = {d_b}, dc = {d_c}")

# %% The same by the rules of the ops. Set a breakpoint in minigrad/ops/elementwise.py, at `mul`,
# and step: first forward into `mul`, then from loss.backward() into its rules `da` and `db`.
loss.backward(retain_graph=True)
assert a.grad is not None and b.grad is not None and c.grad is not None  # each leaf has one now
print(f"by backward: da = {a.grad.item()}, db = {b.grad.item()}, dc = {c.grad.item()}")

# %% And by the definition of a derivative: move each input a little, see how the loss moves
mg.gradcheck(lambda a, b, c: (a * b + c) ** 2, 2.0, -3.0, 10.0)
print("gradcheck agrees: the rules give what differences give")

# %% The gradient is a tensor too: the same rules give the second derivative, d2 loss / da2 = 2 b^2
(first,) = mg.grad(loss, [a], create_graph=True)
(second,) = mg.grad(first, [a])
print(f"second derivative: {second.item()}, by hand {2 * b.item() ** 2}")


# %% An op of your own: the function and its derivative, side by side
@mg.op
def sinh(x):
    def dx(g):
        return g * np.cosh(x)

    return np.sinh(x), dx


mg.gradcheck(sinh, np.array([0.5, -1.0, 2.0]), order=2)
print("sinh, an op of our own, passes gradcheck to the second order")
