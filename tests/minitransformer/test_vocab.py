import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitransformer.tasks.number_words.english import write as english
from minitransformer.tasks.number_words.french import write as french
from minitransformer.text.specials import END, PAD, START, UNKNOWN
from minitransformer.text.tokenising import join, join_words, normalize, tokenize
from minitransformer.text.vocabulary import Vocabulary, vocabularies

# Anything but combining marks, which join what stands before them.
texts = st.text(st.characters(exclude_categories=["M", "Cs"]))
# What such texts are seldom made of by chance: the marks, spaces and digits that rules are about.
marked_texts = st.text(st.sampled_from("ab1.,:;!?%-'’\"()[]«»…/ \u00a0\u202f\n$é<>"))


def test_the_special_tokens_have_the_first_ids():
    vocabulary = Vocabulary(["a"], "words")
    assert (PAD, START, END, UNKNOWN) == (0, 1, 2, 3)
    assert vocabulary.tokens == ["<pad>", "<start>", "<end>", "<unknown>", "a"]
    assert len(vocabulary) == 5
    assert vocabulary.encode("a") == [4]


def test_words_are_numbered_by_count_and_then_by_alphabet():
    vocabulary = Vocabulary.build(["b c a", "c b", "c d"], "words")
    assert vocabulary.tokens[4:] == ["c", "b", "a", "d"]


def test_the_order_of_the_texts_does_not_matter():
    lines = ["one two", "two three", "four"]
    forwards, backwards = Vocabulary.build(lines, "words"), Vocabulary.build(lines[::-1], "words")
    assert forwards.tokens == backwards.tokens


def test_tokens_below_the_smallest_count_are_left_out():
    assert Vocabulary.build(["a b", "a"], "words", min_count=2).tokens[4:] == ["a"]


@pytest.mark.parametrize(
    "text, tokens",
    [
        ("seventy-five thousand, nine", ["seventy", "-", "five", "thousand", ",", "nine"]),
        ("l'eau", ["l", "'", "eau"]),
        ("Ça va ?", ["Ça", "va", " ?"]),
        ("How?", ["How", "?"]),
        ("3.50 or 12:30.", ["3.50", "or", "12:30", "."]),
        ("1, 2", ["1", ",", "2"]),
        ("a. 5", ["a", ".", "5"]),
        ("a.5", ["a", ".", "\u200b5"]),
        ("a - b", ["a", " -", "b"]),
        ("हिन्दी", ["हिन्दी"]),
        ("  ", []),
    ],
)
def test_a_text_is_cut_into_words_and_marks(text, tokens):
    assert tokenize(text, "words") == tokens


@pytest.mark.parametrize(
    "text",
    [
        "seventy-five thousand, nine hundred and fifty-four",
        "quatre-vingt-dix-sept mille deux cents",
        "Hello, world!",
        "I don't know (yet); do you?",
        'She said "no", and "never", twice.',
        "It costs $3.50 at 12:30...",
        "l'eau de l’île",
        "Comment allez-vous ? Très bien, merci !",
        "Il a dit : « Bonjour ! »",
        "¿Qué?",
        "and/or",
        "5 % of 10%",
    ],
)
def test_an_ordinary_sentence_comes_back_as_it_was(text):
    vocabulary = Vocabulary.build([text], "words")
    assert vocabulary.decode(vocabulary.encode(text)) == text


@given(st.integers(0, 999_999))
def test_number_words_come_back_as_they_were(n):
    for text in (english(n), french(n)):
        vocabulary = Vocabulary.build([text], "words")
        assert vocabulary.decode(vocabulary.encode(text)) == text


@given(texts | marked_texts)
def test_words_joined_and_cut_again_are_the_same_words(text):
    tokens = tokenize(text, "words")
    assert tokenize(join_words(tokens), "words") == tokens


REAL = [
    "U.S.A.", "C#", "C++", "AT&T", "f(x)", "€5", "5€", "don't", "l'eau", "the dogs' home", "a - b",
    "👨\u200d👩\u200d👧", "👍🏽", "❤\ufe0f", "e\u0301te\u0301", "www.example.com/a?b=c&d=e",
    "a@b.org", "#tag",
    "-5 °C", "x = y_1 + 2*z", "(a)(b)", 'say "hi"!', 'a " b " c', "rock 'n' roll", "1,000,000.50",
    "10:30–11:45", "wait...what", "yes/no", "50 %", "50%", "[1, 2]", "<b>bold</b>", "ça va ?",
    "«oui»",
    "« oui »", "3 < 4", "¡Hola!", "...", ". . .", "日本語、テスト。", "שלום עולם",
    "a\u0300\u0301b", "\u0301a",
]  # fmt: skip


@pytest.mark.parametrize("text", REAL)
def test_a_real_text_comes_back_as_it_was(text):
    vocabulary = Vocabulary.build([text], "words")
    assert vocabulary.decode(vocabulary.encode(text)) == unicodedata.normalize("NFC", text)


