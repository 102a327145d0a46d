"""How a run decodes: greedily, with a beam or by chance, as the settings say."""

import numpy as np
import pytest

from minitransformer import beam_search, greedy_decode, sample
from minitransformer.decoding.choosing import decoder
from minitransformer.text.batching import source_rows

TEXTS = ["a", "abc", "ddee", "cab"]


def rng(seed=0):
    return np.random.default_rng(seed)


def sources(run):
    return source_rows([run.encode_source(text) for text in TEXTS])


def test_without_settings_a_run_translates_greedily(trained):
    ids = greedy_decode(trained.model, sources(trained))
    assert trained.translate(TEXTS) == [*map(trained.target_vocab.decode, ids)]


@pytest.mark.parametrize("penalty", [0.0, None, 2.0])
def test_with_a_width_it_is_the_best_of_a_beam_search(trained, penalty):
    settings = {} if penalty is None else {"length_penalty": penalty}
    found = beam_search(trained.model, sources(trained), width=3, **settings)
    written = trained.translate(TEXTS, beam=3, **settings)
    assert written == [trained.target_vocab.decode(best.ids) for (best,) in found]


def test_with_a_generator_it_is_drawn_by_chance(trained):
    settings = {"temperature": 3.0, "top_k": 4, "top_p": 0.9}
    drawn = sample(trained.model, sources(trained), rng(3), **settings)
    written = trained.translate(TEXTS, sample=rng(3), **settings)
    assert written == [*map(trained.target_vocab.decode, drawn)]
    assert written != trained.translate(TEXTS)


def test_the_n_best_translations_come_with_their_scores(trained):
    found = beam_search(trained.model, sources(trained), 4, 0.0, n_best=3)
    written = trained.translations(TEXTS, n_best=3, beam=4, length_penalty=0.0)
    decode = trained.target_vocab.decode
    assert written == [[(h.score, decode(h.ids)) for h in each] for each in found]
    assert [best for (_, best), *_ in written] == trained.translate(TEXTS, beam=4, length_penalty=0)


def test_many_texts_are_searched_in_parts_and_as_each_alone(trained):
    texts = ["abc", "dd", "e"] * 50
    alone = dict(zip(texts, trained.translate("abc", "dd", "e", beam=300)))
    assert trained.translate(texts, beam=300) == [alone[text] for text in texts]


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ({"beam": 2, "rng": rng()}, "beam and sample exclude each other"),
        ({"length_penalty": 1.0}, "length_penalty belongs to a beam search: give the width"),
        ({"length_penalty": 1.0, "rng": rng()}, "length_penalty belongs to a beam search"),
        ({"temperature": 1.0}, "temperature belongs to sampling: give sample"),
        ({"top_k": 3, "beam": 2}, "top_k belongs to sampling"),
        ({"top_p": 0.5}, "top_p belongs to sampling"),
        ({"beam": 0}, "width has to be a whole number above 0, not 0"),
        ({"beam": 2, "length_penalty": -1}, "length_penalty has to be from 0 to 10, not -1"),
        ({"rng": rng(), "temperature": -1}, "temperature has to be a finite number from 0, not -1"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_settings_that_make_no_sense_are_refused_at_once(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        decoder(**settings)


def test_a_text_that_cannot_be_read_is_refused_as_ever(trained):
    for refused in (
        lambda: trained.translate("abc", "abz", beam=2),
        lambda: trained.translations("abc", "abz"),
    ):
        with pytest.raises(ValueError, match='"z" is not one of the letters'):
            refused()
