import json
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minitransformer.text.byte_pairs import BYTES, BytePairs, join, merged, merges_of, pieces
from minitransformer.text.specials import SPECIALS, UNKNOWN
from minitransformer.text.tokenising import normalize
from minitransformer.text.vocabulary import Vocabulary, vocabularies

TEXTS = ["low low lower newer newer"]
CORPUS = [
    "the lower the river, the newer the bridge",
    "l'eau de l'île est là, dit-elle !",
    "newer and lower, lower and newer: 1999, 2009...",
    "aaaa aaa aa a",
]
LEARNED = Vocabulary.build(CORPUS, "bpe", vocab_size=340)
words = st.dictionaries(st.text("abc", min_size=1, max_size=6), st.integers(1, 9), max_size=8)


def merges_by_counting_anew(words, most, least):
    """As the definition says, with all pairs counted again after each merge."""
    cut, merges = {word: list(word) for word in words}, []
    known = {character for word in words for character in word}
    most += len(known)
    while len(known) < most:
        counts = Counter()
        for word, tokens in cut.items():
            for pair in pairwise(tokens):
                counts[pair] += words[word]
        best = min(counts, key=lambda pair: (-counts[pair], pair), default=None)
        if best is None or counts[best] < least:
            break
        merges.append(best)
        known.add("".join(best))
        cut = {word: merged(tokens, best) for word, tokens in cut.items()}
    return merges


def test_the_example_of_the_docstring_is_what_is_learned():
    pairs = BytePairs.learn(TEXTS)
    assert pairs.merges[:5] == [(" ", "l"), (" l", "o"), (" lo", "w"), ("e", "r"), (" ", "n")]
    assert pairs.cut("low lower") == [" low", " low", "er"]


@given(words, st.integers(0, 12), st.integers(1, 3))
def test_merges_are_those_that_counting_all_anew_gives(words, most, least):
    assert merges_of(words, most, least) == merges_by_counting_anew(words, most, least)


def test_pairs_that_are_seen_equally_often_are_merged_by_alphabet():
    assert merges_of({"dc": 2, "ab": 2, "ba": 2}, 3, 2) == [("a", "b"), ("b", "a"), ("d", "c")]


@given(st.permutations(CORPUS))
def test_the_order_of_the_texts_does_not_matter(texts):
    assert Vocabulary.build(texts, "bpe", vocab_size=340).tokens == LEARNED.tokens


@given(st.text())
@example("€ <0x41> <pad> <unknown> ▁")
@example("x" * 1000)
@example("e\u0301te\u0301 \u0301a 👩\u200d👧 日本語、テスト。")
def test_any_text_comes_back_though_no_character_of_it_was_in_training(text):
    for vocabulary in (LEARNED, Vocabulary.build([text], "bpe"), Vocabulary([], "bpe")):
        ids = vocabulary.encode(text)
        assert vocabulary.decode(ids) == normalize(text)
        assert UNKNOWN not in ids and min(ids, default=9) >= len(SPECIALS)


@given(st.text(st.sampled_from("ab1.,-'’\"() \u00a0$é<>\u0301")))
def test_words_and_marks_put_together_are_the_text_and_no_merge_crosses_them(text):
    assert "".join(pieces(text)) == (normalize(text) and f" {normalize(text)}")
    for piece in pieces(text):
        assert " " not in piece[1:]


@given(st.text("abcdelnorstw ,'é€"))
def test_the_last_step_of_each_word_is_how_the_text_is_cut(text):
    pairs = LEARNED.pairs
    cut = []
    for piece in pieces(text):
        tokens = pairs.start(piece)
        for step in pairs.steps(piece):
            assert step.merge == pairs.merges[step.number - 1]
            assert step.tokens == merged(tokens, step.merge) != tokens
            tokens = step.tokens
        cut += tokens
        assert not set(pairwise(tokens)) & set(pairs.merges)
    assert pairs.cut(text) == cut


def test_a_token_that_no_text_can_produce_is_never_learned():
    vocabulary = Vocabulary.build(["<0x41> <pad> <0x41> <pad>"] * 9, "bpe")
    assert vocabulary.tokens.count("<0x41>") == vocabulary.tokens.count("<pad>") == 1
    assert set(vocabulary.encode("<0x41> <pad>")).isdisjoint(
        vocabulary.tokens.index(each) for each in ["<0x41>", "<pad>"]
    )


