"""A meaning in English."""

from .meaning import Clause, Phrase, Pronoun, Sentence, person
from .nouns import NOUNS
from .verbs import VERBS

BE = {"present": ("am", "are", "is", "are", "are"), "past": ("was", "were", "was", "were", "were")}
OBJECTS = {"I": "me", "he": "him", "she": "her", "we": "us", "they": "them"}


def english(sentence: Sentence) -> str:
    kind = sentence.kind
    asks = kind != "statement"
    words = [kind] if kind not in ("statement", "question") else []
    words += _clause(sentence.clause, asks, doubtful=kind == "question")
    if sentence.second is not None:
        words[-1] += "," if sentence.link == "but" else ""
        words += [sentence.link, *_clause(sentence.second)]
    text = " ".join(words)
    return text[0].upper() + text[1:] + ("?" if asks else ".")


def _clause(clause: Clause, asks: bool = False, doubtful: bool = False) -> list[str]:
    before, main = _verb(clause, asks)
    subject = _subject(clause)
    start = [*before[:1], *subject, *before[1:]] if asks else subject + before
    if clause.polarity == "not" and before:  # was not, is not going to eat
        start.insert(start.index(before[0]) + 1 if not asks else len(start), "not")
    adverbs = [clause.polarity] if clause.polarity == "never" else []
    adverbs += [clause.frequency] if clause.frequency else []
    words = start + adverbs + main + _object(clause, doubtful)
    words += [clause.adjective] if clause.adjective else []
    if clause.place:
        preposition, where = clause.place
        words += [preposition, *phrase(where)]
    return words + ([clause.time] if clause.time else [])


def _verb(clause: Clause, asks: bool) -> tuple[list[str], list[str]]:
    """What stands before "not", and what after it: (is), (eating); (), (eats); (does), (eat)."""
    verb, who, tense = VERBS[clause.verb], person(clause.subject), clause.tense
    base, third, past, progressive = verb.english
    particle = [verb.particle] if verb.particle else []
    if tense == "future":
        return ["will"], [base, *particle]
    if tense == "going":
        return [BE["present"][who]], ["going to", base, *particle]
    if clause.verb == "be":
        return [BE[tense][who]], []
    if clause.progressive:
        return [BE["present"][who]], [progressive, *particle]
    if asks or clause.polarity == "not":
        does = "did" if tense == "past" else "does" if who == 2 else "do"
        return [does], [base, *particle]
    return [], [past if tense == "past" else third if who == 2 else base, *particle]


def _subject(clause: Clause) -> list[str]:
    """With the relative pronoun before it: that he."""
    subject, object = clause.subject, clause.object
    led = ["that"] if isinstance(object, Pronoun) and object.word == "that" else []
    return led + ([subject.word] if isinstance(subject, Pronoun) else phrase(subject))


def _object(clause: Clause, doubtful: bool) -> list[str]:
    object = clause.object
    if object is None:
        return []
    if isinstance(object, Phrase):
        return phrase(object, doubtful or bool(clause.polarity))
    return [] if object.word == "that" else [OBJECTS.get(object.word, object.word)]


def phrase(part: Phrase, doubtful: bool = False) -> list[str]:
    """The words of a noun phrase; `doubtful` where "some" is "any"."""
    noun = NOUNS[part.noun]
    words = [*part.adjectives, noun.plural if part.plural else noun.english]
    if isinstance(part.determiner, Phrase):
        *owner, last = phrase(part.determiner)
        words = [*owner, last + "'s", *words]
    else:
        words.insert(0, _determiner(part.determiner, words[0], part.plural, doubtful))
    return words + (_clause(part.relative) if part.relative else [])


def _determiner(word: str, following: str, plural: bool, doubtful: bool) -> str:
    if word == "a":
        return "an" if following[0].lower() in "aeiou" else "a"
    if word == "some" and doubtful:
        return "any"
    return "these" if word == "this" and plural else word
