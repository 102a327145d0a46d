"""`minitransformer translate`."""

import argparse
import io
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..decoding.beam import WIDTH, Beam, BeamSettings, search
from ..decoding.choosing import Decode, decoder
from ..decoding.sampling import SamplingSettings
from ..fields import add_flags, given
from ..looking.attention_maps import attention_maps
from ..looking.beam_tree import draw_tree, tree_text
from ..looking.drawing import require_ending
from ..models.seq2seq import Seq2Seq
from ..run import Run, load, without_errors
from ..text.reading import lines_of
from ..text.source import WAYS, Source
from .arguments import Parser, add_run, command, complain
from .prompt import typed_lines

OF_BEAM = ("length_penalty", "n_best", "show_tree", "tree")
OF_SAMPLE = ("temperature", "top_k", "top_p", "seed")

Decoding = Callable[[Seq2Seq, np.ndarray], Iterable[Any]]
# What is printed of a text: its number, what was read of it, and its decoding.
Said = Callable[[Run, int, Source, Any], str]


def add_translate(commands: Any) -> None:
    sub = command(
        commands,
        "translate",
        translate_command,
        "Translate texts with a trained model, a line each. From standard input each line stands "
        "for itself: where one cannot be translated, the output has an empty line, and standard "
        "error the number of the line and the reason. The exit status is 0 if all went well, 1 if "
        "some lines could not be translated, 2 if nothing could be done. With --n-best each line "
        "of the output is a translation: the number of the text (or input line, from 1), the score "
        "and the translation, with tabs between them, best first; a line that cannot be translated "
        "has none.",
        'minitransformer translate runs/reverse "abcdef" "jihg"',
        'minitransformer translate runs/numbers "nine hundred and fifty-four"',
        "minitransformer translate runs/numbers < numbers.txt",
        "minitransformer translate runs/numbers --interactive",
        'minitransformer translate runs/numbers "ninety-one" --attention ninety-one.svg',
        'minitransformer translate runs/numbers "ninety-one" --beam 4 --n-best 3',
        'minitransformer translate runs/numbers "ninety-one" --beam 3 --show-tree --tree beam.svg',
        'minitransformer translate runs/numbers "ninety-one" --sample --temperature 1.5 --seed 7',
    )
    add_run(sub)
    add = sub.add_argument
    add("texts", metavar="TEXT", nargs="*", help="what to translate (default: each line of input)")
    add("--interactive", action="store_true", help="translate what is typed at a prompt")
    add(
        "--unknown",
        choices=WAYS,
        help="what the model has no word for: copy the source word that it looks at, show it as "
        "<unknown>, or fail to translate the text (default: copy where the vocabulary leaves words "
        "out, as with --vocab-size, else fail)",
    )
    add("--attention", metavar="FILE", help="draw what one text looks at: .svg, .png or .pdf")
    add_beam(sub)
    add_sampling(sub)


def add_beam(sub: Parser) -> None:
    add = sub.add_argument_group("beam search").add_argument
    add(
        "--beam",
        type=int,
        metavar="WIDTH",
        help=f"search with so many hypotheses side by side, as {WIDTH} (default: greedy decoding)",
    )
    add_flags(add, BeamSettings)
    add("--show-tree", action="store_true", default=None, help="print the tree of the search first")
    add("--tree", metavar="FILE", help="draw the tree of one text: .svg, .png, .pdf or .dot")


def add_sampling(sub: Parser) -> None:
    add = sub.add_argument_group("sampling").add_argument
    add("--sample", action="store_true", default=None, help="draw each token by chance")
    add_flags(add, SamplingSettings)
    add("--seed", type=int, metavar="N", help="of the chance (default: 0)")


def translate_command(options: argparse.Namespace) -> int:
    typed = options.interactive or bool(options.texts)
    if not typed and sys.stdin is not None and sys.stdin.isatty():
        raise ValueError(
            'give a text to translate: minitransformer translate RUN "text", or --interactive'
        )
    require_flags_that_go_together(options)
    decode, said = with_beam(options) if options.beam is not None else without_beam(options)
    run = load(options.run, options.task_file)
    if options.texts:
        return translate_texts(run, options, decode, said)
    if options.interactive:
        return translate_typed(run, options, decode, said)
    return translate_input(run, options, decode, said)


def translate_texts(run: Run, options: argparse.Namespace, decode: Decoding, said: Said) -> int:
    """Those that are arguments: all of them, or none."""
    results = [*without_errors(run.decode_each(options.texts, decode, options.unknown))]
    if options.attention is not None:
        draw_attention(run, options.texts[0], options.attention)
    for i, (source, _) in enumerate(results):
        tell_unknown(source, f"text {i + 1}: " if len(results) > 1 else "")
    print("\n".join(said(run, i + 1, *result) for i, result in enumerate(results)))
    return 0


