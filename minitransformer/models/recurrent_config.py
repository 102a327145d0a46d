"""RecurrentConfig: all the numbers that make one recurrent model."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from ..fields import COUNT, PROBABILITY, check, setting

SHAPE = ("d_model", "num_layers")
SIZES = {"tiny": (32, 1), "small": (64, 1), "medium": (128, 2)}  # the shape of each


@dataclass(frozen=True)
class RecurrentConfig:
    """Of an LSTMSeq2Seq or an AttentionLSTM. `d_model` is the width of embeddings and states, and
    encoder and decoder have `num_layers` each. Raises ValueError for values that make no model."""

    src_vocab_size: int = field(metadata=setting(COUNT, "tokens of the source", flag=False))
    tgt_vocab_size: int = field(metadata=setting(COUNT, "tokens of the target", flag=False))
    d_model: int = field(default=512, metadata=setting(COUNT, "width of embeddings and layers"))
    num_layers: int = field(
        default=1,
        metadata=setting(
            COUNT, "layers: of encoder and decoder each, if recurrent; of a model of one stack"
        ),
    )
    dropout: float = field(default=0.1, metadata=setting(PROBABILITY, "of each entry to be 0"))
    max_length: int = field(default=512, metadata=setting(COUNT, "positions of source and target"))

    def __post_init__(self) -> None:
        check(self, "RecurrentConfig")

    @classmethod
    def of_size(
        cls, size: str, src_vocab_size: int, tgt_vocab_size: int, **changes: Any
    ) -> "RecurrentConfig":
        """A named size ("tiny", "small", "medium"), with any field changed by keyword."""
        if size not in SIZES:
            raise ValueError(
                f"there is no size {size!r} of a recurrent model; the sizes are {', '.join(SIZES)}"
            )
        values = {**dict(zip(SHAPE, SIZES[size])), **changes}
        return cls(src_vocab_size, tgt_vocab_size, **values)

    def to_json(self) -> dict[str, Any]:
        """All fields, as a dictionary for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "RecurrentConfig":
        """The config that `to_json` gave."""
        return cls(**content)
