"""Self-attention with numbers small enough to follow, and the same from our layers.

Three words, each a vector of four small integers. With identity matrices for W_Q, W_K and W_V the
queries, keys and values are the words themselves.

Run it: python demos/02_attention_by_hand.py
"""

# %% The words
import math

import numpy as np

import minigrad as mg
import minitransformer as mt

np.set_printoptions(precision=3, suppress=True)
words = ["the", "cat", "sleeps"]
x = np.array([[1, 0, 1, 1], [0, 2, 0, 1], [1, 1, 2, 0]], dtype=np.float32)  # (T, d_model)
d_model = d_k = 4


def show(title: str, array: np.ndarray) -> None:
    print(f"\n{title}  {array.shape}")
    for word, row in zip(words, array):
        print(f"  {word:7}", row)


show("x: the embedded words", x)

# %% Queries, keys and values: three views of each word, here all the same
w_q = w_k = w_v = np.eye(d_model, dtype=np.float32)
q, k, v = x @ w_q, x @ w_k, x @ w_v
show("Q = x W_Q", q)
show("K = x W_K", k)
show("V = x W_V", v)

# %% Scores: how well each query fits each key
scores = q @ k.T
show("Q K^T: a row is the word that looks, a column the word that it looks at", scores)

# %% Scaled: a sum of d_k products grows with sqrt(d_k), and softmax of large numbers is all or none
scaled = scores / math.sqrt(d_k)
show("scores / sqrt(d_k)", scaled)

# %% Softmax: each row becomes weights that sum to one
e = np.exp(scaled - scaled.max(axis=1, keepdims=True))
weights = e / e.sum(axis=1, keepdims=True)
show("weights = softmax of each row", weights)

# %% The weighted sum of the values: each word, mixed with those that it looked at
attended = weights @ v
show("attended = weights V", attended)

# %% The same from the function that is the equation
query, key, value = (mg.Tensor(a[None, None]) for a in (q, k, v))  # (B, H, T, d_k)
ours, our_weights = mt.scaled_dot_product_attention(query, key, value)
assert np.allclose(our_weights.data[0, 0], weights, atol=1e-6)
assert np.allclose(ours.data[0, 0], attended, atol=1e-6)
print("\nmt.scaled_dot_product_attention gives the same numbers")

# %% And from the whole layer, with identity matrices and one head
layer = mt.MultiHeadAttention(d_model, num_heads=1, rng=np.random.default_rng(0))
for linear in (layer.w_q, layer.w_k, layer.w_v, layer.w_o):
    linear.weight.data[...] = np.eye(d_model)
batch = mg.Tensor(x[None])  # (B, T, d_model)
assert np.allclose(layer(batch, batch, batch).data[0], attended, atol=1e-6)
print("mt.MultiHeadAttention with identity matrices gives the same numbers")

# %% The decoder may not look ahead: zeros of the mask become -inf before the softmax, and then 0
mask = mt.look_ahead_mask(len(words))
print("\nthe look-ahead mask: 1 may be attended to, 0 is hidden")
print(mask[0, 0].astype(int))
show("masked scores", np.where(mask[0, 0], scaled, -np.inf))
masked, masked_weights = mt.scaled_dot_product_attention(query, key, value, mask)
show("masked weights: no word looks at a later one", masked_weights.data[0, 0])
show("attended", masked.data[0, 0])

# %% A padded sentence: the padding mask times the look-ahead mask
padding = mt.padding_mask(np.array([[7, 8, 0]]), pad_id=0)  # the third word is padding
both = mt.combine_masks(padding, mask)
print("\npadding mask x look-ahead mask")
print(both[0, 0].astype(int))

# %% Two heads: each attends in its own half of the vector, and so to its own thing
halves = [mg.Tensor(part[None, None]) for part in np.split(x, 2, axis=1)]  # two of (1, 1, T, 2)
for number, half in enumerate(halves, start=1):
    _, head_weights = mt.scaled_dot_product_attention(half, half, half)
    show(f"head {number}: weights", head_weights.data[0, 0])
