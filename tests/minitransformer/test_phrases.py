"""The grammar of `phrases`, held to hand-written pairs and to the rules of French."""

# ruff: noqa: E501 (a row of a table is a line)

import re

import numpy as np
import pytest

from minitransformer import tasks
from minitransformer.tasks.grammar.adjectives import ADJECTIVES, OF_NOUN
from minitransformer.tasks.grammar.english import english, phrase
from minitransformer.tasks.grammar.french import ASPIRATED, french, written
from minitransformer.tasks.grammar.french import phrase as french_phrase
from minitransformer.tasks.grammar.meaning import (
    PERSONS,
    Clause,
    Phrase,
    Pronoun,
    Sentence,
    described,
    in_both,
)
from minitransformer.tasks.grammar.nouns import NOUNS, those
from minitransformer.tasks.grammar.reading import words
from minitransformer.tasks.grammar.verbs import VERBS
from minitransformer.tasks.phrases import kept_apart
from minitransformer.text.tokenising import tokenize

TASK = tasks.get("phrases")
PLURALS = {noun.plural: noun.english for noun in NOUNS.values() if noun.plural}


@pytest.fixture(scope="module")
def drawn():
    """6,000 meanings, with their pairs."""
    rng = np.random.default_rng(12)
    meanings = [TASK.sample(rng) for _ in range(6_000)]
    return [(meaning, *TASK.pair(meaning)) for meaning in meanings]


def part(text):
    """A noun phrase or a pronoun, as English writes it, without owners and clauses."""
    if text in PERSONS:
        return Pronoun(text)
    determiner, *adjectives, noun = text.split()
    several = noun in PLURALS
    determiner = {"an": "a", "these": "this", "any": "some"}.get(determiner, determiner)
    return Phrase(determiner, PLURALS.get(noun, noun), several, tuple(adjectives))


def clause(subject, verb, object=None, place=None, **more):
    where = place and (place[0], part(place[1]))
    return Clause(part(subject), verb, object=object and part(object), place=where, **more)


def said(meaning, kind="statement", link="", second=None):
    sentence = Sentence(kind, meaning, link, second)
    return english(sentence), french(sentence)


NOUN_PHRASES = """
the water = l'eau
the tree = l'arbre
the man = l'homme
the hotel = l'hôtel
the hospital = l'hôpital
the swallow = l'hirondelle
the story = l'histoire
the axe = la hache
the hero = le héros
the owl = le hibou
the hedgehog = le hérisson
the hangar = le hangar
the axes = les haches
the owls = les hiboux
the horses = les chevaux
the newspapers = les journaux
the birds = les oiseaux
the castles = les châteaux
the eggs = les œufs
the bread = le pain
the car = la voiture
the old axe = la vieille hache
a dog = un chien
a car = une voiture
an apple = une pomme
an umbrella = un parapluie
a hotel = un hôtel
an axe = une hache
a big car = une grande voiture
a red car = une voiture rouge
a beautiful tree = un bel arbre
a beautiful dog = un beau chien
a beautiful axe = une belle hache
a beautiful hotel = un bel hôtel
a beautiful owl = un beau hibou
an old man = un vieil homme
an old tree = un vieil arbre
an old hero = un vieux héros
an old dog = un vieux chien
an old woman = une vieille femme
a new tool = un nouvel outil
a new book = un nouveau livre
a new car = une nouvelle voiture
a new school = une nouvelle école
a white shirt = une chemise blanche
a long letter = une longue lettre
a small black dog = un petit chien noir
a beautiful Italian car = une belle voiture italienne
a good French book = un bon livre français
an expensive dress = une robe chère
some bread = du pain
some water = de l'eau
some meat = de la viande
some milk = du lait
some apples = des pommes
some owls = des hiboux
some cold water = de l'eau froide
some good bread = du bon pain
some good beer = de la bonne bière
some fresh cheese = du fromage frais
some big cars = de grandes voitures
some red cars = des voitures rouges
some beautiful trees = de beaux arbres
some old hotels = de vieux hôtels
some new books = de nouveaux livres
some white shirts = des chemises blanches
this dog = ce chien
this man = cet homme
this tree = cet arbre
this hero = ce héros
this axe = cette hache
this school = cette école
this old man = ce vieil homme
this beautiful tree = ce bel arbre
this big tree = ce grand arbre
these trees = ces arbres
these English books = ces livres anglais
these happy women = ces femmes heureuses
my car = ma voiture
my school = mon école
my story = mon histoire
my beautiful story = ma belle histoire
my axe = ma hache
my orange = mon orange
my dogs = mes chiens
my scarf = mon écharpe
my old scarf = ma vieille écharpe
your box = ta boîte
your tool = ton outil
your orange = ton orange
his dog = son chien
her dog = son chien
his house = sa maison
her house = sa maison
her scarf = son écharpe
her keys = ses clés
our car = notre voiture
our cars = nos voitures
their cat = leur chat
their cats = leurs chats
two dogs = deux chiens
three big houses = trois grandes maisons
four eggs = quatre œufs
many dogs = beaucoup de chiens
many birds = beaucoup d'oiseaux
many owls = beaucoup de hiboux
every child = chaque enfant
every actress = chaque actrice
the kind girl = la fille gentille
the brave women = les femmes courageuses
the grey horses = les chevaux gris
the grey cow = la vache grise
the happy man = l'homme heureux
the happy men = les hommes heureux
the bad apples = les mauvaises pommes
the interesting museum = le musée intéressant
"""
NP_PAIRS = [tuple(line.split(" = ")) for line in NOUN_PHRASES.strip().splitlines()]


