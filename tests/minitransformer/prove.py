"""The proof that trainings end as they should: `tests/minitransformer/prove.py [--tries 50]`.

Real processes are killed, stopped, and started twice, each at random moments of a training that
takes about two seconds. Exits with status 1 if anything is left running, cannot be read, or blocks
the same command, and if one that was killed and resumed does not end with the same weights, bit for
bit, and the same log as one that was not.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
from processes import SHORT, alive, of_folder, started, wait_until

from minitransformer.files import UNFINISHED, Claim
from minitransformer.run import CONFIG, LOG, load

TOGETHER = 3  # processes that are tried at the same time
MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")

TOP: list[str] = []  # the folder in which all is tried
Scenario = Callable[[Path, random.Random], None]


def train(folder, workers=1, mpi=0, seed=0):
    before = [MPIEXEC, "-n", str(mpi)] if mpi else []
    settings = ["--workers", workers, "--seed", seed, "--run", folder]
    return started("train", "reverse", *SHORT, *settings, before=before)


def finished(process, folder):
    """(exit status, errors), when nothing of it runs any more or holds its pipes."""
    try:
        _, err = process.communicate(timeout=30)
        wait_until(lambda: not of_folder(folder), seconds=5)
    except (TimeoutError, subprocess.TimeoutExpired):
        running = of_folder(folder)
        for pid in running:
            os.kill(pid, signal.SIGKILL)
        raise AssertionError(f"still running: {running}") from None
    return process.returncode, err


def expect(condition, *said):
    if not condition:
        raise AssertionError(" ".join(map(str, said)))


def expect_usable(folder):
    """That there is a run that can be read, or nothing that blocks the same command."""
    with wait_until(lambda: claim(folder), seconds=5):
        left = [path.name for path in folder.iterdir() if path.name.endswith(UNFINISHED)]
        expect(not left, "left behind:", left)
        if (folder / CONFIG).exists():
            load(folder).log()


def claim(folder):
    """The claim; None while a process that is ending has not let go of its files."""
    with suppress(FileExistsError):
        return Claim(folder)


def listening(number, folder):
    """How many processes of this training have a handler for the signal."""
    found = 0
    for pid in of_folder(folder):
        with suppress(OSError):  # it has just ended
            status = dict(re.findall(r"(\w+):\s*(.*)", Path(f"/proc/{pid}/status").read_text()))
            found += status["Name"] != "mpiexec" and int(status["SigCgt"], 16) >> (number - 1) & 1
    return found


def said_last_step(folder):
    log = folder / LOG
    return log.exists() and f'"step": {SHORT[SHORT.index("--steps") + 1]},' in log.read_text()


def killed(workers):
    def try_once(folder, chance):
        process = train(folder, workers)
        time.sleep(chance.uniform(0.3, 3.0))
        process.kill()
        finished(process, folder)
        expect_usable(folder)

    return try_once


def resumed(workers):
    """Killed once or several times, and resumed each time, it ends as if it had not been."""
    arguments = [*SHORT, "--workers", workers, "--dropout", 0.1]

    @cache
    def right():
        folder = Path(tempfile.mkdtemp(dir=TOP[0])) / "right"
        status, err = finished(started("train", "reverse", *arguments, "--run", folder), folder)
        expect(status == 0, err)
        return ending(folder)

    def try_once(folder, chance):
        every = ["--save-every", chance.choice([1, 3, 10, 1000])]
        expected, kills = right(), chance.choice([1, 1, 2, 3])
        for kill in range(kills + 1):
            if (folder / CONFIG).exists():
                load(folder)  # it can be read at any moment
                process = started("train", "--resume", folder)
            else:  # it was killed before it had begun
                process = started("train", "reverse", *arguments, *every, "--run", folder)
            if kill < kills:
                time.sleep(chance.uniform(0.3, 3.0))
                process.kill()
            status, err = finished(process, folder)
            wait_until(lambda: free(folder), seconds=5)
        expect(status == 0, err)
        weights, log = ending(folder)
        expect(log == expected[1], "another log")
        same = [np.array_equal(weights[name], expected[0][name]) for name in expected[0]]
        expect(len(weights) == len(same) and all(same), "other weights")

    return try_once


def ending(folder):
    """The weights of a run, and its log but for what a clock has said."""
    run = load(folder)
    clock = {"seconds", "tokens_per_second"}
    log = [{k: v for k, v in line.items() if k not in clock} for line in run.log()]
    return run.model.state_dict(), log


def free(folder):
    with suppress(FileExistsError), Claim(folder):
        return True
    return False


def stopped(number, workers=1, mpi=0, all_of_them=False):
    def try_once(folder, chance):
        process = train(folder, workers, mpi)
        # Before Python has come to its first line, a signal ends it as the system does.
        wait_until(lambda: folder.exists() or process.poll() is not None)
        time.sleep(chance.uniform(0.0, 2.5))
        all_listen = listening(number, folder) >= max(mpi, 1)
        if process.poll() is None:
            (os.killpg if all_of_them else os.kill)(process.pid, number)
        status, err = finished(process, folder)
        # Python is ended by the system before its first line and after its last. Under mpiexec, the
        # status is that of the rank for which this was so, and each of them begins when it can.
        outside = not all_listen or said_last_step(folder)
        if not (outside and abs(status) == number) and number != signal.SIGKILL:
            expect(status in (0, 130), "status", status, err)
            expect("Traceback" not in err, err)
        if status == 0:
            expect((folder / CONFIG).exists(), "nothing was kept")
        expect_usable(folder)

    return try_once


def one_worker_killed(folder, chance):
    process = train(folder, workers=2)
    wait_until(lambda: len(alive(process.pid)) > 1 or process.poll() is not None)
    time.sleep(chance.uniform(0.0, 2.0))
    workers = [pid for pid, (_, parent) in alive(process.pid).items() if parent == process.pid]
    if workers:
        os.kill(chance.choice(workers), signal.SIGKILL)
    status, err = finished(process, folder)
    expect(status in (0, 2), "status", status, err)
    expect(status == 0 or "was ended by SIGKILL" in err, err)
    expect_usable(folder)


def two_at_once(folder, chance):
    processes = []
    for seed in (1, 2):
        processes.append(train(folder, seed=seed))
        time.sleep(chance.choice([0, 0, chance.uniform(0, 0.2), chance.uniform(0, 1.5)]))
    outputs = [process.communicate(timeout=30) for process in processes]
    results = [(process.returncode, err) for process, (_, err) in zip(processes, outputs)]
    statuses = [status for status, _ in results]
    expect(sorted(statuses) == [0, 2], "statuses", results)
    winner = statuses.index(0)
    said = results[1 - winner][1]
    expect("another training is writing" in said or "holds a run already" in said, said)
    expect(load(folder).settings["seed"] == winner + 1, "the configuration of one, not the other")


SCENARIOS: dict[str, Scenario] = {
    "SIGKILL, 1 worker": killed(1),
    "SIGKILL, 2 workers": killed(2),
    "SIGKILL and resume, 1 worker": resumed(1),
    "SIGKILL and resume, 2 workers": resumed(2),
    "SIGTERM, 1 worker": stopped(signal.SIGTERM),
    "SIGTERM, 2 workers": stopped(signal.SIGTERM, 2),
    "SIGTERM to all, 2 workers": stopped(signal.SIGTERM, 2, all_of_them=True),
    "Ctrl-C, 1 worker": stopped(signal.SIGINT, all_of_them=True),
    "Ctrl-C, 2 workers": stopped(signal.SIGINT, 2, all_of_them=True),
    "one of 2 workers killed": one_worker_killed,
    "two trainings, one folder": two_at_once,
}
if MPIEXEC:
    SCENARIOS |= {
        "Ctrl-C, mpiexec": stopped(signal.SIGINT, mpi=2),
        "SIGTERM, mpiexec": stopped(signal.SIGTERM, mpi=2),
        "SIGKILL, mpiexec": stopped(signal.SIGKILL, mpi=2),
    }


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--tries", type=int, default=50, help="of each kind (default: 50)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--only", default="", help="what the name of a kind has to contain")
    options = parser.parse_args(arguments)
    failures = 0
    with tempfile.TemporaryDirectory() as top:
        TOP.append(top)
        for name, scenario in SCENARIOS.items():
            if options.only not in name:
                continue
            began = time.monotonic()

            def one(number, name=name, scenario=scenario):
                folder = Path(top, name, str(number))
                folder.parent.mkdir(exist_ok=True)
                try:
                    scenario(folder, random.Random(f"{options.seed} {name} {number}"))
                except Exception as error:
                    return f"try {number}: {type(error).__name__}: {error}"

            with ThreadPoolExecutor(TOGETHER) as pool:
                found = [each for each in pool.map(one, range(options.tries)) if each]
            seconds = time.monotonic() - began
            good = options.tries - len(found)
            print(f"{name:29} {good} of {options.tries} ended well, {seconds:.0f} s", flush=True)
            for each in found:
                print(f"  {each}")
            failures += len(found)
    print("all ended well" if not failures else f"{failures} did not end well")
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
