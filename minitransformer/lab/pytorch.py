"""`to_torch` and `from_torch`: a model as a module of PyTorch's, and a module as a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..models.kinds import KINDS, from_json
from ..models.seq2seq import Seq2Seq
from .torch_state import load_from_torch, state_for_torch

if TYPE_CHECKING:
    import torch  # pyright: ignore[reportMissingImports]

WITHOUT = "this needs PyTorch: pip install torch, or as https://pytorch.org says for a GPU"


def to_torch(model: Seq2Seq) -> torch.nn.Module:
    """A torch.nn.Module that computes the same: `module(src, tgt)` takes integer ids (B, S) and
    (B, T) and gives logits (B, T, tgt_vocab_size).

    The stacks of a Transformer are a torch.nn.Transformer (`module.transformer`), those of the
    recurrent models torch.nn.LSTM and LSTMCell. The weights are copies, in the dtype of the model.
    Raises ValueError for what PyTorch's modules cannot compute (rotary positions, BatchNorm), and
    ModuleNotFoundError without PyTorch.
    """
    state = state_for_torch(model)
    try:
        import torch  # noqa: PLC0415  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise ModuleNotFoundError(WITHOUT) from None
    from .torch_modules import MODULES  # noqa: PLC0415

    with torch.random.fork_rng(devices=[]):  # what it draws is overwritten
        module = MODULES[model.kind](model.config)
    tensors = {name: torch.from_numpy(array) for name, array in state.items()}
    module.to(tensors["src_embedding.weight"].dtype).load_state_dict(tensors)
    return module.train(model.training)


def from_torch(
    module: torch.nn.Module | Mapping[str, Any], config: Any = None, kind: str | None = None
) -> Seq2Seq:
    """The model that computes what such a module does, in evaluation mode.

    `module` is one that `to_torch` made, or a state with the names of one: a mapping to tensors or
    arrays. A state needs the `config` of the model, and with a RecurrentConfig the `kind`, "lstm"
    or "attention-lstm". Raises ValueError for a state that is not that of such a model, with names
    and shapes.
    """
    made = getattr(module, "module", module)  # of a DistributedDataParallel
    config = getattr(made, "config", None) if config is None else config
    kind = getattr(made, "kind", None) if kind is None else kind
    state = module if isinstance(module, Mapping) else _state_of(module)
    model = new_model(config, kind)
    load_from_torch(model, {name: as_array(name, tensor) for name, tensor in state.items()})
    return model.eval()


def _state_of(module: Any) -> Mapping[str, Any]:
    try:
        return module.state_dict()
    except AttributeError:
        raise ValueError(
            f"from_torch takes a torch.nn.Module or its state, and not {type(module).__name__}; a "
            "file of weights is read by load_safetensors"
        ) from None


def new_model(config: Any, kind: str | None) -> Seq2Seq:
    """A model of that config; `kind` may be None where only one has such a config."""
    kinds = [name for name, each in KINDS.items() if type(config) is each.config]
    if not kinds:
        names = ", ".join(dict.fromkeys(each.config.__name__ for each in KINDS.values()))
        raise ValueError(
            f"weights alone do not say how to compute with them: give the config of their model "
            f"({names}), not {config!r}"
        )
    if kind is None and len(kinds) > 1:
        raise ValueError(
            f"a {type(config).__name__} may be of several kinds: give kind, of {kinds}"
        )
    kind = kinds[0] if kind is None else kind
    if kind not in kinds:
        raise ValueError(f"the config of a model of kind {kind!r} is no {type(config).__name__}")
    return from_json(kind, config.to_json())


def as_array(name: str, tensor: Any) -> np.ndarray:
    """A tensor of PyTorch's, or an array, as an array."""
    if isinstance(tensor, np.ndarray):
        return tensor
    try:
        return tensor.detach().cpu().numpy()
    except (AttributeError, TypeError, RuntimeError, NotImplementedError) as error:
        what = getattr(tensor, "dtype", type(tensor).__name__)
        raise ValueError(
            f"{name} ({what}) cannot become an array of NumPy's ({error}): give tensors of float32 "
            "or float64, as module.float() makes them"
        ) from None
