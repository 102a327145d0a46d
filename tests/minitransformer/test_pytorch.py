"""Our models as PyTorch's modules and back: the same weights, the same numbers, the same training.

What needs PyTorch asks for it; names and files are tested without.
"""

import json
import re
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_models import BATCH, MODELS, close, same_weights, toy_model

import minigrad as mg
import minitransformer as mt
from minitransformer import cli
from minitransformer.lab import torch_names
from minitransformer.lab.torch_state import load_from_torch, state_for_torch
from minitransformer.models.kinds import from_json
from minitransformer.run import VOCAB, load
from minitransformer.training.metrics import batch_loss

README = Path(__file__).parents[2] / "README.md"
needs_safetensors = pytest.mark.skipif(
    not find_spec("safetensors"), reason="safetensors is missing"
)


def in_pytorch(name):
    """Whether this kind of model has a form in PyTorch; that the others are refused is tried."""
    return not name.startswith(("decoder-lm", "encoder-classifier"))


BEYOND = {"rotary positions", "batch norm"}  # what torch.nn.Transformer cannot compute
THEIRS = {
    **{name: make for name, make in MODELS.items() if name not in BEYOND and in_pytorch(name)},
    "biases and last norms": lambda seed=0, **changes: toy_model(
        seed, attention_bias=True, final_norm=True, **changes
    ),
    "pre-norm without last norms": lambda seed=0, **changes: toy_model(
        seed, norm_first=True, final_norm=False, activation="gelu", **changes
    ),
}
ATTENTIVE = ["attention-lstm", "attention-lstm of two layers"]
models = pytest.mark.parametrize("make", THEIRS.values(), ids=THEIRS)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.fixture(scope="module")
def torch():
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more would wait for one another at these sizes
    yield torch
    torch.set_num_threads(threads)


def logits_of(module, src, tgt):
    """What a module of PyTorch's computes, as an array."""
    torch = pytest.importorskip("torch")
    return module(torch.tensor(src), torch.tensor(tgt)).detach().numpy()


def ids(rng, batch, time, first=()):
    """Rows (batch, time) over 8 tokens, with padding of their own after the first two."""
    rows = rng.integers(3, 8, (batch, time))
    rows[:, : len(first)] = first
    rows[np.arange(time) >= rng.integers(min(2, time), time + 1, batch)[:, None]] = 0
    return rows


# The names, without PyTorch.


@dtypes
@models
def test_weights_under_pytorchs_names_come_back_bit_for_bit(make, dtype):
    model = make().astype(dtype)
    state = state_for_torch(model)
    back = from_json(model.kind, model.config.to_json())
    load_from_torch(back, state)
    assert same_weights(model, back)
    assert {array.dtype for array in back.state_dict().values()} == {np.dtype(dtype)}
    again = state_for_torch(back)
    assert all(np.array_equal(state[name], again[name]) for name in state)
    assert state.keys() == again.keys()


def test_the_names_are_those_of_nn_transformer_and_nn_lstm():
    names = {name.removeprefix("transformer.") for name in state_for_torch(toy_model())}
    assert {
        "encoder.layers.0.self_attn.in_proj_weight",
        "decoder.layers.0.multihead_attn.out_proj.weight",
        "decoder.layers.0.norm3.bias",
    } <= names
    names = state_for_torch(toy_model(kind="attention-lstm", num_layers=2))
    assert {"encoder.weight_ih_l1_reverse", "encoder.bias_hh_l0", "decoder.1.weight_hh"} <= {*names}


@pytest.mark.parametrize("name", sorted(BEYOND))
def test_what_pytorch_cannot_compute_is_refused_with_what_it_can(name):
    with pytest.raises(ValueError, match="torch.nn.Transformer cannot compute .* what is to go to"):
        state_for_torch(MODELS[name]())


