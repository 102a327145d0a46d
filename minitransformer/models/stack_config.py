"""StackConfig: all the numbers that make a model of one stack of layers."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from ..fields import COUNT, check, require_known, setting
from .config import LAYER, SIZES, TIES, TransformerConfig, check_heads, require_memory

SHAPE = ("d_model", "num_heads", "d_ff", "num_layers")


def as_in_transformer(name: str) -> Any:
    """The field of TransformerConfig with that name: its default, and what it has to be."""
    same = TransformerConfig.__dataclass_fields__[name]
    return field(default=same.default, metadata=same.metadata)


@dataclass(frozen=True)
class StackConfig:
    """Of a DecoderLM or an EncoderClassifier: `num_layers` encoder layers, one after another. The
    other fields are those of TransformerConfig, and mean the same.

    In a DecoderLM source and target have one vocabulary and one embedding in any case, so of
    `tie_embeddings` only counts whether the output has that matrix too (True or "target"). Raises
    ValueError for values that make no model.
    """

    src_vocab_size: int = field(metadata=setting(COUNT, "tokens of the source", flag=False))
    tgt_vocab_size: int = field(metadata=setting(COUNT, "tokens of the target", flag=False))
    d_model: int = as_in_transformer("d_model")
    num_heads: int = as_in_transformer("num_heads")
    d_ff: int = as_in_transformer("d_ff")
    num_layers: int = field(default=6, metadata=setting(COUNT, "layers of a model of one stack"))
    dropout: float = as_in_transformer("dropout")
    max_length: int = as_in_transformer("max_length")
    norm_first: bool = as_in_transformer("norm_first")
    norm: str = as_in_transformer("norm")
    final_norm: bool | None = as_in_transformer("final_norm")
    attention_bias: bool = as_in_transformer("attention_bias")
    activation: str = as_in_transformer("activation")
    positions: str = as_in_transformer("positions")
    init: str = as_in_transformer("init")
    tie_embeddings: bool | str = as_in_transformer("tie_embeddings")

    def __post_init__(self) -> None:
        check(self, "StackConfig")
        if isinstance(self.tie_embeddings, str):
            object.__setattr__(self, "tie_embeddings", TIES[self.tie_embeddings])
        check_heads(self, "StackConfig")

    @property
    def num_encoder_layers(self) -> int:
        """All its layers, as an Encoder asks for them."""
        return self.num_layers

    @property
    def ties_output(self) -> bool:
        """Whether the output has the matrix of the embedding."""
        return self.tie_embeddings in (True, "target")

    @property
    def normalises_end(self) -> bool:
        """Whether the stack ends with a norm."""
        return self.norm_first if self.final_norm is None else self.final_norm

    @classmethod
    def of_size(
        cls, size: str, src_vocab_size: int, tgt_vocab_size: int, **changes: Any
    ) -> "StackConfig":
        """A named size ("tiny", "small", "medium", "paper"), with any field changed by keyword: the
        shape of that Transformer's decoder."""
        if size not in SIZES:
            raise ValueError(f"there is no size {size!r}; the sizes are {', '.join(SIZES)}")
        d_model, num_heads, d_ff, _, num_layers = SIZES[size]
        values = {**dict(zip(SHAPE, (d_model, num_heads, d_ff, num_layers))), **changes}
        require_known(values, cls, "StackConfig")
        return cls(src_vocab_size, tgt_vocab_size, **values)

    def stack_parameters(self) -> int:
        """How many numbers the layers learn, with the norm that may end them."""
        d, norm = self.d_model, 2 * self.d_model
        layer = 4 * d * (d + self.attention_bias) + 2 * d * self.d_ff + self.d_ff + d + 2 * norm
        return self.num_layers * layer + (norm if self.normalises_end else 0)

    def require_memory(self, parameters: int, positions: int) -> None:
        """Raise ValueError, before anything is made, for a model of so many parameters, and a table
        of so many positions, that this machine cannot hold."""
        require_memory(self, parameters, 8 * positions * self.d_model + LAYER * self.num_layers)

    def to_json(self) -> dict[str, Any]:
        """All fields, as a dictionary for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "StackConfig":
        """The config that `to_json` gave."""
        require_known(content, cls, "StackConfig")
        return cls(**content)


BlockConfig = TransformerConfig | StackConfig  # what encoder layers are made of
