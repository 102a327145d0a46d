"""A meaning in French.

What English leaves open is settled once: "you" is one friend, tu; whoever says "I" or "we", and
"you", "they" and "them" without a noun before them, are masculine. In negation un, une, du, des
become de; before an adjective des does.
"""

from .adjectives import ADJECTIVES
from .meaning import Clause, Phrase, Pronoun, Sentence, gender, person, plural
from .nouns import NOUNS
from .verbs import BE, VERBS
from .words import Verb

# je, tu, il, nous, ils
SUBJECTS = {"I": "je", "you": "tu", "he": "il", "she": "elle", "we": "nous", "who": "qui"}
CLITICS = {"I": "me", "you": "te", "we": "nous"}  # objects before the verb
WERE = ("étais", "étais", "était", "étions", "étaient")
OWNERS = {  # masculine, feminine, plural
    "my": ("mon", "ma", "mes"),
    "your": ("ton", "ta", "tes"),
    "his": ("son", "sa", "ses"),
    "her": ("son", "sa", "ses"),
    "our": ("notre", "notre", "nos"),
    "their": ("leur", "leur", "leurs"),
}
COUNTS = {
    "two": ["deux"],
    "three": ["trois"],
    "four": ["quatre"],
    "many": ["beaucoup", "de"],
    "every": ["chaque"],
}
PREPOSITIONS = {
    "to": ["à"],
    "at": ["à"],
    "from": ["de"],
    "in": ["dans"],
    "on": ["sur"],
    "under": ["sous"],
    "near": ["près", "de"],
    "behind": ["derrière"],
    "in front of": ["devant"],
}
ADVERBS = {
    "often": "souvent",
    "always": "toujours",
    "yesterday": "hier",
    "today": "aujourd'hui",
    "tomorrow": "demain",
    "now": "maintenant",
    "every day": "tous les jours",
}
NEGATIONS = {"not": "pas", "never": "jamais"}
LINKS = {"and": ["et"], "but": ["mais"], "because": ["parce", "que"]}
ASKING = {"question": [], "why": ["pourquoi"], "when": ["quand"]}

ELIDED = {"le", "la", "de", "ne", "que", "je", "me", "te"}  # l', d', n', qu', j', m', t'
CONTRACTED = {
    ("à", "le"): "au",
    ("à", "les"): "aux",
    ("de", "le"): "du",
    ("de", "les"): "des",
}
ASPIRATED = {"hache", "haches", "hangar", "hangars", "hérisson", "hérissons"}
ASPIRATED |= {"héros", "hibou", "hiboux"}  # no other h keeps le and la whole


def french(sentence: Sentence) -> str:
    kind = sentence.kind
    if kind == "where":
        subject = sentence.clause.subject
        assert isinstance(subject, Phrase)
        words = ["où", _be(sentence.clause), *phrase(subject)]
    else:
        asks = [] if kind == "statement" else [*ASKING[kind], "est-ce", "que"]
        words = asks + _clause(sentence.clause)
    if sentence.second is not None:
        words[-1] += "," if sentence.link == "but" else ""
        words += LINKS[sentence.link] + _clause(sentence.second)
    text = written(words)
    return text[0].upper() + text[1:] + ("." if kind == "statement" else " ?")


def written(words: list[str]) -> str:
    """Words as they are written beside each other: de le pain, du pain; de la eau, de l'eau."""
    words, text = [*words], ""
    while words:
        word, *words = words
        vowel = bool(words) and begins_with_vowel(words[0])
        two = CONTRACTED.get((word, words[0])) if words else None
        if two and (words[0] == "les" or not begins_with_vowel(words[1])):  # à le ami: à l'ami
            words[0] = two
        elif word in ELIDED and vowel:
            text += word[:-1] + "'"
        else:
            text += word + (" " if words else "")
    return text


def begins_with_vowel(word: str) -> bool:
    """Whether a word is spoken with a vowel first: ami, homme, and the y of "il y a"."""
    return word not in ASPIRATED and word[0] in "aàâeéèêiîoôœuhy"


def phrase(part: Phrase, negated: bool = False) -> list[str]:
    """The words of a noun phrase, before they are `written`."""
    noun = NOUNS[part.noun]
    adjectives = [ADJECTIVES[each] for each in part.adjectives]
    before = [each.form(noun.gender, part.plural) for each in adjectives if each.before]
    after = [each.form(noun.gender, part.plural) for each in adjectives if not each.before]
    words = [*before, noun.french_plural if part.plural else noun.french, *after]
    if before and noun.gender == "m" and not part.plural and begins_with_vowel(words[1]):
        words[0] = next(each for each in adjectives if each.before).before_vowel or words[0]
    if isinstance(part.determiner, Phrase):
        words = _article(noun.gender, part.plural) + words + ["de", *phrase(part.determiner)]
    else:
        words = _determiner(part, words[0], bool(before), negated) + words
    return words + (_clause(part.relative) if part.relative else [])


