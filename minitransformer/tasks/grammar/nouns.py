"""The nouns, by what they are in the world.

Each has one French gender that nothing else in a sentence can change, so there is no "friend" or
"teacher", who are a man or a woman; "child" is masculine, as the French word is where no one asks.
"""

from functools import cache

from .words import Noun


def _nouns(kind: str, *rows: str) -> list[Noun]:
    """Nouns of a kind, a row each: English, its plural, French, its plural, gender."""
    made = []
    for row in rows:
        english, plural, french, french_plural, gender = row.split()
        plural, french_plural = plural.strip("-"), french_plural.strip("-")
        made.append(Noun(english, plural, french, french_plural, gender, kind))
    return made


_ALL = [
    *_nouns(
        "person",
        "man men homme hommes m",
        "woman women femme femmes f",
        "boy boys garçon garçons m",
        "girl girls fille filles f",
        "child children enfant enfants m",
        "actor actors acteur acteurs m",
        "actress actresses actrice actrices f",
        "waiter waiters serveur serveurs m",
        "waitress waitresses serveuse serveuses f",
        "king kings roi rois m",
        "queen queens reine reines f",
        "hero heroes héros héros m",
    ),
    *_nouns(
        "kin",
        "mother - mère - f",
        "father - père - m",
        "brother brothers frère frères m",
        "sister sisters sœur sœurs f",
        "uncle uncles oncle oncles m",
        "aunt aunts tante tantes f",
    ),
    *_nouns(
        "animal",
        "dog dogs chien chiens m",
        "cat cats chat chats m",
        "horse horses cheval chevaux m",
        "bird birds oiseau oiseaux m",
        "cow cows vache vaches f",
        "rabbit rabbits lapin lapins m",
        "donkey donkeys âne ânes m",
    ),
    *_nouns(
        "wild",
        "owl owls hibou hiboux m",
        "hedgehog hedgehogs hérisson hérissons m",
        "swallow swallows hirondelle hirondelles f",
    ),
    *_nouns(
        "fruit",  # and what else is eaten by the piece
        "apple apples pomme pommes f",
        "orange oranges orange oranges f",
        "banana bananas banane bananes f",
        "tomato tomatoes tomate tomates f",
        "egg eggs œuf œufs m",
        "cake cakes gâteau gâteaux m",
    ),
    *_nouns(
        "dish",
        "bread - pain - m",
        "meat - viande - f",
        "cheese - fromage - m",
        "soup - soupe - f",
        "rice - riz - m",
        "salad - salade - f",
    ),
    *_nouns(
        "drink",
        "water - eau - f",
        "milk - lait - m",
        "wine - vin - m",
        "coffee - café - m",
        "tea - thé - m",
        "beer - bière - f",
        "juice - jus - m",
    ),
    *_nouns(
        "reading",
        "book books livre livres m",
        "letter letters lettre lettres f",
        "newspaper newspapers journal journaux m",
    ),
    *_nouns("story", "story stories histoire histoires f"),
    *_nouns(
        "clothing",
        "hat hats chapeau chapeaux m",
        "shirt shirts chemise chemises f",
        "dress dresses robe robes f",
        "coat coats manteau manteaux m",
        "shoe shoes chaussure chaussures f",
        "scarf scarves écharpe écharpes f",
    ),
    *_nouns(
        "small",
        "key keys clé clés f",
        "box boxes boîte boîtes f",
        "knife knives couteau couteaux m",
        "lamp lamps lampe lampes f",
        "axe axes hache haches f",
        "bag bags sac sacs m",
        "gift gifts cadeau cadeaux m",
        "umbrella umbrellas parapluie parapluies m",
        "pencil pencils crayon crayons m",
        "tool tools outil outils m",
        "cup cups tasse tasses f",
    ),
    *_nouns(
        "large",
        "car cars voiture voitures f",
        "bicycle bicycles vélo vélos m",
        "chair chairs chaise chaises f",
        "table tables table tables f",
        "door doors porte portes f",
        "window windows fenêtre fenêtres f",
    ),
    *_nouns("plant", "tree trees arbre arbres m", "flower flowers fleur fleurs f"),
    *_nouns(
        "place",  # where one goes
        "school schools école écoles f",
        "hotel hotels hôtel hôtels m",
        "church churches église églises f",
        "station stations gare gares f",
        "park parks parc parcs m",
        "museum museums musée musées m",
        "library libraries bibliothèque bibliothèques f",
        "hospital hospitals hôpital hôpitaux m",
        "castle castles château châteaux m",
    ),
    *_nouns(
        "open",  # where one goes, but is not in
        "market markets marché marchés m",
        "beach beaches plage plages f",
    ),
    *_nouns(
        "home",  # where one is
        "house houses maison maisons f",
        "garden gardens jardin jardins m",
        "kitchen kitchens cuisine cuisines f",
        "hangar hangars hangar hangars m",
    ),
]

NOUNS = {noun.english: noun for noun in _ALL}
PEOPLE = ("person", "kin")


@cache
def those(kinds: str) -> tuple[str, ...]:
    """The nouns that a list of kinds, single nouns and exceptions ("-key") names."""
    listed = kinds.split()
    without = {each[1:] for each in listed if each.startswith("-")}
    return tuple(
        noun.english
        for noun in _ALL
        if noun.english not in without and not {noun.english, noun.kind}.isdisjoint(listed)
    )
