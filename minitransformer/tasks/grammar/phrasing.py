"""People, things and places drawn by chance: who and what can be said, as a person would say it."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from .adjectives import ADJECTIVES, OF_NOUN
from .meaning import Phrase, Pronoun
from .nouns import NOUNS, PEOPLE, those
from .places import DESTINATIONS, place_of, places_for
from .words import Verb

T = TypeVar("T")

SPEAKERS = ("I", "you", "he", "she", "we", "they")
OWNERS = ("my", "your", "his", "her", "our", "their")
NUMBERS = ("two", "three", "four")
UNOWNED = ("person", "wild", "open", "place")  # "my man" is a husband, "my beach" a dream
OFTEN_OWNED = ("school", "hotel")
ONES_OWN = ("kin", "animal", "reading", "clothing", "small", "large")  # the man's dog, not his soup


class PhraseChooser:
    """Draws meanings with a generator; each method draws one part."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng

    def one(self, options: Sequence[T]) -> T:
        return options[int(self.rng.random() * len(options))]

    def chance(self, part: float) -> bool:
        return self.rng.random() < part

    # ---- who and what

    def speaker(self) -> Pronoun:
        return Pronoun(self.one(SPEAKERS))

    def people(self, plural: bool = True) -> Phrase | Pronoun:
        """Somebody who does something; `plural` where they may be several."""
        if self.chance(0.4):
            return Pronoun(self.one(SPEAKERS if plural else SPEAKERS[:-1]))
        subject = self.definite(self.one(those("person kin")))
        return subject if plural else self.single(subject)

    def single(self, part: Phrase) -> Phrase:
        return part._replace(plural=False)

    def subject(self, doers: str, asks: bool, plain: bool) -> Phrase | Pronoun:
        if doers.startswith("person") and self.chance(0.45):
            return Pronoun(self.one(SPEAKERS[1:] if asks else SPEAKERS))
        noun = self.one(those(doers))
        if asks or not plain:
            return self.definite(noun, adjective=0.35)
        if self.chance(0.06) and NOUNS[noun].kind != "kin":
            return Phrase("every", noun, False, ())
        return self.phrase(noun, indefinite=0.25, counted=True)

    def object(
        self, things: str, subject: Phrase | Pronoun, verb: Verb, doubtful: bool
    ) -> Phrase | Pronoun | None:
        if not things:
            return None
        noun = self.one(those(things))
        if NOUNS[noun].kind in PEOPLE and self.chance(0.5):
            word = subject.word if isinstance(subject, Pronoun) else ""
            # "I see me" would be another verb, myself; "he sees him" is somebody else.
            own = ("I", "we") if word in ("I", "we") else (word,) if word in ("you", "they") else ()
            return Pronoun(self.one([each for each in SPEAKERS if each not in own]))
        if verb.state and verb.infinitive == "aimer":
            return self.definite(noun, adjective=0.4)
        return self.phrase(noun, indefinite=0.55, counted=not doubtful)

    def aim(self, verb: Verb, things: str, subject: Phrase | Pronoun) -> tuple[str, Phrase] | None:
        """Where to, whom to; of what needs no aim, where it happens."""
        if verb.preposition == "to" and verb.infinitive != "aller":
            return "to", self.definite(self.one(those("person kin")), adjective=0.2)
        if verb.preposition in ("to", "at", "from"):
            return verb.preposition, self.place(self.one(those(DESTINATIONS)))
        if verb.preposition == "in" or (not things and verb.etre is False and self.chance(0.4)):
            kind = NOUNS[subject.noun].kind if subject.noun else "person"
            return "in", self.place(self.one(place_of("in", kind)))
        return None

    def place(self, noun: str) -> Phrase:
        return self.single(self.definite(noun, adjective=0.25))

    def spot(self, noun: str) -> tuple[str, Phrase]:
        """A preposition and a place where such a thing can be."""
        preposition = self.one(places_for(NOUNS[noun].kind))
        places = place_of(preposition, NOUNS[noun].kind)
        there = self.one([each for each in places if each != noun])
        if preposition == "near" and NOUNS[there].plural and self.chance(0.3):
            return preposition, Phrase("the", there, True)
        return preposition, self.place(there)

    def definite(self, noun: str, adjective: float = 0.25) -> Phrase:
        return self.phrase(noun, 0.0, adjective=adjective)

    def phrase(
        self, noun: str, indefinite: float, counted: bool = False, adjective: float = 0.4
    ) -> Phrase:
        """A noun with a determiner and perhaps adjectives; `indefinite` is how often it is "a" or
        "some", or, where it may be `counted`, "two" or "many"."""
        entry = NOUNS[noun]
        plural = bool(entry.plural) and self.chance(0.3)
        adjectives = self.adjectives(noun) if self.chance(adjective) else ()
        return Phrase(self.determiner(noun, plural, indefinite, counted), noun, plural, adjectives)

    def adjectives(self, noun: str) -> tuple[str, ...]:
        """One, or two of which the second is a colour or a nation: a small black dog."""
        if not OF_NOUN[noun]:
            return ()
        first = self.one(OF_NOUN[noun])
        later = [each for each in OF_NOUN[noun] if ADJECTIVES[each].group in ("colour", "nation")]
        if ADJECTIVES[first].before and later and self.chance(0.25):
            return first, self.one(later)
        return (first,)

    def determiner(self, noun: str, plural: bool, indefinite: float, counted: bool) -> str | Phrase:
        entry = NOUNS[noun]
        if entry.kind == "kin":
            return self.owner(entry.kind)
        if self.chance(indefinite):
            if plural and counted and self.chance(0.5):
                return "many" if self.chance(0.4) else self.one(NUMBERS)
            return "some" if plural or entry.mass else "a"
        if (entry.kind not in UNOWNED or noun in OFTEN_OWNED) and self.chance(0.4):
            return self.owner(entry.kind)
        return "this" if self.chance(0.25) else "the"

    def owner(self, kind: str) -> str | Phrase:
        if kind in ONES_OWN and self.chance(0.25):
            noun = self.one(those("person kin"))
            own = self.one(OWNERS) if NOUNS[noun].kind == "kin" else self.one(("the", "this"))
            return Phrase(own, noun)
        return self.one(OWNERS)

    def denied(self, thing: Phrase) -> Phrase:
        """As it is after "not": no number; and nothing of which "a" and "any" are the same in
        French (pas de héros)."""
        determiner, entry = thing.determiner, NOUNS[thing.noun]
        if determiner in (*NUMBERS, "many"):
            determiner = "some"
        same = entry.plural and entry.french == entry.french_plural
        if same and determiner in ("a", "some"):
            return thing._replace(determiner="a", plural=False)
        return thing._replace(determiner=determiner)