def _determiner(part: Phrase, following: str, adjective: bool, negated: bool) -> list[str]:
    word, noun, vowel = part.determiner, NOUNS[part.noun], begins_with_vowel(following)
    assert isinstance(word, str)
    if word == "the":
        return _article(noun.gender, part.plural)
    if word in ("a", "some"):
        if negated or (part.plural and adjective):  # pas de voiture, de belles voitures
            return ["de"]
        if part.plural:
            return ["des"]
        if word == "some":  # du pain
            return ["de", *_article(noun.gender, False)]
        return ["un" if noun.gender == "m" else "une"]
    if word == "this":
        masculine = "cet" if vowel else "ce"
        return ["ces" if part.plural else masculine if noun.gender == "m" else "cette"]
    if word in OWNERS:
        masculine, feminine, several = OWNERS[word]
        # Mon école: the feminine would end in the vowel that the noun begins with.
        single = masculine if noun.gender == "m" or vowel else feminine
        return [several if part.plural else single]
    return COUNTS[word]


def _article(gender: str, plural: bool) -> list[str]:
    return ["les"] if plural else ["le"] if gender == "m" else ["la"]


def _clause(clause: Clause) -> list[str]:
    verb, object = VERBS[clause.verb], clause.object
    fronted = ["que"] if isinstance(object, Pronoun) and object.word == "that" else []
    words = [*fronted, *_subject(clause.subject), *_verb(clause, verb)]
    if isinstance(object, Phrase):
        words += phrase(object, bool(clause.polarity))
    if clause.adjective:
        subject = clause.subject
        words.append(ADJECTIVES[clause.adjective].form(gender(subject), plural(subject)))
    if clause.place:
        preposition, where = clause.place
        words += PREPOSITIONS[preposition] + phrase(where)
    return words + ([ADVERBS[clause.time]] if clause.time else [])


def _subject(subject: Phrase | Pronoun) -> list[str]:
    if isinstance(subject, Phrase):
        return phrase(subject)
    if subject.word == "there":
        return ["il"]
    if subject.word in ("it", "they"):
        return [("elle" if gender(subject) == "f" else "il") + "s" * plural(subject)]
    return [SUBJECTS[subject.word]]


def _verb(clause: Clause, verb: Verb) -> list[str]:
    """The verb with all that stands around it: ne les ai pas vus, va souvent le voir."""
    clitic = _clitic(clause)
    if clause.tense == "past" and verb is not BE:
        avoir = VERBS["be" if verb.etre else "have"].present
        finite, rest = avoir[person(clause.subject)], [_participle(clause, verb)]
    elif clause.tense == "going":
        finite = VERBS["go"].present[person(clause.subject)]
        clitic, rest = [], [*clitic, verb.infinitive]
    else:
        finite, rest = _be(clause) if verb is BE else _simple(clause, verb), []
    before = ["ne"] if clause.polarity else []
    after = [NEGATIONS[clause.polarity]] if clause.polarity else []
    after += [ADVERBS[clause.frequency]] if clause.frequency else []
    return [*before, *clitic, finite, *after, *rest]


def _simple(clause: Clause, verb: Verb) -> str:
    forms = verb.future if clause.tense == "future" else verb.present
    return forms[person(clause.subject)]


def _be(clause: Clause) -> str:
    """être; of "there is" it is avoir."""
    there = isinstance(clause.subject, Pronoun) and clause.subject.word == "there"
    if there:
        return {"present": "a", "past": "avait", "future": "aura"}[clause.tense]
    return WERE[person(clause.subject)] if clause.tense == "past" else _simple(clause, BE)


def _clitic(clause: Clause) -> list[str]:
    """The object before the verb: me, te, le, la, nous, les; and the y of "il y a"."""
    object = clause.object
    if isinstance(clause.subject, Pronoun) and clause.subject.word == "there":
        return ["y"]
    if not isinstance(object, Pronoun) or object.word == "that":
        return []
    return (
        [CLITICS[object.word]]
        if object.word in CLITICS
        else _article(gender(object), plural(object))
    )


def _participle(clause: Clause, verb: Verb) -> str:
    """It agrees with the subject after être, after avoir with an object before it."""
    leads = clause.subject if verb.etre else clause.object
    if leads is None or (isinstance(leads, Phrase) and not verb.etre):
        return verb.participle
    form = verb.participle + "e" * (gender(leads) == "f")
    return form if not plural(leads) or form.endswith("s") else form + "s"
