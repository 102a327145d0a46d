"""What vocabularies are made of, each setting in one place (see fields.py)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..fields import COUNT, Must, check, is_whole, one_of, require_known, setting
from .byte_pairs import SIZE
from .specials import SPECIALS
from .tokenising import BPE, UNITS

WHERE = "vocabulary"
TOKENS = Must(
    f"a whole number above {len(SPECIALS)}, as many as there are special tokens",
    lambda value: is_whole(value) and value > len(SPECIALS),
    int,
)


@dataclass(frozen=True, kw_only=True)
class VocabularySettings:
    """What the vocabularies of a run are made of. Raises ValueError for what makes no sense."""

    unit: str | None = field(
        default=None,
        metadata=setting(one_of((*UNITS, BPE)), "what texts are cut into", "that of the task"),
    )
    vocab_size: int | None = field(
        default=None,
        metadata=setting(
            TOKENS, "tokens of each language, the most frequent ones", f"all; of bpe {SIZE}"
        ),
    )
    min_count: int = field(
        default=1,
        metadata=setting(COUNT, "times that a word, or a pair, is seen to become a token"),
    )

    def __post_init__(self) -> None:
        check(self, WHERE)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "VocabularySettings":
        """The settings that are given, by name. Raises ValueError for a name that there is not."""
        require_known(given, cls, WHERE)
        return cls(**given)

    @property
    def leave_out(self) -> bool:
        """Whether some of what training has is unknown on purpose."""
        return self.unit == BPE or self.vocab_size is not None or self.min_count > 1
