"""Trainings as processes of their own, to be killed."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    **os.environ,
    "PYTHONUNBUFFERED": "",
    "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
}
# The command, with signals as a terminal starts it, and without the pictures, which take a second.
COMMAND = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from minitransformer import cli
from minitransformer.looking import pictures
pictures.save_pictures = lambda run, text: []
sys.exit(cli.main(sys.argv[1:]))
"""
PYTHON = [sys.executable, "-c", COMMAND]
# Over in a second and a half, of which half is to start, and half of the rest to validate.
SMALL = "--size tiny --option longest=6 --train-examples 500 --batch-size 15".split()
SHORT = [*SMALL, *"--steps 100 --validations 20 --validation-examples 40".split()]


def started(*arguments, before=(), **options):
    """The command, begun in a session of its own, with its output kept."""
    return subprocess.Popen(
        [*map(str, before), *PYTHON, *map(str, arguments)],
        **{
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
            "encoding": "utf-8",
            "start_new_session": True,
            "env": ENVIRONMENT,
            **options,
        },
    )


def alive(session):
    """The processes of a session that have not ended, by (state, parent)."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = stat.read_text().split(" (", 1)
        except OSError:  # it has just ended
            continue
        state, parent, _, of_session, *_ = rest.rsplit(") ", 1)[1].split()
        if int(of_session) == session and state not in "ZX":
            found[int(pid)] = (state, int(parent))
    return found


def of_folder(folder):
    """The processes that were started with that folder as an argument, and have not ended."""
    found = []
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = cmdline.read_bytes().split(b"\0")
        except OSError:
            continue
        if str(folder).encode() in arguments:  # empty once it has ended
            found.append(int(cmdline.parent.name))
    return found


def wait_until(condition, seconds=30.0):
    """What the condition gives when it holds. Raises TimeoutError if that takes too long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.01)
    raise TimeoutError(f"it did not happen within {seconds} seconds")
