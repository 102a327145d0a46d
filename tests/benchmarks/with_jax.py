"""JAX: a whole training step, with Adam, and a whole decoding are one compiled function each."""

import math
from itertools import cycle

import jax
import jax.numpy as jnp
from workloads import ADAM, PAD, START, batches, sinusoids


class Transformer:
    """The model as functions of a dictionary of parameters, with our names for them."""

    def __init__(self, workload):
        self.workload = workload
        self.positions = sinusoids(workload.length + 1, workload.d_model)

    def loss(self, p, src, tgt_in, tgt_out):
        visible = may_be_seen(src)
        logits = self.decode(p, tgt_in, self.encode(p, src, visible), visible)
        log_p = jax.nn.log_softmax(logits)
        return -jnp.take_along_axis(log_p, tgt_out[..., None], axis=-1).mean()

    def encode(self, p, src, visible):
        x = self.embed(p["src_embedding.weight"], src, self.positions[: src.shape[1]])
        for i in range(self.workload.layers):
            layer = part(p, f"encoder.layers.{i}")
            own = part(layer, "self_attention")
            x = add_norm(layer, "norm_1", x, self.attend(own, x, *self.keys(own, x), visible))
            x = add_norm(layer, "norm_2", x, feed_forward(part(layer, "feed_forward"), x))
        return x

    def decode(self, p, tgt, memory, visible):
        time = tgt.shape[1]
        earlier = jnp.tri(time, dtype=bool)
        x = self.embed(p["tgt_embedding.weight"], tgt, self.positions[:time])
        for i in range(self.workload.layers):
            layer = part(p, f"decoder.layers.{i}")
            own, cross = part(layer, "self_attention"), part(layer, "cross_attention")
            x = self.decoder_layer(
                layer, x, self.keys(own, x), self.keys(cross, memory), earlier, visible
            )
        return x @ p["output.weight"] + p["output.bias"]

    def decoder_layer(self, layer, x, own_keys, cross_keys, earlier, visible):
        own, cross = part(layer, "self_attention"), part(layer, "cross_attention")
        x = add_norm(layer, "norm_1", x, self.attend(own, x, *own_keys, earlier))
        x = add_norm(layer, "norm_2", x, self.attend(cross, x, *cross_keys, visible))
        return add_norm(layer, "norm_3", x, feed_forward(part(layer, "feed_forward"), x))

    def keys(self, p, x):
        """Keys and values."""
        return self.heads(x @ p["w_k.weight"]), self.heads(x @ p["w_v.weight"])

    def attend(self, p, x, keys, values, mask):
        q = self.heads(x @ p["w_q.weight"])
        scores = jnp.einsum("bqhd,bkhd->bhqk", q, keys) / math.sqrt(q.shape[-1])
        weights = jax.nn.softmax(jnp.where(mask, scores, -jnp.inf))
        y = jnp.einsum("bhqk,bkhd->bqhd", weights, values)
        return y.reshape(x.shape) @ p["w_o.weight"]

    def embed(self, table, ids, positions):
        return table[ids] * math.sqrt(self.workload.d_model) + positions

    def heads(self, x):
        return x.reshape(*x.shape[:-1], self.workload.num_heads, -1)  # (B, T, H, d_k)


def part(p, name):
    """What hangs below a name: {"a.b": x} and "a" give {"b": x}. Only when JAX traces."""
    return {key[len(name) + 1 :]: x for key, x in p.items() if key.startswith(name + ".")}


def add_norm(p, name, x, y):
    x = x + y
    centred = x - x.mean(-1, keepdims=True)
    scale = jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return centred * scale * p[f"{name}.gamma"] + p[f"{name}.beta"]


def feed_forward(p, x):
    hidden = jax.nn.relu(x @ p["linear_1.weight"] + p["linear_1.bias"])
    return hidden @ p["linear_2.weight"] + p["linear_2.bias"]


def may_be_seen(src):
    return (src != PAD)[:, None, None, :]  # (B, 1, 1, S)


