"""The recorded graph as text and as pictures: a neuron, attention, a whole model, and the way back.

Run it: python demos/04_graphs.py   (it writes its pictures beside you)
"""

# %% A neuron: tanh(w x + b), and how far it is from what it should say
import numpy as np

import minigrad as mg
import minitransformer as mt

x = mg.Tensor([1.0, -2.0, 0.5], name="x")
w = mg.Parameter([0.3, 0.8, -0.5], name="w")
b = mg.Parameter(0.1, name="b")
y = mg.tanh((w * x).sum() + b).named("y")
loss = ((y - 0.5) ** 2).named("loss")

# %% As text: a line for each node, in the order in which they were computed
print(mg.graph_of(loss))

# %% As a picture. Each node shows its value; before backward no gradient is computed: it says so
print("\nbefore backward:", mg.draw(loss).save("neuron.svg"))

# %% After backward the leaves have their gradients, and so has what was asked to keep it. A graph
# is drawn before it is freed: so backward is told to retain it
y.retain_grad()
loss.backward(retain_graph=True)
print("after backward: ", mg.draw(loss).save("neuron_with_gradients.svg"))
print(f"dloss/db = {b.grad.item():.4f}")

# %% The way of the gradient: every arrow turned, with the gradient's shape, and as wide as it is
# large. `saved=True` also says which arrays each op keeps for its rules
print("the way back:   ", mg.draw(loss, direction="backward", saved=True).save("neuron_back.svg"))

# %% Attention by hand: softmax(Q K^T / sqrt(d_k)) V. What has a name shows it
rng = np.random.default_rng(0)
q, k, v = (mg.Tensor(rng.normal(size=(3, 4)), requires_grad=True, name=name) for name in "QKV")
scores = (q @ k.T / np.sqrt(4)).named("scores")
attended = (mg.softmax(scores).named("weights") @ v).named("attended")
print("\nattention:      ", mg.draw(attended).save("attention.svg"))

# %% A whole model is hundreds of ops. A picture has about 60 boxes at most: calls of modules are
# closed, and equal layers that follow each other are one box
config = mt.TransformerConfig(100, 100, d_model=32, d_ff=64, num_heads=4, dropout=0.0)
model = mt.Transformer(config, np.random.default_rng(1))
source, target = np.array([[5, 6, 7, 2]]), np.array([[1, 7, 6, 5]])
logits = model(source, target)
print("\na Transformer:  ", mg.draw(logits).save("transformer.svg"))
print(mg.graph_of(logits).fold())

# %% One layer of it, opened down to single ops; "*" would open everything, and depth=2 two levels
layer = mg.draw(logits, expand="encoder.layers.0.*")
print("\none layer open: ", layer.save("layer.svg"))
print("two levels:     ", mg.draw(logits, depth=2).save("two_levels.svg"))

# %% Where there are no modules, ops that repeat are one box: here the steps of a small RNN
w_h = mg.Parameter(0.5 * rng.normal(size=(4, 4)), name="W")
h = mg.Tensor(np.zeros((1, 4)), name="h0")
for t in range(50):
    h = mg.tanh(h @ w_h + mg.Tensor(rng.normal(size=(1, 4)), name=f"x{t}"))
loop = mg.graph_of(h.sum())
print(f"\n{len(loop.nodes)} nodes of a loop, folded:")
print(loop.fold())

# %% A graph is data. Which op of the model makes the largest array?
largest = max(mg.graph_of(logits).nodes, key=lambda node: np.prod(node.shape))
print(f"\nlargest array of the Transformer: {largest.label} {largest.shape} in {largest.path}")
