"""Text to token ids and back: each side of a task has a vocabulary of its own."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from . import byte_pairs
from .byte_pairs import BytePairs, Merge
from .specials import END, PAD, SPECIALS, START, UNKNOWN
from .tokenising import BPE, UNITS, join, tokenize, without_spacing
from .vocabulary_settings import VocabularySettings

KEYS = {"unit", "tokens"}  # of a stored vocabulary; one of byte pairs has "merges" too


class Vocabulary:
    """The tokens of one side of a task; the id of a token is its place in `tokens`.

    The special tokens come first. No text can produce them: "<pad>" in a text is three tokens
    (or five characters), so what a person types is never mistaken for padding.
    """

    def __init__(self, tokens: Iterable[str], unit: str, merges: Iterable[Merge] = ()):
        """`tokens` are the ordinary ones, without the specials; of byte pairs the characters alone,
        with the `merges` that make all others."""
        if unit not in (*UNITS, BPE):
            raise ValueError(
                f'the unit of a vocabulary is "bpe", "words" or "characters", not {unit!r}'
            )
        ordinary = list(tokens)
        for token in ordinary:
            if not isinstance(token, str) or not token:
                raise ValueError(f"a token is a string of at least one character, not {token!r}")
            if token in SPECIALS:
                raise ValueError(f"{token} is a special token, which every vocabulary has already")
            if unit != "words" and len(token) != 1:
                raise ValueError(f"{token!r} is not one character, as each token here has to be")
        if len(set(ordinary)) < len(ordinary):
            twice = next(token for token, count in Counter(ordinary).items() if count > 1)
            raise ValueError(f"the token {twice!r} is given twice")
        self.unit = unit
        self.pairs = BytePairs(ordinary, merges) if unit == BPE else None
        self.tokens = SPECIALS + (self.pairs.tokens if self.pairs else ordinary)
        self._ids = {token: i for i, token in enumerate(self.tokens) if i >= len(SPECIALS)}

    @classmethod
    def build(
        cls,
        texts: Iterable[str],
        unit: str,
        min_count: int = 1,
        vocab_size: int | None = None,
    ) -> "Vocabulary":
        """The vocabulary of these texts: the most frequent tokens first, ties by alphabet. Those
        that are seen fewer than `min_count` times are left out, and those that are one too many for
        `vocab_size`, with which the special ones are counted. Byte pairs are learned of the texts.

        Raises ValueError where nothing would be left.
        """
        if isinstance(texts, str):
            raise ValueError("build takes a list of texts; put a single text in a list")
        if unit == BPE:
            pairs = BytePairs.learn(texts, vocab_size or byte_pairs.SIZE, min_count)
            return cls(pairs.characters, unit, pairs.merges)
        counts = Counter(token for text in texts for token in tokenize(text, unit))
        kept = [token for token, count in counts.items() if count >= min_count]
        if counts and not kept:
            most, often = counts.most_common(1)[0]
            raise ValueError(
                f"no token is seen {min_count} times, as min_count asks for; the most frequent, "
                f"{without_spacing(most)!r}, is seen {often} times"
            )
        kept.sort(key=lambda token: (-counts[token], token))
        return cls(kept if vocab_size is None else kept[: vocab_size - len(SPECIALS)], unit)

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        return f"<Vocabulary of {self.size}>"

    @property
    def size(self) -> str:
        """How large it is, in words."""
        return f"{len(self)} {'pieces of words' if self.pairs else self.unit}"

    def tokenize(self, text: str) -> list[str]:
        return self.pairs.cut(text) if self.pairs else tokenize(text, self.unit)

    def encode(self, text: str) -> list[int]:
        """The ids of a text, with neither start nor end: a batch adds those."""
        return [self._id(token) for token in self.tokenize(text)]

    def _id(self, token: str) -> int:
        """A word that is known, only not in this place (as the S of "U.S."), is known."""
        usual = self._ids.get(without_spacing(token), UNKNOWN)
        return self._ids.get(token, usual)

    def decode(self, ids: Iterable[int]) -> str:
        """The text up to the first end. Padding and start are left out, unknown is shown."""
        return self.join(self.tokens[i] for i in self.written(ids))

    def written(self, ids: Iterable[int]) -> Iterator[int]:
        """The ids that are words of a text: those up to the first end, but for padding and
        start."""
        for i in ids:
            if i == END:
                break
            if not 0 <= i < len(self):
                raise ValueError(f"the id {i} is outside 0 to {len(self) - 1}, the vocabulary's")
            if i not in (PAD, START):
                yield i

    def join(self, tokens: Iterable[str]) -> str:
        """The text of these tokens."""
        return byte_pairs.join(tokens) if self.pairs else join(tokens, self.unit)

    def unknown(self, text: str) -> list[str]:
        """The words (or characters) of a text that the vocabulary does not have, each once, in
        order. Byte pairs can write any character; unknown is one that training had not, or too
        seldom."""
        if self.pairs:
            return self.pairs.unknown(text)
        missing = [token for token in self.tokenize(text) if self._id(token) == UNKNOWN]
        return list(dict.fromkeys(map(without_spacing, missing)))

    def label(self, i: int) -> str:
        """The token with this id as a picture shows it: without what says its place, but of a piece
        of a word with the space that begins a word."""
        token = self.tokens[i]
        return byte_pairs.visible(token) if self.pairs else without_spacing(token)

    def to_json(self) -> dict:
        if self.pairs:
            characters, merges = self.pairs.characters, [[*merge] for merge in self.pairs.merges]
            return {"unit": self.unit, "tokens": characters, "merges": merges}
        return {"unit": self.unit, "tokens": self.tokens[len(SPECIALS) :]}

    @classmethod
    def from_json(cls, content: dict) -> "Vocabulary":
        keys = set(content) if isinstance(content, dict) else set()
        if keys == KEYS | {"merges"} and content["unit"] == BPE:
            keys.remove("merges")
        if keys != KEYS:
            raise ValueError(
                'a stored vocabulary has the keys "unit" and "tokens", and no others but "merges" '
                f'where the unit is "{BPE}"'
            )
        for name in ("tokens", "merges"):
            if not isinstance(content.get(name, []), list):
                raise ValueError(f'the "{name}" of a stored vocabulary are a list of strings')
        return cls(content["tokens"], content["unit"], content.get("merges", ()))


def vocabularies(
    pairs: Sequence[tuple[str, str]],
    unit: str,
    shared: bool = False,
    settings: VocabularySettings | None = None,
) -> tuple[Vocabulary, Vocabulary]:
    """Those of the sources and of the targets; with `shared` one of all these texts, for both, as
    tied embeddings need it: there an id means the same word on both sides. `unit` is the one where
    the settings have none."""
    sources, targets = [source for source, _ in pairs], [target for _, target in pairs]
    settings = settings or VocabularySettings()

    def build(texts: list[str]) -> Vocabulary:
        return Vocabulary.build(
            texts, settings.unit or unit, settings.min_count, settings.vocab_size
        )

    if shared:
        one = build(sources + targets)
        return one, one
    return build(sources), build(targets)


def encoded(
    pairs: Iterable[tuple[str, str]], source: Vocabulary, target: Vocabulary
) -> list[tuple[list[int], list[int]]]:
    """Pairs of texts as pairs of id lists."""
    return [(source.encode(text), target.encode(right)) for text, right in pairs]
