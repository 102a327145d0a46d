"""The proof in numbers: `python tests/minigrad/prove.py [--programs 10000] [--seed 0]`.

Exits with status 1 if anything fails.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
import timeit
import warnings
from functools import partial
from pathlib import Path

import mutants
import numpy as np
from endurance import chain
from op_cases import CASES, TABLE
from op_checks import CHECKS, check
from random_programs import run_programs
from random_sessions import run_sessions

import minigrad as mg

LENGTH, STEPS = 100_000, 10_000
LEAK = 5_000  # bytes; one forgotten tensor a step would be a thousand times as much

# What an op on one number costs, beside NumPy's function alone: (ours, NumPy's, number of inputs).
SMALL = {
    **{name: (getattr(mg, name), getattr(np, name), 1) for name in "exp log sqrt tanh sin".split()},
    **{name: (getattr(mg, name), getattr(np, name), 1) for name in "abs sum mean max".split()},
    **{name: (getattr(mg, name), getattr(np, name), 2) for name in "maximum minimum".split()},
    "neg": (mg.neg, np.negative, 1),
    "add": (mg.add, np.add, 2),
    "sub": (mg.sub, np.subtract, 2),
    "mul": (mg.mul, np.multiply, 2),
    "div": (mg.div, np.true_divide, 2),
    "pow": (mg.pow, np.power, 2),
    "matmul": (mg.matmul, np.matmul, 2),
    "transpose": (mg.transpose, np.transpose, 1),
    "cumsum": (mg.cumsum, np.cumsum, 1),
    "relu": (mg.relu, lambda x: np.maximum(x, 0), 1),
    "getitem": (lambda x: x[0], lambda x: x[0], 1),
    "reshape": (lambda x: x.reshape(1, 1), lambda x: x.reshape(1, 1), 1),
}


def cases():
    failures = []
    for case in CASES:
        try:
            check(case)
        except Exception as error:
            failures.append(f"{case}: {error}")
    print(f"ops        {len(TABLE)}, in {len(CASES)} cases with {len(CHECKS)} checks each")
    return failures


def wrong_rules():
    tried = mutants.try_all()
    rules = [f"{name}.{rule}" for name, rule in mutants.all_rules()]
    print(f"rules      {len(rules)}, and {len(tried.rules) - len(rules)} helpers that they call")
    print(
        f"mutants    {tried.made} made, {tried.rejected} rejected ({tried.raised} of them by an "
        f"error), {len(tried.excused)} that change nothing, {len(tried.survivors)} missed"
    )
    for mutant in tried.excused:
        print(f"             {mutant}: {mutants.excuse(mutant)}")
    missed = [f"not rejected: {mutant}" for mutant in tried.survivors]
    return missed + [f"no mutant of {rule} was rejected" for rule in rules if not tried.rules[rule]]


def programs(count, seed):
    try:
        ops = run_programs(count, seed)
    except Exception as error:
        return [f"a random program fails (seed {seed}): {error!r}"]
    print(f"programs   {len(ops)} at random (seed {seed}), {sum(ops)} ops, 0 failures")
    return []


def sessions(count, seed):
    try:
        refused, kept = run_sessions(count, seed)
    except Exception as error:
        return [f"a random session fails (seed {seed}): {error!r}"]
    print(
        f"sessions   {refused + kept} at random (seed {seed}): gradients added up, half precision, "
        f"trainings copied half-way, and a write through a view, {refused} of which were refused"
    )
    return []


def endurance():
    start = time.perf_counter()
    result = chain(LENGTH)
    print(f"chain      {LENGTH} ops forward and backward: {time.perf_counter() - start:.1f} s")
    growth = growth_of_a_process(STEPS)
    print(f"memory     {growth:+} bytes over {STEPS} training steps, no garbage collector")
    failures = [] if result == (LENGTH + 1, 1) else [f"the chain gives {result}"]
    return failures + ([f"memory grows by {growth} bytes"] if growth > LEAK else [])


def growth_of_a_process(steps):
    """`memory_growth` in a process of its own: in this one tables of the interpreter's, filled by
    all that came before, may grow once more."""
    code = f"from endurance import memory_growth; print(memory_growth({steps}))"
    here = Path(__file__).parent
    path = os.pathsep.join(map(str, (here, here.parents[1])))
    process = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": path}
    return int(subprocess.run(process, env=environment, check=True, capture_output=True).stdout)


def overhead():
    ours, bare, above = [], [], []
    for name, (op, function, inputs) in SMALL.items():
        arrays = [np.full(1, 0.5, np.float32) for _ in range(inputs)]
        tensors = [mg.Tensor(array, requires_grad=True) for array in arrays]
        a, b = timed(partial(op, *tensors), partial(function, *arrays))
        ours.append(a)
        bare.append(b)
        if a > 3 * b + 2:
            above.append(f"{name} {a:.1f} for {b:.1f}")
    a, b = statistics.median(ours), statistics.median(bare)
    print(
        f"overhead   {a:.2f} µs for a recorded op on one number, {b:.2f} µs for NumPy alone "
        f"(medians of {len(SMALL)} ops): the bound, 3 times that and 2 µs, is {3 * b + 2:.2f} µs"
    )
    print(f"             above their own bound: {', '.join(above) or 'none'}")


def timed(*calls):
    """Microseconds for each, the calls in turn: the fastest of many rounds."""
    rounds = [[timeit.timeit(call, number=300) / 300 for call in calls] for _ in range(40)]
    return [min(column) * 1e6 for column in zip(*rounds)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=int, default=1000, help="how many random programs")
    parser.add_argument("--seed", type=int, default=0, help="the seed that they are made from")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    overhead()  # a measurement; a busy machine fails no proof
    failures = cases() + wrong_rules() + programs(options.programs, options.seed)
    failures += sessions(options.programs, options.seed) + endurance()
    for failure in failures:
        print(f"FAILED     {failure}")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
