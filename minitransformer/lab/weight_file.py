"""Weights as a safetensors file, under PyTorch's names: no pickle, and nothing in it is run.

The kind of the model and its config stand in the metadata, so that the file is a model by itself.
It needs no PyTorch.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..files import write_whole
from ..models.kinds import from_json
from ..models.seq2seq import Seq2Seq
from ..text.showing import sentence, shown
from .torch_state import load_from_torch, state_for_torch

WITHOUT = 'this needs safetensors: pip install "minitransformer[pytorch]", or safetensors alone'
LONGEST = 1000  # characters of a sentence, of which a damaged file may give any
DTYPES = {"F32": np.float32, "F64": np.float64}  # by their names in such a file


def save_safetensors(model: Seq2Seq, path: str | Path) -> Path:
    """Write the weights of a model, under the names of the module that `to_torch` makes of it; the
    Path of the file. What is there is replaced, whole or not at all. Raises ValueError as
    `to_torch`, and ModuleNotFoundError without safetensors."""
    path, state = Path(path), state_for_torch(model)
    metadata = {"kind": model.kind, "config": json.dumps(model.config.to_json())}
    content = _library().numpy.save(state, metadata)
    write_whole(path, lambda file: file.write(content))
    return path


def load_safetensors(path: str | Path, like: Seq2Seq | None = None) -> Seq2Seq:
    """The model in such a file, in evaluation mode. One that PyTorch's own programs wrote does not
    say what model its weights are of: then it is one `like` that. Raises ValueError, with the
    reason, for a file that is damaged or has other weights, FileNotFoundError, and
    ModuleNotFoundError without safetensors."""
    path = Path(path)
    try:
        metadata, state = _read(path)
        model = _model_of(metadata, like)
        load_from_torch(model, state)
    except ValueError as error:
        raise ValueError(f"{path}: {shown(sentence(error), LONGEST)}") from error
    return model.eval()


def _library() -> Any:
    try:
        import safetensors.numpy  # noqa: PLC0415  # pyright: ignore[reportMissingImports]
    except ImportError:  # an extra: all else works without it
        raise ModuleNotFoundError(WITHOUT) from None
    return safetensors


def _read(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """The metadata and the tensors of a file."""
    library = _library()
    try:
        with open(path, "rb"), library.safe_open(path, framework="np") as file:
            state = {name: _tensor(file, name) for name in file.keys()}  # noqa: SIM118
            return file.metadata() or {}, state
    except library.SafetensorError as error:
        raise ValueError(
            f"this is no safetensors file, or not the whole of one ({error})"
        ) from None
    except OSError as error:
        reason = error.strerror or error
        raise type(error)(f"{path} cannot be read: {reason}") from None


def _tensor(file: Any, name: str) -> np.ndarray:
    """Raises ValueError for numbers that no model here computes with, or that are no numbers."""
    dtype = file.get_slice(name).get_dtype()
    if dtype not in DTYPES:
        raise ValueError(
            f"{shown(name)} holds numbers of the type {dtype}; models here compute in float32 or "
            "float64: in PyTorch, module.float() makes them float32"
        )
    array = file.get_tensor(name)
    if not np.isfinite(array).all():
        raise ValueError(f"{shown(name)} holds numbers that are not finite: its training diverged")
    return array


def _model_of(metadata: dict[str, str], like: Seq2Seq | None) -> Seq2Seq:
    """A model of the kind and config that the metadata say, or else like that one."""
    if "config" not in metadata:
        if like is None:
            raise ValueError(
                "it does not say what model its weights are of: name one that is like it "
                "(load_safetensors(path, like=model), or: minitransformer import --like RUN)"
            )
        return from_json(like.kind, like.config.to_json())
    try:
        return from_json(metadata.get("kind", ""), json.loads(metadata["config"]))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"its metadata describe no model: {error}") from error
