"""TransformerConfig: all the numbers that make one Transformer."""

import dataclasses
from dataclasses import dataclass

from .layers import ACTIVATIONS
from .positions import POSITIONS

SIZES = {  # d_model, num_heads, d_ff, encoder and decoder layers
    "tiny": (32, 2, 64, 1, 1),
    "small": (64, 4, 128, 2, 2),
    "medium": (128, 4, 512, 2, 2),
    "paper": (512, 8, 2048, 6, 6),
}


@dataclass(frozen=True)
class TransformerConfig:
    """The defaults are the base model of the paper (table 3). `tie_embeddings` uses one matrix for
    both embeddings and the last linear layer (section 3.4), which takes one vocabulary for both
    languages. Raises ValueError for values that make no model."""

    src_vocab_size: int
    tgt_vocab_size: int
    d_model: int = 512
    num_heads: int = 8
    d_ff: int = 2048
    num_encoder_layers: int = 6
    num_decoder_layers: int = 6
    dropout: float = 0.1
    max_length: int = 512
    pad_id: int = 0
    norm_first: bool = False
    activation: str = "relu"
    positions: str = "sinusoidal"
    tie_embeddings: bool = False

    def __post_init__(self):
        sizes = ("src_vocab_size", "tgt_vocab_size", "d_model", "num_heads", "d_ff", "max_length")
        for name in (*sizes, "num_encoder_layers", "num_decoder_layers"):
            value = getattr(self, name)
            self.require(isinstance(value, int) and value >= 1, name, "a whole number above 0")
        self.require(0 <= self.dropout < 1, "dropout", "a probability below 1")
        self.require(self.d_model % self.num_heads == 0, "d_model", "a multiple of num_heads")
        self.require(self.activation in ACTIVATIONS, "activation", f"one of {[*ACTIVATIONS]}")
        self.require(self.positions in POSITIONS, "positions", f"one of {[*POSITIONS]}")
        if self.tie_embeddings and self.src_vocab_size != self.tgt_vocab_size:
            raise ValueError(
                "tie_embeddings shares one matrix between both languages, so they need one "
                f"vocabulary; these have {self.src_vocab_size} and {self.tgt_vocab_size} tokens"
            )

    def require(self, condition, name, expected):
        if not condition:
            raise ValueError(
                f"TransformerConfig: {name} has to be {expected}, not {getattr(self, name)!r}"
            )

    @classmethod
    def of_size(cls, size, src_vocab_size, tgt_vocab_size, **changes):
        """A named size ("tiny", "small", "medium", "paper"), with any field changed by keyword."""
        if size not in SIZES:
            raise ValueError(f"there is no size {size!r}; the sizes are {', '.join(SIZES)}")
        names = ("d_model", "num_heads", "d_ff", "num_encoder_layers", "num_decoder_layers")
        values = {**dict(zip(names, SIZES[size])), **changes}
        return cls(src_vocab_size, tgt_vocab_size, **values)

    @classmethod
    def tiny(cls, src_vocab_size, tgt_vocab_size, **changes):
        return cls.of_size("tiny", src_vocab_size, tgt_vocab_size, **changes)

    @classmethod
    def small(cls, src_vocab_size, tgt_vocab_size, **changes):
        return cls.of_size("small", src_vocab_size, tgt_vocab_size, **changes)

    @classmethod
    def medium(cls, src_vocab_size, tgt_vocab_size, **changes):
        return cls.of_size("medium", src_vocab_size, tgt_vocab_size, **changes)

    @classmethod
    def paper(cls, src_vocab_size=37000, tgt_vocab_size=37000, **changes):
        """The base model: 6 + 6 layers, d_model 512, 8 heads, d_ff 2048. Vocabularies of one size
        count as one that is shared, as the paper's of 37,000 tokens: then embeddings are tied."""
        changes.setdefault("tie_embeddings", src_vocab_size == tgt_vocab_size)
        return cls.of_size("paper", src_vocab_size, tgt_vocab_size, **changes)

    def to_json(self):
        return dataclasses.asdict(self)
