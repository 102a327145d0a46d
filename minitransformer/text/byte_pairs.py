"""Byte-pair encoding: words in pieces, frequent ones in one, rare ones in several, none unknown.

It begins with single characters. Again and again the two neighbours that stand together most often
in the training texts become one token, a merge; the merges in their order are all that is learned
(Sennrich et al. 2016, section 3.2). A new text is cut by making the same merges again. With the
texts "low low lower newer newer" the first ones are

    ▁ l  ->  ▁l     ▁l o  ->  ▁lo     ▁lo w  ->  ▁low     e r  ->  er     ▁ n  ->  ▁n     ...

and then "low" is the token ▁low, "lower" is ▁low er, and "lowest" ▁low and letters. To that comes:

- A word brings the space before it along, as its first character, and the text gets one too. So
  tokens put one behind the other are the text again, and "low" within a word is another token than
  the word " low". In a listing the space is a "▁", as SentencePiece writes it (Kudo & Richardson
  2018).
- Merges stay within a word, or within a mark: see `pieces`.
- A character that training never had, or too seldom, is the bytes of its UTF-8, a token each:
  "€" is <0xE2> <0x82> <0xAC>. So no text is unknown, and none loses anything.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from heapq import heapify, heappop, heappush
from itertools import groupby, pairwise
from typing import NamedTuple

from .specials import SPECIALS
from .tokenising import normalize, word_pieces

SIZE = 4_000  # tokens of a vocabulary, where nothing is said
LEAST = 2  # times that a pair is seen, for one that is seen once tells nothing of other texts
LONGEST = 64  # characters of a word; of more, as where no spaces are written, it is several
REMEMBERED = 100_000  # words of which is known how they are cut

SPACE, VISIBLE_SPACE = " ", "▁"
BYTES = {f"<0x{byte:02X}>": bytes([byte]) for byte in range(256)}  # no text can produce their names

Merge = tuple[str, str]  # two tokens that become one


class Step(NamedTuple):
    """A word while it is put together: its `tokens` after the merge of that `number`, from 1."""

    number: int
    merge: Merge
    tokens: list[str]


class BytePairs:
    """The `characters` that texts are made of, and the `merges`, the first ones first. `tokens` are
    those that a text can be cut into: 256 bytes, the characters, and what the merges make."""

    def __init__(self, characters: Iterable[str], merges: Iterable[Merge]):
        """Raises ValueError for merges of what is no token."""
        self.characters = list(characters)
        self.merges = [_pair_of_texts(merge) for merge in merges]
        known = dict.fromkeys(self.characters)  # in order, each once
        for each in known:
            if not isinstance(each, str) or len(each) != 1:
                raise ValueError(f"{each!r} is not one character, as byte pairs begin with")
        for left, right in self.merges:
            for part in (left, right):
                if part not in known:
                    raise ValueError(f"{part!r} is merged before there is such a token")
            known[left + right] = None
        if len(set(self.merges)) < len(self.merges):
            twice = Counter(self.merges).most_common(1)[0][0]
            raise ValueError(f"the merge {twice!r} is given twice")
        self.tokens = [*BYTES, *known]
        self._numbers = {merge: i + 1 for i, merge in enumerate(self.merges)}
        self._alphabet = set(self.characters)
        self._cut: dict[str, list[str]] = {}

    @classmethod
    def learn(cls, texts: Iterable[str], size: int = SIZE, min_count: int = 1) -> "BytePairs":
        """The merges of these texts, as many as a vocabulary of `size` tokens has room for, the
        special ones among them, but none of a pair that is seen fewer than `min_count` times, or
        only once. A character that is seen fewer than `min_count` times is written in bytes."""
        words = Counter(piece for text in texts for piece in pieces(text))
        counts: Counter[str] = Counter()
        for word, count in words.items():
            for character in word:
                counts[character] += count
        characters = [each for each, count in counts.items() if count >= min_count]
        characters.sort(key=lambda each: (-counts[each], each))
        room = size - len(SPECIALS) - len(BYTES) - len(characters)
        if room < 0:
            raise ValueError(
                f"a vocabulary of {size} tokens has no room for the {len(SPECIALS)} special ones, "
                f"{len(BYTES)} bytes and the {len(characters)} characters of these texts: let "
                f"vocab_size be at least {size - room}, or leave rare characters out with min_count"
            )
        known: Counter[str] = Counter()  # a character that is left out is as the end of a word
        for word, count in words.items():
            for kept, run in groupby(word, set(characters).__contains__):
                if kept:
                    known["".join(run)] += count
        return cls(characters, merges_of(known, room, max(min_count, LEAST)))

    def cut(self, text: str) -> list[str]:
        """The tokens of a text. Joined they are `normalize(text)`, whatever the text."""
        return [token for piece in pieces(text) for token in self._cut_piece(piece)]

    def start(self, piece: str) -> list[str]:
        """A word in single characters, with which it begins; an unknown one in bytes."""
        tokens = []
        for character in piece:
            if character in self._alphabet:
                tokens.append(character)
            else:
                tokens += [f"<0x{byte:02X}>" for byte in character.encode(errors="surrogatepass")]
        return tokens

    def steps(self, piece: str) -> Iterator[Step]:
        """A word being put together: of the pairs that it has, that is merged which was learned
        first, wherever it stands, until none is left that was."""
        tokens = self.start(piece)
        while True:
            numbers = [self._numbers[pair] for pair in pairwise(tokens) if pair in self._numbers]
            if not numbers:
                return
            merge = self.merges[min(numbers) - 1]
            tokens = merged(tokens, merge)
            yield Step(min(numbers), merge, tokens)

    def unknown(self, text: str) -> list[str]:
        """The characters of a text that are written in bytes, each once, in order."""
        return [each for each in dict.fromkeys(normalize(text)) if each not in self._alphabet]

    def _cut_piece(self, piece: str) -> list[str]:
        if piece not in self._cut:
            if len(self._cut) == REMEMBERED:
                self._cut.clear()
            tokens = self.start(piece)
            for step in self.steps(piece):
                tokens = step.tokens
            self._cut[piece] = tokens
        return self._cut[piece]


def join(tokens: Iterable[str]) -> str:
    """The text of tokens, one line. A model may write any bytes: what is no UTF-8 is shown as "�",
    and a line end, which no text has after `normalize`, is a space."""
    written = b"".join(BYTES.get(t) or t.encode(errors="surrogatepass") for t in tokens)
    return normalize(written.decode(errors="replace"))


def visible(token: str) -> str:
    """The token with its spaces to be seen."""
    return token.replace(SPACE, VISIBLE_SPACE)


def pieces(text: str) -> list[str]:
    """The words and the marks of a text, which no merge crosses, each with the space before it:
    "Hi, you" is " Hi" "," " you"."""
    cut = []
    for part in normalize(text).split(SPACE):
        for i, piece in enumerate(word_pieces(part)):
            piece = piece if i else SPACE + piece
            cut += [piece[at : at + LONGEST] for at in range(0, len(piece), LONGEST)]
    return cut


def merges_of(words: Mapping[str, int], most: int, least: int) -> list[Merge]:
    """The merges of words that are seen so often, until they make `most` new tokens, or no pair is
    seen `least` times. Of pairs seen equally often the first by alphabet is merged.

    A merge changes only the words that have its pair; the counts of all others are left alone.
    """
    cut, times = [list(word) for word in words], list(words.values())
    counts: Counter[Merge] = Counter()
    places: defaultdict[Merge, set[int]] = defaultdict(set)  # of the words that have, or had, it
    for i, tokens in enumerate(cut):
        for pair in pairwise(tokens):
            counts[pair] += times[i]
            places[pair].add(i)
    queue = [(-count, pair) for pair, count in counts.items()]  # the most frequent first
    heapify(queue)
    merges, made = [], {token for tokens in cut for token in tokens}
    most += len(made)
    while queue and len(made) < most:
        count, pair = heappop(queue)
        if -count != counts[pair]:
            continue  # it has changed since, and stands in the queue with its new count too
        if -count < least:
            break
        merges.append(pair)
        made.add("".join(pair))
        changed = set()
        for i in places.pop(pair):
            before, cut[i] = cut[i], merged(cut[i], pair)
            if len(cut[i]) == len(before):
                continue
            for each in pairwise(before):
                counts[each] -= times[i]
                changed.add(each)
            for each in pairwise(cut[i]):
                counts[each] += times[i]
                places[each].add(i)
                changed.add(each)
        for each in changed:
            heappush(queue, (-counts[each], each))
    return merges


def merged(tokens: list[str], pair: Merge) -> list[str]:
    """The tokens with this pair made one, wherever it stands, from left to right."""
    after, i = [], 0
    while i < len(tokens):
        found = tokens[i] == pair[0] and tokens[i + 1 : i + 2] == [pair[1]]
        after.append("".join(pair) if found else tokens[i])
        i += 2 if found else 1
    return after


def _pair_of_texts(merge: object) -> Merge:
    if isinstance(merge, list | tuple) and len(merge) == 2:
        left, right = merge
        if isinstance(left, str) and isinstance(right, str):
            return left, right
    raise ValueError(f"a merge is of two tokens, not {merge!r}")
