"""Data-parallel training: each worker computes the gradient of its share of a batch, and all take
the step of the whole batch together.

On one machine the workers are processes with the parameters in shared memory; across machines they
are started by `mpiexec`, and each has a copy. The training loop is the same: it only calls
`group.share(batch)`, and `group.step` in place of the optimiser's.
"""

import math
import mmap
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from multiprocessing import connection
from typing import Any

import numpy as np

import minigrad as mg

from ..text.batching import Batch

MPI: Any = None  # an extra, for training across machines
with suppress(ImportError):
    from mpi4py import MPI


class Alone:
    """One process that does everything."""

    rank, size = 0, 1

    def attach(self, optimizer: mg.optim.Optimizer) -> None:
        """Called once, before the first step."""

    def share(self, batch: Batch) -> tuple[Batch | None, float]:
        """This worker's part of a batch (None: it has none), and its weight in the whole."""
        return batch, 1.0

    def step(self, optimizer: mg.optim.Optimizer, clip: float, loss: float) -> tuple[float, float]:
        """Clip the gradient of the whole batch and take the optimiser's step; the gradient's norm,
        and the loss of the whole batch. Nothing is changed when the norm is no finite number."""
        norm = mg.optim.clip_grad_norm(optimizer.parameters, clip)
        if math.isfinite(norm):
            optimizer.step()
        return norm, loss

    def stopped(self) -> bool:
        """Whether all workers are to end their training now."""
        return False

    def give_up(self, error: Exception) -> None:
        """Called before an error ends this worker, so that no other waits for it for ever."""


class Group(Alone):
    """Several workers. A subclass says how a flat gradient is summed over all of them."""

    def __init__(self, rank: int, size: int):
        self.rank, self.size = rank, size

    def share(self, batch: Batch) -> tuple[Batch | None, float]:
        rows = slice(self.rank, None, self.size)
        mine = Batch(batch.src[rows], batch.tgt_in[rows], batch.tgt_out[rows])
        return (mine, mine.num_tokens / batch.num_tokens) if len(mine.src) else (None, 0.0)


