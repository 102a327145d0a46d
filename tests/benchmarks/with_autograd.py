"""HIPS autograd: the model in plain NumPy, its gradient by `value_and_grad`."""

import math
from itertools import cycle

import autograd.numpy as np
from autograd import value_and_grad
from autograd.tracer import getval
from workloads import ADAM, PAD, batches, sinusoids


class Transformer:
    """The model as functions of a dictionary of parameters, with our names for them."""

    def __init__(self, workload):
        self.workload = workload
        self.positions = sinusoids(workload.length, workload.d_model)

    def loss(self, p, src, tgt_in, tgt_out):
        visible = (src != PAD)[:, None, None, :]  # (B, 1, 1, S)
        earlier = np.tri(tgt_in.shape[1], dtype=bool)
        memory = self.embed(p["src_embedding.weight"], src)
        for i in range(self.workload.layers):
            memory = self.encoder_layer(p, f"encoder.layers.{i}", memory, visible)
        x = self.embed(p["tgt_embedding.weight"], tgt_in)
        for i in range(self.workload.layers):
            x = self.decoder_layer(p, f"decoder.layers.{i}", x, memory, earlier, visible)
        logits = linear(p, "output", x).reshape(-1, self.workload.vocab)
        return cross_entropy(logits, tgt_out.reshape(-1))

    def encoder_layer(self, p, name, x, visible):
        x = add_norm(p, f"{name}.norm_1", x, self.attend(p, f"{name}.self", x, x, visible))
        return add_norm(p, f"{name}.norm_2", x, feed_forward(p, name, x))

    def decoder_layer(self, p, name, x, memory, earlier, visible):
        x = add_norm(p, f"{name}.norm_1", x, self.attend(p, f"{name}.self", x, x, earlier))
        x = add_norm(p, f"{name}.norm_2", x, self.attend(p, f"{name}.cross", x, memory, visible))
        return add_norm(p, f"{name}.norm_3", x, feed_forward(p, name, x))

    def attend(self, p, name, x, memory, mask):
        q = self.heads(x @ p[f"{name}_attention.w_q.weight"])
        k = self.heads(memory @ p[f"{name}_attention.w_k.weight"])
        v = self.heads(memory @ p[f"{name}_attention.w_v.weight"])
        scores = q @ np.swapaxes(k, -1, -2) * (1 / math.sqrt(q.shape[-1]))
        weights = softmax(np.where(mask, scores, np.float32(-np.inf)))
        y = np.swapaxes(weights @ v, 1, 2).reshape(x.shape)
        return y @ p[f"{name}_attention.w_o.weight"]

    def embed(self, table, ids):
        return table[ids] * math.sqrt(self.workload.d_model) + self.positions[: ids.shape[1]]

    def heads(self, x):
        batch, time, _ = x.shape
        x = x.reshape(batch, time, self.workload.num_heads, -1)
        return np.swapaxes(x, 1, 2)  # (B, H, T, d_k)


def linear(p, name, x):
    return x @ p[f"{name}.weight"] + p[f"{name}.bias"]


def feed_forward(p, name, x):
    hidden = np.maximum(linear(p, f"{name}.feed_forward.linear_1", x), 0)
    return linear(p, f"{name}.feed_forward.linear_2", hidden)


def add_norm(p, name, x, y):
    x = x + y
    centred = x - np.mean(x, axis=-1, keepdims=True)
    deviation = np.sqrt(np.mean(centred * centred, axis=-1, keepdims=True) + 1e-5)
    return centred / deviation * p[f"{name}.gamma"] + p[f"{name}.beta"]


def row_maximum(x):
    """It changes no softmax, so it needs no gradient."""
    return np.max(getval(x), axis=-1, keepdims=True)


def softmax(x):
    e = np.exp(x - row_maximum(x))
    return e / np.sum(e, axis=-1, keepdims=True)


def cross_entropy(logits, targets):
    logits = logits - row_maximum(logits)
    picked = logits[np.arange(len(targets)), targets]
    return np.mean(np.log(np.sum(np.exp(logits), axis=-1)) - picked)


class Stepper:
    def __init__(self, workload, weights, data):
        self.p = weights
        self.mean = {name: np.zeros_like(w) for name, w in weights.items()}
        self.square = {name: np.zeros_like(w) for name, w in weights.items()}
        self.steps = 0
        self.gradient = value_and_grad(Transformer(workload).loss)
        self.batches = cycle(batches(data))

    def step(self):
        loss, gradient = self.gradient(self.p, *next(self.batches))
        self.steps += 1
        beta_1, beta_2 = ADAM["betas"]
        rate = ADAM["lr"] / (1 - beta_1**self.steps)
        correction = 1 / math.sqrt(1 - beta_2**self.steps)
        for name, g in gradient.items():
            mean, square = self.mean[name], self.square[name]
            mean += (1 - beta_1) * (g - mean)
            square += (1 - beta_2) * (g * g - square)
            self.p[name] -= rate * mean / (np.sqrt(square) * correction + ADAM["eps"])
        return float(loss)
