"""Meanings drawn by chance: what can be, said as a person would say it."""

from .adjectives import SAID_OF
from .meaning import Clause, Phrase, Pronoun, Sentence
from .nouns import NOUNS, PEOPLE, those
from .phrasing import SPEAKERS, PhraseChooser
from .sense import FIRST, REASONABLE, THEN, both, reasons, two_said
from .verbs import VERBS
from .words import Verb

ACTIONS = tuple(name for name in VERBS if name != "be")
WITH_OBJECT = tuple(name for name in ACTIONS if VERBS[name].senses[0][1])
WITHOUT = tuple(name for name in ACTIONS if name not in WITH_OBJECT)


class Chooser(PhraseChooser):
    """Draws meanings with a generator; each method draws one part."""

    # ---- sentences

    def sentence(self) -> Sentence:
        """Any kind, each often enough to be learned; plain statements most of all."""
        return self.one(KINDS)(self)

    def statement(self) -> Sentence:
        return Sentence("statement", self.action())

    def question(self) -> Sentence:
        if self.chance(0.25):
            return Sentence("question", self.being(asks=True))
        return Sentence("question", self.action(asks=True))

    def wondering(self) -> Sentence:
        """Why and when: what has a time already is not asked for it."""
        clause = self.action(asks=True)._replace(time="")
        when = clause.tense != "present" and not VERBS[clause.verb].state
        return Sentence("when" if when and self.chance(0.6) else "why", clause)

    def where(self) -> Sentence:
        noun = self.one(those("person kin animal clothing small car bicycle place open reading"))
        tense = "past" if self.chance(0.2) and NOUNS[noun].kind not in ("place", "open") else ""
        return Sentence("where", Clause(self.definite(noun), "be", tense or "present"))

    def there(self) -> Sentence:
        """There is a cat in the garden."""
        noun = self.one(those("person animal wild small fruit clothing car bicycle reading flower"))
        thing = self.phrase(noun, indefinite=1.0, counted=True)
        tense = self.one(("present", "present", "past"))
        polarity = "not" if self.chance(0.25) else ""
        if polarity:
            thing = self.denied(thing)
        elif not isinstance(thing.determiner, str):
            thing = thing._replace(determiner="a")
        subject = Pronoun("there", "", thing.plural)
        return Sentence(
            "statement", Clause(subject, "be", tense, polarity, thing, place=self.spot(noun))
        )

    def description(self) -> Sentence:
        return Sentence("statement", self.being())

    def position(self) -> Sentence:
        """The key is on the table."""
        noun = self.one(those("person kin animal wild small fruit clothing car bicycle reading"))
        subject = self.definite(noun, adjective=0.3)
        tense = self.one(("present", "present", "past", "future"))
        polarity = "not" if self.chance(0.2) else ""
        return Sentence("statement", Clause(subject, "be", tense, polarity, place=self.spot(noun)))

    def sequence(self) -> Sentence:
        """The girl buys a dress and she wears it: it is la, for robe is feminine."""
        while True:
            first, then = self.one(FIRST), self.one(THEN)
            nouns = both(first, then)
            if nouns:
                break
        tenses = ("future",) if first == "have" else ("past", "future")
        if then != "read":  # which would have to be "is reading"
            tenses = ("present", *tenses)
        tense = self.one(tenses)
        subject = self.people()
        thing = self.phrase(self.one(nouns), indefinite=0.6, counted=True)
        return Sentence(
            "statement",
            Clause(subject, first, tense, object=thing),
            "and",
            Clause(_again(subject), then, tense, object=_pronoun_of(thing)),
        )

    def reason(self) -> Sentence:
        """She loves the car because it is old."""
        while True:
            verb = self.one(REASONABLE)
            noun = self.one(those(VERBS[verb].senses[0][1]))
            why = reasons(verb, noun)
            if why:
                break
        # Not "the girls love the dogs because they": one would not know who.
        subject = self.people(plural=False)
        # Nor "she buys a bad orange because it is good".
        thing = self.phrase(noun, indefinite=0.0 if VERBS[verb].state else 0.3, adjective=0.0)
        tense = "present" if VERBS[verb].state or self.chance(0.6) else "past"
        because = Clause(_pronoun_of(thing), "be", tense, adjective=self.one(why))
        return Sentence("statement", Clause(subject, verb, tense, object=thing), "because", because)

    def comparison(self) -> Sentence:
        """The house is old and it is big; the soup is not hot, but it is good."""
        contrast = self.chance(0.5)
        noun, first, second = self.one(two_said(contrast))
        subject = self.definite(noun, adjective=0.0)
        tense = "past" if self.chance(0.25) else "present"
        return Sentence(
            "statement",
            Clause(subject, "be", tense, "not" if contrast else "", adjective=first),
            "but" if contrast else "and",
            Clause(_pronoun_of(subject), "be", tense, adjective=second),
        )

    def known_by_deed(self) -> Sentence:
        """The man who is reading a book is tired; I know the girl who sings."""
        noun = self.one(those("person"))
        plural = self.chance(0.25)
        deed = self.action(who=Pronoun("who", noun, plural))._replace(time="")
        person = Phrase("the", noun, plural, (), deed)
        if self.chance(0.5):
            adjective = self.one([a for a in SAID_OF[noun] if a not in ("young", "old")])
            return Sentence("statement", Clause(person, "be", "present", adjective=adjective))
        verb = self.one(("know", "look for", "see", "love", "look at", "wait for", "help"))
        tense = "present" if VERBS[verb].state else self.one(("present", "past"))
        return Sentence("statement", Clause(self.speaker(), verb, tense, object=person))

    def thing_done(self) -> Sentence:
        """The letter that he wrote is long: écrite, for lettre stands before it."""
        while True:
            verb = self.one(WITH_OBJECT)
            noun = self.one(those(VERBS[verb].senses[0][1]))
            if NOUNS[noun].kind not in PEOPLE and SAID_OF[noun] and not VERBS[verb].preposition:
                break
        plural = bool(NOUNS[noun].plural) and self.chance(0.25)
        that = Pronoun("that", noun, plural)
        tense = "present" if VERBS[verb].state else self.one(("past", "past", "present"))
        progressive = tense == "present" and not VERBS[verb].state and not VERBS[verb].sudden
        deed = Clause(self.speaker(), verb, tense, object=that, progressive=progressive)
        thing = Phrase("the", noun, plural, (), deed)
        gone = verb in ("eat", "drink") or self.chance(0.3)
        is_was = "past" if tense == "past" and gone else "present"
        adjective = self.one(SAID_OF[noun])
        return Sentence("statement", Clause(thing, "be", is_was, adjective=adjective))

    # ---- clauses

    def being(self, asks: bool = False) -> Clause:
        """The house is old; I am tired."""
        tense = self.one(("present", "present", "present", "past", "future"))
        polarity = "not" if not asks and self.chance(0.3) else ""
        if self.chance(0.25):
            subject = self.one([s for s in SPEAKERS if not (asks and s == "I")])
            adjective = self.one(SAID_OF["man"])
            return Clause(Pronoun(subject), "be", tense, polarity, adjective=adjective)
        noun = self.one([each for each in NOUNS if SAID_OF[each]])
        subject, adjective = self.definite(noun, adjective=0.0), self.one(SAID_OF[noun])
        return Clause(subject, "be", tense, polarity, adjective=adjective)

    def action(self, asks: bool = False, who: Pronoun | None = None) -> Clause:
        """Somebody does something, at some time, somewhere."""
        name = self.one(WITH_OBJECT if self.chance(0.75) else WITHOUT)
        verb = VERBS[name]
        doers, things = self.sense(verb, who)
        tense = self.tense(verb)
        polarity = "not" if not asks and self.chance(0.25) else ""
        frequency, time, progressive = "", "", False
        if tense == "present" and not verb.state:
            progressive = name == "read" or (not verb.sudden and self.chance(0.5))
            if not (progressive or asks or polarity) and self.chance(0.35):
                frequency = self.one(("often", "always", "never"))
                if frequency == "never":
                    frequency, polarity = "", "never"
        if not (frequency or polarity == "never" or verb.state) and self.chance(0.25):
            time = self.time(tense, progressive, bool(who))
        subject = who or self.subject(doers, asks, plain=not polarity)
        thing = self.object(things, subject, verb, doubtful=asks or bool(polarity))
        if isinstance(thing, Phrase) and polarity:
            thing = self.denied(thing)
        place = self.aim(verb, things, subject)
        return Clause(
            subject, name, tense, polarity, thing, "", place, frequency, time, progressive
        )

    def sense(self, verb: Verb, who: Pronoun | None) -> tuple[str, str]:
        """One in which the doer makes sense; people do most of what is done."""
        if who is not None:
            return verb.senses[0]
        return self.one(verb.senses) if self.chance(0.3) else verb.senses[0]

    def tense(self, verb: Verb) -> str:
        if verb.state:
            lasting = verb.infinitive in ("aimer", "connaître")
            return "present" if lasting or self.chance(0.75) else "future"
        return self.one(("present", "present", "present", "past", "past", "future", "going"))

    def time(self, tense: str, progressive: bool, short: bool) -> str:
        if short:
            return ""
        if tense == "present":
            return self.one(("now", "today")) if progressive else "every day"
        return self.one(("yesterday", "today") if tense == "past" else ("tomorrow", "today"))


KINDS = (
    *[Chooser.statement] * 9,
    *[Chooser.question] * 3,
    *[Chooser.description] * 2,
    *[Chooser.position] * 2,
    *[Chooser.there] * 2,
    *[Chooser.sequence] * 3,
    *[Chooser.reason] * 2,
    *[Chooser.known_by_deed] * 2,
    *[Chooser.thing_done] * 2,
    Chooser.comparison,
    Chooser.wondering,
    Chooser.where,
)


def _pronoun_of(part: Phrase) -> Pronoun:
    """What stands for a noun when it comes again."""
    noun = NOUNS[part.noun]
    if part.plural:
        return Pronoun("they", part.noun, True)
    if noun.kind in PEOPLE:
        return Pronoun("she" if noun.gender == "f" else "he", part.noun)
    return Pronoun("it", part.noun)


def _again(subject: Phrase | Pronoun) -> Pronoun:
    return subject if isinstance(subject, Pronoun) else _pronoun_of(subject)
