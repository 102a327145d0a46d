"""What PyTorch computes with our weights: logits and gradients, written to parity.npz.

    PYTHONPATH=. python tests/minitransformer/oracle/record.py

test_parity.py compares with that file, and so needs no PyTorch. A case there is made of

    CASE/config        the settings, as JSON
    CASE/weights/PATH  every parameter, by its path in our module; in float32, so that a model of
                       either precision can hold exactly these
    CASE/inputs/NAME   the arguments, and `cotangent`, by which the output is weighed
    CASE/output        what PyTorch computes from them in float64
    CASE/gradients/... of (output * cotangent).sum(), for each weight and each real input
"""

import json
import math
from pathlib import Path

import numpy as np
import torch
from torch import nn

from minitransformer import (
    LSTM,
    BatchNorm,
    BidirectionalLSTM,
    LayerNorm,
    LSTMCell,
    MultiHeadAttention,
    Transformer,
    TransformerConfig,
)

FILE = Path(__file__).with_name("parity.npz")

MODEL = {
    "src_vocab_size": 9,
    "tgt_vocab_size": 7,
    "d_model": 8,
    "num_heads": 2,
    "d_ff": 12,
    "num_encoder_layers": 2,
    "num_decoder_layers": 2,
    "dropout": 0.0,
    "max_length": 10,
}
ONE_LAYER = {**MODEL, "num_encoder_layers": 1, "num_decoder_layers": 1}
CASES = {
    "post-norm": MODEL,
    "pre-norm": {**MODEL, "norm_first": True, "activation": "gelu"},
    "post-norm-gelu": {**ONE_LAYER, "activation": "gelu", "tie_embeddings": "target"},
    "pre-norm-relu-learned-tied": {
        **{**ONE_LAYER, "norm_first": True, "tgt_vocab_size": 9},
        **{"positions": "learned", "tie_embeddings": True},
    },
    "attention": {"d_model": 12, "num_heads": 3, "bias": True},
    "attention-without-bias": {"d_model": 8, "num_heads": 4, "bias": False},
    "layer-norm": {"d_model": 10},
    "lstm-cell": {"inputs": 5, "hidden": 4},
    "lstm": {"inputs": 5, "hidden": 4},
    "lstm-bidirectional": {"inputs": 3, "hidden": 4},
    "batch-norm": {"d_model": 10},
}


def make(case, rng):
    """(weights, inputs) of a case: no gamma is 1, no bias 0, and both sides have padding."""
    config = CASES[case]
    if case == "layer-norm":
        module = LayerNorm(**config)
        inputs = {"x": 3 * rng.standard_normal((2, 4, 10)) + 1}
        shape = (2, 4, 10)
    elif case == "lstm-cell":
        module = LSTMCell(**config, rng=rng)
        inputs = {"x": rng.standard_normal((3, 5)), **states(config, rng)}
        shape = (3, 8)
    elif case.startswith("lstm"):
        both = case == "lstm-bidirectional"
        module = (BidirectionalLSTM if both else LSTM)(**config, rng=rng)
        tokens = np.array([[3, 3, 3, 3, 3, 3], [3, 3, 3, 0, 0, 0], [3, 0, 0, 0, 0, 0]])
        inputs = {"x": rng.standard_normal((3, 6, config["inputs"])), "tokens": tokens}
        inputs |= {} if both else states(config, rng)
        shape = (3, 8, 8 if both else 4)
    elif case == "batch-norm":
        module = BatchNorm(**config)
        inputs = {
            "x": 3 * rng.standard_normal((2, 4, 10)) + 1,
            "tokens": np.array([[3, 3, 3, 3], [3, 3, 0, 0]]),  # 0 is padding
        }
        shape = (6, 10)  # of the real positions alone
    elif case.startswith("attention"):
        module = MultiHeadAttention(rng=rng, **config)
        width = config["d_model"]
        inputs = {
            "query": rng.standard_normal((2, 3, width)),
            "key": rng.standard_normal((2, 5, width)),
            "value": rng.standard_normal((2, 5, width)),
            "tokens": np.array([[3, 3, 3, 3, 3], [3, 3, 0, 0, 0]]),  # 0 is padding among the keys
        }
        shape = (2, 3, width)
    else:
        module = Transformer(TransformerConfig(**config), rng)
        inputs = {
            "src": np.array([[4, 5, 6, 7, 2], [8, 4, 2, 0, 0], [2, 0, 0, 0, 0]]),
            "tgt": np.array([[1, 4, 5, 6], [1, 5, 0, 0], [1, 6, 3, 0]]),
        }
        shape = (3, 4, config["tgt_vocab_size"])
    weights = {
        path: (p.data + 0.2 * rng.standard_normal(p.shape)).astype(np.float32)
        for path, p in module.named_parameters()
    }
    inputs = {name: float32(array) for name, array in inputs.items()}
    return weights, {**inputs, "cotangent": float32(rng.standard_normal(shape))}