@pytest.mark.parametrize("in_english, in_french", NP_PAIRS)
def test_a_noun_phrase_is_what_a_schoolbook_says(in_english, in_french):
    meant = part(in_english)
    assert " ".join(phrase(meant)) == in_english
    assert written(french_phrase(meant)) == in_french


CLAUSES = [
    (clause("I", "eat", "some bread"), "I eat some bread.", "Je mange du pain."),
    (clause("we", "eat", "some bread"), "We eat some bread.", "Nous mangeons du pain."),
    (clause("she", "buy", "a car"), "She buys a car.", "Elle achète une voiture."),
    (clause("we", "buy", "a car"), "We buy a car.", "Nous achetons une voiture."),
    (clause("they", "buy", "a car"), "They buy a car.", "Ils achètent une voiture."),
    (clause("she", "buy", "a car", tense="future"), "She will buy a car.", "Elle achètera une voiture."),
    (clause("I", "love", "the dog"), "I love the dog.", "J'aime le chien."),
    (clause("I", "love", "the dog", polarity="not"), "I do not love the dog.", "Je n'aime pas le chien."),
    (clause("I", "love", "you"), "I love you.", "Je t'aime."),
    (clause("you", "love", "I"), "You love me.", "Tu m'aimes."),
    (clause("he", "see", "she"), "He sees her.", "Il la voit."),
    (clause("he", "see", "we"), "He sees us.", "Il nous voit."),
    (clause("he", "see", "they"), "He sees them.", "Il les voit."),
    (clause("he", "see", "she", polarity="not"), "He does not see her.", "Il ne la voit pas."),
    (clause("he", "see", "she", tense="past"), "He saw her.", "Il l'a vue."),
    (clause("he", "see", "they", tense="past"), "He saw them.", "Il les a vus."),
    (clause("he", "see", "I", tense="past", polarity="not"), "He did not see me.", "Il ne m'a pas vu."),
    (clause("he", "see", "he", tense="going"), "He is going to see him.", "Il va le voir."),
    (clause("he", "see", "he", tense="going", polarity="not"), "He is not going to see him.", "Il ne va pas le voir."),
    (clause("he", "invite", "she", tense="going"), "He is going to invite her.", "Il va l'inviter."),
    (clause("I", "have", "some bread", polarity="not"), "I do not have any bread.", "Je n'ai pas de pain."),
    (clause("I", "have", "a car", polarity="not"), "I do not have a car.", "Je n'ai pas de voiture."),
    (clause("I", "have", "some water", polarity="not"), "I do not have any water.", "Je n'ai pas d'eau."),
    (clause("I", "have", "the car", polarity="not"), "I do not have the car.", "Je n'ai pas la voiture."),
    (clause("he", "eat", "some eggs", polarity="never"), "He never eats any eggs.", "Il ne mange jamais d'œufs."),
    (clause("he", "eat", "some eggs", frequency="often"), "He often eats some eggs.", "Il mange souvent des œufs."),
    (clause("he", "drink", "some tea", frequency="always"), "He always drinks some tea.", "Il boit toujours du thé."),
    (clause("they", "drink", "some tea"), "They drink some tea.", "Ils boivent du thé."),
    (clause("she", "leave", tense="past"), "She left.", "Elle est partie."),
    (clause("she", "leave", tense="past", polarity="not"), "She did not leave.", "Elle n'est pas partie."),
    (clause("I", "leave", tense="past"), "I left.", "Je suis parti."),
    (clause("we", "leave", tense="past"), "We left.", "Nous sommes partis."),
    (clause("the girls", "leave", tense="past"), "The girls left.", "Les filles sont parties."),
    (clause("the women", "fall", tense="past"), "The women fell.", "Les femmes sont tombées."),
    (clause("I", "go", place=("to", "the school")), "I go to the school.", "Je vais à l'école."),
    (clause("I", "go", place=("to", "the park")), "I go to the park.", "Je vais au parc."),
    (clause("I", "go", place=("to", "the beach")), "I go to the beach.", "Je vais à la plage."),
    (clause("I", "go", place=("to", "the hotel"), tense="future"), "I will go to the hotel.", "J'irai à l'hôtel."),
    (clause("I", "go", place=("to", "the old hotel")), "I go to the old hotel.", "Je vais au vieil hôtel."),
    (clause("he", "come", place=("from", "the market")), "He comes from the market.", "Il vient du marché."),
    (clause("he", "come", place=("from", "the school")), "He comes from the school.", "Il vient de l'école."),
    (clause("they", "come", place=("from", "the beach")), "They come from the beach.", "Ils viennent de la plage."),
    (clause("she", "arrive", place=("at", "the station"), tense="past"), "She arrived at the station.", "Elle est arrivée à la gare."),
    (clause("he", "speak", place=("to", "the children")), "He speaks to the children.", "Il parle aux enfants."),
    (clause("he", "speak", place=("to", "the hero")), "He speaks to the hero.", "Il parle au héros."),
    (clause("he", "speak", place=("to", "the child")), "He speaks to the child.", "Il parle à l'enfant."),
    (clause("he", "give", "a book", place=("to", "the boy")), "He gives a book to the boy.", "Il donne un livre au garçon."),
    (clause("the dog", "be", place=("near", "the trees")), "The dog is near the trees.", "Le chien est près des arbres."),
    (clause("the dog", "be", place=("near", "the tree")), "The dog is near the tree.", "Le chien est près de l'arbre."),
    (clause("the dog", "be", place=("near", "the castle")), "The dog is near the castle.", "Le chien est près du château."),
    (clause("the key", "be", place=("on", "the table")), "The key is on the table.", "La clé est sur la table."),
    (clause("the keys", "be", place=("under", "the chair"), tense="past"), "The keys were under the chair.", "Les clés étaient sous la chaise."),
    (clause("the car", "be", place=("in front of", "the house")), "The car is in front of the house.", "La voiture est devant la maison."),
    (clause("the man", "look for", "the key", progressive=True), "The man is looking for the key.", "L'homme cherche la clé."),
    (clause("the man", "look at", "the tree"), "The man looks at the tree.", "L'homme regarde l'arbre."),
    (clause("I", "wait for", "she"), "I wait for her.", "Je l'attends."),
    (clause("I", "wait for", "she", tense="past"), "I waited for her.", "Je l'ai attendue."),
    (clause("we", "listen to", "the girl", progressive=True), "We are listening to the girl.", "Nous écoutons la fille."),
    (clause("I", "write", "a letter", progressive=True), "I am writing a letter.", "J'écris une lettre."),
    (clause("I", "read", "a book", tense="past"), "I read a book.", "J'ai lu un livre."),
    (clause("he", "read", "a book", tense="past", time="yesterday"), "He read a book yesterday.", "Il a lu un livre hier."),
    (clause("he", "sleep", time="now", progressive=True), "He is sleeping now.", "Il dort maintenant."),
    (clause("he", "work", time="every day"), "He works every day.", "Il travaille tous les jours."),
    (clause("he", "work", time="tomorrow", tense="future"), "He will work tomorrow.", "Il travaillera demain."),
    (clause("he", "work", time="today", tense="going"), "He is going to work today.", "Il va travailler aujourd'hui."),
    (clause("the house", "be", adjective="old"), "The house is old.", "La maison est vieille."),
    (clause("the tree", "be", adjective="beautiful"), "The tree is beautiful.", "L'arbre est beau."),
    (clause("the trees", "be", adjective="beautiful"), "The trees are beautiful.", "Les arbres sont beaux."),
    (clause("the houses", "be", adjective="white", polarity="not"), "The houses are not white.", "Les maisons ne sont pas blanches."),
    (clause("the soup", "be", adjective="cold", tense="past"), "The soup was cold.", "La soupe était froide."),
    (clause("I", "be", adjective="tired"), "I am tired.", "Je suis fatigué."),
    (clause("she", "be", adjective="tired", tense="future"), "She will be tired.", "Elle sera fatiguée."),
    (clause("we", "be", adjective="happy"), "We are happy.", "Nous sommes heureux."),
    (clause("you", "be", adjective="sick", tense="past"), "You were sick.", "Tu étais malade."),
]  # fmt: skip


