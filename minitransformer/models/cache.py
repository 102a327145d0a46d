"""Key/value caching: a token that was decoded keeps its keys and values for all later ones.

Without it, writing token t computes all t positions again; with it, one. The result is the same.
"""

import minigrad as mg


class GrowingCache:
    """For self-attention: the keys and values of all positions so far, (B, H, T, d_k) each."""

    def __init__(self):
        self.keys = self.values = None

    def __call__(self, attention, key, value):
        keys, values = attention.keys_and_values(key, value)  # of the new positions only
        if self.keys is not None:
            keys = mg.concatenate([self.keys, keys], axis=2)
            values = mg.concatenate([self.values, values], axis=2)
        self.keys, self.values = keys, values
        return keys, values


class FixedCache:
    """For encoder-decoder attention: the memory, and so its keys and values, never changes."""

    def __init__(self):
        self.found = None

    def __call__(self, attention, key, value):
        if self.found is None:
            self.found = attention.keys_and_values(key, value)
        return self.found


class DecoderCache:
    """The caches of all layers of one decoder, for one batch of sentences."""

    def __init__(self, num_layers):
        self.layers = [(GrowingCache(), FixedCache()) for _ in range(num_layers)]

    @property
    def length(self):
        """How many positions it has seen."""
        keys = self.layers[0][0].keys
        return 0 if keys is None else keys.shape[2]
