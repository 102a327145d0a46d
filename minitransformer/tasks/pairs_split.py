"""A fair split of sentence pairs: no sentence, on either side, is in two splits.

One English sentence has up to thirty French translations in such files, and one French sentence
several English ones. Were each pair split by itself, half of the test's sentences would be in the
training too. So pairs that share a sentence are bound together, and so are those bound to them:
what hangs together, a connected component, goes into one split.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence

from ..text.pairs import Pair
from .split import split_of

Sentence = tuple[str, int]  # how it is known: `bare`, and which side it is on

GIANT = 0.1  # part of all pairs from which on a component is for training, whatever its hash


class _Bare(dict[int, str]):
    """For `str.translate`: a space for each mark and sign, any other character as it is."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        kept = unicodedata.category(character)[0] not in "PS"
        self[code] = character if kept else " "
        return self[code]


_BARE = _Bare()


def bare(text: str) -> str:
    """What makes a sentence the same as another: "Go on!" is "go on." again, and a model that has
    learned the one has little to find out in the other. Accents count, for they make other words.
    """
    return " ".join(text.casefold().translate(_BARE).split()) or text


def splits_of(pairs: Sequence[Pair]) -> list[str]:
    """The split of each pair: that of the smallest sentence of its component. Source and target
    may change places, and the splits stay the same."""
    components = components_of(pairs)
    sizes = Counter(components)
    split = {
        component: "train" if 1 < size > GIANT * len(pairs) else split_of(component[0])
        for component, size in sizes.items()
    }
    return [split[component] for component in components]


def components_of(pairs: Sequence[Pair]) -> list[Sentence]:
    """The component of each pair, which is known by the smallest of its sentences."""
    # Each sentence points to a smaller one of its component; the smallest points to itself. A
    # source and a target that are spelled the same are two sentences.
    smaller: dict[Sentence, Sentence] = {}
    sources = [(bare(source), 0) for source, _ in pairs]
    targets = [(bare(target), 1) for _, target in pairs]
    for source, target in zip(sources, targets):
        low, high = sorted((_smallest(smaller, source), _smallest(smaller, target)))
        smaller[high] = low
    return [_smallest(smaller, source) for source in sources]


def _smallest(smaller: dict[Sentence, Sentence], sentence: Sentence) -> Sentence:
    """The smallest sentence that this one leads to; the way there is half as long the next time."""
    here = smaller.setdefault(sentence, sentence)
    while here != smaller[here]:
        smaller[sentence] = smaller[here]
        sentence, here = here, smaller[here]
    return here
