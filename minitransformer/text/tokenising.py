"""Text cut into tokens, words or characters, and words put together to a text again."""

import unicodedata
from collections.abc import Iterable

UNITS = ("words", "characters")

# How `join_words` spaces the marks. A mark that is in none of these has a space on both sides.
CLINGS_LEFT = set(",.;:!?%)]}…”")
CLINGS_RIGHT = set("([{¿¡“‘$£#")
CLINGS_BOTH = set("-'’‐‑/_@")
# French writes "Ça va ?". Such a mark after a space is another token, " ?", than the one of "How?".
MAY_FOLLOW_SPACE = set("!?;:%")


def tokenize(text: str, unit: str) -> list[str]:
    """Cut a text into words and marks, or into characters."""
    check_unit(unit)
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


def check_unit(unit: str) -> None:
    if unit not in UNITS:
        raise ValueError(f'the unit of a vocabulary is "words" or "characters", not {unit!r}')


def _normalize(text: str) -> str:
    """One code point for é however it was typed, and a single space for any run of spaces."""
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
