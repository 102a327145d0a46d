from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitransformer.nearest import Nearest

words = st.lists(st.sampled_from("abcd"), max_size=5).map(" ".join)


def likeness(one, other):
    """Jaccard's index of words and neighbouring words, by its definition."""
    sets = []
    for text in (one, other):
        tokens = text.split()
        sets.append({*tokens, *pairwise(["<", *tokens, ">"])})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


@given(st.lists(words, min_size=1, unique=True), words)
def test_the_nearest_is_the_first_that_no_other_is_more_like(sources, text):
    near = Nearest([(source, source.upper()) for source in sources], str.split)
    best = max(likeness(text, source) for source in sources)
    found = next(source for source in sources if likeness(text, source) == best)
    assert near.pairs[near.index(text)][0] == found
    assert near.target(text) == found.upper()


def test_the_order_of_words_counts():
    near = Nearest([("c b a", "wrong"), ("b c", "short"), ("a b c d", "right")], str.split)
    assert near.target("a b c") == "right"


def test_a_text_of_which_nothing_is_known_has_a_nearest_too():
    assert Nearest([("a", "A"), ("b", "B")], str.split).target("z y x") == "A"


def test_of_no_sentences_none_is_the_nearest():
    with pytest.raises(ValueError, match="nearest: there are no sentences"):
        Nearest([], str.split).target("a")