@pytest.mark.parametrize("kind", ["decoder-lm", "encoder-classifier"])
def test_a_kind_without_a_form_in_pytorch_is_refused_with_those_that_have_one(kind):
    with pytest.raises(ValueError, match=f'"{kind}" has no form in .*, only transformer, lstm'):
        state_for_torch(toy_model(kind=kind))


def test_a_changed_layer_for_which_there_is_no_name_is_named():
    model = toy_model()
    model.encoder.extra = mg.Parameter([1.0])
    with pytest.raises(ValueError, match="Transformer differs .* in encoder.extra"):
        state_for_torch(model)
    model = toy_model()
    model.encoder.layers[0].self_attention.w_q.bias = mg.Parameter(np.zeros(4))
    with pytest.raises(ValueError, match=r"differs .* encoder.layers.0.self_attention.w_q.bias"):
        state_for_torch(model)
    model.kind = "mine"
    with pytest.raises(ValueError, match='kind "mine" has no form in PyTorch'):
        state_for_torch(model)


def test_a_class_of_ones_own_is_refused_though_it_has_the_same_weights():
    class Shouting(mt.Transformer):
        def logits(self, x):
            return super().logits(x) * 2

    class Backwards(mt.LayerNorm):
        pass

    model = toy_model()
    model.decoder.layers[0].norm_2 = Backwards(4)
    for made in (model, Shouting(model.config)):
        with pytest.raises(ValueError, match="(Shouting|Backwards) is a class .* only a Transform"):
            state_for_torch(made)


def renamed(state, old, new):
    return {new if name == old else name: array for name, array in state.items()}


WRONG = {
    "missing": (lambda s: without(s, "output.bias"), "output.bias is missing"),
    "extra": (lambda s: {**s, "more": np.zeros(3)}, "more is not part of it"),
    "nearly": (
        lambda s: renamed(s, "output.weight", "output.weights"),
        "output.weights is not part of it; did you mean 'output.weight'",
    ),
    "shape": (
        lambda s: {**s, "output.bias": np.zeros(9, np.float32)},
        r"output.bias has shape \(9,\), and not \(8,\)",
    ),
    "integers": (
        lambda s: {**s, "output.bias": np.zeros(8, int)},
        "output.bias holds int64 numbers; models here compute in float32 or float64",
    ),
    "half": (
        lambda s: {name: array.astype(np.float16) for name, array in s.items()},
        "holds float16 numbers",
    ),
    "two dtypes": (
        lambda s: {**s, "output.bias": np.zeros(8)},
        "output.bias is float64 and output.weight float32: a model has one dtype",
    ),
    "empty": (lambda s: {}, "and 23 more"),
    "nn.Transformer alone": (
        lambda s: {
            name.removeprefix("transformer."): array
            for name, array in s.items()
            if name.startswith("transformer.")
        },
        "a torch.nn.Transformer alone, which has neither embeddings nor an output layer",
    ),
}


def without(state, *names):
    return {name: array for name, array in state.items() if name not in names}


@pytest.mark.parametrize("change, said", WRONG.values(), ids=WRONG)
def test_a_state_of_another_model_is_refused_and_nothing_is_changed(change, said):
    model, before = toy_model(), toy_model()
    with pytest.raises(ValueError, match=said) as caught:
        load_from_torch(model, change(state_for_torch(toy_model(seed=1))))
    assert "\n" not in str(caught.value)
    assert same_weights(model, before)
    assert model.output.weight.dtype == np.float32


def test_of_what_is_tied_one_name_is_enough_and_several_must_agree():
    model = toy_model(tie_embeddings=True)
    state, names = state_for_torch(model), {"src_embedding.weight", "tgt_embedding.weight"}
    for kept in (*names, "output.weight"):
        back = toy_model(seed=1, tie_embeddings=True)
        load_from_torch(back, without(state, *({*names, "output.weight"} - {kept})))
        assert same_weights(model, back)
    other = {**state, "output.weight": state["output.weight"] + 1}
    with pytest.raises(ValueError, match="src_embedding.weight and output.weight hold different"):
        load_from_torch(toy_model(tie_embeddings=True), other)
    with pytest.raises(ValueError, match="output.weight is missing"):
        load_from_torch(toy_model(), without(state_for_torch(toy_model()), "output.weight"))


