"""Where things are: a horse is not in a library, nor a car on a table."""

from functools import cache

from .nouns import those

DESTINATIONS = "place open"

PREPOSITIONS = {  # by the kind of what is there
    "person": ("in", "near", "behind", "in front of"),
    "kin": ("in", "near", "behind", "in front of"),
    "animal": ("in", "near", "behind", "in front of", "under"),
    "wild": ("in", "near", "behind"),
    "large": ("near", "behind", "in front of"),
    "plant": ("in", "near", "behind", "in front of"),
}
ANYWHERE = ("in", "on", "under")  # what one can carry

OUTSIDE = "tree place house -park"  # what one can be behind
PLACES = {
    ("in", "person"): "place home -hangar",
    ("in", "kin"): "place home -hangar",
    ("in", "animal"): "garden park house hangar",
    ("in", "wild"): "garden park hangar",
    ("in", "plant"): "garden park",
    ("in", ""): "box bag kitchen house car",
    ("on", ""): "table chair",
    ("under", ""): "table chair tree",
    ("under", "animal"): "table chair tree car",
    ("near", ""): OUTSIDE + " open park",
    ("behind", ""): OUTSIDE,
    ("in front of", ""): OUTSIDE,
}


def places_for(kind: str) -> tuple[str, ...]:
    """The prepositions that say where such a thing is."""
    return PREPOSITIONS.get(kind, ANYWHERE)


@cache
def place_of(preposition: str, kind: str) -> tuple[str, ...]:
    """The nouns that name a place where such a thing can be."""
    return those(PLACES.get((preposition, kind)) or PLACES[preposition, ""])
