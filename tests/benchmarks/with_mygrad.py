"""MyGrad: tensors over NumPy, with its own softmax and cross-entropy, its memory guard off."""

import math
from itertools import cycle

import mygrad as mg
import numpy as np
from mygrad.nnet import relu, softmax, softmax_crossentropy
from workloads import ADAM, PAD, batches, sinusoids

mg.turn_memory_guarding_off()  # as its documentation advises for speed

# A Python number becomes a float64 array in MyGrad, and all that follows float64 with it.
EPS = np.float32(1e-5)


class Transformer:
    """The model as functions of a dictionary of parameters, with our names for them."""

    def __init__(self, workload, weights):
        self.workload = workload
        self.p = {name: mg.tensor(weight) for name, weight in weights.items()}
        self.positions = sinusoids(workload.length, workload.d_model)

    def loss(self, src, tgt_in, tgt_out):
        visible = hiding((src != PAD)[:, None, None, :])  # (B, 1, 1, S)
        earlier = hiding(np.tri(tgt_in.shape[1], dtype=bool))
        memory = self.embed("src_embedding", src)
        for i in range(self.workload.layers):
            memory = self.encoder_layer(f"encoder.layers.{i}", memory, visible)
        x = self.embed("tgt_embedding", tgt_in)
        for i in range(self.workload.layers):
            x = self.decoder_layer(f"decoder.layers.{i}", x, memory, earlier, visible)
        logits = self.linear("output", x).reshape(-1, self.workload.vocab)
        return softmax_crossentropy(logits, tgt_out.reshape(-1))

    def encoder_layer(self, name, x, visible):
        x = self.add_norm(f"{name}.norm_1", x, self.attend(f"{name}.self", x, x, visible))
        return self.add_norm(f"{name}.norm_2", x, self.feed_forward(name, x))

    def decoder_layer(self, name, x, memory, earlier, visible):
        x = self.add_norm(f"{name}.norm_1", x, self.attend(f"{name}.self", x, x, earlier))
        x = self.add_norm(f"{name}.norm_2", x, self.attend(f"{name}.cross", x, memory, visible))
        return self.add_norm(f"{name}.norm_3", x, self.feed_forward(name, x))

    def attend(self, name, x, memory, mask):
        q = self.heads(x @ self.p[f"{name}_attention.w_q.weight"])
        k = self.heads(memory @ self.p[f"{name}_attention.w_k.weight"])
        v = self.heads(memory @ self.p[f"{name}_attention.w_v.weight"])
        scores = q @ mg.swapaxes(k, -1, -2) * np.float32(1 / math.sqrt(q.shape[-1]))
        y = mg.swapaxes(softmax(scores + mask) @ v, 1, 2).reshape(x.shape)
        return y @ self.p[f"{name}_attention.w_o.weight"]

    def embed(self, name, ids):
        x = self.p[f"{name}.weight"][ids] * np.float32(math.sqrt(self.workload.d_model))
        return x + self.positions[: ids.shape[1]]

    def feed_forward(self, name, x):
        hidden = relu(self.linear(f"{name}.feed_forward.linear_1", x))
        return self.linear(f"{name}.feed_forward.linear_2", hidden)

    def linear(self, name, x):
        return x @ self.p[f"{name}.weight"] + self.p[f"{name}.bias"]

    def add_norm(self, name, x, y):
        x = x + y
        centred = x - mg.mean(x, axis=-1, keepdims=True)
        deviation = mg.sqrt(mg.mean(centred * centred, axis=-1, keepdims=True) + EPS)
        return centred / deviation * self.p[f"{name}.gamma"] + self.p[f"{name}.beta"]

    def heads(self, x):
        batch, time, _ = x.shape
        x = x.reshape(batch, time, self.workload.num_heads, -1)
        return mg.swapaxes(x, 1, 2)  # (B, H, T, d_k)


def hiding(mask):
    """What is added to the scores: nothing where True, so much that softmax gives 0 elsewhere."""
    return np.where(mask, 0, -1e9).astype(np.float32)


class Stepper:
    def __init__(self, workload, weights, data):
        self.model = Transformer(workload, weights)
        self.mean = {name: np.zeros_like(w) for name, w in weights.items()}
        self.square = {name: np.zeros_like(w) for name, w in weights.items()}
        self.steps = 0
        self.batches = cycle(batches(data))

    def step(self):
        for parameter in self.model.p.values():
            parameter.null_grad()
        loss = self.model.loss(*next(self.batches))
        loss.backward()
        self.steps += 1
        beta_1, beta_2 = ADAM["betas"]
        rate = ADAM["lr"] / (1 - beta_1**self.steps)
        correction = 1 / math.sqrt(1 - beta_2**self.steps)
        for name, parameter in self.model.p.items():
            g, mean, square = parameter.grad, self.mean[name], self.square[name]
            mean += (1 - beta_1) * (g - mean)
            square += (1 - beta_2) * (g * g - square)
            parameter.data -= rate * mean / (np.sqrt(square) * correction + ADAM["eps"])
        return loss.item()
