"""The measured numbers as tables, as JSON and as a picture."""

import json
from itertools import cycle

from frameworks import FRAMEWORKS, OURS
from workloads import WORKLOADS

try:
    from matplotlib import rc_context
    from matplotlib.figure import Figure
except ImportError:
    Figure = None

COLOURS = {OURS: "#d95f02", "two-workers": "#fdae6b", "torch": "#08519c", "products": "#969696"}
START, END = "<!-- bench -->", "<!-- end of bench -->"
OTHERS = ("#9ecae1", "#31a354", "#756bb1", "#c994c7")


def tables(results):
    """Three Markdown tables, workload by framework: ratio to PyTorch, time, peak memory."""

    def time(result):
        return f"{result['ms']:.3g} ({result['threads']})"

    def memory(result):
        return f"{result['peak_mb']:.0f}"

    kinds = {
        "time as a ratio to PyTorch": ratio,
        "ms per step (threads)": time,
        "peak memory, MB": memory,
    }
    return "\n\n".join(table(title, results, cell) for title, cell in kinds.items())


def ratio(result):
    return f"{result['ratio']:.2f}" if result["ratio"] else "-"


def table(title, results, cell):
    names = named(results, "framework", FRAMEWORKS)
    cells = {(r["workload"], r["framework"]): cell(r) for r in results}
    lines = [[title, *(FRAMEWORKS[name].title for name in names)]]
    for workload in named(results, "workload", WORKLOADS):
        label = f"{workload}: {WORKLOADS[workload].title}"
        lines.append([label, *(cells.get((workload, name), "-") for name in names)])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    lines.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    return "\n".join(
        "| " + " | ".join(f"{text:{'<' if i == 0 else '>'}{widths[i]}}" for i, text in row) + " |"
        for row in map(enumerate, lines)
    )


def named(results, key, order):
    """The names under `key` that were measured, in the order of the registry."""
    found = {result[key] for result in results}
    return [name for name in order if name in found]


def save(folder, results, machine):
    """Write bench.json, bench.md and, with Matplotlib, bench.svg: the paths written."""
    paths = [folder / "bench.json", folder / "bench.md"]
    report = {"machine": machine, "results": results}
    paths[0].write_text(json.dumps(report, indent=1) + "\n")
    paths[1].write_text(f"{tables(results)}\n\n{measured_on(results, machine)}\n")
    if Figure and any(result["ratio"] for result in results):
        paths.append(folder / "bench.svg")
        with rc_context({"svg.hashsalt": "bench"}):  # equal numbers give an equal file
            picture(results).savefig(paths[-1], metadata={"Date": None})
    return paths


def insert(path, results, machine):
    """Put the ratios, and what they were measured on, between the two marks of a Markdown file."""
    before, after = around(path)
    ratios = table("time as a ratio to PyTorch", results, ratio)
    lines = [START, ratios, "", measured_on(results, machine), END]
    path.write_text(before + "\n".join(lines) + after)


def measured_on(results, machine):
    """The line below the table: processor, versions, and the kernel of each framework's BLAS."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    users = {}  # {kernel: titles of the frameworks that compute with it}
    for name in named(results, "framework", FRAMEWORKS):
        for kernel in dict.fromkeys(r["kernel"] for r in results if r["framework"] == name):
            users.setdefault(kernel, []).append(FRAMEWORKS[name].title)
    kernels = "; ".join(f"{kernel} ({', '.join(titles)})" for kernel, titles in users.items())
    return f"{machine['processor']}, {machine['cores']} cores; {versions}. Kernels: {kernels}."


def around(path):
    """What stands before and after the place for the table. Raises ValueError if there is none."""
    before, start, rest = path.read_text().partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ValueError(f"{path} has no place for a table: a line {START}, and after it {END}")
    return before, after


def picture(results):
    """One line a workload, one dot a framework: its time as a ratio to PyTorch's."""
    workloads = named(results, "workload", WORKLOADS)
    figure = Figure(figsize=(8, 1.4 + 0.6 * len(workloads)), layout="constrained")
    axes = figure.subplots()
    axes.axvline(1, color=COLOURS["torch"], linewidth=1)
    others = cycle(OTHERS)
    for name in named(results, "framework", FRAMEWORKS):
        of_this = [r for r in results if r["framework"] == name and r["ratio"]]
        if not of_this:
            continue
        x = [r["ratio"] for r in of_this]
        axes.errorbar(
            x,
            [workloads.index(r["workload"]) for r in of_this],
            xerr=[
                [r["ratio"] - r["low"] for r in of_this],
                [r["high"] - r["ratio"] for r in of_this],
            ],
            fmt="o",
            color=COLOURS.get(name) or next(others),
            label=FRAMEWORKS[name].title,
            zorder=3 if name == OURS else 2,
        )
    axes.set_yticks(range(len(workloads)), [f"{w}: {WORKLOADS[w].title}" for w in workloads])
    axes.set_ylim(len(workloads) - 0.5, -0.5)
    axes.set_xscale("log")
    ticks = [tick for tick in TICKS if in_range(tick, results)]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
    axes.set_xticks([], minor=True)
    axes.set_xlabel("time as a ratio to PyTorch's (median and quartiles over the rounds)")
    axes.grid(axis="x", color="#dddddd")
    axes.set_axisbelow(True)
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    return figure


TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20, 50)


def in_range(tick, results):
    ratios = [r["ratio"] for r in results if r["ratio"]]
    return min(ratios) / 1.5 <= tick <= max(ratios) * 1.5
