"""What vocabularies are made of: the settings, the flags, and a training with them."""

import pytest
from toy_models import quick_train

from minitransformer import TrainingSettings, VocabularySettings, cli, load, tasks, train
from minitransformer.fields import given
from minitransformer.tasks.task import Task
from minitransformer.text.vocabulary import Vocabulary, vocabularies
from minitransformer.training.calling import with_preset

QUICK = {"size": "tiny", "steps": 1, "train_examples": 500, "validation_examples": 1, "quiet": True}
PAIRS = [("a a a b b c", "x"), ("a", "x y")]


def test_the_most_frequent_words_are_kept_and_the_special_ones_are_counted():
    settings = VocabularySettings(vocab_size=6)
    source, target = vocabularies(PAIRS, "words", settings=settings)
    assert source.tokens[4:] == ["a", "b"] and target.tokens[4:] == ["x", "y"]
    source, target = vocabularies(PAIRS, "words", settings=VocabularySettings(min_count=2))
    assert source.tokens[4:] == ["a", "b"] and target.tokens[4:] == ["x"]
    source, _ = vocabularies(PAIRS, "words", settings=VocabularySettings(unit="characters"))
    assert source.unit == "characters"


def test_a_vocabulary_of_one_word_is_one():
    vocabulary = Vocabulary.build(["hello", "hello"], "words", vocab_size=5)
    assert vocabulary.encode("hello") == [4] and vocabulary.decode([4, 4]) == "hello hello"


def test_a_vocabulary_of_no_word_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="no token is seen 9 times.*'a', is seen 4 times"):
        vocabularies(PAIRS, "words", settings=VocabularySettings(min_count=9))


@pytest.mark.parametrize(
    "wrong, sentence",
    [
        ({"unit": "byte"}, r"vocabulary: unit has to be one of \['words', 'characters', 'bpe'\]"),
        ({"vocab_size": 4}, "vocab_size has to be a whole number above 4, as many as there are"),
        ({"min_count": 0}, "min_count has to be a whole number above 0, not 0"),
        ({"vocab_sise": 9}, "vocabulary has no 'vocab_sise'; did you mean 'vocab_size'?"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        TrainingSettings(vocabulary=wrong)


def test_each_setting_has_a_flag():
    words = "train copy --unit bpe --vocab-size 300 --min-count 2".split()
    settings = given(cli.parser().parse_args(words), VocabularySettings)
    assert settings == {"unit": "bpe", "vocab_size": 300, "min_count": 2}
    assert given(cli.parser().parse_args(["train", "copy"]), VocabularySettings) == {}


class Preset(Task):
    name, unit = "preset", "words"
    preset = {"vocabulary": {"unit": "bpe", "vocab_size": 300}}


@pytest.mark.parametrize(
    "said, meant",
    [
        ({}, {"unit": "bpe", "vocab_size": 300}),
        ({"vocab_size": 400}, {"unit": "bpe", "vocab_size": 400}),
        ({"unit": "bpe", "min_count": 2}, {"unit": "bpe", "vocab_size": 300, "min_count": 2}),
        ({"unit": "words"}, {"unit": "words"}),
    ],
)
def test_settings_that_are_given_go_over_the_presets_of_the_same_unit(said, meant):
    assert with_preset(Preset(), {"vocabulary": said})["vocabulary"] == meant


@pytest.mark.parametrize("tie", [False, True])
def test_a_run_of_byte_pairs_is_trained_saved_and_loaded(tie, tmp_path):
    vocabulary = {"unit": "bpe", "vocab_size": 270}
    run = quick_train(tmp_path / "run", model={"tie_embeddings": tie}, vocabulary=vocabulary)
    again = load(run.folder)
    assert again.settings["vocabulary"] == vocabulary and again.unknown == "copy"
    assert len(again.source_vocab) == 270 == again.model.config.src_vocab_size
    assert (again.source_vocab.tokens == again.target_vocab.tokens) or not tie
    assert again.translate("abcd", "ab") == run.translate("abcd", "ab")


def test_where_a_text_has_more_tokens_than_the_task_says_the_model_has_room_for_them(tmp_path):
    """The task's `max_length` is in words, and these texts are cut into characters."""
    task = tasks.get("numbers", largest=30)
    settings = {**QUICK, "vocabulary": {"unit": "characters"}}
    run = train(task, tmp_path / "run", **settings)
    longest = len("twenty-seven")
    assert task.max_length == 3
    assert run.model.config.max_length == longest + longest // 4 + 1
    with pytest.raises(ValueError, match=f"max_length 12 is too small.*up to {longest} tokens"):
        train(task, tmp_path / "small", **settings, model={"max_length": longest})
    assert list((tmp_path / "small").glob("*.json")) == []
