"""The verbs: who does what to whom. "cut" and "put", the same in present and past, are left out."""

from typing import Any

from .words import Verb, irregular, regular

SOMEONE = "person kin"
PORTABLE = "fruit reading clothing small flower"
FOR_SALE = "fruit dish drink book newspaper clothing small large plant animal"
SEEN = "person kin animal wild clothing small large plant place open home"


def _verb(english: str, french: str, *senses: tuple[str, str], **more: Any) -> Verb:
    base, third, past, progressive = english.split()
    forms = irregular(french) if " " in french else regular(french)
    return Verb((base, third, past, progressive), *forms, senses, **more)


_ALL = [
    # without an object
    _verb(
        "sleep sleeps slept sleeping",
        "dormir dors dors dort dormons dorment dormi dormir",
        (f"{SOMEONE} animal wild", ""),
    ),
    _verb("work works worked working", "travailler", (f"{SOMEONE} -child", "")),
    _verb("sing sings sang singing", "chanter", (f"{SOMEONE} bird", "")),
    _verb("dance dances danced dancing", "danser", (SOMEONE, "")),
    _verb("play plays played playing", "jouer", ("boy girl child dog cat", "")),
    _verb("walk walks walked walking", "marcher", (f"{SOMEONE} animal", "")),
    _verb(
        "run runs ran running",
        "courir cours cours court courons courent couru courr",
        (f"{SOMEONE} animal -bird", ""),
    ),
    _verb("fall falls fell falling", "tomber", (SOMEONE, ""), etre=True, sudden=True),
    _verb(
        "leave leaves left leaving",
        "partir pars pars part partons partent parti partir",
        (SOMEONE, ""),
        etre=True,
    ),
    _verb("stay stays stayed staying", "rester", (SOMEONE, ""), etre=True, preposition="in"),
    _verb("arrive arrives arrived arriving", "arriver", (SOMEONE, ""), etre=True, preposition="at"),
    _verb(
        "go goes went going",
        "aller vais vas va allons vont allé ir",
        (SOMEONE, ""),
        etre=True,
        preposition="to",
    ),
    _verb(
        "come comes came coming",
        "venir viens viens vient venons viennent venu viendr",
        (SOMEONE, ""),
        etre=True,
        preposition="from",
    ),
    _verb("speak speaks spoke speaking", "parler", (SOMEONE, ""), preposition="to"),
    # what is eaten and drunk
    _verb(
        "eat eats ate eating",
        "manger mange manges mange mangeons mangent mangé manger",
        (SOMEONE, "fruit dish"),
        ("horse cow rabbit donkey", "apple salad bread"),
    ),
    _verb(
        "drink drinks drank drinking",
        "boire bois bois boit buvons boivent bu boir",
        (SOMEONE, "drink"),
        ("animal", "water milk -bird"),
    ),
    _verb(
        "prepare prepares prepared preparing",
        "préparer",
        (SOMEONE, "soup meat rice salad cake coffee tea"),
    ),
    # what is had
    _verb(
        "have has had having",
        "avoir ai as a avons ont eu aur",
        (SOMEONE, f"{FOR_SALE} letter -door -window"),
        state=True,
    ),
    _verb(
        "want wants wanted wanting",
        "vouloir veux veux veut voulons veulent voulu voudr",
        (SOMEONE, f"{FOR_SALE} -door -window"),
        state=True,
    ),
    _verb(
        "buy buys bought buying",
        "acheter achète achètes achète achetons achètent acheté achèter",
        (SOMEONE, FOR_SALE),
    ),
    _verb(
        "sell sells sold selling",
        "vendre vends vends vend vendons vendent vendu vendr",
        (SOMEONE, FOR_SALE),
    ),
    _verb(
        "take takes took taking",
        "prendre prends prends prend prenons prennent pris prendr",
        (SOMEONE, "reading clothing small fruit -letter"),
    ),
    _verb("find finds found finding", "trouver", (SOMEONE, f"{SEEN} book letter"), sudden=True),
    _verb(
        "lose loses lost losing",
        "perdre perds perds perd perdons perdent perdu perdr",
        (SOMEONE, "key bag umbrella pencil hat coat scarf book letter knife"),
        sudden=True,
    ),
    _verb(
        "look looks looked looking",
        "chercher",
        (SOMEONE, f"{SEEN} reading -window -door -plant"),
        particle="for",
    ),
    _verb("hide hides hid hiding", "cacher", (SOMEONE, "small reading cake hat")),
    _verb(
        "give gives gave giving", "donner", (SOMEONE, f"{PORTABLE} animal -bird"), preposition="to"
    ),
    _verb(
        "show shows showed showing",
        "montrer",
        (SOMEONE, "reading clothing small large animal flower"),
        preposition="to",
    ),
    # what is done to things
    _verb(
        "read reads read reading",
        "lire lis lis lit lisons lisent lu lir",
        (SOMEONE, "reading story"),
    ),
    _verb(
        "write writes wrote writing",
        "écrire écris écris écrit écrivons écrivent écrit écrir",
        (SOMEONE, "book letter story"),
    ),
    _verb("wear wears wore wearing", "porter", (SOMEONE, "clothing")),
    _verb(
        "wash washes washed washing",
        "laver",
        (SOMEONE, "clothing cup knife bag car bicycle table window apple tomato dog horse"),
    ),
    _verb(
        "open opens opened opening",
        "ouvrir ouvre ouvres ouvre ouvrons ouvrent ouvert ouvrir",
        (SOMEONE, "door window box bag gift umbrella letter book"),
    ),
    _verb("close closes closed closing", "fermer", (SOMEONE, "door window box bag umbrella book")),
    _verb(
        "break breaks broke breaking",
        "casser",
        (SOMEONE, "window lamp cup chair egg pencil"),
        sudden=True,
    ),
    _verb("draw draws drew drawing", "dessiner", (SOMEONE, f"{SEEN} fruit -kin")),
    _verb(
        "paint paints painted painting",
        "peindre peins peins peint peignons peignent peint peindr",
        (SOMEONE, "door window chair table house kitchen box"),
    ),
    _verb(
        "visit visits visited visiting",
        "visiter",
        (SOMEONE, "church museum castle school library house garden hospital"),
    ),
    # with the eyes, the ears and the heart
    _verb(
        "see sees saw seeing",
        "voir vois vois voit voyons voient vu verr",
        (SOMEONE, f"{SEEN} reading"),
        ("animal wild", "person kin animal wild"),
        sudden=True,
    ),
    _verb(
        "look looks looked looking",
        "regarder",
        (SOMEONE, f"{SEEN} book newspaper -kitchen"),
        ("animal", "person kin animal wild"),
        particle="at",
    ),
    _verb(
        "listen listens listened listening", "écouter", (SOMEONE, f"{SOMEONE} story"), particle="to"
    ),
    _verb(
        "wait waits waited waiting",
        "attendre attends attends attend attendons attendent attendu attendr",
        (SOMEONE, SOMEONE),
        particle="for",
    ),
    _verb(
        "follow follows followed following",
        "suivre suis suis suit suivons suivent suivi suivr",
        (SOMEONE, f"{SOMEONE} animal"),
        ("dog cat", f"{SOMEONE} animal"),
    ),
    _verb("help helps helped helping", "aider", (SOMEONE, SOMEONE)),
    _verb("invite invites invited inviting", "inviter", (SOMEONE, SOMEONE)),
    _verb(
        "admire admires admired admiring",
        "admirer",
        (SOMEONE, "person kin horse dress hat church museum castle garden flower tree book"),
        sudden=True,
    ),
    _verb(
        "love loves loved loving",
        "aimer",
        (SOMEONE, "person kin animal dish drink book story clothing place open home -hangar"),
        state=True,
    ),
    _verb(
        "know knows knew knowing",
        "connaître connais connais connaît connaissons connaissent connu connaîtr",
        (SOMEONE, SOMEONE),
        state=True,
    ),
]

BE = _verb("be is was being", "être suis es est sommes sont été ser")


def name(verb: Verb) -> str:
    """By which a meaning knows it: look for, look at, eat."""
    return f"{verb.english[0]} {verb.particle}".strip()


VERBS = {name(verb): verb for verb in [*_ALL, BE]}
