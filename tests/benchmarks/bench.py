"""How fast this project is beside what people would pick instead, with the same models and data.

Every framework runs in a process of its own and waits for its turn; see rounds.py for how they are
timed, workloads.py for what they do, and with_*.py for how each one does it.
"""

import argparse
import os
import platform
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

import numpy as np
from frameworks import BASELINE, FRAMEWORKS
from kernels import warn_of_slowing
from report import around, insert, measured_on, save, tables
from rounds import paired_ratio, quiet_rounds, race, typical_time
from with_minitransformer import new_model
from worker import LeftOut, Worker
from workloads import WORKLOADS, make_data, never_end, save_problem

TOLERANCE = 1e-4  # between the losses of two frameworks
DAILY = ("W0", "W1", "W2", "decode")  # what fits into a minute
SAME_IDS = 0.98  # the share of decoded ids that agree: where two are as good, rounding decides

EXAMPLES = """\
examples:
  python tests/benchmarks/bench.py --quick            the daily look, about a minute
  python tests/benchmarks/bench.py                    all that are installed, about ten minutes
  python tests/benchmarks/bench.py --workloads W1 W2 --frameworks minitransformer torch --rounds 30
"""


@dataclass(frozen=True)
class Form:
    """How long it takes."""

    rounds: int
    block: float  # seconds that one block of steps takes at least, unless it is a single step
    first: int  # steps that warm up, and whose losses are compared
    trials: int  # blocks in which the best number of threads is found


LONG, QUICK = Form(15, 0.5, 6, 5), Form(4, 0.3, 3, 1)