@pytest.mark.parametrize("meant, in_english, in_french", CLAUSES)
def test_a_statement_is_what_a_schoolbook_says(meant, in_english, in_french):
    assert said(meant) == (in_english, in_french)


IT = Pronoun("it", "apple")
THERE = Pronoun("there")
SENTENCES = [
    (said(clause("he", "eat", "some bread"), "question"), "Does he eat any bread?", "Est-ce qu'il mange du pain ?"),
    (said(clause("the man", "be", adjective="kind"), "question"), "Is the man kind?", "Est-ce que l'homme est gentil ?"),
    (said(clause("you", "leave", tense="past"), "why"), "Why did you leave?", "Pourquoi est-ce que tu es parti ?"),
    (said(clause("she", "arrive", tense="future"), "when"), "When will she arrive?", "Quand est-ce qu'elle arrivera ?"),
    (said(clause("my keys", "be"), "where"), "Where are my keys?", "Où sont mes clés ?"),
    (
        said(Clause(THERE, "be", object=part("a cat"), place=("in", part("the garden")))),
        "There is a cat in the garden.",
        "Il y a un chat dans le jardin.",
    ),
    (
        said(Clause(THERE, "be", "past", "not", part("a cat"), place=("in", part("the garden")))),
        "There was not a cat in the garden.",
        "Il n'y avait pas de chat dans le jardin.",
    ),
    (
        said(
            clause("she", "buy", "an apple", tense="past"),
            "statement",
            "and",
            Clause(Pronoun("she"), "eat", "past", object=IT),
        ),
        "She bought an apple and she ate it.",
        "Elle a acheté une pomme et elle l'a mangée.",
    ),
    (
        said(
            clause("I", "love", "this house"),
            "statement",
            "because",
            Clause(Pronoun("it", "house"), "be", adjective="old"),
        ),
        "I love this house because it is old.",
        "J'aime cette maison parce qu'elle est vieille.",
    ),
    (
        said(
            clause("the dog", "be", polarity="not", adjective="big"),
            "statement",
            "but",
            Clause(Pronoun("it", "dog"), "be", adjective="beautiful"),
        ),
        "The dog is not big, but it is beautiful.",
        "Le chien n'est pas grand, mais il est beau.",
    ),
    (
        said(
            Clause(
                Phrase(
                    "the",
                    "letter",
                    relative=Clause(
                        Pronoun("he"), "write", "past", object=Pronoun("that", "letter")
                    ),
                ),
                "be",
                adjective="long",
            )
        ),
        "The letter that he wrote is long.",
        "La lettre qu'il a écrite est longue.",
    ),
    (
        said(
            Clause(
                Pronoun("I"),
                "know",
                object=Phrase(
                    "the", "girl", relative=Clause(Pronoun("who", "girl"), "sing", progressive=True)
                ),
            )
        ),
        "I know the girl who is singing.",
        "Je connais la fille qui chante.",
    ),
    (
        said(Clause(Pronoun("I"), "see", object=Phrase(part("the boy"), "dog"))),
        "I see the boy's dog.",
        "Je vois le chien du garçon.",
    ),
    (
        said(Clause(Pronoun("I"), "see", object=Phrase(part("my uncle"), "car", False, ("red",)))),
        "I see my uncle's red car.",
        "Je vois la voiture rouge de mon oncle.",
    ),
]  # fmt: skip


