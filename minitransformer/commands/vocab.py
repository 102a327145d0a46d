"""`minitransformer vocab`."""

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from ..run import load
from ..text.byte_pairs import BytePairs, pieces, visible
from ..text.reading import cleaned
from ..text.showing import shown
from ..text.specials import UNKNOWN
from ..text.tokenising import TOGETHER, without_spacing
from ..text.vocabulary import Vocabulary
from .arguments import add_run, command


def add_vocab(commands: Any) -> None:
    sub = command(
        commands,
        "vocab",
        vocab_command,
        "Show how a text is cut into the tokens that a model reads. Of byte pairs each word is put "
        "together step by step: at first single characters, then a merge a line, with its number, "
        "for the first that was learned is made first. A ▁ is the space before a word.",
        'minitransformer vocab runs/reverse "abcdef"',
        'minitransformer vocab runs/numbers "ninety-one" --side source',
        'minitransformer vocab runs/numbers "quatre-vingt-onze" --side target',
    )
    add_run(sub)
    add = sub.add_argument
    add("text", metavar="TEXT", help="what to cut")
    add(
        "--side",
        choices=("source", "target"),
        default="source",
        help="whose vocabulary cuts it (default: %(default)s)",
    )


def vocab_command(options: argparse.Namespace) -> None:
    run = load(options.run, options.task_file)
    vocabulary = run.source_vocab if options.side == "source" else run.target_vocab
    text = cleaned(options.text)
    if not text:
        raise ValueError("the text is empty; give at least one word")
    print("\n".join(how_cut(vocabulary, text)))


def how_cut(vocabulary: Vocabulary, text: str) -> Iterator[str]:
    """How a text is cut, in lines: what the vocabulary is, of byte pairs how each word is put
    together, and then each token with its id."""
    yield str(vocabulary).strip("<>")
    if vocabulary.pairs:
        for piece in dict.fromkeys(pieces(text)):
            yield ""
            yield from put_together(vocabulary.pairs, piece)
    yield ""
    for token, i in zip(vocabulary.tokenize(text), vocabulary.encode(text)):
        said = "  unknown to this model" if i == UNKNOWN else ""
        yield f"{i:6}  {seen(token)}{said}"
    if vocabulary.pairs and (unknown := vocabulary.unknown(text)):
        yield f"in bytes, for training did not have them: {' '.join(unknown)}"


def put_together(pairs: BytePairs, piece: str) -> Iterator[str]:
    """A word in characters, and after each merge."""
    yield f"{'':6}  {spaced(pairs.start(piece))}"
    for step in pairs.steps(piece):
        left, right = map(seen, step.merge)
        yield f"{step.number:6}  {spaced(step.tokens):40}  {left} + {right}"


def spaced(tokens: Sequence[str]) -> str:
    return " ".join(map(seen, tokens))


def seen(token: str) -> str:
    """A token as it is shown, its spaces too; where it has one of no width, that is left out."""
    return shown(visible(without_spacing(token) if token[0] == TOGETHER else token), len(token))
