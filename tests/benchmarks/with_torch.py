"""PyTorch on the CPU: its fused attention, its fused Adam, and as little Python as can be."""

import math
import os
import re
import tempfile
from itertools import cycle

import numpy as np
import torch
import torch.nn.functional as F
from workloads import ADAM, PAD, START, batches, sinusoids


class Transformer:
    """The model as functions of a dictionary of parameters, with our names for them."""

    def __init__(self, workload, weights):
        self.workload = workload
        self.p = {name: parameter(name, weight) for name, weight in weights.items()}
        # A self-attention reads its queries, keys and values off one product, as nn.Transformer's.
        for name in [name for name in self.p if name.endswith("self_attention.w_q.weight")]:
            prefix = name[: -len("q.weight")]
            three = [self.p.pop(f"{prefix}{which}.weight").detach() for which in "qkv"]
            self.p[f"{prefix}qkv.weight"] = torch.cat(three).requires_grad_()
        table = sinusoids(workload.length + 1, workload.d_model)
        self.positions = torch.from_numpy(table)

    def loss(self, src, tgt_in, tgt_out):
        visible = may_be_seen(src)
        logits = self.decode(tgt_in, self.encode(src, visible), visible)
        return F.cross_entropy(logits.flatten(0, 1), tgt_out.flatten())

    def encode(self, src, visible):
        x = self.embed("src_embedding", src)
        for i in range(self.workload.layers):
            name = f"encoder.layers.{i}"
            q, k, v = self.queries_keys_values(f"{name}.self_attention", x)
            x = self.add_norm(f"{name}.norm_1", x, self.attend(name + ".self", q, k, v, visible))
            x = self.add_norm(f"{name}.norm_2", x, self.feed_forward(name, x))
        return x

    def decode(self, tgt, memory, visible):
        x = self.embed("tgt_embedding", tgt)
        for i in range(self.workload.layers):
            q, k, v = self.queries_keys_values(f"decoder.layers.{i}.self_attention", x)
            x = self.decoder_layer(i, x, q, k, v, *self.cross(i, memory), visible, causal=True)
        return self.linear("output", x)

    def decoder_layer(self, i, x, q, k, v, memory_k, memory_v, visible, causal):
        name = f"decoder.layers.{i}"
        y = self.attend(f"{name}.self", q, k, v, causal=causal)
        x = self.add_norm(f"{name}.norm_1", x, y)
        q = self.heads(F.linear(x, self.p[f"{name}.cross_attention.w_q.weight"]))
        y = self.attend(f"{name}.cross", q, memory_k, memory_v, visible)
        x = self.add_norm(f"{name}.norm_2", x, y)
        return self.add_norm(f"{name}.norm_3", x, self.feed_forward(name, x))

    def queries_keys_values(self, name, x):
        return (self.heads(y) for y in F.linear(x, self.p[f"{name}.w_qkv.weight"]).chunk(3, dim=-1))

    def cross(self, i, memory):
        name = f"decoder.layers.{i}.cross_attention"
        return [self.heads(F.linear(memory, self.p[f"{name}.w_{w}.weight"])) for w in "kv"]

    def attend(self, name, q, k, v, mask=None, causal=False):
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
        return F.linear(y.transpose(1, 2).flatten(2), self.p[f"{name}_attention.w_o.weight"])

    def embed(self, name, ids, start=0):
        x = F.embedding(ids, self.p[f"{name}.weight"]) * math.sqrt(self.workload.d_model)
        return x + self.positions[start : start + ids.shape[1]]

    def feed_forward(self, name, x):
        hidden = F.relu(self.linear(f"{name}.feed_forward.linear_1", x))
        return self.linear(f"{name}.feed_forward.linear_2", hidden)

    def linear(self, name, x):
        return F.linear(x, self.p[f"{name}.weight"], self.p[f"{name}.bias"])

    def add_norm(self, name, x, y):
        gamma, beta = self.p[f"{name}.gamma"], self.p[f"{name}.beta"]
        return F.layer_norm(x + y, gamma.shape, gamma, beta)

    def heads(self, x):
        return x.unflatten(-1, (self.workload.num_heads, -1)).transpose(1, 2)  # (B, H, T, d_k)