def test_the_second_bias_of_pytorchs_lstm_is_added_to_the_first():
    model = toy_model(kind="lstm")
    state = state_for_torch(model)
    assert not state["encoder.bias_hh_l0"].any()
    state["encoder.bias_hh_l0"] = np.arange(16, dtype=np.float32)
    back = toy_model(seed=1, kind="lstm")
    load_from_torch(back, state)
    right = model.encoder[0].cell.w_x.bias.data + state["encoder.bias_hh_l0"]
    np.testing.assert_array_equal(back.encoder[0].cell.w_x.bias.data, right)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_the_state_of_a_wrapped_module_is_that_of_the_module(prefix):
    model = toy_model()
    state = {prefix + name: array for name, array in state_for_torch(model).items()}
    assert same_weights(mt.from_torch(state, model.config), model)


def test_a_state_needs_the_config_and_one_of_several_kinds():
    model = toy_model(kind="lstm")
    state = state_for_torch(model)
    with pytest.raises(ValueError, match="do not say how .* TransformerConfig.*, not None"):
        mt.from_torch(state)
    with pytest.raises(ValueError, match=r"give kind, of \['lstm', 'attention-lstm'\]"):
        mt.from_torch(state, model.config)
    with pytest.raises(ValueError, match="kind 'transformer' is no RecurrentConfig"):
        mt.from_torch(state, model.config, "transformer")
    assert same_weights(mt.from_torch(state, model.config, "lstm"), model)
    with pytest.raises(ValueError, match="from_torch takes .* and not str; .* load_safetensors"):
        mt.from_torch("weights", model.config)
    with pytest.raises(ValueError, match=r"output.bias \(list\) cannot become an array"):
        mt.from_torch({**state, "output.bias": [1.0]}, model.config, "lstm")


def test_without_pytorch_a_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModuleNotFoundError, match="needs PyTorch: pip install torch"):
        mt.to_torch(toy_model())


# The numbers, with PyTorch.


@pytest.mark.filterwarnings("error")
@dtypes
@models
def test_the_module_computes_our_logits_and_comes_back_bit_for_bit(make, dtype, torch):
    model = make().astype(dtype).eval()
    module = mt.to_torch(model)
    tolerance = {np.float32: 1e-5, np.float64: 1e-10}[dtype]
    right = model(BATCH.src, BATCH.tgt_in).data
    close(logits_of(module, BATCH.src, BATCH.tgt_in), right, tolerance)
    with torch.no_grad():  # where PyTorch goes another, faster way
        close(logits_of(module, BATCH.src, BATCH.tgt_in), right, tolerance)
    back = mt.from_torch(module)
    assert (type(back), back.config) == (type(model), model.config)
    assert same_weights(back, model)
    np.testing.assert_array_equal(back(BATCH.src, BATCH.tgt_in).data, right)
    assert not back.training


def test_columns_of_nothing_but_padding_change_nothing(torch):
    model = toy_model(attention_bias=True).eval()
    module = mt.to_torch(model)
    src = np.pad(BATCH.src, ((0, 0), (0, 2)))
    with torch.no_grad():  # where PyTorch could leave such columns out of the memory
        close(logits_of(module, src, BATCH.tgt_in), model(src, BATCH.tgt_in).data, 1e-5)