def states(config, rng):
    """The (h, c) with which an LSTM begins."""
    return {name: rng.standard_normal((3, config["hidden"])) for name in "hc"}


def float32(array):
    return array.astype(np.float32) if array.dtype.kind == "f" else array


# ---- the same module in PyTorch, with our weights in it. `tensors` are these weights as tensors
# that require a gradient, {path: tensor}; a function writes them into a PyTorch module with
# `functional_call`, so that their gradients come out under our names.


def run(case, weights, inputs, dtype=torch.float64):
    """(output, gradients) as PyTorch computes them, as arrays."""
    config = CASES[case]
    tensors = {
        name: torch.tensor(array).to(dtype).requires_grad_() for name, array in weights.items()
    }
    given = {name: torch.tensor(array) for name, array in inputs.items()}
    for name, tensor in given.items():
        if tensor.is_floating_point():
            given[name] = tensor.to(dtype).requires_grad_(name != "cotangent")
    cotangent = given.pop("cotangent")
    computations = {"layer-norm": norm, "batch-norm": batch_norm, "attention": attention}
    computations |= {"lstm-cell": cell, "lstm": lstm, "lstm-bidirectional": bidirectional_lstm}
    compute = computations.get(case.split("-without")[0], model)
    output = compute(config, tensors, **given)
    wanted = {**tensors, **{name: t for name, t in given.items() if t.requires_grad}}
    gradients = torch.autograd.grad((output * cotangent).sum(), list(wanted.values()))
    return output.detach().numpy(), {k: g.numpy() for k, g in zip(wanted, gradients)}


def norm(config, tensors, x):
    module = nn.LayerNorm(config["d_model"])
    return torch.func.functional_call(module, norm_weights(tensors), (x,))


def batch_norm(config, tensors, x, tokens):
    module = nn.BatchNorm1d(config["d_model"]).to(x.dtype)
    return torch.func.functional_call(module, norm_weights(tensors), (x[tokens != 0],))


def attention(config, tensors, query, key, value, tokens):
    module = nn.MultiheadAttention(
        config["d_model"], config["num_heads"], bias=config["bias"], batch_first=True
    )
    options = {"key_padding_mask": tokens == 0, "need_weights": False}
    weights = attention_weights(tensors)
    return torch.func.functional_call(module, weights, (query, key, value), options)[0]


def cell(config, tensors, x, h, c):
    """h and c after a step, side by side."""
    return torch.cat(torch.lstm_cell(x, (h, c), *cell_weights(tensors)), dim=-1)


def lstm(config, tensors, x, tokens, h, c):
    """The hidden states, zeros at padding, and after them the last h and c."""
    weights = cell_weights(part(tensors, "cell"))
    return packed_lstm(x, tokens, (h[None], c[None]), weights, bidirectional=False)


def bidirectional_lstm(config, tensors, x, tokens):
    """As `lstm`, with those of the reverse LSTM beside them."""
    weights = [
        weight
        for way in ("forwards", "backwards")
        for weight in cell_weights(part(tensors, f"{way}.cell"))
    ]
    zeros = x.new_zeros(2, len(x), config["hidden"])
    return packed_lstm(x, tokens, (zeros, zeros), weights, bidirectional=True)


def packed_lstm(x, tokens, state, weights, bidirectional):
    """What nn.LSTM computes of rows of unequal length."""
    lengths = (tokens != 0).sum(dim=1)
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
    settings = (True, 1, 0.0, False, bidirectional)  # biases, layers, dropout, training
    data, h, c = torch.lstm(packed.data, packed.batch_sizes, state, weights, *settings)
    packed = nn.utils.rnn.PackedSequence(data, packed.batch_sizes)
    shown, _ = nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
    last = [torch.cat([*each], dim=-1)[:, None] for each in (h, c)]  # (B, 1, hidden or twice that)
    return torch.cat([shown, *last], dim=1)


def model(config, tensors, src, tgt):
    """The whole Transformer: embeddings and positions written out, the rest by torch.nn."""
    settings = TransformerConfig(**config)
    pre = settings.norm_first
    layer = {
        "d_model": settings.d_model,
        "nhead": settings.num_heads,
        "dim_feedforward": settings.d_ff,
        "dropout": 0.0,
        "activation": settings.activation,
        "batch_first": True,
        "norm_first": pre,
    }
    # The paper's stacks end without a norm; that of PyTorch's nn.Transformer always has one.
    ends = [nn.LayerNorm(settings.d_model) if pre else None for _ in range(2)]
    stacks = nn.Transformer(
        batch_first=True,
        custom_encoder=nn.TransformerEncoder(
            nn.TransformerEncoderLayer(**layer),
            settings.num_encoder_layers,
            ends[0],
            enable_nested_tensor=False,
        ),
        custom_decoder=nn.TransformerDecoder(
            nn.TransformerDecoderLayer(**layer), settings.num_decoder_layers, ends[1]
        ),
        **{"d_model": settings.d_model, "nhead": settings.num_heads},
    )
    source = tensors["src_embedding.weight"]
    target = tensors.get("tgt_embedding.weight", source)
    x = source[src] * math.sqrt(settings.d_model) + positions(settings, tensors, "src", src)
    y = target[tgt] * math.sqrt(settings.d_model) + positions(settings, tensors, "tgt", tgt)
    masks = {  # in PyTorch, True hides
        "src_key_padding_mask": src == 0,
        "memory_key_padding_mask": src == 0,
        "tgt_key_padding_mask": tgt == 0,
        "tgt_mask": torch.ones(tgt.shape[1], tgt.shape[1]).triu(1).bool(),
    }
    z = torch.func.functional_call(stacks, stack_weights(settings, tensors), (x, y), masks)
    if settings.tie_embeddings in (True, "target"):
        return z @ target.T
    return z @ tensors["output.weight"] + tensors["output.bias"]


