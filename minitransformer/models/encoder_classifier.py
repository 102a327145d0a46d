"""The encoder alone, with a class at its end in the place of a sentence."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

import minigrad as mg

from ..text.specials import END
from .initialisation import INITIALISATIONS
from .layers import Dropout, Embedding, Linear
from .masks import padding_mask
from .positions import POSITIONS
from .seq2seq import AttentionTensors, checked_ids, checked_length
from .stack_config import StackConfig
from .transformer import Encoder

# The logit of the end token after a class, where all others have 0: they are as good as impossible
# (e^-30 each), and label smoothing, which asks for a little of all, still has a finite loss.
CERTAIN = 30.0


@dataclass
class ClassifierState:
    """The logits of the classes (B, C), and how many tokens were read since."""

    classes: mg.Tensor
    read: int

    def select(self, rows: np.ndarray) -> "ClassifierState":
        return ClassifierState(self.classes[rows], self.read)


class EncoderClassifier(mg.Module):
    """An encoder, the mean over its output, and a linear layer to the classes.

    `model.classify(src)` takes integer ids (B, S) and gives logits (B, C). A class is a token of
    the target's vocabulary, so C is tgt_vocab_size: the special tokens among them are never right,
    which it learns as any model does. The mean is over all that is no padding, for so each position
    has the same part in it; a class that is read off one position (BERT's) needs a token of its own
    for that in every source.

    Under the contract (seq2seq.py) a class is a sentence of one word: the logits of the first
    position are those of the classes, and after it comes the end token, as good as certainly.
    """

    kind: ClassVar[str] = "encoder-classifier"
    longest_target: ClassVar[int] = 1

    def __init__(self, config: StackConfig, rng: np.random.Generator | None = None):
        if config.tie_embeddings:
            raise ValueError(
                "tie_embeddings has no place in an EncoderClassifier: it reads words and writes "
                "classes, and has no embedding of those"
            )
        config.require_memory(self.num_parameters(config), config.max_length)
        rng = np.random.default_rng(0) if rng is None else rng
        self.config = config
        self.src_embedding = Embedding(config.src_vocab_size, config.d_model, rng)
        self.src_positions = POSITIONS[config.positions](config.d_model, config.max_length, rng)
        self.dropout = Dropout(config.dropout, rng)
        self.encoder = Encoder(config, rng)
        self.output = Linear(config.d_model, config.tgt_vocab_size, rng)
        INITIALISATIONS[config.init](self)

    def classify(self, src: ArrayLike) -> mg.Tensor:
        """Logits (B, C) of the class of each source (B, S)."""
        src = checked_ids(src, "source", self.config)
        mask = padding_mask(src)  # (B, 1, 1, S)
        x = self.src_embedding(mg.Tensor(src, name="source")).named("source embeddings")
        x = self.dropout(self.src_positions(x))  # (B, S, d_model)
        memory = self.encoder(x, mask).named("memory")
        real = mask[:, 0, 0, :, None]  # (B, S, 1)
        count = np.maximum(real.sum(axis=1), 1)  # (B, 1): a source of nothing but padding has none
        mean = ((memory * real).sum(axis=1) / count).named("mean")  # (B, d_model)
        return self.output(mean).named("class logits")

    def forward(self, src: ArrayLike, tgt: ArrayLike) -> mg.Tensor:
        """Logits (B, T, C) for target ids (B, T): what these are makes no difference."""
        classes = self.classify(src)
        batch, time = checked_ids(tgt, "target", self.config).shape
        ends = np.broadcast_to(self._end(classes), (batch, time - 1, classes.shape[1]))
        return mg.concatenate([classes[:, None], mg.Tensor(ends)], axis=1).named("logits")

    def start(self, src: ArrayLike) -> ClassifierState:
        """Classify the source ids (B, S)."""
        return ClassifierState(self.classify(src), read=0)

    def step(self, state: ClassifierState, tokens: np.ndarray) -> tuple[mg.Tensor, ClassifierState]:
        """The logits of the classes, and after the first step those of the end: (B, C)."""
        checked_length(state.read + 1, "target", self.config)
        classes = state.classes
        after = ClassifierState(classes, state.read + 1)
        if state.read == 0:
            return classes, after
        return mg.Tensor(np.broadcast_to(self._end(classes), classes.shape)), after

    def _end(self, classes: mg.Tensor) -> np.ndarray:
        """Logits (C,) of the end token, of the same dtype as the classes'."""
        logits = np.zeros(classes.shape[-1], classes.dtype)
        logits[END] = CERTAIN
        return logits

    def attention_tensors(self) -> list[AttentionTensors]:
        """That of the encoder."""
        layers = range(self.config.num_layers)
        names = [f"encoder.layers.{i}.self_attention.weights" for i in layers]
        return [AttentionTensors("encoder", "source", "source", names)]

    @staticmethod
    def num_parameters(config: StackConfig) -> int:
        """How many numbers such a model learns."""
        learned = config.max_length if config.positions == "learned" else 0
        outside = (config.src_vocab_size + learned) * config.d_model
        return config.stack_parameters() + outside + (config.d_model + 1) * config.tgt_vocab_size