configs = st.fixed_dictionaries(
    {
        "num_heads": st.sampled_from([1, 2, 4]),
        "d_ff": st.integers(1, 7),
        "num_encoder_layers": st.integers(1, 3),
        "num_decoder_layers": st.integers(1, 3),
        "norm_first": st.booleans(),
        "final_norm": st.sampled_from([None, True, False]),
        "attention_bias": st.booleans(),
        "activation": st.sampled_from(["relu", "gelu"]),
        "positions": st.sampled_from(torch_names.POSITIONS),
        "tie_embeddings": st.sampled_from([False, True, "target", "source-target"]),
    }
)
recurrent = st.fixed_dictionaries(
    {"kind": st.sampled_from(["lstm", "attention-lstm"]), "num_layers": st.integers(1, 3)}
)


@settings(max_examples=60, deadline=None)
@given(configs | recurrent, st.integers(0, 99), st.integers(1, 4), st.integers(1, 7), st.booleans())
def test_any_configuration_computes_the_same_on_both_sides(
    torch, changes, seed, batch, time, training
):
    rng = np.random.default_rng(seed)
    model = toy_model(seed, **changes).astype(np.float64).train(training)
    module = mt.to_torch(model)
    src, tgt = ids(rng, batch, time), ids(rng, batch, 8 - time, first=[1])
    assert module.training == training
    close(logits_of(module, src, tgt), model(src, tgt).data, 1e-10)
    assert same_weights(mt.from_torch(module), model)


@models
def test_a_step_of_training_gives_the_same_weights_on_both_sides(make, torch):
    model = make().astype(np.float64).train()
    module = mt.to_torch(model)
    ours = mg.optim.SGD(model.parameters(), lr=0.1)
    theirs = torch.optim.SGD(module.parameters(), lr=0.1)
    before = state_for_torch(model)
    for _ in range(2):
        ours.zero_grad()
        batch_loss(model, BATCH).backward()
        ours.step()
        theirs.zero_grad()
        logits = module(torch.tensor(BATCH.src), torch.tensor(BATCH.tgt_in))
        loss = torch.nn.functional.cross_entropy(
            logits.mT, torch.tensor(BATCH.tgt_out), ignore_index=0
        )
        loss.backward()
        theirs.step()
    back, after = mt.from_torch(module).state_dict(), model.state_dict()
    for name in after:
        close(back[name], after[name], 1e-10)
    moved = state_for_torch(model)
    assert any(not np.allclose(moved[name], before[name]) for name in before)


