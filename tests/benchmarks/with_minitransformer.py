"""This project, as its training loop uses it. Of both packages only public names: old checkouts
are timed with this file too (compare.py)."""

from contextlib import nullcontext
from itertools import cycle

import numpy as np
from workloads import ADAM, batches

import minigrad as mg
import minitransformer as mt

NAMES_ONLY = getattr(mg, "names_only", nullcontext)  # old checkouts have none


def new_model(workload, seed=0):
    config = mt.TransformerConfig(
        workload.vocab,
        workload.vocab,
        d_model=workload.d_model,
        num_heads=workload.num_heads,
        d_ff=workload.d_ff,
        num_encoder_layers=workload.layers,
        num_decoder_layers=workload.layers,
        dropout=0.0,
        max_length=workload.length + 1,
    )
    return mt.Transformer(config, np.random.default_rng(seed))


class Stepper:
    def __init__(self, workload, weights, data):
        self.model = new_model(workload)
        self.model.load_state_dict(weights)
        self.optimizer = mg.optim.Adam(self.model.parameters(), **ADAM)
        self.batches = cycle([mt.Batch(*batch) for batch in batches(data)])

    def step(self):
        self.optimizer.zero_grad()
        with NAMES_ONLY():
            loss = mt.batch_loss(self.model, next(self.batches))
        loss.backward()
        self.optimizer.step()
        return loss.item()


class Decoder:
    def __init__(self, workload, weights, data):
        self.model = new_model(workload)
        self.model.load_state_dict(weights)
        self.src = data["src"][0]
        self.workload = workload

    def step(self):
        length, cached = self.workload.length, self.workload.cached
        return mt.greedy_decode(self.model, self.src, max_length=length, cached=cached)
