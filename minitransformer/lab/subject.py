"""What is checked: copies of a model, and sentences for it. The model itself is never touched."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import minigrad as mg

from ..models.layers import Dropout
from ..models.seq2seq import Seq2Seq, evaluating
from ..run import Run
from ..text.batching import Batch, Pair, make_batch
from ..text.specials import SPECIALS, UNKNOWN

if TYPE_CHECKING:
    from minigrad.looking.graph import Graph

Loss = Callable[[Seq2Seq, Batch, float], mg.Tensor]

# Source and target of different lengths, in each sentence and in the batch: (5 + end, 3 + start).
LENGTHS = [(5, 3), (2, 1), (3, 2), (1, 3)]


class Finding(NamedTuple):
    """What a check has found: `passed` is None where it is not for this model, and `measured` says
    what was seen, or why there is nothing to see."""

    passed: bool | None
    measured: str


@dataclass
class Subject:
    """A model under check. `loss` is that of its training, `run` the run that it is of, if any."""

    original: Any  # a Seq2Seq
    loss: Loss
    run: Run | None
    seed: int

    def __post_init__(self) -> None:
        for parameter in self.original.parameters():
            if not np.isfinite(parameter.data).all():
                raise ValueError("check: not all weights of this model are finite numbers")

    def copied(self, dtype: Any = np.float64) -> Any:
        """A copy of the model, with generators of its own, and without dropout."""
        model = copy.deepcopy(self.original)
        model.zero_grad()
        return model.astype(dtype).eval()

    @cached_property
    def model(self) -> Any:
        return self.copied()

    def anew(self, dtype: Any = np.float64, rng: np.random.Generator | None = None) -> Any:
        """A copy with the weights of a new model of the same class and configuration; None where
        that has other parameters than this one, or cannot be made."""
        rng = self.rng() if rng is None else rng
        try:
            made = type(self.original)(self.original.config, rng)
            model = self.copied(dtype)
            model.load_state_dict(made.state_dict())
        except (TypeError, ValueError, AttributeError):
            return None
        return model

    @cached_property
    def fresh(self) -> Any:
        """One `anew` as a training sees it, but without dropout: so BatchNorm has statistics."""
        model = self.anew()
        return None if model is None else without_dropout(model.train())

    def rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)

    def pairs(self, lengths: list[tuple[int, int]]) -> list[Pair]:
        """Pairs of so many words by chance, as far as the model has positions. The sources are
        different ones if there are enough."""
        config, rng = self.original.config, self.rng()
        most = config.max_length - 1  # the end token takes a position too
        writes = min(most, getattr(self.original, "longest_target", most))

        def words(vocabulary: int, count: int) -> list[int]:
            some = np.arange(len(SPECIALS), vocabulary) if vocabulary > len(SPECIALS) else [UNKNOWN]
            return rng.choice(some, count).tolist()

        return [
            (
                words(config.src_vocab_size, min(source, most)),
                words(config.tgt_vocab_size, min(target, writes)),
            )
            for source, target in lengths
        ]

    @cached_property
    def batch(self) -> Batch:
        """Sentences of unequal lengths, padded on both sides."""
        return make_batch(self.pairs(LENGTHS))

    def logits(self, src: np.ndarray, tgt: np.ndarray) -> np.ndarray:
        with evaluating(self.model):
            return self.model(src, tgt).data

    @cached_property
    def graph(self) -> "Graph":
        """The recorded graph of the batch."""
        return mg.graph_of(self.model(self.batch.src, self.batch.tgt_in))


def without_dropout(model: Any) -> Any:
    """The model itself, of which no Dropout drops anything from now on."""
    for module in model.modules():
        if isinstance(module, Dropout):
            module.p = 0.0
    return model


def value(graph: "Graph", name: str) -> np.ndarray | None:
    """The value of the tensor with that name, or the end of one; None where there is none."""
    try:
        return graph.find(name).value
    except ValueError:
        return None


def counted(count: int, what: str) -> str:
    """1 layer, 2 layers."""
    return f"{count} {what}{'' if count == 1 else 's'}"


TIGHT = 1e-9  # relative, in float64: what differs by no more is the same


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference, relative to the larger of 1 and the largest of `other`; infinity
    where one is no finite number."""
    if not one.size:
        return 0.0
    largest = float(np.abs(one - other).max() / max(1.0, np.abs(other).max()))
    return largest if np.isfinite(largest) else np.inf