@pytest.mark.parametrize("name", ["post-norm", "pre-norm", "several layers", "lstm", *ATTENTIVE])
def test_dropout_is_in_the_same_places(name, torch, monkeypatch):
    """Told by what comes out if dropout takes a part of each column, and not an entry or none."""
    model = THEIRS[name](dropout=0.5).astype(np.float64).train()
    module = mt.to_torch(model)
    whole = model.eval()(BATCH.src, BATCH.tgt_in).data

    between = 8  # the width between layers of the bidirectional encoder, where nn.LSTM drops
    if name == "attention-lstm of two layers":
        assert module.encoder.dropout == 0.5
        module.encoder.dropout = 0.0

    def kept(x):
        width = x.shape[-1]
        return np.ones(width) if width == between else np.linspace(0.2, 1, width)

    def dropout(x, p, training, inplace=False):
        return x * torch.tensor(kept(x)) if p else x

    monkeypatch.setattr(mg, "dropout", lambda x, p, rng: x * kept(x))
    monkeypatch.setattr(torch.nn.functional, "dropout", dropout)
    less = model.train()(BATCH.src, BATCH.tgt_in).data
    assert np.abs(less - whole).max() > 0.01
    close(logits_of(module, BATCH.src, BATCH.tgt_in), less, 1e-10)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")  # PyTorch's word on pre-norm
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_an_nn_transformer_as_pytorch_makes_it_becomes_a_model_of_ours(
    norm_first, activation, torch
):
    shape = {"num_encoder_layers": 2, "num_decoder_layers": 1}
    stacks = torch.nn.Transformer(
        *(8, 2),
        **{**shape, "dim_feedforward": 12, "dropout": 0.0, "activation": activation},
        **{"batch_first": True, "norm_first": norm_first, "dtype": torch.float64},
    )
    generator = torch.Generator().manual_seed(0)

    def drawn(*size):
        return torch.randn(size, generator=generator, dtype=torch.float64)

    state = {f"transformer.{k}": t + 0.3 * drawn(*t.shape) for k, t in stacks.state_dict().items()}
    stacks.load_state_dict({k.removeprefix("transformer."): t for k, t in state.items()})
    x, y = drawn(9, 8), drawn(7, 8)  # the embeddings
    places, weight, bias = drawn(2, 6, 8), drawn(7, 8), drawn(7)
    config = mt.TransformerConfig(
        *(9, 7, 8, 2, 12),
        **{**shape, "dropout": 0.0, "max_length": 6, "positions": "learned"},
        **{"norm_first": norm_first, "activation": activation},
        **{"attention_bias": True, "final_norm": True},
    )
    model = mt.from_torch(
        {
            **state,
            **{"src_embedding.weight": x, "tgt_embedding.weight": y},
            **{"src_positions.weight": places[0], "tgt_positions.weight": places[1]},
            **{"output.weight": weight, "output.bias": bias},
        },
        config,
    )
    src, tgt = torch.tensor([[4, 5, 8, 2], [7, 2, 0, 0]]), torch.tensor([[1, 4, 5], [1, 6, 0]])
    shown = stacks(
        x[src] * 8**0.5 + places[0][:4],
        y[tgt] * 8**0.5 + places[1][:3],
        tgt_mask=torch.ones(3, 3).triu(1).bool(),
        src_key_padding_mask=src == 0,
        memory_key_padding_mask=src == 0,
        tgt_key_padding_mask=tgt == 0,
    )
    right = (shown @ weight.T + bias).detach().numpy()
    close(model(src.numpy(), tgt.numpy()).data, right, 1e-10)


def test_the_two_biases_of_an_lstm_that_pytorch_trained_count_both(torch):
    module = mt.to_torch(toy_model(kind="lstm").astype(np.float64))
    with torch.no_grad():
        module.decoder.bias_hh_l0 += 0.5
    model = mt.from_torch(module)
    right = logits_of(module, BATCH.src, BATCH.tgt_in)
    close(model(BATCH.src, BATCH.tgt_in).data, right, 1e-10)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch.compile, about PyTorch
def test_a_module_comes_back_out_of_what_pytorch_wraps_it_in(torch):
    class Wrapper(torch.nn.Module):  # as DistributedDataParallel does, which needs a network
        def __init__(self, module):
            super().__init__()
            self.module = module

    model = toy_model(kind="lstm")
    module = mt.to_torch(model)
    for wrapped in (torch.compile(module), Wrapper(module), Wrapper(torch.compile(module))):
        back = mt.from_torch(wrapped)
        assert same_weights(back, model) and type(back) is type(model)


def test_what_is_tied_is_one_parameter_in_pytorch_too(torch):
    for tie, names in {
        True: ["src_embedding", "tgt_embedding", "output"],
        "target": ["tgt_embedding", "output"],
        "source-target": ["src_embedding", "tgt_embedding"],
    }.items():
        module = mt.to_torch(toy_model(tie_embeddings=tie).astype(np.float64))
        assert len({id(getattr(module, name).weight) for name in names}) == 1
        count = sum(parameter.numel() for parameter in module.parameters())
        assert count == toy_model(tie_embeddings=tie).config.num_parameters()


def test_to_torch_leaves_pytorchs_random_numbers_and_our_weights_alone(torch):
    torch.manual_seed(3)
    right = torch.rand(1)
    torch.manual_seed(3)
    model = toy_model()
    module = mt.to_torch(model)
    assert torch.rand(1) == right
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 1
    assert same_weights(model, toy_model())


