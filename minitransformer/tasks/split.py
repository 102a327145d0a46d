"""Which examples are for training, and which are held out: for ever, whatever the seed."""

import hashlib
from collections.abc import Hashable

SPLITS = ("train", "validation", "test")


def split_of(example: Hashable) -> str:
    """The split of an example, by nothing but how `str` writes it: 90 % train, 5 % validation and
    5 % test."""
    percent = drawn(example, 100)
    return "train" if percent < 90 else "validation" if percent < 95 else "test"


def drawn(example: Hashable, below: int) -> int:
    """A number from 0 to `below`, excluded, that is as good as drawn, and the same for ever."""
    # Not Python's hash(), which is another one in every process.
    digest = hashlib.sha256(str(example).encode()).digest()
    return int.from_bytes(digest[:8], "big") % below
