"""The nearest sentence of many: a translation that needs no model, only a memory."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np

Tokenize = Callable[[str], Sequence[str]]


def features(tokens: Sequence[str]) -> set[object]:
    """What two sentences can have in common: their tokens, and each two that stand side by side,
    the beginning and the end being tokens too."""
    return {*tokens, *pairwise([None, *tokens, None])}


class Nearest:
    """Finds among `pairs` of texts the one whose source is nearest to a text: that which has the
    largest part of their features in common (the index of Jaccard 1901), the first of several."""

    def __init__(self, pairs: Iterable[tuple[str, str]], tokenize: Tokenize):
        self.pairs = [*dict(pairs).items()]  # a source twice: once is enough
        self.tokenize = tokenize
        places: dict[object, list[int]] = defaultdict(list)
        sizes = []
        for i, (source, _) in enumerate(self.pairs):
            found = features(tokenize(source))
            sizes.append(len(found))
            for each in found:
                places[each].append(i)
        self.sizes = np.array(sizes)
        # An inverted index: of each feature the sentences that have it, so that a search looks at
        # no other.
        self.having = {each: np.array(those, dtype=np.int32) for each, those in places.items()}

    def index(self, text: str) -> int:
        """The place of the nearest pair. Raises ValueError if there is none at all."""
        if not self.pairs:
            raise ValueError("nearest: there are no sentences to choose from")
        wanted = features(self.tokenize(text))
        having = [self.having[each] for each in wanted if each in self.having]
        if not having:
            return 0
        common = np.bincount(np.concatenate(having), minlength=len(self.pairs))
        return int(np.argmax(common / (len(wanted) + self.sizes - common)))

    def target(self, text: str) -> str:
        """The target of the nearest pair."""
        return self.pairs[self.index(text)][1]
