"""The adjectives, and what each can be said of.

Left out are pairs that mean something else in French: "un grand homme" is a great one, "une belle
sœur" sounds like a sister-in-law, and "une vieille fille" never married.
"""

from .nouns import NOUNS, those
from .words import Adjective

THINGS = "clothing small large"
CHARACTER = "person kin"


def _forms(masculine: str, feminine: str) -> tuple[str, str, str, str]:
    """All four, where the plural is regular."""
    if masculine.endswith("eau"):
        plural = masculine + "x"
    else:
        plural = masculine if masculine[-1] in "sx" else masculine + "s"
    return masculine, feminine, plural, feminine + "s"


def _before(
    english: str, forms: str, nouns: str, group: str, pleases: bool | None, before_vowel: str = ""
) -> Adjective:
    masculine, feminine = forms.split()
    french = _forms(masculine, feminine)
    return Adjective(english, french, nouns, True, before_vowel, group, pleases)


def _after(
    english: str, forms: str, nouns: str, group: str = "", pleases: bool | None = None
) -> Adjective:
    masculine, feminine = forms.split()
    return Adjective(english, _forms(masculine, feminine), nouns, False, "", group, pleases)


_ALL = [
    _before("big", "grand grande", f"animal wild {THINGS} plant place home", "size", True),
    _before("small", "petit petite", f"animal wild fruit {THINGS} plant place home", "size", None),
    _before(
        "beautiful",
        "beau belle",
        f"woman girl child actress queen animal wild story {THINGS} plant place open home "
        "-tool -hangar",
        "beauty",
        True,
        "bel",
    ),
    _before(
        "pretty",
        "joli jolie",
        f"woman girl actress queen animal {THINGS} flower home open -tool -axe -hangar",
        "beauty",
        True,
    ),
    _before(
        "old",
        "vieux vieille",
        f"person animal wild reading story {THINGS} tree place home "
        "-boy -girl -child -knife -pencil",
        "age",
        False,
        "vieil",
    ),
    _before("young", "jeune jeune", "person animal wild tree", "age", None),
    _before(
        "new",
        "nouveau nouvelle",
        f"reading {THINGS} place home -letter -castle -church",
        "age",
        True,
        "nouvel",
    ),
    _before("good", "bon bonne", "fruit dish drink book newspaper story", "quality", True),
    _before("bad", "mauvais mauvaise", "fruit dish drink book newspaper story", "quality", False),
    _before("long", "long longue", "book letter story", "length", None),
    _after("red", "rouge rouge", f"{THINGS} flower apple tomato wine", "colour"),
    _after("black", "noir noire", f"animal {THINGS} coffee tea -window", "colour"),
    _after("white", "blanc blanche", f"animal wild {THINGS} flower wine house", "colour"),
    _after("green", "vert verte", f"{THINGS} apple tomato tea", "colour"),
    _after("blue", "bleu bleue", f"{THINGS} flower bird house", "colour"),
    _after("yellow", "jaune jaune", f"{THINGS} flower banana bird", "colour"),
    _after("grey", "gris grise", f"animal wild {THINGS} house", "colour"),
    _after("French", "français française", "person book newspaper car wine cheese", "nation"),
    _after("Italian", "italien italienne", "person book newspaper car shoe wine cheese", "nation"),
    _after("English", "anglais anglaise", "person book newspaper car tea beer cheese", "nation"),
    _after("heavy", "lourd lourde", "box bag axe tool gift coat table chair door book", "", False),
    _after("expensive", "cher chère", f"dish drink book {THINGS} hotel house", "", False),
    _after("clean", "propre propre", f"{THINGS} place home -gift -castle", "dirt", True),
    _after("dirty", "sale sale", f"animal {THINGS} place home -gift -castle", "dirt", False),
    _after(
        "broken",
        "cassé cassée",
        "lamp umbrella cup knife pencil tool chair table window",
        "",
        False,
    ),
    _after("round", "rond ronde", "hat box lamp table window cake bag", ""),
    _after("empty", "vide vide", "box bag cup place home beach -castle", ""),
    _after("hot", "chaud chaude", "bread meat soup rice coffee tea milk water", "heat", None),
    _after("cold", "froid froide", "meat soup rice coffee tea milk water beer juice", "heat", None),
    _after("fresh", "frais fraîche", "egg tomato bread cheese meat salad milk juice", "age", True),
    _after("interesting", "intéressant intéressante", "person reading story museum", "", True),
    _after("strange", "étrange étrange", "person animal wild reading story place home", "", None),
    _after("funny", "drôle drôle", f"{CHARACTER} book letter story", "", True),
    _after("sad", "triste triste", f"{CHARACTER} book letter story", "mood", False),
    _after("happy", "heureux heureuse", CHARACTER, "mood", True),
    _after("tired", "fatigué fatiguée", f"{CHARACTER} animal", "", False),
    _after("sick", "malade malade", f"{CHARACTER} animal", "", False),
    _after("brave", "courageux courageuse", f"{CHARACTER} dog horse", "", True),
    _after("intelligent", "intelligent intelligente", f"{CHARACTER} animal wild", "", True),
    _after("kind", "gentil gentille", CHARACTER, "", True),
    _after(
        "famous", "célèbre célèbre", f"{CHARACTER} book story museum church hotel castle", "", True
    ),
    _after("rich", "riche riche", CHARACTER, ""),
]

ADJECTIVES = {adjective.english: adjective for adjective in _ALL}
OF_NOUN = {  # the adjectives that can be said of each noun
    noun: tuple(each.english for each in _ALL if noun in those(each.nouns)) for noun in NOUNS
}
# What can be said of it after "is": there "new" would be another word in French, neuf.
SAID_OF = {noun: tuple(a for a in of if a != "new") for noun, of in OF_NOUN.items()}