def main(arguments=None):
    """The exit status: 0, or 2 for what could not be done, said in a sentence."""
    options = parser().parse_args(arguments)
    form = QUICK if options.quick else LONG
    rounds = form.rounds if options.rounds is None else options.rounds
    try:
        Path(options.output).mkdir(parents=True, exist_ok=True)
        if options.into:
            around(options.into)  # not only after a minute's work
        warn_of_slowing()
        frameworks = taking_part(options)
        warn_of_load()
        results = []
        for name in options.workloads or (DAILY if options.quick else WORKLOADS):
            results += measure(WORKLOADS[name], frameworks, form, rounds, options)
        if not results:
            raise ValueError("none of the chosen frameworks does any of the chosen workloads")
        print(f"\n{tables(results)}\n\n{measured_on(results, machine(options))}\n")
        for path in save(Path(options.output), results, machine(options)):
            print(f"written: {path}")
        if options.into:
            insert(options.into, results, machine(options))
    except (ValueError, RuntimeError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nbench: stopped by Ctrl-C", file=sys.stderr)
        return 130
    return 0


def parser():
    parser = argparse.ArgumentParser(
        description="Time training and decoding beside PyTorch, JAX, HIPS autograd and MyGrad.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="few rounds, beside PyTorch alone: about a minute")
    add(
        *("--workloads", "-w"),
        nargs="+",
        choices=WORKLOADS,
        metavar="NAME",
        help=f"of {', '.join(WORKLOADS)} (default: all; quick: {', '.join(DAILY)})",
    )
    add(
        *("--frameworks", "-f"),
        nargs="+",
        choices=FRAMEWORKS,
        metavar="NAME",
        help=f"of {', '.join(FRAMEWORKS)} (default: all that are installed)",
    )
    add("--rounds", type=at_least_one, help=f"(default: {LONG.rounds}; quick {QUICK.rounds})")
    add(
        "--threads",
        nargs="+",
        type=at_least_one,
        default=[n for n in (1, 2) if n <= (os.cpu_count() or 1)],
        metavar="N",
        help="numbers of threads; each framework gets the best (default: 1 2)",
    )
    add("--seed", type=int, default=0, help="of weights and data (default: %(default)s)")
    add("--output", default="runs/bench", metavar="FOLDER", help="(default: %(default)s)")
    add("--into", type=Path, metavar="FILE", help="a Markdown file to put the ratios into")
    return parser


def at_least_one(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no whole number above 0")
    return int(text)


def warn_of_load():
    busy = os.getloadavg()[0]
    if busy > 0.5:
        print(f"The machine is busy (load {busy:.1f}): the numbers will be noisy.")


def taking_part(options):
    """The frameworks that were asked for and are installed."""
    names = options.frameworks or [n for n, f in FRAMEWORKS.items() if f.daily or not options.quick]
    asked = [FRAMEWORKS[name] for name in dict.fromkeys(names)]
    for framework in asked:
        if not framework.installed:
            print(f"{framework.title} is left out: {framework.needs} is not installed.")
    if not FRAMEWORKS[BASELINE].installed or BASELINE not in names:
        print("Without PyTorch there are times, and no ratios.")
    return [framework for framework in asked if framework.installed]


def measure(workload, frameworks, form, rounds, options):
    """Time one workload in all frameworks: a list of results, one a framework."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        problem = save_new_problem(folder, workload, options.seed)
        workers, outcomes = {}, {}
        for framework in frameworks:
            if not (workload.trains or framework.decodes):
                continue
            print(f"{workload.name}: {framework.title} warms up ...", flush=True)
            try:
                worker, outcome = best_worker(framework, workload, problem, form, options, stack)
            except LeftOut as reason:
                print(f"{framework.title} is left out: {reason}")
                continue
            workers[framework.name], outcomes[framework.name] = worker, outcome
            print(f"{workload.name}: {framework.title} computes with {worker.kernel}")
        check_agreement(workload, outcomes)
        if not workers:
            return []
        print(f"{workload.name}: {rounds} rounds ...", flush=True)
        times = race({name: worker.block for name, worker in workers.items()}, rounds)
        if (quiet := quiet_rounds(times)) < rounds:
            print(f"{workload.name}: only {quiet} of {len(times)} rounds were undisturbed.")
        return [result(worker, outcomes, times) for worker in workers.values()]


def save_new_problem(folder, workload, seed):
    """Weights and data in a file, whose path is returned."""
    path = Path(folder, "problem.npz")
    weights = new_model(workload, seed).state_dict()
    if not workload.trains:
        weights = never_end(weights)
    save_problem(path, weights, make_data(workload, seed))
    return path


def best_worker(framework, workload, problem, form, options, stack):
    """(worker, what its first steps gave), with the number of threads that is fastest."""
    workers = []
    for threads in options.threads:
        workers.append(Worker(framework, workload, problem, threads))
        stack.callback(workers[-1].stop)
    outcomes = {}
    for worker in workers:
        warm_up = worker.run(form.first if workload.trains else 2)
        outcomes[worker] = warm_up["results"]
        worker.steps_per_block = steps_in(form.block, warm_up["ms"][-1])
    times = race({worker: worker.block for worker in workers}, form.trials)
    medians = {worker: median(now[worker] for now in times) for worker in workers}
    best = min(workers, key=medians.get)
    best.steps_per_block = steps_in(form.block, medians[best])
    for worker in workers:
        if worker is not best:
            worker.stop()
    return best, outcomes[best]


def steps_in(seconds, ms):
    return max(1, round(1000 * seconds / ms))


def check_agreement(workload, outcomes):
    """Raise ValueError unless all frameworks gave the same numbers. `outcomes` is {name: losses}
    or {name: decoded ids}; one that computes no loss has None in their place."""
    known = {name: np.array(o) for name, o in outcomes.items() if None not in o}
    if not known:
        return
    first, expected = next(iter(known.items()))
    for name, found in known.items():
        if workload.trains:
            difference = np.abs(found - expected).max()
            agree = difference <= TOLERANCE
            what = f"the losses of the first steps differ by up to {difference:.2g}"
        else:
            share = (found == expected).mean() if found.shape == expected.shape else 0
            agree = share >= SAME_IDS
            what = f"of the decoded ids only {share:.1%} are the same"
        if not agree:
            raise ValueError(
                f"{workload.name}: {first} and {name} do not compute the same: {what}, though "
                f"weights and data are the same ({first}: {expected.ravel()[:6].tolist()}, "
                f"{name}: {found.ravel()[:6].tolist()})"
            )


def result(worker, outcomes, times):
    name = worker.framework.name
    ratio, low, high = paired_ratio(times, name, BASELINE) if BASELINE in outcomes else [None] * 3
    return {
        "workload": worker.workload.name,
        "framework": name,
        "threads": worker.threads,
        "kernel": worker.kernel,
        "ms": typical_time(times, name),
        "ratio": ratio,  # with its quartiles
        "low": low,
        "high": high,
        "peak_mb": worker.peak_mb,
        "first_losses": outcomes[name] if worker.workload.trains else None,
        "all_ms": [now[name] for now in times],
        "steps_per_block": worker.steps_per_block,
    }


def machine(options):
    """What the numbers depend on besides the code."""
    packages = dict.fromkeys(["numpy", *(f.needs for f in FRAMEWORKS.values())])
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: found for name in packages if (found := version_of(name))},
        "seed": options.seed,
    }


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def version_of(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
