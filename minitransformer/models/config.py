"""TransformerConfig: all the numbers that make one Transformer."""

import dataclasses
import os
from dataclasses import dataclass, field
from typing import Any

from ..fields import (
    COUNT,
    PROBABILITY,
    YES_OR_NO,
    Must,
    check,
    one_of,
    require,
    require_known,
    setting,
)
from ..text.specials import PAD
from .initialisation import INITIALISATIONS
from .layers import ACTIVATIONS, NORMS
from .positions import POSITIONS

SHAPE = ("d_model", "num_heads", "d_ff", "num_encoder_layers", "num_decoder_layers")
SIZES = {  # the shape of each
    "tiny": (32, 2, 64, 1, 1),
    "small": (64, 4, 128, 2, 2),
    "medium": (128, 4, 512, 2, 2),
    "paper": (512, 8, 2048, 6, 6),
}

TIES = {  # which of the two embeddings and the output have one matrix, by the words of the flag
    "none": False,
    "all": True,
    "target": "target",  # the target's embedding and the output
    "source-target": "source-target",  # the two embeddings
}
A_TIE = Must(
    f"one of {[*TIES]}",
    lambda value: isinstance(value, bool) or (isinstance(value, str) and value in TIES),
    str,
    tuple(TIES),
)

LAYER = 50_000  # bytes of Python objects that a layer is made of, besides its weights


