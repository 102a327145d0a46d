"""Workers of one machine: processes that are started, watched, and none of them left behind."""

import mmap
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from multiprocessing import connection
from typing import Any

from tqdm import tqdm

import minigrad as mg

from ..streams import reason, settle_streams
from .parallel import Alone, ProcessGroup
from .stopping import Stop

LOOK = 0.2  # seconds after which a worker looks again whether its parent is there


def run_workers(
    count: int,
    parameters: Iterable[mg.Parameter],
    work: Callable[[Alone], None],
    stop: Stop | None = None,
) -> None:
    """Run `work(group)` in `count` processes, which share memory for the `parameters`.

    Returns when all have ended; `stop` ends them after a step. Raises ChildProcessError when one of
    them died. Whatever happens here, no worker is left: those that run are killed, which harms
    nothing, since files are written whole or not at all; and if this process itself is killed, each
    of them notices and ends.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        raise ValueError("several workers need processes that can fork, which this system has not")
    context = multiprocessing.get_context("fork")  # the workers inherit model, data and memory
    parameters = list(parameters)
    # Enough whatever their dtype, and if some share an array or are frozen; what is not used of it
    # takes no memory.
    size = 8 * sum(p.size + 1 for p in parameters)
    memory = [mmap.mmap(-1, n) for n in (size, count * size, 3 * count * 8)]
    barrier, stop = context.Barrier(count), stop or Stop()
    queues = context.SimpleQueue(), context.SimpleQueue()
    settle_streams()  # what waits in them would be written by each worker once more
    running: dict[Any, Any] = {}  # what a worker says before it ends: the worker
    try:
        for rank in range(count):
            group = ProcessGroup(rank, count, memory, barrier, queues, stop)
            hears, says = context.Pipe(duplex=False)
            process = context.Process(target=_worker, args=(group, work, says), daemon=True)
            running[hears] = process
            _start(process)
            says.close()  # so that it is closed everywhere when the worker ends
        _wait_for(dict(running))
    finally:
        started = [process for process in running.values() if process.pid]
        for process in started:
            process.kill()
        for process in started:
            process.join()


def _start(process: Any) -> None:
    try:
        process.start()
    except OSError as error:
        raise type(error)(
            f"a worker could not be started: {error.strerror or error}. Try fewer --workers, or "
            "see what limits processes here (ulimit -u)"
        ) from error


def _worker(group: ProcessGroup, work: Callable[[Alone], None], says: Any) -> None:
    """What runs in each process."""
    threading.Thread(target=_end_with, args=(group.parent,), daemon=True).start()
    group.stop.listen()
    tqdm.set_lock(threading.RLock())  # its own lock would be shared, and kept by one that is killed
    try:
        work(group)
    except Exception as error:
        says.send(reason(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(1)
    finally:
        settle_streams()


def _end_with(parent: int) -> None:
    """End this worker when its parent is gone, wherever it is and whatever it waits for.

    By looking, since that can miss nothing: the end of a pipe is not seen while any other process
    holds it open, and Linux's signal of a parent's death is that of the thread that forked."""
    while os.getppid() == parent:
        time.sleep(LOOK)
    os._exit(1)


def _wait_for(running: dict[Any, Any]) -> None:
    """Return when all of these have ended well."""
    while running:
        ready: list[Any] = connection.wait(list(running))
        for hears in ready:
            process = running.pop(hears)
            try:
                why = hears.recv()
            except (EOFError, OSError):  # it has said nothing, or was killed while it did
                process.join()
                why = _describe(process) if process.exitcode else None
            if why:
                raise ChildProcessError(why)


def _describe(process: Any) -> str:
    code = process.exitcode
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
    return (
        f"a worker (process {process.pid}) {how}, so the training was stopped; "
        "the weights of the last validation are kept"
    )
