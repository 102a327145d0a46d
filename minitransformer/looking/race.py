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
    """What was measured, in Markdown: times and ways at the shortest length, the middle one and the
    longest."""
    first = racers[0]
    rows = [["", *(racer.name for racer in racers)], ["---", *("---:" for _ in racers)]]
    rows.append(["parameters", *(f"{racer.parameters:,}" for racer in racers)])
    rows.append(["d_model", *(str(racer.d_model) for racer in racers)])
    lower = 0
    for length, count in first.counts.items():
        span = f"{lower + 1} to {length}" if length > lower + 1 else f"{length}"
        exact = (f"{racer.exact[length]:.1%}" for racer in racers)
        rows.append([f"exact match, length {span} (of {count})", *exact])
        lower = length
    rows.append(["held-out loss per token", *(f"{racer.loss:.4f}" for racer in racers)])
    rows.append(["seconds of training", *(f"{racer.curve[-1][0]:.0f}" for racer in racers)])
    lengths = [*first.seconds]
    for length in dict.fromkeys([lengths[0], lengths[len(lengths) // 2], lengths[-1]]):
        times = (f"{1000 * racer.seconds[length]:.1f}" for racer in racers)
        ways = (" to ".join(map(str, racer.ways[length])) for racer in racers)
        rows.append([f"ms a step, length {length}", *times])
        rows.append([f"ops from the first word to the loss, length {length}", *ways])
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
    return [
        loses(lstm),
        mends(lstm, attention),
        compared(attention, transformer),
        times([lstm, attention, transformer]),
        *(longest_way(racer) for racer in (lstm, attention, transformer)),
        shortest_way([lstm, attention, transformer]),
    ]


def ends(racer: Racer) -> tuple[int, int]:
    """The shortest and the longest group with enough sentences to speak of."""
    lengths = [length for length, count in racer.counts.items() if count >= FEWEST]
    lengths = lengths or [*racer.counts]
    return lengths[0], lengths[-1]


def loses(lstm: Racer) -> str:
    short, long = ends(lstm)
    if short == long:
        return (
            "Of one length alone enough sentences were held out: this shows nothing of long ones."
        )
    figures = f"{lstm.exact[short]:.1%} up to length {short}, {lstm.exact[long]:.1%} up to {long}"
    if lstm.exact[short] < 0.5:
        return f"The {lstm.name} has not learned the short sentences either: {figures} are right."
    if lstm.exact[short] - lstm.exact[long] < LESS:
        return f"That the {lstm.name} loses long sentences does not show: {figures} are right."
    return f"The {lstm.name} loses long sentences: {figures} are right."


def mends(lstm: Racer, attention: Racer) -> str:
    short, long = ends(lstm)
    without, having = lstm.exact[long], attention.exact[long]
    figures = f"of the longest, {having:.1%} are right with it and {without:.1%} without"
    if having - without < LESS:
        return f"That attention mends anything does not show: {figures}."
    whole = attention.exact[short] - having < LESS <= having
    return f"Attention mends {'that' if whole else 'some of that'}: {figures}."


def compared(attention: Racer, transformer: Racer) -> str:
    _, long = ends(transformer)
    one, other = transformer.exact[long], attention.exact[long]
    how = "about as well as" if abs(one - other) < LESS else "better than" if one > other else ""
    how = how or "worse than"
    figures = f"{one:.1%} against {other:.1%}"
    return (
        f"After as many steps the {transformer.name} writes the longest {how} the "
        f"{attention.name}: {figures}."
    )


def times(racers: Sequence[Racer]) -> str:
    short, long = min(racers[0].seconds), max(racers[0].seconds)
    each = (
        f"{1000 * racer.seconds[long]:.0f} ms for the {racer.name} "
        f"({racer.seconds[long] / racer.seconds[short]:.1f} times that at length {short})"
        for racer in racers
    )
    return f"A step at length {long} takes {', '.join(each)}."


def longest_way(racer: Racer) -> str:
    short, long = min(racer.ways), max(racer.ways)
    least, most = racer.ways[short].longest, racer.ways[long].longest
    change = f"grows from {least} to {most} ops" if most > least else f"stays at {most} ops"
    return (
        f"The longest way of a gradient from the loss to the first word {change} "
        f"from length {short} to {long} in the {racer.name}."
    )


def shortest_way(racers: Sequence[Racer]) -> str:
    long = max(racers[0].ways)
    each = (f"{racer.ways[long].shortest} in the {racer.name}" for racer in racers)
    return f"The shortest at length {long} is {', '.join(each)}."
