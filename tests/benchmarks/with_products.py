"""No framework: the matrix products of one training step and nothing else. This is the limit.

Each forward product y = x @ w needs two more for the gradients, g @ w.T and x.T @ g. They run here
with NumPy, as often as in a training step, on operands and results that were allocated before,
contiguous, one set for each shape, so that small ones stay in the cache. What an implementation may
write as a product though it is a sum (of a bias gradient, say) is not counted.
"""

from collections import Counter

import numpy as np


def forward_products(workload):
    """{(leading axes, n, k, m): how often} of all (..., n, k) @ (..., k, m) in the forward pass."""
    d, d_ff, time = workload.d_model, workload.d_ff, workload.length
    d_k = d // workload.num_heads
    encoders = decoders = workload.layers
    attentions = encoders + 2 * decoders
    linears = {
        (d, d): 4 * attentions,  # Q, K, V and the output's
        (d, d_ff): encoders + decoders,
        (d_ff, d): encoders + decoders,
        (d, workload.vocab): 1,
    }
    products = Counter()
    for (k, m), count in linears.items():
        products[(), workload.batch * time, k, m] += count
    heads = workload.batch, workload.num_heads
    products[heads, time, d_k, time] += attentions  # scores
    products[heads, time, time, d_k] += attentions  # weighted values
    return products


class Stepper:
    def __init__(self, workload, weights, data):
        rng = np.random.default_rng(0)
        self.products = []
        for (heads, n, k, m), count in forward_products(workload).items():
            x, w, y = (
                rng.standard_normal((*heads, *shape), np.float32)
                for shape in ((n, k), (k, m), (n, m))
            )
            g, dx, dw = (np.ones_like(a) for a in (y, x, w))
            three = [(x, w, y), (g, w.mT, dx), (x.mT, g, dw)]
            self.products += [product for product in three for _ in range(count)]

    def step(self):
        for a, b, out in self.products:
            np.matmul(a, b, out=out)
