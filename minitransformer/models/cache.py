"""Key/value caching: a token that was written keeps its keys and values for all later ones.

Without it, writing token t computes all t positions again; with it, one. The result is the same.
"""

from dataclasses import dataclass

import numpy as np

import minigrad as mg


@dataclass
class KeyValueCache:
    """The keys and values that one attention has computed so far, (B, H, T, d_k) each; None before
    the first. So many of them are `padding`, all told or in each row (B,), and have no place."""

    keys: mg.Tensor | None = None
    values: mg.Tensor | None = None
    padding: int | np.ndarray = 0

    @property
    def length(self) -> int:
        """How many positions it holds."""
        return 0 if self.keys is None else self.keys.shape[2]

    @property
    def place(self) -> int | np.ndarray:
        """The place of the next position: one, or that of each row (B,)."""
        return self.length - self.padding

    def extend(self, keys: mg.Tensor, values: mg.Tensor) -> tuple[mg.Tensor, mg.Tensor]:
        """Add those of new positions after the old ones, and return all of them."""
        if self.keys is not None and self.values is not None:
            keys = mg.concatenate([self.keys, keys], axis=2)
            values = mg.concatenate([self.values, values], axis=2)
        self.keys, self.values = keys, values
        return keys, values

    def held(self) -> tuple[mg.Tensor, mg.Tensor]:
        """All keys and values. Raises ValueError before the first."""
        if self.keys is None or self.values is None:
            raise ValueError("the cache holds no keys and values yet")
        return self.keys, self.values

    def select(self, rows: np.ndarray) -> "KeyValueCache":
        """The cache of a batch made of these rows."""
        padding = self.padding[rows] if isinstance(self.padding, np.ndarray) else self.padding
        if self.keys is None or self.values is None:
            return KeyValueCache(padding=padding)
        return KeyValueCache(self.keys[rows], self.values[rows], padding)

    def copy(self) -> "KeyValueCache":
        """A cache that can be extended while this one stays as it is. No array is copied."""
        return KeyValueCache(self.keys, self.values, self.padding)


@dataclass
class LayerCache:
    """The caches of one decoder layer: `own` of its self-attention, which grows with every token,
    and `memory` of its encoder-decoder attention, which is filled once."""

    own: KeyValueCache
    memory: KeyValueCache

    def select(self, rows: np.ndarray) -> "LayerCache":
        return LayerCache(self.own.select(rows), self.memory.select(rows))

    def copy(self) -> "LayerCache":
        """A cache that can be extended while this one stays as it is. No array is copied."""
        return LayerCache(self.own.copy(), self.memory)
