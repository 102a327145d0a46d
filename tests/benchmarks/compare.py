"""Is it faster than before? Two checkouts of this project, timed against each other.

    git worktree add ../before HEAD~3
    python tests/benchmarks/compare.py ../before

The packages are taken from the checkouts, the benchmark from here. Both compute the same, in
processes that take turns, in many short blocks. Where a process happens to lie in memory makes it
some percent faster or slower for as long as it lives, so there are several pairs of processes; and
the process that starts second tends to be a percent faster, so they change places.
"""

import argparse
import sys
import tempfile
from itertools import cycle, islice
from pathlib import Path

from bench import at_least_one, check_agreement, save_new_problem, steps_in, warn_of_load
from frameworks import FRAMEWORKS, OURS
from kernels import warn_of_slowing
from rounds import REST, paired_ratio, race, typical_time
from worker import Worker
from workloads import WORKLOADS

BLOCK = 0.1  # seconds that a block takes at least, unless it is a single step
WARM_UP = 3  # steps, whose results are compared
LEAST = 4  # rounds
HEAD = f"{'new / old':30}  median   quartiles     pairs         old, ms   new, ms"


def main(arguments=None):
    """The exit status: 0, or 2 for what could not be done, said in a sentence."""
    options = parser().parse_args(arguments)
    try:
        checkouts = {"old": checkout(options.old), "new": checkout(options.new)}
        warn_of_slowing()
        warn_of_load()
        print(HEAD)
        for name in options.workloads:
            print(line(WORKLOADS[name], compare(WORKLOADS[name], checkouts, options)), flush=True)
    except (ValueError, RuntimeError, OSError) as error:
        print(f"compare: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ncompare: stopped by Ctrl-C", file=sys.stderr)
        return 130
    return 0


def parser():
    parser = argparse.ArgumentParser(description="Time two checkouts of this project in one run.")
    add = parser.add_argument
    add("old", type=Path, help="the folder of the checkout that is the measure, 1.00")
    here = Path(__file__).parents[2]
    add("new", type=Path, nargs="?", default=here, help="the other (default: this one)")
    add("--workloads", "-w", nargs="+", choices=WORKLOADS, default=list(WORKLOADS), metavar="NAME")
    add("--pairs", type=at_least_one, default=8, help="of processes (default: %(default)s)")
    add("--seconds", type=float, default=3, help="for each pair, about (default: %(default)s)")
    add("--threads", type=at_least_one, default=1, help="of each process (default: %(default)s)")
    return parser


def checkout(folder):
    for package in ("minigrad", "minitransformer"):
        if not (folder / package / "__init__.py").is_file():
            raise ValueError(f"{folder} is no checkout of this project: it has no {package}")
    return folder.resolve()


def compare(workload, checkouts, options):
    """One list of rounds for each pair of processes, each round {"old": ms, "new": ms}."""
    with tempfile.TemporaryDirectory() as folder:
        problem = save_new_problem(folder, workload, seed=0)
        orders = cycle([checkouts, dict(reversed(checkouts.items()))])
        return [
            rounds_of_a_pair(workload, problem, order, options)
            for order in islice(orders, options.pairs)
        ]


def rounds_of_a_pair(workload, problem, checkouts, options):
    workers = {
        name: Worker(FRAMEWORKS[OURS], workload, problem, options.threads, packages)
        for name, packages in checkouts.items()
    }
    try:
        outcomes = {name: worker.run(WARM_UP) for name, worker in workers.items()}
        check_agreement(workload, {name: now["results"] for name, now in outcomes.items()})
        ms = min(outcomes["old"]["ms"][-1], outcomes["new"]["ms"][-1])
        steps = steps_in(BLOCK, ms)
        for worker in workers.values():
            worker.steps_per_block = steps
        racers = {name: worker.block for name, worker in workers.items()}
        rounds = max(LEAST, round(options.seconds * 1000 / (2 * steps * ms)))
        return race(racers, rounds, REST if options.threads > 1 else 0)
    finally:
        for worker in workers.values():
            worker.stop()


def line(workload, pairs):
    """The ratio over all rounds, and how much it differs from one pair of processes to another."""
    times = [now for rounds in pairs for now in rounds]
    ratio, low, high = paired_ratio(times, "new", "old")
    each = sorted(paired_ratio(rounds, "new", "old")[0] for rounds in pairs)
    old, new = (typical_time(times, name) for name in ("old", "new"))
    return (
        f"{workload.name + ': ' + workload.title:30} {ratio:7.3f}   {low:.3f}-{high:.3f}   "
        f"{each[0]:.3f}-{each[-1]:.3f} {old:9.2f} {new:9.2f}"
    )


if __name__ == "__main__":
    sys.exit(main())