def positions(settings, tensors, side, ids):
    length = ids.shape[1]
    if settings.positions == "learned":
        return tensors[f"{side}_positions.weight"][:length]
    i = torch.arange(settings.d_model // 2, dtype=torch.float64)
    angle = torch.arange(length)[:, None] / 10000 ** (2 * i / settings.d_model)
    table = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)  # sine and cosine in turn
    return table.to(tensors["src_embedding.weight"].dtype)


# ---- our names and layouts as PyTorch's. A weight of ours is (inputs, outputs), there (outputs,
# inputs); Q, K and V are one matrix there.


def part(tensors, prefix):
    """The tensors below a path, by the rest of their path."""
    return {k.removeprefix(prefix + "."): t for k, t in tensors.items() if k.startswith(prefix)}


def renamed(weights, prefix):
    return {f"{prefix}.{name}": tensor for name, tensor in weights.items()}


def cell_weights(tensors):
    """Of one LSTM: PyTorch has a second bias, which is added to the first."""
    bias = tensors["w_x.bias"]
    products = [tensors["w_x.weight"].T, tensors["w_h.weight"].T]
    return [*(weight.contiguous() for weight in products), bias, torch.zeros_like(bias)]


def norm_weights(tensors):
    return {"weight": tensors["gamma"], "bias": tensors["beta"]}


def attention_weights(tensors, with_zero_bias=False):
    weights = {
        "in_proj_weight": torch.cat([tensors[f"w_{x}.weight"].T for x in "qkv"]),
        "out_proj.weight": tensors["w_o.weight"].T,
    }
    if "w_q.bias" in tensors:
        weights["in_proj_bias"] = torch.cat([tensors[f"w_{x}.bias"] for x in "qkv"])
        weights["out_proj.bias"] = tensors["w_o.bias"]
    elif with_zero_bias:  # the projections of the paper have none, those of nn.Transformer do
        width = len(tensors["w_q.weight"])
        weights["in_proj_bias"] = tensors["w_q.weight"].new_zeros(3 * width)
        weights["out_proj.bias"] = tensors["w_q.weight"].new_zeros(width)
    return weights


def layer_weights(tensors):
    """Of one encoder or decoder layer."""
    weights = {}
    for i in (1, 2):
        weights[f"linear{i}.weight"] = tensors[f"feed_forward.linear_{i}.weight"].T
        weights[f"linear{i}.bias"] = tensors[f"feed_forward.linear_{i}.bias"]
    for i in (1, 2, 3):
        if f"norm_{i}.gamma" in tensors:
            weights |= renamed(norm_weights(part(tensors, f"norm_{i}")), f"norm{i}")
    for ours, theirs in (("self_attention", "self_attn"), ("cross_attention", "multihead_attn")):
        if f"{ours}.w_q.weight" in tensors:
            projections = part(tensors, ours)
            weights |= renamed(attention_weights(projections, with_zero_bias=True), theirs)
    return weights


def stack_weights(settings, tensors):
    """Of the encoder and the decoder."""
    weights = {}
    layers = {"encoder": settings.num_encoder_layers, "decoder": settings.num_decoder_layers}
    for stack, count in layers.items():
        for i in range(count):
            path = f"{stack}.layers.{i}"
            weights |= renamed(layer_weights(part(tensors, path)), path)
        if settings.norm_first:
            weights |= renamed(norm_weights(part(tensors, f"{stack}.norm")), f"{stack}.norm")
    return weights


def record():
    """The content of the file."""
    arrays = {}
    for case, config in CASES.items():
        weights, inputs = make(case, np.random.default_rng(0))
        output, gradients = run(case, weights, inputs)
        arrays[f"{case}/config"] = np.array(json.dumps(config))
        arrays |= {f"{case}/weights/{name}": array for name, array in weights.items()}
        arrays |= {f"{case}/inputs/{name}": array for name, array in inputs.items()}
        arrays |= {f"{case}/gradients/{name}": array for name, array in gradients.items()}
        arrays[f"{case}/output"] = output
    return arrays


if __name__ == "__main__":
    np.savez_compressed(FILE, **record())
    print(f"{FILE}: {FILE.stat().st_size / 1000:.0f} kB, made with PyTorch {torch.__version__}")