def test_numbers_that_numpy_has_not_are_refused_with_what_to_do(torch):
    module = mt.to_torch(toy_model()).to(torch.bfloat16)
    with pytest.raises(ValueError, match=r"\(torch.bfloat16\) cannot become .* module.float\(\)"):
        mt.from_torch(module)
    with pytest.raises(ValueError, match=r"cannot become an array"):
        mt.from_torch(mt.to_torch(toy_model()).to("meta"))


def test_more_positions_than_there_are_is_said_in_a_sentence(torch):
    module = mt.to_torch(toy_model(max_length=4))
    with pytest.raises(ValueError, match=r"5 tokens; this model has positions for 4 \(max_length"):
        logits_of(module, np.full((1, 3), 4), np.full((1, 5), 4))


# Files.


@pytest.fixture
def file(tmp_path):
    return tmp_path / "model.safetensors"


@needs_safetensors
@dtypes
@models
def test_a_file_alone_is_the_model_that_was_written(make, dtype, file):
    model = make().astype(dtype)
    assert mt.save_safetensors(model, file) == file
    back = mt.load_safetensors(file)
    assert (type(back), back.config) == (type(model), model.config)
    assert same_weights(back, model)
    assert back.output.bias.dtype == dtype if hasattr(back, "output") else True
    assert not back.training
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@needs_safetensors
def test_pytorch_reads_the_file_by_its_own_names_and_writes_one_that_we_read(file, torch):
    their = pytest.importorskip("safetensors.torch")
    model = toy_model(tie_embeddings=True)
    mt.save_safetensors(model, file)
    module = mt.to_torch(toy_model(seed=1, tie_embeddings=True))
    module.load_state_dict(their.load_file(file))
    assert same_weights(mt.from_torch(module), model)
    their.save_model(module, str(file))  # of what is tied it keeps one, and it knows no config
    with pytest.raises(ValueError, match="does not say what model .* --like RUN"):
        mt.load_safetensors(file)
    assert same_weights(mt.load_safetensors(file, like=model), model)


def damaged(file, state=None, metadata=None):
    """The file, written anew with other tensors or other words about them."""
    safetensors = pytest.importorskip("safetensors")
    numpy = pytest.importorskip("safetensors.numpy")
    with safetensors.safe_open(file, framework="np") as opened:
        known = opened.metadata()
        held = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    state = held if state is None else state(held)
    file.write_bytes(numpy.save(state, {**known, **(metadata or {})}))


def refusal(file, error=ValueError):
    """The one sentence in which a file is refused."""
    with pytest.raises(error) as caught:
        mt.load_safetensors(file)
    said = str(caught.value)
    assert type(caught.value) is error
    assert str(file) in said and "\n" not in said and said.isprintable()
    return said


@needs_safetensors
@pytest.mark.parametrize("change, said", WRONG.values(), ids=WRONG)
def test_a_file_of_another_model_is_refused(change, said, file):
    mt.save_safetensors(toy_model(), file)
    damaged(file, change)
    said = {"int64": "the type I64", "float16": "the type F16"}.get(
        next(iter(re.findall("int64|float16", said)), ""), said
    )
    assert re.search(said, refusal(file))


CONFIG = toy_model().config.to_json()
DESCRIBED = {
    "no JSON": ({"config": "{"}, "its metadata describe no model"),
    "a list": ({"config": "[]"}, "its metadata describe no model"),
    "another kind": ({"kind": "gpt"}, "no kind of model 'gpt', only"),
    "a field too much": ({"config": json.dumps({**CONFIG, "dmodel": 3})}, "'dmodel'; did you mean"),
    "another width": ({"config": json.dumps({**CONFIG, "d_model": 8})}, r"and not \(8, 8\)"),
    "another kind's": ({"kind": "lstm"}, "its metadata describe no model"),
    "too large": ({"config": json.dumps({**CONFIG, "d_ff": 10**13})}, "GB of memory"),
    "rotary": ({"config": json.dumps({**CONFIG, "positions": "rotary"})}, "cannot compute"),
    "deep": ({"config": "[" * 100_000}, "its metadata describe no model"),
}


