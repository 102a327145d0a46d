"""English sentences to French, from a grammar: agreement, elision, word order, and pronouns that
take the gender of the noun that they stand for.

What English leaves open has one answer here: "you" is one friend (tu); "I", "we", "you", and a
"they" without a noun before it are masculine; "there was" and "was" are an imparfait, all else in
the past a passé composé.
"""

import difflib
import hashlib
from collections.abc import Iterator
from functools import cache

import numpy as np

from ..text.showing import shown
from ..text.tokenising import tokenize, without_spacing
from .grammar.choosing import Chooser
from .grammar.english import english
from .grammar.french import french
from .grammar.meaning import Sentence, described, in_both
from .grammar.reading import rewritten, words
from .split import split_of
from .task import Task, register

APART = 12  # one adjective-noun pair in so many is never in training


@register
class Phrases(Task):
    name = "phrases"
    summary = "English sentences to French, from a grammar: agreement, elision, word order"
    unit = "words"
    max_length = 40
    steps = 3_000
    apart = {
        "unseen": "adjective-noun pairs that never occur together in training, though each does"
    }
    how_many = "hundreds of millions"
    how_long = "two or three minutes"
    expect = "99% of held-out sentences right, and 98% of those with an unseen pair"
    preset = {"batch_size": 64, "train_examples": 80_000, "lr": 0.003}

    def sample(self, rng: np.random.Generator) -> Sentence:
        return Chooser(rng).sentence()

    def every(self) -> Iterator[Sentence]:
        """Endless: there are too many to wait for the last, and each comes in the end."""
        chooser = Chooser(np.random.default_rng(0))
        while True:
            yield chooser.sentence()

    def pair(self, example: Sentence) -> tuple[str, str]:
        return english(example), french(example)

    def split_of(self, example: Sentence) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        """By the meaning, without what only English tells apart: "he eats" and "he is eating" are
        in one split, for their French is the same. A sentence with an adjective-noun pair that is
        kept apart is in the split "unseen"."""
        if any(kept_apart(*pair) for pair in described(example)):
            return "unseen"
        return split_of(in_both(example))

    def check(self, source: str) -> None:
        """Any sentence of known words may be tried, also one that the grammar would not make."""
        known = {word.lower() for word in words()} | {*".?,'", "s"}
        for word in map(without_spacing, tokenize(rewritten(source), self.unit)):
            if word.lower() not in known:
                near = difflib.get_close_matches(word.lower(), known, n=1)
                guess = f'; did you mean "{near[0]}"?' if near else ""
                raise ValueError(f'"{shown(word)}" is no word of the task "{self.name}"{guess}')

    def rewrite(self, source: str) -> str:
        """Contractions in full, a capital first and "." or "?" last: "he's tired" is "He is
        tired."."""
        return rewritten(source)


@cache
def kept_apart(adjective: str, noun: str) -> bool:
    """Whether this pair is only in the split "unseen"."""
    digest = hashlib.sha256(f"{adjective} {noun}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % APART == 0
