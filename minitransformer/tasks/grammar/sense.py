"""Which two things are said in one sentence: what is done after another, why, and what is both."""

from functools import cache
from itertools import permutations

from .adjectives import ADJECTIVES, SAID_OF
from .nouns import those
from .verbs import VERBS

# What one does first, and what with the same thing then: he buys an apple and he eats it.
FIRST = ("buy", "find", "see", "take", "have")
THEN = (
    *("eat", "drink", "hide", "read", "wear", "wash", "open", "close", "draw", "paint"),
    *("follow", "help", "invite", "look at", "wait for", "listen to", "visit"),
)
PLEASED = ("love", "buy", "want", "admire", "look at", "visit", "invite")
DISPLEASED = ("sell", "help")  # because it is broken, because she is tired
WASHED = ("wash",)
REASONABLE = PLEASED + DISPLEASED + WASHED


@cache
def both(first: str, then: str) -> tuple[str, ...]:
    """The nouns that both verbs can be done to."""
    second = those(VERBS[then].senses[0][1])
    return tuple(each for each in those(VERBS[first].senses[0][1]) if each in second)


@cache
def reasons(verb: str, noun: str) -> tuple[str, ...]:
    """The adjectives for which one does this to such a thing."""
    if verb in WASHED:
        return tuple(each for each in SAID_OF[noun] if each == "dirty")
    if verb == "help":
        return tuple(each for each in SAID_OF[noun] if each in ("tired", "sick", "old", "sad"))
    pleases = verb in PLEASED
    return tuple(each for each in SAID_OF[noun] if ADJECTIVES[each].pleases is pleases)


@cache
def two_said(contrast: bool) -> tuple[tuple[str, str, str], ...]:
    """A noun and two adjectives: it is not the one but the other, or else it is both."""
    return tuple(
        (noun, first, second)
        for noun, said in SAID_OF.items()
        for first, second in permutations(said, 2)
        if (_oppose if contrast else _agree)(first, second)
    )


def _agree(first: str, second: str) -> bool:
    """Whether a thing can be both, and one would say so."""
    one, other = ADJECTIVES[first], ADJECTIVES[second]
    apart = one.group != other.group or not one.group
    return apart and (one.pleases is None or other.pleases is None or one.pleases == other.pleases)


def _oppose(first: str, second: str) -> bool:
    """Whether it makes sense that a thing is not the one, but the other: not red, but blue; not
    big, but pretty."""
    one, other = ADJECTIVES[first], ADJECTIVES[second]
    same = one.group == other.group and bool(one.group)
    return same or (other.pleases is True and one.pleases is not False)
