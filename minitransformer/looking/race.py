"""What a race has measured, as a table and as sentences. Nothing here trains or draws."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .ways import Ways

NAMES = {
    "lstm": "LSTM with one context vector",
    "attention-lstm": "LSTM with attention",
    "transformer": "Transformer",
}
LESS = 0.1  # of exact match; a smaller difference between two lengths, or two models, is no verdict
FEWEST = 20  # sentences of a group, below which it says nothing


@dataclass(frozen=True)
class Racer:
    """One model of a race. What is measured against the length of a sentence is by that length, in
    tokens; exact match is of the sentences up to there, from the length before."""

    kind: str
    d_model: int
    parameters: int
    counts: dict[int, int]  # sentences tried
    exact: dict[int, float]  # the part of them that came out right
    seconds: dict[int, float]  # of one step of training, without its update
    ways: dict[int, Ways]  # from the loss to the first word of the source
    curve: list[tuple[float, float]]  # (seconds since the first step, training loss)
    loss: float  # on held-out sentences, at the end

    @property
    def name(self) -> str:
        return NAMES.get(self.kind, self.kind)


def table(racers: Sequence[Racer]) -> str:
    """All that was measured, in Markdown."""
    first = racers[0]
    rows = [["", *(racer.name for racer in racers)], ["---", *("---:" for _ in racers)]]
    rows.append(["parameters", *(f"{racer.parameters:,}" for racer in racers)])
    rows.append(["d_model", *(str(racer.d_model) for racer in racers)])
    lower = 0
    for length, count in first.counts.items():
        words = f"exact match, length {lower + 1} to {length} (of {count})"
        rows.append([words, *(f"{racer.exact[length]:.1%}" for racer in racers)])
        lower = length
    rows.append(["held-out loss per token", *(f"{racer.loss:.4f}" for racer in racers)])
    rows.append(["seconds of training", *(f"{racer.curve[-1][0]:.0f}" for racer in racers)])
    for length in first.seconds:
        times = (f"{1000 * racer.seconds[length]:.1f}" for racer in racers)
        rows.append([f"ms a step, length {length}", *times])
    for length in first.ways:
        longest = (str(racer.ways[length].longest) for racer in racers)
        rows.append([f"longest way to the first word, length {length}", *longest])
    for length in first.ways:
        shortest = (str(racer.ways[length].shortest) for racer in racers)
        rows.append([f"shortest way to the first word, length {length}", *shortest])
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as a table of Markdown that is one for the eye too."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = []
    for row in rows:
        cells = [f"{row[0]:{widths[0]}}", *(f"{c:>{w}}" for c, w in zip(row[1:], widths[1:]))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def verdict(racers: Iterable[Racer]) -> list[str]:
    """What the numbers say of the story, a sentence each: also where they do not bear it out."""
    lstm, attention, transformer = sorted(racers, key=lambda racer: [*NAMES].index(racer.kind))
    sentences = [loses(lstm), mends(lstm, attention), compared(attention, transformer)]
    return [*filter(None, sentences), times(lstm, attention, transformer), *ways(lstm, transformer)]


def groups(racer: Racer) -> tuple[int, int]:
    """The lengths that end the shortest and the longest group with enough sentences to speak of."""
    lengths = [length for length, count in racer.counts.items() if count >= FEWEST]
    return (lengths[0], lengths[-1]) if lengths else (min(racer.counts), max(racer.counts))


def loses(lstm: Racer) -> str:
    short, long = groups(lstm)
    figures = f"{lstm.exact[short]:.1%} at length {short}, {lstm.exact[long]:.1%} at length {long}"
    if lstm.exact[short] - lstm.exact[long] >= LESS:
        return f"The {lstm.name} loses long sentences: exact match is {figures}."
    return (
        f"That the {lstm.name} loses long sentences does not show here: exact match is {figures}."
    )


def mends(lstm: Racer, attention: Racer) -> str:
    short, long = groups(lstm)
    without, having = lstm.exact[long], attention.exact[long]
    figures = f"at length {long} it is {having:.1%} with attention, {without:.1%} without"
    if lstm.exact[short] - without < LESS:
        return f"So there is nothing for attention to mend: {figures}."
    if having - without < LESS:
        return f"That attention mends it does not show here: {figures}."
    whole = attention.exact[short] - having < LESS
    return f"Attention {'mends it' if whole else 'mends some of it'}: {figures}."


def compared(attention: Racer, transformer: Racer) -> str:
    _, long = groups(transformer)
    one, other = transformer.exact[long], attention.exact[long]
    figures = f"{one:.1%} against {other:.1%} at length {long}"
    if abs(one - other) < LESS:
        return f"The {transformer.name} and the {attention.name} write about as well: {figures}."
    how = "better" if one > other else "worse"
    return f"After as many steps the {transformer.name} writes {how} than the latter: {figures}."


def times(*racers: Racer) -> str:
    short, long = min(racers[0].seconds), max(racers[0].seconds)
    grown = (
        f"{1000 * racer.seconds[long]:.0f} ms ({racer.seconds[long] / racer.seconds[short]:.1f} "
        f"times that at length {short}) for the {racer.name}"
        for racer in racers
    )
    return f"A step at length {long} takes {', '.join(grown)}."


def ways(lstm: Racer, transformer: Racer) -> list[str]:
    short, long = min(lstm.ways), max(lstm.ways)
    sentences = []
    for racer in (lstm, transformer):
        least, most = racer.ways[short].longest, racer.ways[long].longest
        how = f"grows from {least} to {most}" if most > least else f"is {most}, and stays so,"
        sentences.append(
            f"In the {racer.name} the longest way of a gradient from the loss to the first word of "
            f"the source {how} ops from length {short} to {long}."
        )
    return sentences
