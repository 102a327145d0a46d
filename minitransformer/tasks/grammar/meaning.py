"""What a sentence says, in neither language: both are made from it, and the split looks at it.

Words stand for meanings here: a noun, verb or adjective is named by its English lemma, a tense is
"present", "past", "future" (will eat) or "going" (is going to eat).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from .nouns import NOUNS

PERSONS = {"I": 0, "you": 1, "he": 2, "she": 2, "it": 2, "we": 3, "they": 4}  # as verbs count them


class Pronoun(NamedTuple):
    """`noun` is what "it" and "they" stand for, where the sentence says it. "who" and "that" lead
    a relative clause, "there" is the subject of "there is"."""

    word: str
    noun: str = ""
    plural: bool = False


class Phrase(NamedTuple):
    """A noun with what belongs to it: this old car, my brother's dog, the man who sings.

    `determiner` is a word ("some" is also what becomes "any"), or the owner.
    """

    determiner: str | Phrase
    noun: str
    plural: bool = False
    adjectives: tuple[str, ...] = ()
    relative: Clause | None = None


class Clause(NamedTuple):
    """Who does what. `adjective` is what the subject is, for the verb "be"; `place` a preposition
    and what follows it; `polarity` "", "not" or "never"; `frequency` "", "often", "always"."""

    subject: Phrase | Pronoun
    verb: str
    tense: str = "present"
    polarity: str = ""
    object: Phrase | Pronoun | None = None
    adjective: str = ""
    place: tuple[str, Phrase] | None = None
    frequency: str = ""
    time: str = ""
    progressive: bool = False  # is eating, not eats: French has one present for both


class Sentence(NamedTuple):
    """`kind` is "statement", "question", or the word that asks: "why", "when", "where". `link`
    joins a second clause: "and", "but", "because"."""

    kind: str
    clause: Clause
    link: str = ""
    second: Clause | None = None


def person(subject: Phrase | Pronoun) -> int:
    """Which form of a verb a subject takes: 0 to 4 for I, you, he, we, they."""
    if isinstance(subject, Pronoun) and subject.word in PERSONS:
        return PERSONS[subject.word]
    return 4 if subject.plural else 2


def plural(subject: Phrase | Pronoun) -> bool:
    return person(subject) > 2


def gender(subject: Phrase | Pronoun) -> str:
    """That of the noun, or what is assumed of a pronoun without one: only "she" is a woman."""
    if subject.noun:
        return NOUNS[subject.noun].gender
    return "f" if isinstance(subject, Pronoun) and subject.word == "she" else "m"


def in_both(part: Any) -> Any:
    """A meaning without the distinctions that only English makes: he eats or is eating, his or her
    dog, I see him or her (je l'ai vu, vue, but je l'aime). Two sentences are the same in French, or
    in English, only if this is the same."""
    if isinstance(part, Clause):
        part = part._replace(progressive=False)
        if part.object == Pronoun("she"):
            part = part._replace(object=Pronoun("he"))
    if isinstance(part, Phrase) and part.determiner == "her":
        part = part._replace(determiner="his")
    if not isinstance(part, tuple):
        return part
    inside = map(in_both, part)
    return type(part)(*inside) if hasattr(part, "_fields") else tuple(inside)


def described(part: Any) -> Iterator[tuple[str, str]]:
    """The pairs of an adjective and a noun that it is said of, anywhere in a meaning."""
    if isinstance(part, Phrase):
        yield from ((adjective, part.noun) for adjective in part.adjectives)
    if isinstance(part, Clause) and part.adjective and part.subject.noun:
        yield part.adjective, part.subject.noun
    if isinstance(part, tuple):
        for each in part:
            yield from described(each)