def test_the_size_is_that_of_the_vocabulary_with_the_special_tokens_and_the_bytes():
    characters = {c for text in CORPUS for c in f" {text}"}
    smallest = len(SPECIALS) + len(BYTES) + len(characters)
    assert len(Vocabulary.build(CORPUS, "bpe", vocab_size=smallest + 3)) == smallest + 3
    least = Vocabulary.build(CORPUS, "bpe", vocab_size=smallest)
    assert least.pairs.merges == [] and len(least) == smallest
    with pytest.raises(ValueError, match=f"let vocab_size be at least {smallest}, or leave"):
        Vocabulary.build(CORPUS, "bpe", vocab_size=smallest - 1)


def test_what_is_seen_too_seldom_is_neither_a_character_nor_a_merge():
    vocabulary = Vocabulary.build(["ab ab ab cd cd ë"], "bpe", min_count=3)
    assert vocabulary.pairs.characters == [" ", "a", "b"]
    assert vocabulary.pairs.merges == [(" ", "a"), (" a", "b")]
    assert vocabulary.unknown("cab ë ë") == ["c", "ë"]
    assert Vocabulary.build(["ab"], "bpe").pairs.merges == []  # a pair that is seen only once


def test_bytes_that_are_no_utf_8_are_shown_as_such():
    assert join([" a", "<0xE2>", "<0x82>", "b"]) == "a\ufffdb"


@given(st.lists(st.sampled_from([*BYTES, " a", "é"])))
def test_whatever_bytes_a_model_writes_they_are_one_line(tokens):
    assert len(join(tokens).splitlines()) <= 1


def test_a_byte_pair_vocabulary_survives_json():
    content = json.loads(json.dumps(LEARNED.to_json()))
    again = Vocabulary.from_json(content)
    assert again.tokens == LEARNED.tokens and again.pairs.merges == LEARNED.pairs.merges
    assert [again.encode(text) for text in CORPUS] == [LEARNED.encode(text) for text in CORPUS]


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"merges": "ab"}, '"merges" of a stored vocabulary are a list'),
        ({"merges": ["ab"]}, "a merge is of two tokens, not 'ab'"),
        ({"merges": [["a", 1]]}, "a merge is of two tokens"),
        ({"merges": [["a", "x"]]}, "'x' is merged before there is such a token"),
        ({"merges": [["a", "b"], ["a", "b"]]}, r"the merge \('a', 'b'\) is given twice"),
        ({"tokens": ["ab"]}, "'ab' is not one character"),
        ({"tokens": ["a", "a"]}, "the token 'a' is given twice"),
        ({"unit": "words"}, 'no others but "merges" where the unit is "bpe"'),
    ],
)
def test_wrong_stored_merges_are_refused_with_a_sentence(change, sentence):
    content = {"unit": "bpe", "tokens": ["a", "b"], "merges": [["a", "b"]]}
    assert Vocabulary.from_json(content).tokens[-1] == "ab"
    with pytest.raises(ValueError, match=sentence):
        Vocabulary.from_json({**content, **change})


def test_two_languages_share_one_set_of_merges_or_have_each_their_own():
    pairs = [("the lower the", "la belle la"), ("the the", "la la")]
    source, target = vocabularies(pairs, "bpe", shared=True)
    assert source is target
    assert {"".join(merge) for merge in source.pairs.merges} >= {" the", " la"}
    source, target = vocabularies(pairs, "bpe")
    assert source.pairs.merges[0] == (" ", "t") and target.pairs.merges[0] == (" ", "l")


def test_merges_of_many_words_change_only_the_words_that_have_them(monkeypatch):
    """The count of merged words, and so the time, grows with the places of a pair, not with words
    times merges."""
    count = 0

    def counted(tokens, pair):
        nonlocal count
        count += 1
        return merged(tokens, pair)

    monkeypatch.setattr("minitransformer.text.byte_pairs.merged", counted)
    syllables = [a + b for a in "bcdfghjklm" for b in "aeiou"]
    words = {f" {a}{b}{c}": 2 for a in syllables for b in syllables[::7] for c in syllables[::5]}
    merges = merges_of(words, 400, 2)
    assert len(merges) == 400
    assert count < len(words) * 12 < len(words) * len(merges) / 30
