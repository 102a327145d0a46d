"""Text to token ids and back: words or characters, and four special tokens."""

import unicodedata
from collections import Counter
from collections.abc import Iterable

PAD, START, END, UNKNOWN = 0, 1, 2, 3
SPECIALS = ["<pad>", "<start>", "<end>", "<unknown>"]
UNITS = ("words", "characters")

# How `join_words` spaces the marks. A mark that is in none of these has a space on both sides.
CLINGS_LEFT = set(",.;:!?%)]}…”")
CLINGS_RIGHT = set("([{¿¡“‘$£#")
CLINGS_BOTH = set("-'’‐‑/_@")
# French writes "Ça va ?". Such a mark after a space is another token, " ?", than the one of "How?".
MAY_FOLLOW_SPACE = set("!?;:%")


def tokenize(text: str, unit: str) -> list[str]:
    """Cut a text into words and marks, or into characters."""
    _check_unit(unit)
    text = _normalize(text)
    return _cut_words(text) if unit == "words" else list(text)


def join_words(tokens: Iterable[str]) -> str:
    """Words and marks put together again, as they are written in English and French.

    There is a space between two tokens, except
    - before a mark that clings to the left:           Hello, world!
    - after a mark that clings to the right:           (yes)  ¿qué?
    - on both sides of a hyphen, apostrophe or slash:  vingt-deux  l'eau  don't  and/or
    - inside straight double quotes, which open and close in turn.

    What this cannot put back: a hyphen with spaces around it, and an apostrophe used as a
    quotation mark or at the end of a word (the dogs' home).
    """
    text = ""
    space = False  # whether the next token, if it does not cling to the left, needs a space
    quoted = False
    for token in tokens:
        closes = token == '"' and quoted
        opens = token == '"' and not quoted
        if opens or closes:
            quoted = opens
        joins_left = closes or token.strip() in CLINGS_LEFT or token in CLINGS_BOTH
        text += " " + token if space and not joins_left else token
        space = not (opens or token in CLINGS_RIGHT or token in CLINGS_BOTH)
    return text.strip()


class Vocabulary:
    """The tokens of one side of a task; the id of a token is its place in `tokens`.

    The special tokens come first. No text can produce them: "<pad>" in a text is three tokens
    (or five characters), so what a person types is never mistaken for padding.
    """

    def __init__(self, tokens: Iterable[str], unit: str):
        """`tokens` are the ordinary ones, without the specials."""
        _check_unit(unit)
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
        return [self._ids.get(token, UNKNOWN) for token in self.tokenize(text)]

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
        return join_words(tokens) if self.unit == "words" else "".join(tokens)

    def unknown(self, text: str) -> list[str]:
        """The tokens of a text that the vocabulary does not have, each once, in order."""
        return [token for token in dict.fromkeys(self.tokenize(text)) if token not in self._ids]

    def to_json(self) -> dict:
        return {"unit": self.unit, "tokens": self.tokens[len(SPECIALS) :]}

    @classmethod
    def from_json(cls, content: dict) -> "Vocabulary":
        if not isinstance(content, dict) or set(content) != {"unit", "tokens"}:
            raise ValueError('a stored vocabulary has the keys "unit" and "tokens", and no others')
        if not isinstance(content["tokens"], list):
            raise ValueError('the "tokens" of a stored vocabulary are a list of strings')
        return cls(content["tokens"], content["unit"])


def _check_unit(unit: str) -> None:
    if unit not in UNITS:
        raise ValueError(f'the unit of a vocabulary is "words" or "characters", not {unit!r}')


def _normalize(text: str) -> str:
    """One code point for é however it was typed, and one plain space for any run of spaces."""
    text = unicodedata.normalize("NFC", text)
    # str.split knows every Unicode space but these two of width zero, which come with pasted text.
    return " ".join(text.replace("\u200b", " ").replace("\ufeff", " ").split())


def _cut_words(text: str) -> list[str]:
    """A run of letters and digits is a word; any other character is a mark, a token of its own."""
    tokens = []
    in_word = False
    for i, character in enumerate(text):
        before, after = text[i - 1 : i], text[i + 1 : i + 2]
        if character == " ":
            in_word = False
        elif before not in ("", " ") and unicodedata.category(character).startswith("M"):
            tokens[-1] += character  # an accent or vowel sign belongs to what it stands on
        elif character.isalnum() or (
            character in ".,:" and before.isdecimal() and after.isdecimal()  # 3.50  12:30
        ):
            if in_word:
                tokens[-1] += character
            else:
                tokens.append(character)
            in_word = True
        else:
            spaced = before == " " and character in MAY_FOLLOW_SPACE
            tokens.append(" " + character if spaced else character)
            in_word = False
    return tokens
