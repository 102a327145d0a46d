"""English as people type it, in the spelling of the grammar; and the words that it has."""

import re
from functools import cache

from .adjectives import ADJECTIVES
from .nouns import NOUNS
from .verbs import VERBS

QUESTIONS = "why when where do does did am is are was were will".split()
OTHER = """
    I you he she it we they me him her us them my your his our their who that there
    the a an this these some any two three four many every not never often always
    yesterday today tomorrow now day and but because to at from in on under near behind front of
""".split()
CONTRACTIONS = {
    r"\bwon't\b": "will not",
    r"\b(do|does|did|is|are|was|were)n't\b": r"\1 not",
    r"\bi'm\b": "i am",
    r"\b(you|we|they)'re\b": r"\1 are",
    r"\b(i|you|he|she|it|we|they|there)'ll\b": r"\1 will",
    r"\b(he|she|it|there|where|who)'s\b": r"\1 is",  # never "has": the grammar has no such past
}


@cache
def words() -> frozenset[str]:
    """All words of the English side, as they are written within a sentence."""
    found = {*OTHER, *QUESTIONS, *ADJECTIVES}
    for noun in NOUNS.values():
        found |= {noun.english, noun.plural} - {""}
    for verb in VERBS.values():
        found |= {*verb.english, verb.particle} - {""}
    return frozenset(found - {"having", "wanting", "loving", "knowing", "being"} | {"going"})


@cache
def _spellings() -> dict[str, str]:
    """I, French: what has its capital everywhere, by its small letters."""
    return {word.lower(): word for word in words() if word != word.lower()}


def rewritten(text: str) -> str:
    """A sentence with contractions in full, a capital first and "." or "?" last."""
    text = text.replace("’", "'").lower().strip()
    for short, full in CONTRACTIONS.items():
        text = re.sub(short, full, text)
    spellings = _spellings()
    text = re.sub(r"\w+", lambda found: spellings.get(found[0], found[0]), text)
    if text and text[-1] not in ".?!":
        text += "?" if text.split()[0].lower() in QUESTIONS else "."
    return re.sub(r" +(?=[.?,]$)", "", text[:1].upper() + text[1:])
