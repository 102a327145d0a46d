"""The same weights, the same numbers as PyTorch: outputs and all gradients.

oracle/parity.npz holds what PyTorch computed in float64, oracle/record.py says how. Where PyTorch
is installed it is asked again.
"""

import functools
import json
from pathlib import Path

import numpy as np
import pytest
from toy_models import close

import minigrad as mg
from minitransformer import (
    LSTM,
    BatchNorm,
    BidirectionalLSTM,
    LayerNorm,
    LSTMCell,
    MultiHeadAttention,
    Transformer,
    TransformerConfig,
    padding_mask,
)

FILE = Path(__file__).parent / "oracle" / "parity.npz"
TOLERANCE = {np.float32: 1e-5, np.float64: 1e-10}  # of the largest entry of each array

with np.load(FILE) as file:
    RECORDED = dict(file)
CASES = sorted({name.split("/")[0] for name in RECORDED})

cases = pytest.mark.parametrize("case", CASES)
dtypes = pytest.mark.parametrize("dtype", TOLERANCE, ids=lambda dtype: dtype.__name__)


def recorded(case, what):
    start = f"{case}/{what}/"
    return {k.removeprefix(start): array for k, array in RECORDED.items() if k.startswith(start)}


@functools.cache
def ours(case, dtype):
    """(output, gradients) of our module with the recorded weights, as arrays."""
    config = json.loads(str(RECORDED[f"{case}/config"]))
    inputs = recorded(case, "inputs")
    cotangent = inputs.pop("cotangent").astype(dtype)
    tensors = {
        name: mg.Tensor(array.astype(dtype), requires_grad=True)
        for name, array in inputs.items()
        if array.dtype.kind == "f"
    }
    rng = np.random.default_rng(0)
    if case == "layer-norm":
        module, arguments = LayerNorm(**config), tensors
    elif case.startswith("lstm"):
        module = {"lstm-cell": LSTMCell, "lstm": LSTM}.get(case, BidirectionalLSTM)(
            **config, rng=rng
        )
        arguments = {**tensors, "tokens": inputs.get("tokens")}
    elif case == "batch-norm":
        module = BatchNorm(**config)
        arguments = {**tensors, "real": inputs["tokens"] != 0}
    elif case.startswith("attention"):
        module = MultiHeadAttention(rng=rng, **config)
        arguments = {**tensors, "mask": padding_mask(inputs["tokens"])}
    else:
        module, arguments = Transformer(TransformerConfig(**config), rng), inputs
    module.astype(dtype).load_state_dict({**module.state_dict(), **recorded(case, "weights")})
    output = recurrent_output(module, **arguments) if "lstm" in case else module(**arguments)
    if case == "batch-norm":
        output = output[arguments["real"]]
    output.backward(cotangent)
    leaves = {**dict(module.named_parameters()), **tensors}
    return output.data, {name: leaf.grad.data for name, leaf in leaves.items()}


def recurrent_output(module, x, tokens, h=None, c=None):
    """What the record calls the output of an LSTM: all that it gives in one tensor."""
    if isinstance(module, LSTMCell):
        return mg.concatenate(module(module.project(x), (h, c)), axis=-1)
    real = tokens != 0
    if isinstance(module, LSTM):
        shown, (h, c) = module(x, real, (h, c))
    else:
        shown, *ends = module(x, real)
        h, c = (mg.concatenate(each, axis=-1) for each in zip(*ends))
    return mg.concatenate([shown * real[:, :, None], h[:, None], c[:, None]], axis=1)


def all_close(gradients, right, tolerance):
    assert gradients.keys() == right.keys()
    for name, gradient in gradients.items():
        if name == "w_k.bias":  # adds the same to all the scores of a query: truly zero
            assert np.abs(gradient).max() < tolerance
        else:
            close(gradient, right[name], tolerance)


@dtypes
@cases
def test_the_output_is_that_of_pytorch(case, dtype):
    output, _ = ours(case, dtype)
    assert output.dtype == dtype
    close(output, RECORDED[f"{case}/output"], TOLERANCE[dtype])


@dtypes
@cases
def test_every_gradient_is_that_of_pytorch(case, dtype):
    _, gradients = ours(case, dtype)
    assert all(gradient.dtype == dtype for gradient in gradients.values())
    all_close(gradients, recorded(case, "gradients"), TOLERANCE[dtype])


def test_the_whole_model_is_compared_post_norm_and_pre_norm_with_padding_on_both_sides():
    assert {"post-norm", "pre-norm", "attention", "layer-norm"} <= set(CASES)
    assert {"lstm-cell", "lstm", "lstm-bidirectional"} <= set(CASES)
    kinds = {}
    for case in CASES:
        config = json.loads(str(RECORDED[f"{case}/config"]))
        if "src_vocab_size" not in config:
            continue
        config = TransformerConfig(**config)
        kinds.setdefault((config.norm_first, config.activation), case)
        inputs = recorded(case, "inputs")
        assert (inputs["src"] == 0).any() and (inputs["tgt"] == 0).any()
    assert len(kinds) == 4  # pre-norm and post-norm, each with ReLU and with GELU


def test_the_comparison_can_fail():
    _, gradients = ours("post-norm", np.float64)
    right = recorded("post-norm", "gradients")
    for name in right:
        wrong = {**right, name: right[name] * (1 + 1e-9)}
        with pytest.raises(AssertionError):
            all_close(gradients, wrong, 1e-10)


def test_the_record_is_small():
    assert FILE.stat().st_size < 300_000


# Live, where PyTorch is installed.


@pytest.fixture(scope="module")
def record():
    pytest.importorskip("torch")
    return pytest.importorskip("oracle.record")


def test_pytorch_says_today_what_was_recorded(record):
    made = record.record()
    assert made.keys() == RECORDED.keys()
    for name, array in made.items():
        if array.dtype.kind == "f" and not name.endswith("gradients/w_k.bias"):
            close(array, RECORDED[name], 1e-12)
        elif array.dtype.kind != "f":
            np.testing.assert_array_equal(array, RECORDED[name])


@dtypes
@cases
def test_pytorch_and_we_agree_in_either_precision(case, dtype, record):
    weights, inputs = recorded(case, "weights"), recorded(case, "inputs")
    precision = getattr(record.torch, dtype.__name__)
    right_output, right = record.run(case, weights, inputs, precision)
    output, gradients = ours(case, dtype)
    assert right_output.dtype == output.dtype == dtype
    close(output, right_output, TOLERANCE[dtype])
    all_close(gradients, right, TOLERANCE[dtype])
