"""Beam search: of all that could be written, the few most probable beginnings are kept at each
step, side by side (Sutskever et al. 2014, section 3.2)."""

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ..fields import COUNT, Must, check, is_number, require, setting
from ..models.seq2seq import Seq2Seq, evaluating
from ..text.specials import END, START
from .rereading import Rereading
from .writing import limit_of, log_probabilities, sources, writer_of

WIDTH, LENGTH_PENALTY = 4, 0.6  # the paper's (section 6.1)
ROWS = 800  # hypotheses in a batch, at most, where it has several sources
Fate = Literal["kept", "ended", "cut", "dropped", "left"]  # of a Node
FROM_0_TO_10 = Must("from 0 to 10", lambda value: is_number(value) and 0 <= value <= 10, float)


@dataclass(frozen=True)
class BeamSettings:
    """How a beam is searched."""

    width: int = field(default=WIDTH, metadata=setting(COUNT, "", flag=False))
    length_penalty: float = field(
        default=LENGTH_PENALTY,
        metadata=setting(FROM_0_TO_10, "how far long sentences are made up for: 0 is not at all"),
    )
    n_best: int = field(
        default=1, metadata=setting(COUNT, "how many translations are given, with scores")
    )

    def __post_init__(self) -> None:
        check(self, "beam search")
        words = f"at most the width of the beam, {self.width}"
        require(self.n_best <= self.width, "beam search", "n_best", words, self.n_best)


@dataclass(frozen=True)
class Hypothesis:
    """A sentence that a search has found: its ids, without start and end, the sum of the log
    probabilities of its tokens, the end token's among them, and the score, which is that sum
    divided by the length penalty."""

    ids: list[int]
    score: float
    log_prob: float


@dataclass(eq=False, slots=True)
class Node:
    """A token in the tree of a search. It and all before it are `length` tokens, of `log_prob`
    together. Its fate is what became of it:

    - "kept": it was gone on with, or still can be;
    - "ended": it is the end token; "cut": it too, but only since the sentence could be no longer;
    - "dropped": it was the best way to go on from its parent, but not among the best of all;
    - "left": when the search ended, since no way to go on could be better than what was found.
    """

    token: int
    log_prob: float
    length: int
    parent: "Node | None"
    fate: Fate

    def ids(self) -> list[int]:
        """The tokens up to this one, without the start token."""
        ids, node = [], self
        while node.parent is not None:
            ids.append(node.token)
            node = node.parent
        return ids[::-1]


def beam_search(
    model: Seq2Seq,
    src: np.ndarray,
    width: int = WIDTH,
    length_penalty: float = LENGTH_PENALTY,
    n_best: int = 1,
    max_length: int | None = None,
    cached: bool = True,
) -> list[list[Hypothesis]]:
    """The `n_best` hypotheses with the best scores that a beam search finds for each source, the
    best first; fewer only where fewer sentences of at most `max_length` tokens (default: the
    model's own limit) can be written at all.

    At each step the `width` most probable continuations are kept of all that the hypotheses have;
    those that have ended leave the beam. One of `max_length` tokens has to end there, however
    improbable that is. The score is the log probability divided by ((5 + n) / 6) ** length_penalty,
    n being the number of tokens with the end token (Wu et al. 2016, equation 14). A search ends
    when nothing in its beam can get a better score than the n best that were found. Raises
    ValueError for settings that make no sense.
    """
    settings = BeamSettings(width, length_penalty, n_best)
    return [beam.hypotheses() for beam in search(model, src, settings, max_length, cached)]