def parameter(name, weight):
    """PyTorch's linear layers hold their matrices the other way round: (outputs, inputs)."""
    turn = weight.ndim == 2 and "embedding" not in name
    return torch.tensor(np.ascontiguousarray(weight.T) if turn else weight, requires_grad=True)


def may_be_seen(src):
    return (src != PAD)[:, None, None, :]  # (B, 1, 1, S)


def kernel():
    """The BLAS, and the instructions of PyTorch's own loops. What MKL takes the processor for may
    be less than these, and decides how fast a product is: "MKL for Intel Architecture processors,
    AVX512"."""
    blas = re.search(r"BLAS_INFO=(\w+)|$", torch.__config__.show())[1] or "a BLAS"
    if torch.backends.mkl.is_available():
        said = re.search(r"Intel\(R\) 64 architecture (.*?),", told_by_mkl())
        blas = "MKL" + (f" for {said[1].replace('(R)', '')}" if said else "")
    return f"{blas}, {torch.backends.cpu.get_cpu_capability()}"


def told_by_mkl():
    """What MKL prints about itself at a product: it tells in no other way."""
    a, stdout = torch.ones(2, 2), os.dup(1)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
        try:
            with torch.backends.mkl.verbose(torch.backends.mkl.VERBOSE_ON):
                torch.mm(a, a)
        finally:
            os.dup2(stdout, 1)
            os.close(stdout)
        file.seek(0)
        return file.read().decode()


class Stepper:
    def __init__(self, workload, weights, data, compiled=False):
        model = Transformer(workload, weights)
        self.loss = torch.compile(model.loss) if compiled else model.loss
        self.optimizer = torch.optim.Adam(model.p.values(), **ADAM, fused=True)
        self.batches = cycle([[torch.from_numpy(ids) for ids in batch] for batch in batches(data)])

    def step(self):
        self.optimizer.zero_grad()
        loss = self.loss(*next(self.batches))
        loss.backward()
        self.optimizer.step()
        return loss.item()


class Decoder:
    def __init__(self, workload, weights, data):
        self.workload = workload
        self.model = Transformer(workload, weights)
        self.src = torch.from_numpy(data["src"][0])

    @torch.inference_mode()
    def step(self):
        visible = may_be_seen(self.src)
        memory = self.model.encode(self.src, visible)
        written = torch.full((len(self.src), self.workload.length + 1), START)
        write = self.write_cached if self.workload.cached else self.write
        write(written, memory, visible)
        return written[:, 1:].tolist()

    def write(self, written, memory, visible):
        for t in range(self.workload.length):
            logits = self.model.decode(written[:, : t + 1], memory, visible)
            written[:, t + 1] = logits[:, -1].argmax(-1)

    def write_cached(self, written, memory, visible):
        model, layers = self.model, range(self.workload.layers)
        cross = [model.cross(i, memory) for i in layers]
        batch, heads, _, d_k = cross[0][0].shape
        cache = torch.empty(len(layers), 2, batch, heads, self.workload.length, d_k)
        for t in range(self.workload.length):
            x = model.embed("tgt_embedding", written[:, t : t + 1], start=t)
            for i in layers:
                q, k, v = model.queries_keys_values(f"decoder.layers.{i}.self_attention", x)
                cache[i, 0, :, :, t : t + 1] = k
                cache[i, 1, :, :, t : t + 1] = v
                keys, values = cache[i, :, :, :, : t + 1]
                x = model.decoder_layer(i, x, q, keys, values, *cross[i], visible, causal=False)
            written[:, t + 1] = model.linear("output", x)[:, -1].argmax(-1)