@pytest.mark.parametrize("pair, in_english, in_french", SENTENCES)
def test_other_sentences_are_what_a_schoolbook_says(pair, in_english, in_french):
    assert pair == (in_english, in_french)


def test_there_are_at_least_150_pairs_by_hand():
    assert len(NP_PAIRS) + len(CLAUSES) + len(SENTENCES) >= 150


# Rules of French, in whatever is drawn.

SPOKEN = "aeiouyhàâéèêëîïôœ"


def test_de_and_a_are_contracted_and_a_vowel_elides_what_is_before_it(drawn):
    whole = "|".join(ASPIRATED)
    open_vowel = re.compile(
        rf"\b(le|la|de|ne|que|je|me|te|ce|ma|ta|sa|beau|nouveau) (?!{whole})[{SPOKEN}]", re.I
    )
    closed = re.compile(rf"\b([ldnqjmt]u?'|cet |bel )({whole})\b", re.I)
    for _, _, text in drawn:
        assert not re.search(r"\b(de les?|à les?)\b(?! [aeiouhéêâîœ])", text, re.I), text
        for found in open_vowel.finditer(text):
            # "est beau et il": only before its own noun
            assert found[1] in ("beau", "nouveau") and " et " in text, text
        assert not closed.search(text), text


def test_ne_is_never_without_pas_or_jamais_and_no_article_follows(drawn):
    for _, _, text in drawn:
        negations = re.findall(r"\bne\b|\bn'", text)
        assert len(negations) == len(re.findall(r"\b(pas|jamais)\b", text)), text
        assert not re.search(r"\b(pas|jamais) (un|une|des)\b", text), text


