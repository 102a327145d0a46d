"""Which examples are for training, and which are held out: for ever, whatever the seed."""

import hashlib
from collections.abc import Hashable

SPLITS = ("train", "validation", "test")


def split_of(example: Hashable, train: int = 90, validation: int = 5) -> str:
    """The split of an example, by nothing but how `str` writes it: so many per cent are for
    training and for validation, and the rest is the test."""
    percent = drawn(example, 100)
    if percent < train:
        return "train"
    return "validation" if percent < train + validation else "test"


def drawn(example: Hashable, below: int) -> int:
    """A number from 0 to `below`, excluded, that is as good as drawn, and the same for ever."""
    # Not Python's hash(), which is another one in every process.
    digest = hashlib.sha256(str(example).encode()).digest()
    return int.from_bytes(digest[:8], "big") % below