@needs_safetensors
@pytest.mark.parametrize("metadata, said", DESCRIBED.values(), ids=DESCRIBED)
def test_a_file_that_describes_another_model_is_refused(metadata, said, file):
    mt.save_safetensors(toy_model(), file)
    damaged(file, metadata=metadata)
    assert re.search(said, refusal(file))


@needs_safetensors
def test_a_file_with_numbers_that_are_not_finite_is_refused(file):
    mt.save_safetensors(toy_model(), file)
    damaged(file, lambda s: {**s, "output.bias": np.full(8, np.nan, np.float32)})
    assert "output.bias holds numbers that are not finite" in refusal(file)


@needs_safetensors
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_file_that_was_cut_or_damaged_in_its_head_is_refused_or_read_and_nothing_else(data):
    with tempfile.TemporaryDirectory() as folder:
        file = mt.save_safetensors(toy_model(), Path(folder) / "model.safetensors")
        content = bytearray(file.read_bytes())
        cut = data.draw(st.integers(0, len(content) - 1))
        file.write_bytes(content[:cut])
        assert "no safetensors file, or not the whole of one" in refusal(file)
        head = 8 + int.from_bytes(content[:8], "little")
        content[data.draw(st.integers(0, head - 1))] = data.draw(st.integers(0, 255))
        file.write_bytes(content)
        try:
            mt.load_safetensors(file)
        except ValueError:
            refusal(file)


@needs_safetensors
def test_what_is_no_file_of_weights_is_said_to_be_none(file):
    refusal(file, FileNotFoundError)
    file.mkdir()
    refusal(file, IsADirectoryError)
    file.rmdir()
    np.savez(file.with_suffix(".npz"), **state_for_torch(toy_model()))
    assert "no safetensors file" in refusal(file.with_suffix(".npz"))


@needs_safetensors
def test_a_file_that_cannot_be_written_leaves_the_one_that_was_there(file, monkeypatch):
    mt.save_safetensors(toy_model(), file)
    with pytest.raises(ValueError, match="cannot compute"):
        mt.save_safetensors(toy_model(norm="batch"), file)
    monkeypatch.setattr("os.replace", lambda *paths: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match=f"{file} could not be written: full"):
        mt.save_safetensors(toy_model(seed=1), file)
    assert same_weights(mt.load_safetensors(file), toy_model())
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_without_safetensors_a_sentence_says_how_to_get_it(monkeypatch, file):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    for use in (lambda: mt.save_safetensors(toy_model(), file), lambda: mt.load_safetensors(file)):
        with pytest.raises(ModuleNotFoundError, match=re.escape('"minitransformer[pytorch]"')):
            use()
    assert not file.exists()


# The commands.


def run_command(capsys, *arguments):
    """(exit status, standard output, standard error) of the command."""
    try:
        status = cli.main([str(argument) for argument in arguments])
    except SystemExit as end:
        status = end.code
    printed = capsys.readouterr()
    return status, printed.out, printed.err


@needs_safetensors
def test_a_run_that_is_exported_and_imported_is_the_same_run(trained, file, capsys):
    new = file.with_name("new")
    assert run_command(capsys, "export", trained.folder, file) == (0, f"{file}\n", "")
    status, said, _ = run_command(capsys, "import", file, new, "--like", trained.folder)
    assert (status, said) == (0, f"The run is in {new}\n")
    run = load(new)
    assert same_weights(run.model, trained.model)
    assert run.model.config == trained.model.config
    assert run.translate("abcd", "e") == trained.translate("abcd", "e")
    assert (new / VOCAB).read_bytes() == (trained.folder / VOCAB).read_bytes()
    assert mt.TrainingSettings(**run.settings).fields["d_model"] == run.model.config.d_model
    assert mt.TrainingSettings(**run.settings).kind == run.model.kind