def test_every_adjective_agrees_with_every_noun_that_it_is_said_of():
    for noun in NOUNS.values():
        for adjective in OF_NOUN[noun.english]:
            one = french_phrase(Phrase("the", noun.english, False, (adjective,)))
            forms = ADJECTIVES[adjective].french
            expected = {forms[1]} if noun.gender == "f" else {forms[0], "bel", "vieil", "nouvel"}
            assert expected & set(one), one
            if noun.plural:
                many = french_phrase(Phrase("the", noun.english, True, (adjective,)))
                assert all(each[-1] in "sx" for each in many), many


def test_what_is_said_of_a_noun_can_be_said_of_it(drawn):
    for meaning, _, _ in drawn:
        assert all(adjective in OF_NOUN[noun] for adjective, noun in described(meaning))


def test_one_english_sentence_has_one_french_one_and_no_sentence_two_splits(drawn):
    french_of, split = {}, {}
    for meaning, source, target in drawn:
        assert french_of.setdefault(source, target) == target
        for text in (source, target):
            assert split.setdefault(text, in_both(meaning)) == in_both(meaning)


@pytest.mark.parametrize(
    "one, other",
    [
        (clause("he", "eat", "his egg"), clause("he", "eat", "her egg", progressive=True)),
        (clause("I", "love", "he"), clause("I", "love", "she")),
    ],
)
def test_what_is_the_same_in_french_is_in_one_split(one, other):
    one, other = Sentence("statement", one), Sentence("statement", other)
    assert french(one) == french(other) and english(one) != english(other)
    assert TASK.split_of(one) == TASK.split_of(other)