def search(
    model: Seq2Seq,
    src: np.ndarray,
    settings: BeamSettings,
    max_length: int | None = None,
    cached: bool = True,
) -> list["Beam"]:
    """A Beam for each source, with its whole tree, when the search is over."""
    src, limit = sources(src), limit_of(model, max_length)
    together = max(1, ROWS // settings.width)
    parts = [src[i : i + together] for i in range(0, len(src), together)]
    writer = writer_of(model, cached)
    with evaluating(model):
        return [beam for part in parts for beam in _search_part(writer, part, settings, limit)]


def _search_part(
    writer: Seq2Seq | Rereading, src: np.ndarray, settings: BeamSettings, limit: int
) -> list["Beam"]:
    """The same of so many sources as are searched side by side."""
    beams = searching = [Beam(settings, limit) for _ in src]
    state = writer.start(src)
    while searching:  # a row of the state is an open hypothesis; those of a beam are neighbours
        tokens = np.array([node.token for beam in searching for node in beam.open])
        logits, state = writer.step(state, tokens)
        log_probs = log_probabilities(logits.data)  # (rows, V)
        rows, first = [], 0
        for beam in searching:
            size = len(beam.open)
            rows += [first + i for i in beam.grow(log_probs[first : first + size])]
            first += size
        searching = [beam for beam in searching if beam.open]
        if searching:
            state = state.select(np.array(rows))
    return beams


class Beam:
    """The search for one source: `open` are the hypotheses that may be gone on with, `best` the n
    best that have ended, the best first, and `nodes` all that there were, parents first. A sentence
    has at most `limit` tokens before its end."""

    def __init__(self, settings: BeamSettings, limit: int):
        self.settings, self.limit = settings, limit
        self.penalties = ((5 + np.arange(limit + 2)) / 6) ** settings.length_penalty
        root = Node(START, 0.0, 0, None, "kept")
        self.nodes, self.open, self.best = [root], [root], list[Node]()

    def grow(self, log_probs: np.ndarray) -> list[int]:
        """Go on by a token, where `log_probs` (open, V) are those of the next one. Returns for each
        hypothesis that is open then which of the old ones it goes on from."""
        totals = log_probs + np.array([[node.log_prob] for node in self.open])  # (open, V)
        kept = self._kept(totals)
        old, self.open, going_on = self.open, [], []
        for i in set(range(len(old))).difference(i for i, _, _ in kept):
            self._add(old[i], int(totals[i].argmax()), totals[i], "dropped")
        for i, token, fate in kept:
            node = self._add(old[i], token, totals[i], fate)
            if token == END:
                self.best.append(node)
            else:
                self.open.append(node)
                going_on.append(i)
        self.best.sort(key=self.score, reverse=True)
        del self.best[self.settings.n_best :]
        if not self._can_improve():
            for node in self.open:
                node.fate = "left"
            self.open, going_on = [], []
        return going_on

    def _kept(self, totals: np.ndarray) -> list[tuple[int, int, Fate]]:
        """Which of the open hypotheses are gone on with, by which token, to which fate."""
        if self.open[0].length == self.limit:
            natural = totals.argmax(axis=-1) == END
            return [(i, END, "ended" if natural[i] else "cut") for i in range(len(self.open))]
        places = best_of(totals.ravel(), self.settings.width)
        rows, tokens = (each.tolist() for each in np.divmod(places, totals.shape[1]))
        return [(i, t, "ended" if t == END else "kept") for i, t in zip(rows, tokens)]

    def _add(self, parent: Node, token: int, totals: np.ndarray, fate: Fate) -> Node:
        node = Node(token, float(totals[token]), parent.length + 1, parent, fate)
        self.nodes.append(node)
        return node

    def _can_improve(self) -> bool:
        """Whether what is open can still get among the n best. Log probabilities only fall, and the
        longest sentence has the largest penalty, by which they are divided."""
        if len(self.best) < self.settings.n_best:
            return True
        most = max((node.log_prob for node in self.open), default=-math.inf)
        return most / self.penalties[-1] > self.score(self.best[-1])

    def score(self, node: Node) -> float:
        """The log probability, divided by the length penalty."""
        return node.log_prob / float(self.penalties[node.length])

    def hypotheses(self) -> list[Hypothesis]:
        """The n best, the best first."""
        return [Hypothesis(node.ids()[:-1], self.score(node), node.log_prob) for node in self.best]


def best_of(values: np.ndarray, count: int) -> np.ndarray:
    """The places of the `count` largest of values (n,), the largest first, and of equal ones the
    first. Where -inf is, is no place."""
    least = np.partition(values, -count)[-count] if count < len(values) else -np.inf
    places = np.flatnonzero((values >= least) & (values > -np.inf))
    order = np.argsort(-values[places], kind="stable")
    return places[order[:count]]