class ProcessGroup(Group):
    """Workers on one machine. The parameters lie in one flat buffer in shared memory, of which each
    worker updates its own stretch: so the work of the optimiser is divided too. Gradients are
    summed in the order of the workers, which makes the result the same every time."""

    def __init__(self, rank: int, size: int, memory: list[mmap.mmap], barrier: Any, stop: Any):
        super().__init__(rank, size)
        self.memory, self.barrier, self.stop = memory, barrier, stop
        self.stopping = False
        self.parent = os.getpid()  # it is made there, before the worker is

    def attach(self, optimizer: mg.optim.Optimizer) -> None:
        total, dtype = optimizer.flat.size, optimizer.flat.dtype
        weights, gradients, figures = self.memory
        self.gradients = np.frombuffer(gradients, dtype).reshape(self.size, total)
        self.figures = np.frombuffer(figures, np.float64).reshape(3, self.size)
        optimizer.use_buffer(np.frombuffer(weights, dtype))  # all fill it with the same numbers
        low, high = (total * i // self.size for i in (self.rank, self.rank + 1))
        self.mine = [i for i, s in enumerate(optimizer.slices) if low <= s.start < high]
        slices = [optimizer.slices[i] for i in self.mine]
        self.stretch = slice(slices[0].start, slices[-1].stop) if slices else slice(0, 0)
        self.barrier.wait()

    def step(self, optimizer: mg.optim.Optimizer, clip: float, loss: float) -> tuple[float, float]:
        _gather(optimizer, self.gradients[self.rank])
        self.barrier.wait()  # all gradients are there
        g = self.gradients[0, self.stretch]  # nobody else writes to this stretch
        for other in self.gradients[1:]:
            g += other[self.stretch]
        self.figures[:, self.rank] = np.vdot(g, g), loss, self.stop.is_set()
        self.barrier.wait()  # all figures are there
        square, loss, self.stopping = self.figures.sum(axis=1).tolist()
        norm = math.sqrt(square) if square >= 0 else square  # NaN stays NaN
        if math.isfinite(norm):
            g *= min(1.0, clip / norm) if norm else 1.0
            _scatter(optimizer, self.gradients[0], self.mine)
            optimizer.step()
        self.barrier.wait()  # all parameters are there
        return norm, loss

    def stopped(self) -> bool:
        if os.getppid() != self.parent:
            sys.exit("the process that started this worker is gone")
        return bool(self.stopping)


class MPIGroup(Group):
    """Workers that `mpiexec` started, perhaps on several machines; each has all the parameters."""

    def __init__(self, communicator: Any):
        super().__init__(communicator.Get_rank(), communicator.Get_size())
        self.communicator = communicator

    def attach(self, optimizer: mg.optim.Optimizer) -> None:
        self.gradient = np.empty_like(optimizer.flat)

    def step(self, optimizer: mg.optim.Optimizer, clip: float, loss: float) -> tuple[float, float]:
        _gather(optimizer, self.gradient)
        self.communicator.Allreduce(MPI.IN_PLACE, self.gradient)
        _scatter(optimizer, self.gradient, range(len(optimizer.parameters)))
        norm, _ = super().step(optimizer, clip, loss)
        return norm, self.communicator.allreduce(loss)

    def give_up(self, error: Exception) -> None:
        print(f"minitransformer: {error}", file=sys.stderr, flush=True)
        self.communicator.Abort(2)


def _gather(optimizer: mg.optim.Optimizer, flat: np.ndarray) -> None:
    """Write all gradients into one flat array; a parameter without one counts as zero."""
    for p, where in zip(optimizer.parameters, optimizer.slices):
        flat[where] = 0 if p.grad is None else p.grad.data.reshape(-1)


def _scatter(optimizer: mg.optim.Optimizer, flat: np.ndarray, members: Iterable[int]) -> None:
    """Let the gradients of `members` be views of the flat array, and all others have none."""
    optimizer.zero_grad()
    for i in members:
        p = optimizer.parameters[i]
        p.grad = mg.Tensor(flat[optimizer.slices[i]].reshape(p.shape))


def started_by_mpi() -> Alone:
    """The MPIGroup of this process, when `mpiexec` started several, else Alone."""
    if MPI is None or MPI.COMM_WORLD.Get_size() == 1:
        return Alone()
    return MPIGroup(MPI.COMM_WORLD)


def run_workers(
    count: int, parameters: Iterable[mg.Parameter], work: Callable[[Alone], None]
) -> None:
    """Run `work(group)` in `count` processes, which share memory for the `parameters`.

    Returns when all have ended. Raises ChildProcessError when one of them died, after ending the
    others, and KeyboardInterrupt after all have finished the step at which Ctrl-C came.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        raise ValueError("several workers need processes that can fork, which this system has not")
    context = multiprocessing.get_context("fork")  # the workers inherit model, data and memory
    size = sum(p.data.nbytes for p in parameters)
    memory = [mmap.mmap(-1, n) for n in (size, count * size, 3 * count * 8)]
    barrier, stop, said = context.Barrier(count), context.Event(), context.SimpleQueue()
    workers = [
        context.Process(
            target=_worker,
            args=(ProcessGroup(rank, count, memory, barrier, stop), work, said),
            daemon=True,
        )
        for rank in range(count)
    ]
    try:
        for process in workers:
            process.start()
        _wait_for(workers, stop, said)
    finally:
        _end_all(workers)


def _worker(group: ProcessGroup, work: Callable[[Alone], None], said: Any) -> None:
    """What runs in each process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent decides
    try:
        work(group)
    except Exception as error:
        said.put(str(error))
        sys.exit(1)


def _wait_for(workers: list[Any], stop: Any, said: Any) -> None:
    running = {process.sentinel: process for process in workers}
    while running:
        try:
            ended = connection.wait(list(running))
        except KeyboardInterrupt:
            stop.set()
            continue
        for sentinel in ended:
            process = running.pop(sentinel)
            process.join()
            if process.exitcode:
                why = said.get() if not said.empty() else _describe(process)
                raise ChildProcessError(why)
    if stop.is_set():
        raise KeyboardInterrupt


def _describe(process: Any) -> str:
    code = process.exitcode
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
    return (
        f"a worker (process {process.pid}) {how}, so the training was stopped; "
        "the weights of the last validation are kept"
    )


def _end_all(workers: list[Any]) -> None:
    for process in workers:
        if process.is_alive():
            process.terminate()
    for process in workers:
        process.join()
