"""How good the translations of a run are, beside those that need no model: a copy of the source,
and the translation of the nearest sentence of the training.

BLEU (Papineni et al. 2002) and chrF (Popović 2015) are sacrebleu's, of texts as a person reads
them, against all the references that the task knows for a source, and against the target alone.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .decoding.choosing import Decode
from .nearest import Nearest
from .run import Run
from .text.specials import UNKNOWN
from .training.metrics import evaluate

MODEL, COPY, NEAREST = "model", "copy", "nearest"  # the ways to translate
WITHOUT = 'BLEU and chrF need sacrebleu: pip install "minitransformer[scores]"'
WORDS = 4  # that a text needs for BLEU: it counts groups of up to so many

Texts = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Scores:
    """Of one way to translate. `exact` is the part that is the target, token by token; BLEU and
    chrF go from 0 to 100, and are None where there are none: without sacrebleu, and BLEU where no
    reference has four words. Those with `_one` are against the target alone."""

    exact: float
    bleu: float | None = None
    chrf: float | None = None
    bleu_one: float | None = None
    chrf_one: float | None = None


@dataclass(frozen=True)
class Report:
    """What came of one split. `tokens` is the part of the target tokens that the model finds most
    probable after the right ones before; `references` is how many there are of a source. Of a task
    whose texts have no end (see Task.ends) there are no scores: nothing written is right or wrong.
    """

    examples: int
    loss: float
    perplexity: float
    tokens: float
    references: float
    scores: dict[str, Scores]
    signatures: dict[str, str]  # of sacrebleu; empty without it
    wrong: list[tuple[str, str, str]]  # source, target, and what the model wrote


def report(run: Run, texts: Texts, near: Nearest, decode: Decode | None = None) -> Report:
    """Let the run translate the sources of `texts`, and hold what it writes against the targets."""
    pairs = run.ids_of(texts)
    result = evaluate(run.model, pairs, run.task.ends, decode)
    written = [run.target_vocab.decode(ids) for ids in result.predictions]
    # By the text, for in byte pairs the same text can be written in other pieces.
    meant = [(run.target_vocab.decode(tgt), UNKNOWN not in tgt) for _, tgt in pairs]
    right = [text == target and known for text, (target, known) in zip(written, meant)]
    sources, targets = [source for source, _ in texts], [target for _, target in texts]
    references = [_all(run, source, target) for source, target in texts]
    judge = Judge(references, targets)

    def of_texts(texts: list[str]) -> Scores:
        ids = map(run.target_vocab.encode, texts)
        same = [own == tgt and UNKNOWN not in tgt for own, (_, tgt) in zip(ids, pairs)]
        return judge.scores(texts, float(np.mean(same)))

    return Report(
        examples=len(texts),
        loss=result.loss,
        perplexity=math.exp(min(result.loss, 700.0)),  # above it there is no such float
        tokens=result.teacher_forced,
        references=float(np.mean([len(each) for each in references])),
        scores={
            MODEL: judge.scores(written, float(np.mean(right))),
            COPY: of_texts(sources),
            NEAREST: of_texts([near.target(source) for source in sources]),
        }
        if run.task.ends
        else {},
        signatures=judge.signatures,
        wrong=[(*pair, text) for pair, text, good in zip(texts, written, right) if not good]
        if run.task.ends
        else [],
    )


def _all(run: Run, source: str, target: str) -> list[str]:
    """The references of a source, the target first."""
    return [*dict.fromkeys([target, *run.task.references(source, target)])]


def training_texts(run: Run) -> list[tuple[str, str]]:
    """The pairs that the run was trained on, drawn again as its training drew them."""
    seed, count = run.settings.get("seed", 0), run.settings.get("train_examples", 50_000)
    data = np.random.SeedSequence(seed).spawn(3)[0]  # the first of three, see `train`
    return run.task.examples("train", count, np.random.default_rng(data))


class Judge:
    """Scores texts by sacrebleu, if that is installed, against the same references each time."""

    def __init__(self, references: Sequence[Sequence[str]], targets: Sequence[str]):
        self.signatures: dict[str, str] = {}
        self.bleu, self.chrf = _metrics()
        most = max(map(len, references))
        # sacrebleu takes the first references of all texts, then the second ones, and so on.
        self.all = [[r[i] if i < len(r) else None for r in references] for i in range(most)]
        self.one = [[*targets]]
        if self.bleu is not None and not has_groups(self.bleu, references):
            self.bleu = None

    def scores(self, texts: list[str], exact: float) -> Scores:
        """The scores of these translations, of which so many are right."""
        values: dict[str, float | None] = {}
        for name, metric in (("bleu", self.bleu), ("chrf", self.chrf)):
            for ending, references in (("", self.all), ("_one", self.one)):
                key = name + ending
                if metric is not None:
                    values[key] = float(metric.corpus_score(texts, references).score)
                    self.signatures[key] = str(metric.get_signature())
        return Scores(exact, **values)


def has_groups(bleu: Any, references: Iterable[Sequence[str]]) -> bool:
    """Whether any reference has as many words as BLEU counts together."""
    texts = [text for each in references for text in each]
    return bleu.corpus_score(texts, [texts]).totals[WORDS - 1] > 0


def _metrics() -> tuple[Any, Any]:
    """sacrebleu's BLEU and chrF; None twice where it is not installed."""
    try:
        from sacrebleu.metrics.bleu import BLEU  # noqa: PLC0415  # pyright: ignore
        from sacrebleu.metrics.chrf import CHRF  # noqa: PLC0415  # pyright: ignore
    except ImportError:  # an extra: all else is scored without it
        return None, None
    return BLEU(), CHRF()
