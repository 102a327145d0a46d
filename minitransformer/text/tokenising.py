"""Text cut into tokens, words or characters, and words put together to a text again."""

import unicodedata
from collections.abc import Iterable

UNITS = ("words", "characters")
BPE = "bpe"  # a unit of vocabularies alone: how a text is cut is learned, see byte_pairs.py

# Where words and marks stand apart, as a rule. A mark that is in none of these has a space on both
# sides.
CLINGS_LEFT = set(",.;:!?%)]}…”")
CLINGS_RIGHT = set("([{¿¡“‘$£#")
CLINGS_BOTH = set("-'’‐‑/_@")

# A token that stands otherwise says so by its first character, with which no word begins: the mark
# of "Ça va ?" is another token, " ?", than the one of "How?".
APART, TOGETHER = " ", "\u200b"


def tokenize(text: str, unit: str) -> list[str]:
    """Cut a text into words and marks, or into characters. Nothing is lost but what `normalize`
    leaves out: joined again it is `normalize(text)`, whatever the text."""
    check_unit(unit)
    text = normalize(text)
    return _cut_words(text) if unit == "words" else list(text)


def join(tokens: Iterable[str], unit: str) -> str:
    """The text that `tokenize` cut into these tokens."""
    return join_words(tokens) if unit == "words" else "".join(tokens)


def join_words(tokens: Iterable[str]) -> str:
    """Words and marks put together again, as they are written in English and French.

    There is a space between two tokens, except
    - before a mark that clings to the left:           Hello, world!
    - after a mark that clings to the right:           (yes)  ¿qué?
    - on both sides of a hyphen, apostrophe or slash:  vingt-deux  l'eau  don't  and/or
    - inside straight double quotes, which open and close in turn.

    A token that stands otherwise says so: " ?" is apart from the word before it, as in French, and
    one that begins with a space of no width is together with it, as both letters of "U.S.".
    """
    text = ""
    rule = SpacingRule()
    for token in tokens:
        bare = without_spacing(token)
        apart = token[0] == APART if bare != token else rule.apart(bare)
        text += " " + bare if apart else bare
        rule.passed(bare, apart)
    return text.strip()


class SpacingRule:
    """Whether a token is apart from the one before it, where it does not say so itself."""

    def __init__(self) -> None:
        self.space = False  # whether there is one before whatever does not cling to the left
        self.quoted = False

    def apart(self, token: str) -> bool:
        """Whether there is a space before this token."""
        closes = token == '"' and self.quoted
        return self.space and not closes and token not in CLINGS_LEFT | CLINGS_BOTH

    def passed(self, token: str, apart: bool) -> None:
        """Go on behind this token, which was apart from the one before it or was not."""
        if token == '"':
            self.quoted = not self.quoted
        opens = token == '"' and self.quoted
        # A hyphen with a space before it has one after it too: "a - b".
        self.space = apart if token in CLINGS_BOTH else not (opens or token in CLINGS_RIGHT)


def without_spacing(token: str) -> str:
    """The word, mark or character itself, without what a token says about its place."""
    return token[1:] if len(token) > 1 and token[0] in (APART, TOGETHER) else token


def check_unit(unit: str) -> None:
    if unit not in UNITS:
        raise ValueError(f'the unit of a text is "words" or "characters", not {unit!r}')


def normalize(text: str) -> str:
    """One code point for é however it was typed (NFC), a single space for any run of spaces and
    line ends, and none at the beginning and the end."""
    text = unicodedata.normalize("NFC", text)
    # str.split knows every Unicode space but these two of width zero, which come with pasted text.
    return " ".join(text.replace("\u200b", " ").replace("\ufeff", " ").split())


def _cut_words(text: str) -> list[str]:
    tokens, rule = [], SpacingRule()
    for part in text.split():
        for i, piece in enumerate(word_pieces(part)):
            apart = i == 0 and bool(tokens)
            as_usual = rule.apart(piece) == apart
            tokens.append(piece if as_usual else (APART if apart else TOGETHER) + piece)
            rule.passed(piece, apart)
    return tokens


def word_pieces(part: str) -> list[str]:
    """What stands between two spaces: a run of letters and digits is a word; any other character is
    a mark of its own."""
    pieces: list[str] = []
    in_word = False
    for i, character in enumerate(part):
        before, after = part[i - 1 : i], part[i + 1 : i + 2]
        belongs = character.isalnum() or (
            character in ".,:" and before.isdecimal() and after.isdecimal()  # 3.50  12:30
        )
        accent = unicodedata.category(character).startswith("M")  # or a vowel sign
        if pieces and (accent or (belongs and in_word)):
            pieces[-1] += character  # an accent belongs to what it stands on, a mark too
        else:
            pieces.append(character)
        in_word = belongs or (accent and in_word)
    return pieces