def adam(p, gradient, mean, square, steps):
    """New parameters, mean and square."""
    beta_1, beta_2 = ADAM["betas"]
    mean = jax.tree.map(lambda m, g: beta_1 * m + (1 - beta_1) * g, mean, gradient)
    square = jax.tree.map(lambda s, g: beta_2 * s + (1 - beta_2) * g * g, square, gradient)
    rate, correction = ADAM["lr"] / (1 - beta_1**steps), 1 - beta_2**steps

    def moved(x, m, s):
        return x - rate * m / (jnp.sqrt(s / correction) + ADAM["eps"])

    return jax.tree.map(moved, p, mean, square), mean, square


def kernel():
    return "XLA for this processor"


class Stepper:
    def __init__(self, workload, weights, data):
        self.model = Transformer(workload)
        p = jax.tree.map(jnp.array, weights)
        zeros = jax.tree.map(jnp.zeros_like, p)
        self.state = p, zeros, jax.tree.map(jnp.zeros_like, p)
        self.steps = 0
        self.batches = cycle([[jnp.array(ids) for ids in batch] for batch in batches(data)])
        self.update = jax.jit(self.update, donate_argnums=0)

    def update(self, state, steps, batch):
        p, mean, square = state
        loss, gradient = jax.value_and_grad(self.model.loss)(p, *batch)
        return adam(p, gradient, mean, square, steps), loss

    def step(self):
        self.steps += 1
        self.state, loss = self.update(self.state, float(self.steps), next(self.batches))
        return float(loss)


class Decoder:
    def __init__(self, workload, weights, data):
        self.workload = workload
        self.model = Transformer(workload)
        self.p = jax.tree.map(jnp.array, weights)
        self.src = jnp.array(data["src"][0])
        self.write = jax.jit(self.write_cached if workload.cached else self.write_full)

    def step(self):
        return self.write(self.p, self.src).tolist()

    def write_full(self, p, src):
        """All places are computed each time, also those not written yet: shapes are fixed."""
        visible = may_be_seen(src)
        memory = self.model.encode(p, src, visible)

        def one(t, written):
            logits = self.model.decode(p, written[:, :-1], memory, visible)
            return written.at[:, t + 1].set(logits[:, t].argmax(-1))

        return self.for_each_place(one, src, lambda written: written)

    def write_cached(self, p, src):
        visible = may_be_seen(src)
        memory = self.model.encode(p, src, visible)
        layers = [part(p, f"decoder.layers.{i}") for i in range(self.workload.layers)]
        cross = [self.model.keys(part(layer, "cross_attention"), memory) for layer in layers]
        heads = self.workload.num_heads
        shape = (len(src), self.workload.length, heads, self.workload.d_model // heads)
        positions = jnp.array(self.model.positions)

        def one(t, state):
            written, caches = state
            x = self.model.embed(p["tgt_embedding.weight"], written[:, t, None], positions[t])
            earlier, new_caches = jnp.arange(self.workload.length) <= t, []
            for layer, cache, cross_keys in zip(layers, caches, cross):
                new = self.model.keys(part(layer, "self_attention"), x)
                cache = [c.at[:, t].set(n[:, 0]) for c, n in zip(cache, new)]
                x = self.model.decoder_layer(layer, x, cache, cross_keys, earlier, visible)
                new_caches.append(cache)
            logits = x[:, 0] @ p["output.weight"] + p["output.bias"]
            return written.at[:, t + 1].set(logits.argmax(-1)), new_caches

        caches = [[jnp.zeros(shape), jnp.zeros(shape)] for _ in layers]
        return self.for_each_place(one, src, lambda written: (written, caches))

    def for_each_place(self, one, src, start):
        written = jnp.full((len(src), self.workload.length + 1), START)
        end = jax.lax.fori_loop(0, self.workload.length, one, start(written))
        return (end if self.workload.cached is False else end[0])[:, 1:]
