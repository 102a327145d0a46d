import json
import math
import sys

import numpy as np
import pytest
import sacrebleu
from test_run import numbers_run
from toy_models import quick_train

from minitransformer import cli, load, tasks
from minitransformer.nearest import Nearest
from minitransformer.scoring import COPY, MODEL, NEAREST, Judge, report, training_texts
from minitransformer.tasks.copy import Copy
from minitransformer.tasks.task import registered
from minitransformer.text.specials import UNKNOWN
from minitransformer.training import trainer

WRITTEN = ["the cat sat on the mat", "a dog ran home very fast", "so it was"]
REFERENCES = [
    ["the cat sat on a mat", "a cat was sitting on the mat", "the cat sat on the mat"],
    ["the dog ran home very quickly"],
    ["so it is", "so it was"],
]
TARGETS = [each[0] for each in REFERENCES]


def test_bleu_and_chrf_are_sacrebleus_own_with_all_references_and_with_one():
    judge = Judge(REFERENCES, TARGETS)
    scores = judge.scores(WRITTEN, 0.25)
    streams = [[each[i] if i < len(each) else None for each in REFERENCES] for i in range(3)]
    assert scores.bleu == sacrebleu.corpus_bleu(WRITTEN, streams).score
    assert scores.chrf == sacrebleu.corpus_chrf(WRITTEN, streams).score
    assert scores.bleu_one == sacrebleu.corpus_bleu(WRITTEN, [TARGETS]).score
    assert scores.chrf_one == sacrebleu.corpus_chrf(WRITTEN, [TARGETS]).score
    assert scores.exact == 0.25
    assert scores.bleu > scores.bleu_one > 0
    assert "nrefs:var" in judge.signatures["bleu"] and "nrefs:1" in judge.signatures["bleu_one"]
    assert f"version:{sacrebleu.__version__}" in judge.signatures["chrf"]


def test_the_order_of_references_does_not_count():
    turned = [each[::-1] for each in REFERENCES]
    assert Judge(turned, TARGETS).scores(WRITTEN, 0) == Judge(REFERENCES, TARGETS).scores(
        WRITTEN, 0
    )


def test_where_no_target_has_four_words_there_is_no_bleu():
    judge = Judge([["abc"], ["d e f"]], ["abc", "d e f"])
    scores = judge.scores(["abc", "d e f"], 1.0)
    assert scores.bleu is None and scores.chrf == pytest.approx(100)
    assert "bleu" not in judge.signatures


def test_without_sacrebleu_the_rest_is_there(monkeypatch, trained, capsys):
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics.bleu", None)  # cannot be imported
    assert cli.main(["evaluate", str(trained.folder), "--count", "5"]) == 0
    said = capsys.readouterr().out
    assert "exact match" in said and 'pip install "minitransformer[scores]"' in said
    assert "BLEU:" not in said


def test_the_training_sentences_are_those_that_the_run_was_trained_on(tmp_path, monkeypatch):
    given = {}
    monkeypatch.setattr(trainer, "learn", lambda run, _, pairs, *others: given.update(pairs=pairs))
    run = quick_train(tmp_path / "run", seed=7, train_examples=60)
    assert run.ids_of(training_texts(load(run.folder))) == given["pairs"]


def test_the_baselines_are_what_they_say(trained):
    texts = trained.task.examples("test", 30, np.random.default_rng(1))
    known = training_texts(trained)
    found = report(trained, texts, Nearest(known, trained.source_vocab.tokenize))
    same = sum(source == target for source, target in texts) / 30
    assert found.scores[COPY].exact == pytest.approx(same)
    held_out = {source for source, _ in texts}
    assert not held_out & {source for source, _ in known}  # so it cannot be right but by chance
    easy = report(trained, known[:30], Nearest(known, trained.source_vocab.tokenize))
    assert easy.scores[NEAREST].exact == 1.0
    assert easy.scores[MODEL].exact > found.scores[NEAREST].exact


def test_loss_perplexity_and_tokens_are_those_of_the_evaluation(trained):
    texts = trained.task.examples("test", 20, np.random.default_rng(0))
    found = report(trained, texts, Nearest(texts, list))
    assert found.perplexity == pytest.approx(math.exp(found.loss))
    ids = [([*source], target) for source, target in trained.ids_of(texts)]
    right = total = 0
    for src, tgt in ids:  # one sentence after another, without padding
        logits = trained.model(np.array([[*src, 2]]), np.array([[1, *tgt]])).data[0]
        right += int((logits.argmax(axis=-1) == [*tgt, 2]).sum())
        total += len(tgt) + 1
    assert found.tokens == pytest.approx(right / total)
    assert len(found.wrong) == round(20 * (1 - found.scores[MODEL].exact))


def test_unknown_words_are_read_as_unknown_and_never_an_exact_match():
    run = numbers_run(largest=999, known=range(20))
    texts = [("twenty-one", "vingt et un"), ("nine", "neuf")]
    assert UNKNOWN in run.ids_of(texts)[0][0] and UNKNOWN in run.ids_of(texts)[0][1]
    found = report(run, texts, Nearest(texts, run.source_vocab.tokenize))
    # The nearest sentence has the very same target, of words that the vocabulary does not know.
    assert found.scores[NEAREST].exact == 0.5
    assert found.scores[NEAREST].chrf == pytest.approx(100)  # which is of the text


@pytest.fixture
def several():
    """A task with a split of its own, and several references."""

    @tasks.register
    class Several(Copy):
        name = "several"
        apart = {"beginning": "those that begin with an a"}

        def split_of(self, example):
            return "beginning" if example.startswith("a") else super().split_of(example)

        def sample_apart(self, split, rng):
            return self.sample(rng)

        def every_apart(self, split):
            return self.every()

        def references(self, source, target):
            return [target, target + "e", target]

    yield Several
    registered.pop("several")


def test_every_split_that_is_tried_apart_is_reported_apart(several, tmp_path, capsys):
    run = quick_train(tmp_path / "run", several.name)
    assert cli.main(["evaluate", str(run.folder), "--count", "9", "--beam", "2"]) == 0
    said = capsys.readouterr().out
    assert "9 examples of the test split: exact" in said
    assert "9 examples of the beginning split: those that begin with an a: exact" in said
    assert "a source has 2.00 references" in said and "chrF, 1 ref." in said
    assert cli.main(["evaluate", str(run.folder), "--split", "beginning", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [*found] == ["beginning"]
    scores = found["beginning"]["scores"]
    assert [*scores] == ["model", "copy", "nearest"] and scores["copy"]["exact"] == 1.0
    assert all(source.startswith("a") for source, _, _ in found["beginning"]["wrong"])


def test_a_length_penalty_without_a_beam_is_refused(trained, capsys):
    assert cli.main(["evaluate", str(trained.folder), "--length-penalty", "1"]) == 2
    assert "belongs to a beam search" in capsys.readouterr().err