def translate_typed(run: Run, options: argparse.Namespace, decode: Decoding, said: Said) -> int:
    """What is typed at a prompt, each line at once. Ctrl-C ends that, as Ctrl-D does."""
    try:
        for i, line in enumerate(typed_lines()):
            for result in run.decode_each([line], decode, options.unknown):
                if isinstance(result, ValueError):
                    complain(result)
                else:
                    tell_unknown(result[0])
                    print(said(run, i + 1, *result), flush=True)
    except KeyboardInterrupt:
        print()
    return 0


def translate_input(run: Run, options: argparse.Namespace, decode: Decoding, said: Said) -> int:
    """The lines of standard input, those together that are there together."""
    number, failed = 0, 0
    for lines in lines_of(standard_input()):
        for result in run.decode_each(lines, decode, options.unknown):
            number += 1
            if not isinstance(result, ValueError):
                tell_unknown(result[0], f"line {number}: ")
                print(said(run, number, *result))
                continue
            failed += 1
            complain(f"line {number}: {result}")
            if options.n_best is None:
                print()  # so that line 7 of the output still belongs to line 7 of the input
        sys.stdout.flush()
    return 1 if failed else 0


def tell_unknown(source: Source, where: str = "") -> None:
    """Say which words of a text the model does not know."""
    if source.unknown:
        complain(f"{where}{source.said()}")


def draw_attention(run: Run, text: str, path: str) -> None:
    """What the last kind of attention that the model has looks at."""
    maps = attention_maps(run, text)
    if not maps:
        raise ValueError(f"the model of {run.folder} has no attention to draw")
    list(maps.values())[-1].save(path)


def require_flags_that_go_together(options: argparse.Namespace) -> None:
    """Raise ValueError for flags of which one makes no sense with, or without, another."""
    if options.beam is not None and options.sample:
        raise ValueError(
            "--beam and --sample exclude each other: a beam search finds what is most probable, a "
            "sample is drawn by chance"
        )
    of_other = [("--beam WIDTH", "a beam search", OF_BEAM)] if options.beam is None else []
    of_other += [] if options.sample else [("--sample", "sampling", OF_SAMPLE)]
    for flag, way, names in of_other:
        for name in names:
            if getattr(options, name) is not None:
                wrong = "--" + name.replace("_", "-")
                raise ValueError(f"{wrong} belongs to {way}: give {flag} too")
    if options.tree is not None and len(options.texts) != 1:
        many = len(options.texts) or "standard input"
        raise ValueError(f"--tree draws the search of one text: give one as argument, not {many}")
    if options.interactive and options.texts:
        raise ValueError("--interactive asks for texts: give none as argument, or leave it out")
    if options.attention is not None:
        require_ending(options.attention)
        if len(options.texts) != 1:
            many = len(options.texts) or "those of an input"
            raise ValueError(f"--attention draws one text: give one as argument, not {many}")
        if options.beam is not None or options.sample:
            raise ValueError(
                "--attention draws how a greedy translation is written: without --beam or --sample"
            )
    if options.seed is not None and options.seed < 0:
        raise ValueError(f"--seed has to be at least 0, not {options.seed}")


def with_beam(options: argparse.Namespace) -> tuple[Callable[..., list[Beam]], Said]:
    """A beam search, and what is said of it: its tree, if that is wanted, and the translations. A
    tree that has a file is drawn as well."""
    settings = BeamSettings(options.beam, **given(options, BeamSettings))

    def said(run: Run, number: int, source: Source, beam: Beam) -> str:
        found = run.scored(beam, source, options.unknown)
        tokens = [run.target_vocab.label(i) for i in range(len(run.target_vocab))]
        if options.tree is not None:
            Path(options.tree).parent.mkdir(parents=True, exist_ok=True)
            draw_tree(beam, tokens).save(options.tree)
        lines = [f"{number}\t{score:.4f}\t{text}" for score, text in found]
        lines = lines if options.n_best is not None else [found[0][1]]
        if options.show_tree:
            lines = [tree_text(beam, tokens), "", *lines, ""]
        return "\n".join(lines)

    return lambda model, src: search(model, src, settings), said


def without_beam(options: argparse.Namespace) -> tuple[Decode, Said]:
    """Sampling or greedy decoding, and what is said of it: the translation."""

    def said(run: Run, number: int, source: Source, ids: list[int]) -> str:
        return run.text(ids, source, options.unknown)

    rng = np.random.default_rng(options.seed or 0) if options.sample else None
    return decoder(rng=rng, **given(options, SamplingSettings)), said


def standard_input() -> BinaryIO:
    """The bytes of standard input."""
    if sys.stdin is None:
        raise ValueError("there is no standard input; give the texts as arguments")
    if isinstance(sys.stdin, io.TextIOWrapper):
        return sys.stdin.buffer  # pyright: ignore[reportReturnType]
    return io.BytesIO(sys.stdin.read().encode(errors="surrogateescape"))  # text from a program
