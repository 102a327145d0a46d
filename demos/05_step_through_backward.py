"""Backward, one op at a time: first of a neuron, then of attention, with every number printed.

A step is one op that the gradient passes. Its card says what comes in, and for each input which
rule is used, what it gives, and what has accumulated there so far.

Run it: python demos/05_step_through_backward.py
Or go to and fro in its last loss: python -m minigrad.step demos/05_step_through_backward.py
"""

# %% A neuron: y = tanh(w x + b), and how far it is from what it should be
import numpy as np

import minigrad as mg
import minitransformer as mt

x = mg.Tensor([2.0, -1.0], name="x")
w = mg.Tensor([0.5, 1.5], requires_grad=True, name="w")
b = mg.Tensor(0.25, requires_grad=True, name="b")


def neuron() -> mg.Tensor:
    total = ((w * x).sum() + b).named("total")
    y = mg.tanh(total).named("y")
    return ((y - 1) ** 2).named("loss")


# %% All its steps, from the loss back to w and b
for step in mg.step(neuron()):
    print(step, end="\n\n")

# %% When the steps are over, the gradients are those of backward(), to the last bit
stepped = [w.grad.data, b.grad.data]
w.grad = b.grad = None
neuron().backward()
assert all(np.array_equal(one, other.grad.data) for one, other in zip(stepped, (w, b)))
print("after the last step .grad is what backward() gives, bit for bit\n")

# %% A value that is used twice gets a gradient by two ways: w * w is w * (the other w)
for step in mg.step((w * w).sum(), until="mul"):
    print(step, end="\n\n")

# %% Attention: three words look at each other. The loss asks the first to look at the third
rng = np.random.default_rng(0)
vectors = rng.standard_normal((1, 3, 4))  # (B, T, d_model)
words = mg.Tensor(vectors, requires_grad=True, dtype=np.float32, name="words")
attention = mt.MultiHeadAttention(4, num_heads=1, rng=rng)


class Model(mg.Module):
    """The layer within a model, so that its steps have a path."""

    def __init__(self) -> None:
        self.attention = attention

    def forward(self, words: mg.Tensor) -> mg.Tensor:
        attended = self.attention(words, words, words)
        return ((attended[0, 0] - words[0, 2]) ** 2).sum().named("loss")


model = Model()

# %% Forward: the values, and the equation of the paper where the code gives it
for step in mg.step(model(words), forward=True, until="attention.scores"):
    if step.equation.startswith("softmax"):
        print(step, end="\n\n")

# %% Backward from the softmax on: how the weights should change, and so the scores. By check=True
# every rule is held against differences: its number and theirs stand side by side
loss = model(words)
for step in mg.step(loss, until="attention.weights", check=True, retain_graph=True):
    print(step, end="\n\n")
    if step.node.name == "scores":
        break  # left halfway nothing was changed: there is no .grad, and the graph is kept

# %% Q, K and V are made of the same words, whose gradient therefore comes by several ways
so_far = np.zeros_like(words.data)
for step in mg.step(loss, retain_graph=True):
    for way in step.ways:
        if way.target.name == "words":
            place = step.node.path or "the loss"
            print(f"from {place:13} by way {way.arrived} of {way.expected}: so far")
            so_far = way.accumulated
            print(so_far.round(2), end="\n\n")

# %% The graph was kept, so one can go to and fro in it, with the command above. In a script of your
# own leave backward() out, or let it keep the graph: loss.backward(retain_graph=True)
assert np.array_equal(words.grad.data, so_far)
print("the last of these is words.grad")
