"""Sentence pairs out of files as people have them: columns with tabs between them, two aligned
files, or JSON lines."""

import hashlib
import heapq
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from pathlib import Path

from .pairs_file import BLOCK, LONGEST_LINE, lines_of_file, open_file
from .reading import cleaned
from .showing import shown

Pair = tuple[str, str]

HOW_TO_SKIP = "mend it, or leave out all lines like it with skip_bad=1"


class BadLine(ValueError):
    """What is wrong with a line, in words that can be counted."""


def read_pairs(
    file: str, languages: tuple[str, str] | None = None, bad: Counter[str] | None = None
) -> Iterator[Pair]:
    """The (source, target) pairs of a file, or of two aligned ones ("a.en,a.fr"), as they stand
    there; texts are `cleaned`. Lines without any text are passed over.

    `languages` are the keys of source and target in JSON lines (default: those of the first line,
    in its order). A bad line raises ValueError with its number; where `bad` is given it is left out
    instead, and counted there by what is wrong with it. What is no such file at all raises OSError
    or ValueError.
    """
    paths = paths_of(file)
    numbered = enumerate(zip_longest(*map(lines_of_file, paths)), 1)
    parse: Callable[[list[str]], Pair] | None = aligned if len(paths) == 2 else None
    for number, line in numbered:
        if not any(side and side.strip() for side in line):
            continue
        try:
            texts = [_decoded(side) for side in line]
            parse = parse or form_of(texts[0], paths[0], languages)
            pair = parse(texts)
        except BadLine as error:
            if bad is None:
                said = f"{file}, line {number}: {error}; {HOW_TO_SKIP}"
                raise ValueError(said) from None
            bad[str(error)] += 1
        else:
            yield pair


def paths_of(file: str) -> list[Path]:
    """The one file, or the two aligned ones, that a user's word names."""
    if "," not in file or Path(file).exists():
        return [Path(file)]
    names = [name.strip() for name in file.split(",")]
    if len(names) != 2 or not all(names):
        raise ValueError(
            f'"{shown(file)}" names neither one file nor two, like corpus.en,corpus.fr'
        )
    return [Path(name) for name in names]


def checksum(file: str) -> str:
    """The SHA-256 of a file, or of two aligned ones after one another. Raises OSError, with a
    sentence, where one cannot be read."""
    digest = hashlib.sha256()
    for path in paths_of(file):
        with open_file(path) as opened:
            while block := opened.read(BLOCK):
                digest.update(block)
    return digest.hexdigest()


# ---- one line


def form_of(
    line: str, path: Path, languages: tuple[str, str] | None
) -> Callable[[list[str]], Pair]:
    """How the lines of a file are parsed, judged by the first one that has text."""
    looks_like_json = line.lstrip().startswith("{") and "\t" not in line
    if path.suffix in (".json", ".jsonl", ".ndjson") or looks_like_json:
        return JsonLines(languages)
    if languages is not None:
        raise ValueError(
            f"{path} holds no JSON lines, so its sides have no names: leave out source and target, "
            "and choose the direction with reverse=1"
        )
    return tab_separated


def tab_separated(texts: list[str]) -> Pair:
    """The first two columns; a third is who wrote them. Quotes are what they are: quotes."""
    columns = texts[0].split("\t")
    if len(columns) < 2:
        raise BadLine("no tab between two texts")
    return _both(columns[0], columns[1])


def aligned(texts: list[str]) -> Pair:
    return _both(*texts)


class JsonLines:
    """Objects with a text for each language, alone or under "translation"."""

    def __init__(self, languages: tuple[str, str] | None):
        self.languages = languages

    def __call__(self, texts: list[str]) -> Pair:
        try:
            content = json.loads(texts[0])
        except (ValueError, RecursionError):
            raise BadLine("no JSON, or only a part of a line of it") from None
        if isinstance(content, dict) and isinstance(content.get("translation"), dict):
            content = content["translation"]
        if not isinstance(content, dict):
            raise BadLine('no JSON object, like {"en": ..., "fr": ...}')
        languages = self.languages or self._two_of(content)
        for language in languages:
            if not isinstance(content.get(language), str):
                raise BadLine(f'no text for "{shown(language)}"')
        self.languages = languages
        return _both(*(content[language] for language in languages))

    def _two_of(self, content: dict) -> tuple[str, str]:
        if len(content) != 2:
            raise BadLine("not two languages: say which with source=en and target=fr")
        source, target = content
        return source, target


def _decoded(line: bytes | None) -> str:
    if line is None:
        raise BadLine("no line of the other file belongs to it: they have not equally many")
    if len(line) >= LONGEST_LINE:
        raise BadLine("far too long for a sentence")
    try:
        return line.decode()
    except UnicodeError:
        raise BadLine("not UTF-8") from None


def _both(source: str, target: str) -> Pair:
    try:
        pair = cleaned(source), cleaned(target)
    except ValueError:  # of JSON, which can spell what no text has
        raise BadLine("far too long for a sentence, or not UTF-8") from None
    if not all(pair):
        raise BadLine("an empty side")
    return pair


# ---- which are kept


class Kept:
    """The different pairs of a stream, at most `most` of them: of more, a choice that is fair and
    the same for ever, by a hash of each. Memory is that of what is kept."""

    def __init__(self, most: int):
        self.most = most
        self._places: dict[Pair, int] = {}
        self._worst_first: list[tuple[int, Pair]] = []

    def add(self, pair: Pair, place: int) -> str | None:
        """Keep a pair; why not, if it is not kept, or which other is kept no more."""
        if pair in self._places:
            return "duplicates"
        digest = hashlib.blake2b("\t".join(pair).encode(), digest_size=8, person=b"kept").digest()
        ranked = -int.from_bytes(digest), pair
        self._places[pair] = place
        if len(self._places) <= self.most:
            heapq.heappush(self._worst_first, ranked)
            return None
        _, left_out = heapq.heappushpop(self._worst_first, ranked)
        del self._places[left_out]
        return f"more than {self.most:,} (option most)"

    def pairs(self) -> list[Pair]:
        """What is kept, in the order of the file."""
        return sorted(self._places, key=self._places.__getitem__)


def length_in_words(text: str) -> int:
    """How many words a text has, as one counts by eye: what stands between two spaces, without
    marks that stand alone."""
    return sum(part.isalnum() or any(map(str.isalnum, part)) for part in text.split())


def kept_pairs(
    pairs: Iterable[Pair], longest: tuple[int, int], most: int, dropped: Counter[str]
) -> list[Pair]:
    """The different pairs of which no side has more words than `longest`, at most `most`; the
    others are counted in `dropped`, by why they are left out."""
    kept = Kept(most)
    for place, pair in enumerate(pairs):
        lengths = map(length_in_words, pair)
        too_long = any(length > limit for length, limit in zip(lengths, longest))
        reason = "too long" if too_long else kept.add(pair, place)
        if reason:
            dropped[reason] += 1
    return kept.pairs()