@needs_safetensors
def test_a_model_that_has_grown_becomes_a_run_of_the_same_words(trained, file, capsys):
    sizes = len(trained.source_vocab), len(trained.target_vocab)
    grown = mt.Transformer(mt.TransformerConfig.tiny(*sizes, d_model=48, num_decoder_layers=2))
    mt.save_safetensors(grown, file)
    new = file.with_name("new")
    assert run_command(capsys, "import", file, new, "--like", trained.folder)[0] == 0
    assert load(new).model.config == grown.config
    assert same_weights(load(new).model, grown)


def other_words(trained, file):
    mt.save_safetensors(toy_model(), file)
    return "is of a model of 8 source and 8 target tokens, and the vocabularies of"


def cut_short(trained, file):
    mt.save_safetensors(trained.model, file)
    file.write_bytes(file.read_bytes()[:-1])
    return "or not the whole of one"


def not_there(trained, file):
    return "cannot be read: No such file"


def without_a_tensor(trained, file):
    mt.save_safetensors(trained.model, file)
    damaged(file, lambda state: without(state, "output.bias"))
    return "output.bias is missing"


@needs_safetensors
@pytest.mark.parametrize("make", [other_words, cut_short, not_there, without_a_tensor])
def test_what_cannot_be_imported_makes_no_run(make, trained, file, capsys):
    said = make(trained, file)
    status, out, err = run_command(
        *(capsys, "import", file, file.with_name("new"), "--like", trained.folder)
    )
    assert (status, out) == (2, "")
    assert said in err and str(file) in err and err.count("\n") == 1
    assert not file.with_name("new").exists()


@needs_safetensors
def test_a_model_of_one_vocabulary_is_no_run_of_two(trained, run_folder, file, capsys):
    content = json.loads((run_folder / VOCAB).read_text())
    content["target"]["tokens"] = content["target"]["tokens"][:-1] + ["?"]
    (run_folder / VOCAB).write_text(json.dumps(content))
    size = len(trained.source_vocab)
    mt.save_safetensors(
        mt.Transformer(mt.TransformerConfig.tiny(size, size, tie_embeddings=True)), file
    )
    new = file.with_name("new")
    status, _, err = run_command(capsys, "import", file, new, "--like", run_folder)
    assert (status, new.exists()) == (2, False)
    assert "one vocabulary for both languages; " in err


@needs_safetensors
def test_nothing_is_overwritten(trained, run_folder, file, capsys):
    mt.save_safetensors(toy_model(), file)
    before = file.read_bytes()
    status, _, err = run_command(capsys, "export", trained.folder, file)
    assert (status, file.read_bytes()) == (2, before)
    assert f"{file} is there already: remove it, or name another file" in err
    mt.save_safetensors(trained.model, file)
    before = {path.name: path.read_bytes() for path in run_folder.iterdir() if path.is_file()}
    status, _, err = run_command(capsys, "import", file, run_folder, "--like", trained.folder)
    assert status == 2 and f"{run_folder} is there already" in err
    assert before == {p.name: p.read_bytes() for p in run_folder.iterdir() if p.is_file()}


@needs_safetensors
def test_the_lines_of_the_readme_train_a_run_on_in_pytorch(
    torch, trained, tmp_path, monkeypatch, capsys
):
    section = README.read_text(encoding="utf-8").split("\n## On to PyTorch\n")[1].split("\n## ")[0]
    (lines,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    (command,) = re.findall(r"\$ minitransformer (import .*)", section)
    shutil.copytree(trained.folder, tmp_path / "runs" / "reverse")
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    exec(compile(lines, str(README), "exec"), {})
    assert run_command(capsys, *command.split())[0] == 0
    texts = trained.task.examples("validation", 20, np.random.default_rng(0))
    pairs = trained.ids_of(texts)
    after = load(command.split()[2])
    assert mt.evaluate(after.model, pairs).loss < mt.evaluate(trained.model, pairs).loss
