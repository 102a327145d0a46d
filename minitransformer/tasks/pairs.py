"""Sentence pairs of a file of one's own: the step from toys to a language."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from ..streams import is_terminal
from ..text.pairs import Pair, checksum, kept_pairs, read_pairs
from ..text.tokenising import tokenize
from .pairs_sample import SAMPLE
from .pairs_split import splits_of
from .split import SPLITS
from .task import Task, register, whole_number


class Data(NamedTuple):
    """What was read: the pairs, the split of each, and what was left out, counted by why."""

    pairs: list[Pair]
    splits: list[str]
    dropped: Counter[str]


class ReadingBar(tqdm):
    """Counts the pairs that are read, where that takes long and somebody watches."""

    monitor_interval = 0  # no thread: workers are forked from this process later

    def __init__(self, pairs: Iterable[Pair], disable: bool):
        super().__init__(pairs, unit=" pairs", delay=5, leave=False, disable=disable)


@register
class Pairs(Task):
    """An example is the number of a pair. The file is read when an example is asked for, and not
    before: a trained model translates without it."""

    name = "pairs"
    summary = "translate as in a file of sentence pairs of your own: file=fra-eng.zip"
    unit = "words"
    steps = 18_000
    how_many = "those of your file; without one, sixty that show the form"
    how_long = "twenty minutes or more"
    expect = "from 115,000 pairs of short sentences of Tatoeba, 48 BLEU (greedy, all references)"
    preset = {
        "size": "medium",
        "batch_size": 64,
        "train_examples": 1_000_000,  # all that there are
        "label_smoothing": 0.1,
        "average": 5,
        "model": {"dropout": 0.1, "tie_embeddings": "target"},
        "vocabulary": {"unit": "bpe", "vocab_size": 6_000},
    }

    def __init__(
        self,
        file: str = "",
        reverse: int = 0,
        source: str = "",
        target: str = "",
        longest_source: int = 50,
        longest_target: int = 50,
        most: int = 500_000,
        skip_bad: int = 0,
        sha256: str = "",
    ):
        """`file` is what `read_pairs` reads, `source` and `target` are the languages' keys in JSON
        lines, `reverse` exchanges the sides after that. Kept are at most `most` pairs of so many
        words. `sha256` is that of the file, which is filled in when it is read, and held then."""
        self.file = str(file)
        self.reverse = yes_or_no("reverse", reverse)
        self.source, self.target = str(source), str(target)
        if bool(source) != bool(target):
            raise ValueError('give both "source" and "target", or neither: source=en and target=fr')
        self.longest_source = whole_number("longest_source", longest_source, 1, 1000)
        self.longest_target = whole_number("longest_target", longest_target, 1, 1000)
        self.most = whole_number("most", most, 1, 10**9)
        self.skip_bad = yes_or_no("skip_bad", skip_bad)
        self.sha256 = str(sha256)
        self.lazy = bool(file)

    def sample(self, rng: np.random.Generator) -> int:
        return int(rng.integers(len(self.data.pairs)))

    def every(self) -> Iterable[int]:
        return range(len(self.data.pairs))

    def pair(self, example: int) -> Pair:
        return self.data.pairs[example]

    def split_of(self, example: int) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.data.splits[example]

    def references(self, source: str, target: str) -> list[str]:
        """All that the file has for this source, which stand in one split."""
        return self._targets.get(source, [target])

    def report(self) -> str:
        """What was read, what was left out and why, and how the rest is split."""
        pairs, splits, dropped = self.data
        share = ", ".join(f"{splits.count(split):,} for {split}" for split in SPLITS)
        return f"{self._file_said}: {len(pairs):,} pairs, {share}{left_out(dropped)}"

    @cached_property
    def max_length(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        # A text has no more tokens than characters, so most need not be cut to know the longest.
        longest = 1
        for text in sorted((text for pair in self.data.pairs for text in pair), key=len)[::-1]:
            if len(text) <= longest:
                break
            longest = max(longest, len(tokenize(text, self.unit)))
        return longest

    @cached_property
    def data(self) -> Data:
        """What the file holds. Raises OSError or ValueError, with a sentence, where it cannot be
        used, or is not the one that `sha256` was worked out of."""
        if self.file:
            self._hold_checksum()
        dropped: Counter[str] = Counter()
        longest = self.longest_source, self.longest_target
        with ReadingBar(self._read(dropped), disable=not is_terminal(sys.stderr)) as read:
            pairs = kept_pairs(read, longest, self.most, dropped)
        data = Data(pairs, splits_of(pairs), dropped)
        for split in SPLITS:
            if split not in data.splits:
                are = "1 pair is" if len(pairs) == 1 else f"{len(pairs):,} pairs are"
                raise ValueError(
                    f"{self._file_said}: {are} too few, for none falls to {split}; some "
                    f"hundreds are needed{left_out(dropped)}"
                )
        return data

    def _read(self, dropped: Counter[str]) -> Iterator[Pair]:
        """The pairs of the file, each in the direction that is to be learned."""
        languages = (self.source, self.target) if self.source else None
        bad = dropped if self.skip_bad else None
        pairs = read_pairs(self.file, languages, bad) if self.file else sample_pairs()
        return ((target, source) for source, target in pairs) if self.reverse else pairs

    def _hold_checksum(self) -> None:
        found = checksum(self.file)
        if self.sha256 not in ("", found):
            raise ValueError(
                f"{self.file} is not the file that this was trained on, or has changed since: its "
                f"SHA-256 is {found[:12]}…, and was {self.sha256[:12]}…. What is held out now may "
                "have been learned then. Put the old file back, or train again"
            )
        self.sha256 = found

    @property
    def _file_said(self) -> str:
        return self.file or "the sample that comes with the program (give a file with file=...)"

    @cached_property
    def _targets(self) -> dict[str, list[str]]:
        targets: dict[str, list[str]] = defaultdict(list)
        for source, target in self.data.pairs:
            targets[source].append(target)
        return dict(targets)

    @cached_property
    def _members(self) -> dict[str, list[int]]:
        """The examples of each split: of those held out one for each source."""
        members: dict[str, list[int]] = {split: [] for split in SPLITS}
        sources: set[str] = set()
        for i, ((source, _), split) in enumerate(zip(self.data.pairs, self.data.splits)):
            if split == "train" or source not in sources:
                members[split].append(i)
            sources.add(source)
        return members

    def _list(self, split: str) -> Iterator[int]:
        return iter(self._members[split])

    def _draw(self, split: str, count: int, rng: np.random.Generator) -> list[int]:
        """So many different examples, or all where there are fewer: each pair is learned from."""
        return rng.permutation(self._members[split])[:count].tolist()

    def _draw_different(self, split: str, count: int, rng: np.random.Generator) -> list[int]:
        return self._draw(split, count, rng)


def left_out(dropped: Counter[str]) -> str:
    """The end of a sentence: "; left out: 44 (40 too long, 4 duplicates)", or nothing."""
    why = ", ".join(f"{count:,} {reason}" for reason, count in dropped.most_common())
    return f"; left out: {dropped.total():,} ({why})" if dropped else ""


def yes_or_no(option: str, value: int) -> int:
    """The value of an option that is 1 or 0; True and False are these."""
    return whole_number(option, int(value) if isinstance(value, bool) else value, 0, 1)


def sample_pairs() -> Iterator[Pair]:
    for line in SAMPLE.splitlines():
        source, target = line.split("\t")
        yield source, target