# The task.


def test_there_are_more_than_a_million_meanings():
    # Somebody with an adjective does something, in one of four tenses, to one thing with another;
    # determiners, number, negation and all other sentences come on top.
    total = 0
    for verb in VERBS.values():
        doers, things = verb.senses[0] if verb.senses else ("", "")
        if things and not verb.state:
            total += 4 * _described(doers) * _described(things)
    assert total > 10_000_000


def _described(kinds):
    return sum(len(OF_NOUN[noun]) for noun in those(kinds))


def test_pairs_kept_apart_are_never_in_another_split_and_their_words_are():
    rng = np.random.default_rng(1)
    seen = [TASK.sample(rng) for _ in range(4_000)]
    pairs = {pair for each in seen if TASK.split_of(each) != "unseen" for pair in described(each)}
    assert pairs and not any(kept_apart(*pair) for pair in pairs)
    apart = {
        pair
        for each in seen
        if TASK.split_of(each) == "unseen"
        for pair in described(each)
        if kept_apart(*pair)
    }
    adjectives, nouns = {a for a, _ in pairs}, {n for _, n in pairs}
    assert len(apart) > 30
    assert all(adjective in adjectives and noun in nouns for adjective, noun in apart)


def test_all_its_words_are_known_and_its_sources_left_as_they_are(drawn):
    known = {word.lower() for word in words()} | {*".?,'", "s"}
    for _, source, target in drawn[:2_000]:
        TASK.check(source)
        assert TASK.rewrite(source) == source
        assert {token.strip().lower() for token in tokenize(source, "words")} <= known
        assert max(len(tokenize(text, "words")) for text in (source, target)) <= TASK.max_length


def test_the_words_of_the_check_are_those_of_the_grammar():
    assert {"children", "looking", "Italian", "tomorrow", "an"} <= words()
    assert not {"having", "knowing"} & words()
    assert len(NOUNS) + len(ADJECTIVES) + len(VERBS) > 150


@pytest.mark.parametrize(
    "typed, rewritten",
    [
        ("the cat sleeps", "The cat sleeps."),
        ("DO YOU SEE THE FRENCH ACTOR", "Do you see the French actor?"),
        ("i don't see him.", "I do not see him."),
        ("He’s tired", "He is tired."),
        ("we won't eat any bread .", "We will not eat any bread."),
        ("where's my key?", "Where is my key?"),
        ("the boy's dog sleeps", "The boy's dog sleeps."),
    ],
)
def test_what_is_typed_is_rewritten(typed, rewritten):
    TASK.check(typed)
    assert TASK.rewrite(typed) == rewritten


def test_an_unknown_word_is_named_with_the_nearest_that_is_known():
    with pytest.raises(
        ValueError, match='"hosre" is no word of the task "phrases"; did you mean "h'
    ):
        TASK.check("The hosre sleeps.")