@given(texts | marked_texts | st.text(), st.sampled_from(["words", "characters"]))
def test_any_text_comes_back_but_for_the_kind_of_space(text, unit):
    spaced = unicodedata.normalize("NFC", text).replace("\u200b", " ").replace("\ufeff", " ")
    assert join(tokenize(text, unit), unit) == normalize(text) == " ".join(spaced.split())
    vocabulary = Vocabulary.build([text], unit)
    assert vocabulary.decode(vocabulary.encode(text)) == normalize(text)


def test_a_vocabulary_from_before_tokens_said_their_place_reads_what_it_read():
    old = Vocabulary(["a", "-", "b", "U", ".", "S", " ?"], "words")
    assert old.decode(old.encode("a - b ?")) == "a-b ?"
    assert old.encode("U.S.") == [7, 8, 9, 8]
    assert old.unknown("U.S. - c") == ["c"]


@pytest.mark.parametrize("unit", ["words", "characters"])
@pytest.mark.parametrize("space", ["\t", "\n", "\u00a0", "\u202f", "\u3000", "\u200b", "  "])
def test_every_unicode_space_is_a_space(unit, space):
    assert tokenize(f"a{space}b", unit) == tokenize("a b", unit)


@pytest.mark.parametrize("unit", ["words", "characters"])
def test_an_accent_may_be_typed_in_two_ways(unit):
    assert tokenize("e\u0301te\u0301", unit) == tokenize("\u00e9t\u00e9", unit)


@pytest.mark.parametrize("unit", ["words", "characters"])
@pytest.mark.parametrize("special", ["<pad>", "<start>", "<end>", "<unknown>"])
def test_a_text_cannot_write_a_special_token(unit, special):
    vocabulary = Vocabulary.build([f"a {special} b"], unit)
    assert min(vocabulary.encode(special)) > UNKNOWN
    assert set(Vocabulary(["a"], unit).encode(special)) <= {UNKNOWN, 4}


def test_decoding_stops_at_the_first_end():
    vocabulary = Vocabulary(["a", "b"], "words")
    assert vocabulary.decode([START, 4, END, 5, END]) == "a"


def test_decoding_leaves_out_padding_and_shows_the_unknown():
    assert Vocabulary(["a"], "words").decode([START, 4, PAD, UNKNOWN, PAD]) == "a <unknown>"
    assert Vocabulary(["a"], "characters").decode([4, UNKNOWN, 4]) == "a<unknown>a"


@pytest.mark.parametrize("wrong", [-1, 5])
def test_decoding_an_id_outside_the_vocabulary_says_so(wrong):
    with pytest.raises(ValueError, match=f"the id {wrong} is outside 0 to 4"):
        Vocabulary(["a"], "words").decode([wrong])


def test_unknown_tokens_are_named_once_each():
    vocabulary = Vocabulary.build(["the cat"], "words")
    assert vocabulary.encode("the dog, the dog") == [5, UNKNOWN, UNKNOWN, 5, UNKNOWN]
    assert vocabulary.unknown("the dog, the dog") == ["dog", ","]
    assert vocabulary.unknown("<pad>") == ["<", "pad", ">"]
    assert vocabulary.unknown("the cat") == []


@pytest.mark.parametrize("unit", ["words", "characters"])
def test_a_vocabulary_survives_json(unit):
    text = 'l\'île <pad> "oui" ?'
    vocabulary = Vocabulary.build([text], unit)
    again = Vocabulary.from_json(json.loads(json.dumps(vocabulary.to_json())))
    assert again.tokens == vocabulary.tokens
    assert again.unit == unit
    assert again.encode(text) == vocabulary.encode(text)


@pytest.mark.parametrize(
    "content, sentence",
    [
        (None, 'keys "unit" and "tokens"'),
        ({"tokens": []}, 'keys "unit" and "tokens"'),
        ({"unit": "words", "tokens": "abc"}, "a list of strings"),
        ({"unit": "words", "tokens": [1]}, "not 1"),
        ({"unit": "words", "tokens": [""]}, "at least one character"),
        ({"unit": "words", "tokens": ["a", "b", "a"]}, "'a' is given twice"),
        ({"unit": "words", "tokens": ["<pad>"]}, "<pad> is a special token"),
        ({"unit": "syllables", "tokens": []}, '"words" or "characters", not \'syllables\''),
        ({"unit": "characters", "tokens": ["ab"]}, "'ab' is not one character"),
    ],
)
def test_wrong_stored_content_is_refused_with_a_sentence(content, sentence):
    with pytest.raises(ValueError, match=sentence):
        Vocabulary.from_json(content)


def test_one_text_in_place_of_a_list_is_refused():
    with pytest.raises(ValueError, match="list of texts"):
        Vocabulary.build("one text", "words")


def test_two_sides_have_vocabularies_of_their_own_or_share_one():
    pairs = [("one two", "un deux"), ("two", "deux")]
    source, target = vocabularies(pairs, "words")
    assert source.tokens[4:] == ["two", "one"]
    assert target.tokens[4:] == ["deux", "un"]
    source, target = vocabularies(pairs, "words", shared=True)
    assert source is target
    assert source.tokens[4:] == ["deux", "two", "one", "un"]