@dataclass(frozen=True)
class TransformerConfig:
    """The defaults are the base model of the paper (table 3).

    `tie_embeddings=True` uses one matrix for both embeddings and the last linear layer, as the
    paper does (3.4); "target" only for the target's embedding and that layer (Press & Wolf 2017);
    "source-target" only for the embeddings. What ties the two languages takes one vocabulary for
    both: `train` makes one then. `final_norm=None` is a norm at the end of both stacks where
    `norm_first` leaves it out of the last layer. PyTorch's nn.Transformer has one in any case, and
    biases in attention, which the paper has not. Raises ValueError for values that make no model.
    """

    src_vocab_size: int = field(metadata=setting(COUNT, "tokens of the source", flag=False))
    tgt_vocab_size: int = field(metadata=setting(COUNT, "tokens of the target", flag=False))
    d_model: int = field(default=512, metadata=setting(COUNT, "width of embeddings and layers"))
    num_heads: int = field(default=8, metadata=setting(COUNT, "heads; they divide d_model"))
    d_ff: int = field(default=2048, metadata=setting(COUNT, "width inside the feed-forward layers"))
    num_encoder_layers: int = field(default=6, metadata=setting(COUNT, "layers of the encoder"))
    num_decoder_layers: int = field(default=6, metadata=setting(COUNT, "layers of the decoder"))
    dropout: float = field(default=0.1, metadata=setting(PROBABILITY, "of each entry to be 0"))
    max_length: int = field(default=512, metadata=setting(COUNT, "positions of source and target"))
    norm_first: bool = field(
        default=False, metadata=setting(YES_OR_NO, "normalise before each sub-layer, not after")
    )
    norm: str = field(
        default="layer", metadata=setting(one_of(NORMS), "how each Add & Norm normalises")
    )
    final_norm: bool | None = field(
        default=None,
        metadata=setting(
            YES_OR_NO,
            "normalise what leaves the encoder, and the decoder",
            "as norm_first",
        ),
    )
    attention_bias: bool = field(
        default=False, metadata=setting(YES_OR_NO, "let the projections of attention have biases")
    )
    activation: str = field(
        default="relu", metadata=setting(one_of(ACTIVATIONS), "inside the feed-forward layers")
    )
    positions: str = field(
        default="sinusoidal", metadata=setting(one_of(POSITIONS), "how a token knows its place")
    )
    init: str = field(
        default="xavier", metadata=setting(one_of(INITIALISATIONS), "how weights begin")
    )
    tie_embeddings: bool | str = field(
        default=False,
        metadata=setting(
            A_TIE,
            "one matrix for both embeddings and the output (3.4), or for two of the three",
            "none",
            alone="all",
        ),
    )

    def __post_init__(self) -> None:
        check(self, "TransformerConfig")
        if isinstance(self.tie_embeddings, str):
            object.__setattr__(self, "tie_embeddings", TIES[self.tie_embeddings])
        check_heads(self, "TransformerConfig")
        if self.ties_languages and self.src_vocab_size != self.tgt_vocab_size:
            raise ValueError(
                "tie_embeddings shares one matrix between both languages, so they need one "
                f"vocabulary; these have {self.src_vocab_size} and {self.tgt_vocab_size} tokens"
            )

    @property
    def ties_languages(self) -> bool:
        """Whether source and target have one embedding, and so need one vocabulary."""
        return ties_languages(self.tie_embeddings)

    @property
    def ties_output(self) -> bool:
        """Whether the output has the matrix of the target's embedding."""
        return self.tie_embeddings in (True, "target")

    @property
    def normalises_end(self) -> bool:
        """Whether encoder and decoder end with a norm."""
        return self.norm_first if self.final_norm is None else self.final_norm

    @classmethod
    def of_size(
        cls, size: str, src_vocab_size: int, tgt_vocab_size: int, **changes: Any
    ) -> "TransformerConfig":
        """A named size ("tiny", "small", "medium", "paper"), with any field changed by keyword."""
        if size not in SIZES:
            raise ValueError(f"there is no size {size!r}; the sizes are {', '.join(SIZES)}")
        values = {**dict(zip(SHAPE, SIZES[size])), **changes}
        require_known(values, cls, "TransformerConfig")
        return cls(src_vocab_size, tgt_vocab_size, **values)

    @classmethod
    def tiny(cls, src_vocab_size: int, tgt_vocab_size: int, **changes: Any) -> "TransformerConfig":
        """One layer each, of width 32: learns a toy task in seconds."""
        return cls.of_size("tiny", src_vocab_size, tgt_vocab_size, **changes)

    @classmethod
    def small(cls, src_vocab_size: int, tgt_vocab_size: int, **changes: Any) -> "TransformerConfig":
        """Two layers each, of width 64: learns the tasks of this package in minutes."""
        return cls.of_size("small", src_vocab_size, tgt_vocab_size, **changes)

    @classmethod
    def medium(
        cls, src_vocab_size: int, tgt_vocab_size: int, **changes: Any
    ) -> "TransformerConfig":
        """Two layers each, of width 128."""
        return cls.of_size("medium", src_vocab_size, tgt_vocab_size, **changes)

    @classmethod
    def paper(
        cls, src_vocab_size: int = 37000, tgt_vocab_size: int | None = None, **changes: Any
    ) -> "TransformerConfig":
        """The base model: 6 + 6 layers, d_model 512, 8 heads, d_ff 2048. One vocabulary is shared
        by both languages, as the paper's of 37,000 tokens, and embeddings are tied; with a second
        size there are two vocabularies, and nothing is tied."""
        changes.setdefault("tie_embeddings", tgt_vocab_size is None)
        target = src_vocab_size if tgt_vocab_size is None else tgt_vocab_size
        return cls.of_size("paper", src_vocab_size, target, **changes)

    def num_parameters(self) -> int:
        """How many numbers such a model learns."""
        d, norm = self.d_model, 2 * self.d_model
        attention = 4 * d * (d + self.attention_bias)
        feed_forward = 2 * d * self.d_ff + self.d_ff + d
        encoder = self.num_encoder_layers * (attention + feed_forward + 2 * norm)
        decoder = self.num_decoder_layers * (2 * attention + feed_forward + 3 * norm)
        last_norms = 2 * norm if self.normalises_end else 0
        positions = 2 * self.max_length * d if self.positions == "learned" else 0
        vocabularies = self.src_vocab_size * d
        if not self.ties_languages:
            vocabularies += self.tgt_vocab_size * d
        if not self.ties_output:
            vocabularies += self.tgt_vocab_size * d + self.tgt_vocab_size
        return encoder + decoder + last_norms + positions + vocabularies

    def require_memory(self) -> None:
        """Raise ValueError, before anything is made, for a model that this machine cannot hold."""
        tables = 2 * 8 * self.max_length * self.d_model  # of the positions
        layers = self.num_encoder_layers + self.num_decoder_layers
        require_memory(self, self.num_parameters(), tables + LAYER * layers)

    def to_json(self) -> dict[str, Any]:
        """All fields, as a dictionary for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "TransformerConfig":
        """The config that `to_json` gave. Runs of version 0.1 also have the id of padding, which
        was 0 in all of them."""
        content = dict(content)
        pad_id = content.pop("pad_id", PAD)
        require(pad_id == PAD, "TransformerConfig", "pad_id", f"{PAD}", pad_id)
        require_known(content, cls, "TransformerConfig")
        return cls(**content)


def check_heads(config: Any, where: str) -> None:
    """Raise ValueError where d_model cannot be divided among the heads."""
    divides = config.d_model % config.num_heads == 0
    require(divides, where, "d_model", "a multiple of num_heads", config.d_model)
    if config.positions == "rotary":
        words = "an even number of times num_heads, for rotary positions turn pairs"
        even = config.d_model // config.num_heads % 2 == 0
        require(even, where, "d_model", words, config.d_model)


def ties_languages(tie_embeddings: Any) -> bool:
    """Whether this value of `tie_embeddings` gives source and target one embedding."""
    return tie_embeddings in (True, "all", "source-target")


def require_memory(config: Any, parameters: int, more: int = 0) -> None:
    """Raise ValueError for a model of so many parameters, and so many bytes `more`, that this
    machine cannot hold."""
    needed, memory = 4 * parameters + more, _memory()
    if memory and needed > memory:
        raise ValueError(
            f"{type(config).__name__}: a model of these sizes needs {needed / 1e9:,.0f} GB of "
            f"memory, and this machine has {memory / 1e9:,.0f}: choose smaller ones"
        )


def _memory() -> int | None:
    """Bytes of memory that this machine has; None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
