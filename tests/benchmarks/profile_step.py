"""Where a training step spends its time: by op and by module, forward and backward.

    python tests/benchmarks/profile_step.py --workload W2 --steps 20

prints two tables, and draws the ops as bars into profile.svg in the folder --output.
"""

import argparse
import time
from pathlib import Path

from kernels import numpy_kernel, restart_without_slowing
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits
from with_minitransformer import Stepper, new_model
from workloads import WORKLOADS, make_data

import minigrad as mg

SHOWN = 20  # bars


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Profile training steps, by op and by module.")
    training = [name for name, workload in WORKLOADS.items() if workload.trains]
    parser.add_argument("--workload", choices=training, default="W1")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1, help="of the BLAS (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=Path("runs/profile"))
    options = parser.parse_args(arguments)
    workload = WORKLOADS[options.workload]
    threadpool_limits(options.threads)
    stepper = Stepper(workload, new_model(workload).state_dict(), make_data(workload, seed=0))
    for _ in range(3):
        stepper.step()
    with mg.profile() as profile:
        started = time.perf_counter()
        for _ in range(options.steps):
            stepper.step()
        elapsed = time.perf_counter() - started
    print(profile)
    within = sum(row.seconds for row in profile.by_op().values())
    print(
        f"\n{options.workload}: {elapsed / options.steps * 1e3:.2f} ms a step; in ops and rules "
        f"{within / elapsed:.0%}, the rest is the tape, the optimiser and the measuring; "
        f"products by {numpy_kernel()}, threads: {options.threads}"
    )
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "profile.svg"
    draw(profile, options).savefig(path)
    print(f"drawn in {path}")


def draw(profile, options):
    """The slowest ops, a bar each: forward and backward in two colours."""
    rows = list(profile.by_op().items())[:SHOWN][::-1]
    figure = Figure(figsize=(7, 0.3 * len(rows) + 1), layout="constrained")
    axes = figure.subplots()
    colours = {"forward": "#08519c", "backward": "#d95f02"}
    for direction, colour in colours.items():
        bars = [(i, row) for i, ((_, way), row) in enumerate(rows) if way == direction]
        milliseconds = [row.seconds / options.steps * 1e3 for _, row in bars]
        axes.barh([i for i, _ in bars], milliseconds, color=colour, label=direction)
    axes.set_yticks(range(len(rows)), [f"{op} {way}" for (op, way), _ in rows], fontsize=8)
    axes.set_xlabel("ms a step")
    axes.set_title(f"One training step of {options.workload}, by op", fontsize=10)
    axes.legend(frameon=False)
    return figure


if __name__ == "__main__":
    restart_without_slowing()
    main()
