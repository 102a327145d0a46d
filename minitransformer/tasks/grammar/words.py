"""What the grammar knows of a noun, an adjective and a verb, in both languages."""

from typing import NamedTuple

REGULAR = ("e", "es", "e", "ons", "ent")  # present of the verbs in -er: je, tu, il, nous, ils
FUTURE = ("ai", "as", "a", "ons", "ont")


class Noun(NamedTuple):
    """`plural` and `french_plural` are empty for what is never counted, as milk, or there is only
    one of, as a mother."""

    english: str
    plural: str
    french: str
    french_plural: str
    gender: str  # of the French word: "m" or "f"
    kind: str  # what it is in the world: "person", "drink", ...

    @property
    def mass(self) -> bool:
        return self.kind in ("dish", "drink")


class Adjective(NamedTuple):
    """`french` has four forms: (m, f, m plural, f plural)."""

    english: str
    french: tuple[str, str, str, str]
    nouns: str  # kinds of nouns, and single nouns, that it can be said of
    before: bool = False  # whether it stands before its noun in French
    before_vowel: str = ""  # another form of the masculine singular there: bel, vieil, nouvel
    group: str = ""  # of which a thing has only one: its colour, its size
    pleases: bool | None = None  # whether one likes a thing for it; None where it is all the same

    def form(self, gender: str, plural: bool) -> str:
        return self.french[2 * plural + (gender == "f")]


class Verb(NamedTuple):
    """`senses` are pairs of who does it, and to whom or what: kinds of nouns, and single nouns. The
    second is empty for a verb without an object."""

    english: tuple[str, str, str, str]  # eat, eats, ate, eating
    infinitive: str
    present: tuple[str, ...]  # je, tu, il, nous, ils
    participle: str
    future_stem: str
    senses: tuple[tuple[str, str], ...]
    particle: str = ""  # that follows the English verb, as in "look for"
    preposition: str = ""  # that leads to a second object or a place: give to, arrive at
    etre: bool = False  # whether être makes its passé composé, not avoir
    state: bool = False  # to love, to have: never "is having", and its past would be an imparfait
    sudden: bool = False  # to find, to lose: never "is finding"

    @property
    def future(self) -> tuple[str, ...]:
        return tuple(self.future_stem + ending for ending in FUTURE)


def regular(infinitive: str) -> tuple[str, tuple[str, ...], str, str]:
    """Infinitive, present, participle and stem of the future of a French verb in -er."""
    stem = infinitive.removesuffix("er")
    return infinitive, tuple(stem + ending for ending in REGULAR), stem + "é", infinitive


def irregular(forms: str) -> tuple[str, tuple[str, ...], str, str]:
    """The same, of a verb whose forms are all given: boire, bois bois boit buvons boivent, ..."""
    infinitive, *present, participle, future = forms.split()
    return infinitive, tuple(present), participle, future
