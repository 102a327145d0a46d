"""One framework in a process of its own, and the pipe to it.

The thread pools of several frameworks in one process slow each other down; apart they do not, each
has its own number of threads, and the system knows how much memory each one took.
"""

import importlib
import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

from frameworks import FRAMEWORKS
from kernels import numpy_kernel, without_slowing
from workloads import WORKLOADS, load_problem

THREADS = (  # what the BLAS and OpenMP libraries and JAX read their number of threads from
    *("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
    "PJRT_NPROC",
)


class LeftOut(Exception):
    """An optional framework failed; the message says how."""


class Worker:
    """The parent's end. The process imports its framework at once; the model is made and warmed up
    by the first `run`, so that of two workers one can rest while the other computes. Packages are
    looked for in the folder `packages` first."""

    numbers = count()

    def __init__(self, framework, workload, problem, threads, packages=None):
        self.framework, self.workload, self.threads = framework, workload, threads
        self.log = Path(problem).with_name(f"worker-{next(self.numbers)}.log")
        self.steps_per_block = 1
        self.peak_mb = self.kernel = None  # known after the first `run`
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [sys.executable, __file__, framework.name, workload.name, str(problem)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=child_environment(threads, packages),
            )

    def block(self):
        """Run one block of steps: milliseconds per step."""
        times = self.run(self.steps_per_block)["ms"]
        return sum(times) / len(times)

    def run(self, steps):
        """Each step's time in `ms`; what it gave, a loss or decoded ids, in `results`."""
        try:
            self.process.stdin.write(f"{steps}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, and `answer` says so
        answer = self.answer()
        self.peak_mb, self.kernel = answer["peak_mb"], answer["kernel"]
        return answer

    def answer(self):
        who = f"{self.framework.title} at {self.workload.name}"
        line = self.process.stdout.readline()
        if not line:
            lines = self.log.read_text().strip().splitlines() or ["it left no message"]
            code = self.process.wait()
            error = f"the process of {who} ended with exit status {code}: {lines[-1]}"
            raise (LeftOut if self.framework.optional else RuntimeError)(error)
        answer = json.loads(line)
        if "error" in answer:
            error = f"{who} failed: {answer['error']}"
            raise (LeftOut if self.framework.optional else RuntimeError)(error)
        return answer

    def stop(self):
        self.process.kill()
        with suppress(BrokenPipeError):
            self.process.communicate()  # waits for its end and closes the pipes


def child_environment(threads, packages=None):
    """Ours, without what slows NumPy alone, and with this number of threads."""
    path = [*([str(packages)] if packages else []), *sys.path]
    return {
        **without_slowing(os.environ),
        **dict.fromkeys(THREADS, str(threads)),
        "PYTHONPATH": os.pathsep.join(path),
    }


def main(framework, workload, problem):
    """The child's end: for each line with a number of steps that many steps, and a line of JSON."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, who stops us
    pipe = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints does not go into the pipe

    def answer(**values):
        print(json.dumps(values), file=pipe, flush=True)

    framework, workload = FRAMEWORKS[framework], WORKLOADS[workload]
    try:
        module = importlib.import_module(framework.module)
        make = module.Stepper if workload.trains else module.Decoder
        kernel = getattr(module, "kernel", numpy_kernel)()
        stepper = None
        for line in sys.stdin:
            stepper = stepper or make(workload, *load_problem(problem), **framework.settings)
            ms, results = [], []
            for _ in range(int(line)):
                start = time.perf_counter()
                results.append(stepper.step())
                ms.append(1000 * (time.perf_counter() - start))
            answer(ms=ms, results=results, peak_mb=peak_mb(), kernel=kernel)
    except Exception as error:
        answer(error=f"{type(error).__name__}: {error}")
        raise  # the whole traceback goes into the log


def peak_mb():
    """The most memory that this process and its children ever held, in MB; what they share counts
    for each."""
    processes = ["self", *(child.pid for child in multiprocessing.active_children())]
    try:  # ru_maxrss starts at the parent's memory on Linux; this does not
        statuses = [Path(f"/proc/{process}/status").read_text() for process in processes]
        return sum(int(status.split("VmHWM:")[1].split()[0]) for status in statuses) / 1024
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    main(*sys.argv[1:])
