"""Text to token ids and back: each side of a task has a vocabulary of its own."""

from collections import Counter
from collections.abc import Iterable, Sequence

from .specials import END, PAD, SPECIALS, START, UNKNOWN
from .tokenising import check_unit, join, tokenize, without_spacing


class Vocabulary:
    """The tokens of one side of a task; the id of a token is its place in `tokens`.

    The special tokens come first. No text can produce them: "<pad>" in a text is three tokens
    (or five characters), so what a person types is never mistaken for padding.
    """

    def __init__(self, tokens: Iterable[str], unit: str):
        """`tokens` are the ordinary ones, without the specials."""
        check_unit(unit)
        ordinary = list(tokens)
        for token in ordinary:
            if not isinstance(token, str) or not token:
                raise ValueError(f"a token is a string of at least one character, not {token!r}")
            if token in SPECIALS:
                raise ValueError(f"{token} is a special token, which every vocabulary has already")
            if unit == "characters" and len(token) != 1:
                raise ValueError(f"{token!r} is not one character, as each token here has to be")
        self.unit = unit
        self.tokens = SPECIALS + ordinary
        self._ids = {token: len(SPECIALS) + i for i, token in enumerate(ordinary)}
        if len(self._ids) < len(ordinary):
            twice = next(token for token, count in Counter(ordinary).items() if count > 1)
            raise ValueError(f"the token {twice!r} is given twice")

    @classmethod
    def build(cls, texts: Iterable[str], unit: str, min_count: int = 1) -> "Vocabulary":
        """The vocabulary of these texts: the most frequent tokens first, ties by alphabet."""
        if isinstance(texts, str):
            raise ValueError("build takes a list of texts; put a single text in a list")
        counts = Counter(token for text in texts for token in tokenize(text, unit))
        kept = [token for token, count in counts.items() if count >= min_count]
        return cls(sorted(kept, key=lambda token: (-counts[token], token)), unit)

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        return f"<Vocabulary of {len(self)} {self.unit}>"

    def tokenize(self, text: str) -> list[str]:
        return tokenize(text, self.unit)

    def encode(self, text: str) -> list[int]:
        """The ids of a text, with neither start nor end: a batch adds those."""
        return [self._id(token) for token in self.tokenize(text)]

    def _id(self, token: str) -> int:
        """A word that is known, only not in this place (as the S of "U.S."), is known."""
        usual = self._ids.get(without_spacing(token), UNKNOWN)
        return self._ids.get(token, usual)

    def decode(self, ids: Iterable[int]) -> str:
        """The text up to the first end. Padding and start are left out, unknown is shown."""
        tokens = []
        for i in ids:
            if i == END:
                break
            if not 0 <= i < len(self):
                raise ValueError(f"the id {i} is outside 0 to {len(self) - 1}, the vocabulary's")
            if i not in (PAD, START):
                tokens.append(self.tokens[i])
        return join(tokens, self.unit)

    def unknown(self, text: str) -> list[str]:
        """The words (or characters) of a text that the vocabulary does not have, each once, in
        order."""
        missing = [token for token in self.tokenize(text) if self._id(token) == UNKNOWN]
        return list(dict.fromkeys(map(without_spacing, missing)))

    def to_json(self) -> dict:
        return {"unit": self.unit, "tokens": self.tokens[len(SPECIALS) :]}

    @classmethod
    def from_json(cls, content: dict) -> "Vocabulary":
        if not isinstance(content, dict) or set(content) != {"unit", "tokens"}:
            raise ValueError('a stored vocabulary has the keys "unit" and "tokens", and no others')
        if not isinstance(content["tokens"], list):
            raise ValueError('the "tokens" of a stored vocabulary are a list of strings')
        return cls(content["tokens"], content["unit"])


def vocabularies(
    pairs: Sequence[tuple[str, str]], unit: str, shared: bool = False
) -> tuple[Vocabulary, Vocabulary]:
    """Those of the sources and of the targets; with `shared` one of all these texts, for both, as
    tied embeddings need it: there an id means the same word on both sides."""
    sources, targets = [source for source, _ in pairs], [target for _, target in pairs]
    if shared:
        one = Vocabulary.build(sources + targets, unit)
        return one, one
    return Vocabulary.build(sources, unit), Vocabulary.build(targets, unit)
