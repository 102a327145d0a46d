"""Which examples are for training, and which are held out: for ever, whatever the seed."""

import hashlib
from collections.abc import Hashable

SPLITS = ("train", "validation", "test")


def split_of(example: Hashable, train: int = 90, validation: int = 5) -> str:
    """The split of an example, by nothing but how `str` writes it: so many per cent are for
    training and for validation, and the rest is the test."""
    # Not Python's hash(), which is another one in every process.
    digest = hashlib.sha256(str(example).encode()).digest()
    percent = int.from_bytes(digest[:8], "big") % 100
    if percent < train:
        return "train"
    return "validation" if percent < train + validation else "test"
