"""The contract between models and all that uses them: what writes a sentence word by word.

Decoding, evaluation, runs and attention maps know nothing else of a model. One that keeps it is a
`mg.Module` with three ways to be used:

- `model(src, tgt)` gives all logits at once, where the target is known (teacher forcing);
- `state = model.start(src)`, and then `logits, state = model.step(state, tokens)` again and again,
  gives the same logits one position at a time;
- `state.select(rows)` goes on with some of the sentences, in any order, each as often as one likes:
  to drop those that have ended, or to follow the branches of a beam.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

import minigrad as mg

S = TypeVar("S", bound="State")


class State(Protocol):
    """What a model knows between two tokens, with a row for each sentence of the batch."""

    def select(self: S, rows: np.ndarray) -> S:
        """The state of a batch made of these rows: an index array, or a boolean mask over the
        batch. This state stays as it is."""
        ...


class Config(Protocol):
    """The numbers that make a model. Its class has `from_json`, which reads what `to_json` gives,
    and `of_size`, which makes a named size."""

    @property
    def src_vocab_size(self) -> int: ...

    @property
    def tgt_vocab_size(self) -> int: ...

    @property
    def max_length(self) -> int:
        """The most tokens that a source may have, with its end token, and a target, with its start
        token."""
        ...

    @property
    def d_model(self) -> int:
        """The width of the model, by which the paper chooses the learning rate (5.3)."""
        ...

    def to_json(self) -> dict[str, Any]: ...


Side: TypeAlias = Literal["source", "target", "stream"]


@dataclass(frozen=True)
class AttentionTensors:
    """Where one kind of attention stands in the recorded graph of `forward`.

    `names` are those of the weights, a tensor (B, H, T_q, T_k) for each layer. `queries` and `keys`
    say which side the positions belong to: the source, the target, or the one stream that a
    DecoderLM makes of both.
    """

    title: str
    queries: Side
    keys: Side
    names: list[str]


class Seq2Seq(Protocol[S]):
    """A model that writes word by word. Ids are integers; a row is padded after its end."""

    kind: ClassVar[str]  # its name in the table of kinds, for config.json
    training: bool

    @property
    def config(self) -> Config: ...

    def forward(self, src: np.ndarray, tgt: np.ndarray) -> mg.Tensor:
        """Logits (B, T, V) for source ids (B, S) and target ids (B, T): at each position those of
        the next token, of which nothing is known there."""
        ...

    def start(self, src: np.ndarray) -> S:
        """The state before the first token, for source ids (B, S)."""
        ...

    def step(self, state: S, tokens: np.ndarray) -> tuple[mg.Tensor, S]:
        """Logits (B, V) of the next token, and the new state, when `tokens` (B,) are the ids that
        were just written, the start token first. The old state stays as it is."""
        ...

    def attention_tensors(self) -> list[AttentionTensors]:
        """The kinds of attention that the model has; an empty list where it has none."""
        ...

    # What every mg.Module has.

    def __call__(self, src: np.ndarray, tgt: np.ndarray) -> mg.Tensor: ...

    def parameters(self) -> list[mg.Parameter]: ...

    def modules(self) -> list[mg.Module]: ...

    def state_dict(self) -> dict[str, np.ndarray]: ...

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None: ...

    def train(self, mode: bool = True) -> Any: ...

    def eval(self) -> Any: ...

    def astype(self, dtype: DTypeLike) -> Any: ...


@contextmanager
def in_mode(model: Seq2Seq, training: bool) -> Iterator[None]:
    """Within the `with` block all of the model is training, or none of it; after that each module
    is as it was."""
    changed = [module for module in model.modules() if module.training is not training]
    for module in changed:
        module.training = training
    try:
        yield
    finally:
        for module in changed:
            module.training = not training


@contextmanager
def evaluating(model: Seq2Seq) -> Iterator[None]:
    """Within `with evaluating(model):` there is no dropout, and nothing is recorded."""
    with in_mode(model, training=False), mg.no_grad():
        yield


def checked_ids(ids: ArrayLike, what: str, config: Config) -> np.ndarray:
    """Ids (batch, time) that a model of this config can read. Raises ValueError for others; `what`
    they are is "source" or "target"."""
    ids = np.asarray(ids)
    if ids.ndim != 2 or ids.dtype.kind not in "iu":
        raise ValueError(
            f"the {what} ids are {ids.dtype} of shape {ids.shape}; give integers (batch, time)"
        )
    checked_length(ids.shape[1], what, config)
    return ids


def checked_length(length: int, what: str, config: Config) -> None:
    """Raise ValueError for a sentence that is empty, or longer than its model takes."""
    if not 1 <= length <= config.max_length:
        raise ValueError(
            f"the {what} has {length} tokens; this model has positions for 1 to "
            f"{config.max_length} (max_length)"
        )
