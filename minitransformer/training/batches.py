"""The batches of a training, without end, and the place in them from which one can go on."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..text.batching import POOL, Batch, Pair, make_batch, shuffled_order


class Batches:
    """One pass over `pairs` after another, each in an order of its own (see `shuffled_order`).

    `ends` is as for `make_batch`. The place is the generator as it was before this pass, and how
    many batches were taken since: to go on there, the order of one pass is drawn again, and no
    batch is made for nothing.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        rng: np.random.Generator,
        batch_size: int,
        pool: int = POOL,
        batch_tokens: int | None = None,
        ends: bool = True,
    ):
        self.pairs, self.rng, self.ends = pairs, rng, ends
        self.settings = batch_size, pool, batch_tokens
        self._begin_pass()

    def _begin_pass(self) -> None:
        batch_size, pool, batch_tokens = self.settings
        self.before = self.rng.bit_generator.state
        self.order = shuffled_order(self.pairs, batch_size, self.rng, pool, batch_tokens)
        self.taken = 0

    def __iter__(self) -> Iterator[Batch]:
        while True:
            if self.taken == len(self.order):
                self._begin_pass()
            members = self.order[self.taken]
            self.taken += 1
            yield make_batch([self.pairs[i] for i in members], self.ends)

    def state_dict(self) -> dict[str, Any]:
        return {"before": self.before, "taken": self.taken}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict` of the same pairs and settings."""
        self.rng.bit_generator.state = state["before"]
        self._begin_pass()
        self.taken = state["taken"]
