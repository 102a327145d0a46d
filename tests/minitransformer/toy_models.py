"""Models so small that every derivative can be checked, and what several test files do."""

from functools import partial

import numpy as np
import pytest

import minigrad as mg
from minitransformer import tasks, train
from minitransformer.models.kinds import KINDS
from minitransformer.text.batching import Batch
from minitransformer.text.specials import END, PAD, START

ANY = {"src_vocab_size": 8, "tgt_vocab_size": 8, "d_model": 4, "dropout": 0.0, "max_length": 8}
TOY = {
    **ANY,
    "num_heads": 2,
    "d_ff": 5,
    "num_encoder_layers": 1,
    "num_decoder_layers": 1,
}
RECURRENT = {**ANY, "num_layers": 1}
STACK = {**ANY, "num_heads": 2, "d_ff": 5, "num_layers": 1}
OF_KIND = {"transformer": TOY, "decoder-lm": STACK, "encoder-classifier": STACK}
BATCH = Batch(  # two sentences, the second with padding on both sides
    src=np.array([[4, 5, 6, 2], [7, 2, 0, 0]]),
    tgt_in=np.array([[1, 4, 5], [1, 6, 0]]),
    tgt_out=np.array([[4, 5, 2], [6, 2, 0]]),
)


def toy_model(seed=0, kind="transformer", **changes):
    """A model over 8 tokens with parameters that are no special case: no gamma is 1, no bias is
    0."""
    rng = np.random.default_rng(seed)
    of_kind, values = KINDS[kind], OF_KIND.get(kind, RECURRENT)
    return scattered(of_kind.model(of_kind.config(**{**values, **changes}), rng), rng)


def scattered(module, rng):
    """`module`, with every parameter moved by chance."""
    for parameter in module.parameters():
        parameter.data += 0.3 * rng.standard_normal(parameter.shape)
    return module


def quick_train(folder, task="reverse", **changes):
    """A training that takes a moment: on strings of up to four of five letters."""
    settings = {
        "size": "tiny",
        "steps": 20,
        "batch_size": 16,
        "train_examples": 200,
        "validation_examples": 10,
        "validations": 2,
        "warmup_steps": 40,
        "lr_scale": 0.5,
        "quiet": True,
    }
    return train(tasks.get(task, symbols=5, longest=4), folder, **{**settings, **changes})


def same_weights(one, other):
    """Whether two models have the same weights, bit for bit."""
    one, other = one.state_dict(), other.state_dict()
    assert one.keys() == other.keys()
    return all(np.array_equal(one[path], other[path]) for path in one)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def close(ours, right, tolerance):
    """No entry is further off than `tolerance` times the largest of the right ones."""
    ours, right = (x.data if isinstance(x, mg.Tensor) else x for x in (ours, right))
    assert np.shape(ours) == np.shape(right)
    largest = np.abs(right).max()
    np.testing.assert_allclose(ours, right, rtol=0, atol=tolerance * (largest or 1))


def gradcheck_module(module, function, *inputs, **settings):
    """gradcheck of `function(*inputs)`, a computation with `module`, for every input and for every
    parameter of the module, in float64."""
    module.astype(np.float64)
    named = dict(module.named_parameters())

    def of_all(*tensors):
        for path, tensor in zip(named, tensors):
            put(module, path, tensor)
        return function(*tensors[len(named) :])

    try:
        return mg.gradcheck(of_all, *named.values(), *inputs, **settings)
    finally:
        for path, parameter in named.items():
            put(module, path, parameter)


def put(module, path, tensor):
    """Let `tensor` take the place of the parameter with that path."""
    *owners, name = path.split(".")
    for owner in owners:
        module = module[int(owner)] if owner.isdigit() else getattr(module, owner)
    setattr(module, name, tensor)


class Leaning(mg.Module):
    """Another model of the contract, whose logits are made `sharper` and moved by `lean`."""

    kind = "leaning"

    def __init__(self, model, lean, sharper=1.0):
        self.model, self.lean, self.sharper = model, lean, sharper
        self.config = model.config

    def forward(self, src, tgt):
        return self.model(src, tgt) * self.sharper + self.lean

    def start(self, src):
        return self.model.start(src)

    def step(self, state, tokens):
        logits, state = self.model.step(state, tokens)
        return logits * self.sharper + self.lean, state


# Every kind of model of the contract: functions that make one over 8 tokens, by a seed and what is
# different in its configuration.
MODELS = {
    "post-norm": toy_model,
    "pre-norm": partial(toy_model, norm_first=True),
    "learned positions": partial(toy_model, positions="learned"),
    "tied embeddings": partial(toy_model, tie_embeddings=True),
    "several layers": partial(toy_model, num_encoder_layers=2, num_decoder_layers=3),
    "lstm": partial(toy_model, kind="lstm"),
    "lstm of two layers": partial(toy_model, kind="lstm", num_layers=2),
    "attention-lstm": partial(toy_model, kind="attention-lstm"),
    "attention-lstm of two layers": partial(toy_model, kind="attention-lstm", num_layers=2),
    "concatenated positions": partial(toy_model, positions="concatenated"),
    "rotary positions": partial(toy_model, positions="rotary", num_decoder_layers=2),
    "batch norm": partial(toy_model, norm="batch"),
    "target tied with the output": partial(toy_model, tie_embeddings="target"),
    "source tied with target": partial(toy_model, tie_embeddings="source-target"),
    "decoder-lm": partial(toy_model, kind="decoder-lm"),
    "decoder-lm, rotary, pre-norm": partial(
        toy_model, kind="decoder-lm", positions="rotary", norm_first=True, num_layers=2
    ),
    "decoder-lm, learned, tied": partial(
        toy_model, kind="decoder-lm", positions="learned", tie_embeddings=True
    ),
    "encoder-classifier": partial(toy_model, kind="encoder-classifier", num_layers=2),
}
models = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)


def a_writer(make, seed=0, max_length=12, end=0.5, sharper=2.0):
    """A model of such a kind, in float64, that hardly thinks of padding and start, and whose
    sentences end sooner or later: the sooner, the larger `end`."""
    lean = np.zeros(8)
    lean[[PAD, START]] = -50
    lean[END] = end
    return Leaning(make(seed, max_length=max_length), lean, sharper).astype(np.float64).eval()
