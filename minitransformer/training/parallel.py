"""Data-parallel training: each worker computes the gradient of its share of a batch, and all take
the step of the whole batch together.

On one machine the workers are processes with the parameters in shared memory; across machines they
are started by `mpiexec`, and each has a copy. The training loop is the same: it only calls
`group.share(batch)`, and `group.step` in place of the optimiser's.
"""

import math
import mmap
import os
import time
from contextlib import suppress
from typing import Any, TypeVar

import numpy as np

import minigrad as mg
from minigrad.optim.gradients import norm_of, scaled

from ..streams import reason, show
from ..text.batching import Batch
from .rows import empty_row, gather, join_tied, scatter
from .stopping import Stop

# What begins the names of variables that mpiexec, srun and their like leave in the environment.
LAUNCHERS = ("PMI_", "PMIX_", "OMPI_COMM_WORLD_", "MV2_COMM_WORLD_", "PALS_")

T = TypeVar("T")


class Alone:
    """One process that does everything."""

    rank, size = 0, 1

    def __init__(self, stop: Stop | None = None):
        self.stop = stop or Stop()

    def of_first(self, value: T) -> T:
        """What the first worker gives here, in all of them."""
        return value

    def gathered(self, value: T) -> list[T]:
        """What all workers give here, in their order: in the first, and in others nothing."""
        return [value]

    def state_of(self, optimizer: mg.optim.Optimizer) -> dict[str, Any]:
        """The optimiser's state_dict, in the first worker whole; all have to ask for it."""
        return optimizer.state_dict()

    def attach(self, optimizer: mg.optim.Optimizer) -> None:
        """Called once, before the first step."""

    def share(self, batch: Batch) -> tuple[Batch | None, float]:
        """This worker's part of a batch (None: it has none), and its weight in the whole."""
        return batch, 1.0

    def step(self, optimizer: mg.optim.Optimizer, clip: float, loss: float) -> tuple[float, float]:
        """Clip the gradient of the whole batch and take the optimiser's step; the gradient's norm,
        and the loss of the whole batch. Nothing is changed when one of them is no finite number."""
        join_tied(optimizer)
        norm = mg.optim.clip_grad_norm(optimizer.parameters, clip)
        if math.isfinite(norm + loss):
            optimizer.step()
        return norm, loss

    def stopped(self) -> bool:
        """Whether all workers are to end their training after this step."""
        return self.stop.asked

    def give_up(self, error: BaseException) -> None:
        """Called before an error ends this worker, so that no other waits for it for ever."""


class Group(Alone):
    """Several workers. A subclass says how a flat gradient is summed over all of them, and with it
    the wish to stop: so all of them end after the same step."""

    def __init__(self, rank: int, size: int, stop: Stop | None = None):
        super().__init__(stop)
        self.rank, self.size = rank, size
        self.stopping = False

    def stopped(self) -> bool:
        return self.stopping

    def share(self, batch: Batch) -> tuple[Batch | None, float]:
        rows = slice(self.rank, None, self.size)
        mine = Batch(batch.src[rows], batch.tgt_in[rows], batch.tgt_out[rows])
        return (mine, mine.num_tokens / batch.num_tokens) if len(mine.src) else (None, 0.0)


class ProcessGroup(Group):
    """Workers on one machine. The parameters lie in one flat buffer in shared memory, of which each
    worker updates its own stretch: so the work of the optimiser is divided too. Gradients are
    summed in the order of the workers, which makes the result the same every time.

    Nobody waits at the barrier for ever: if one worker ends too early, the parent ends all; and if
    the parent does, each sees to its own end (see `run_workers`)."""

    def __init__(
        self, rank: int, size: int, memory: list[mmap.mmap], barrier: Any, queues: Any, stop: Stop
    ):
        super().__init__(rank, size, stop)
        self.memory, self.barrier = memory, barrier
        self.to_first, self.from_first = queues
        self.parent = os.getpid()  # it is made there, before the worker is

    def attach(self, optimizer: mg.optim.Optimizer) -> None:
        total, dtype = optimizer.flat.size, optimizer.flat.dtype
        weights, gradients, figures = self.memory  # each large enough, see run_workers
        row = empty_row(optimizer)
        shared = np.frombuffer(gradients, row.dtype, self.size * row.size)
        self.gradients = shared.reshape(self.size, row.size)
        self.figures = np.frombuffer(figures, np.float64).reshape(3, self.size)
        optimizer.use_buffer(np.frombuffer(weights, dtype, total))  # all fill it with the same
        low, high = (total * i // self.size for i in (self.rank, self.rank + 1))
        owners = [i for i, owner in enumerate(optimizer.owners) if i == owner]
        self.mine = [i for i in owners if low <= optimizer.slices[i].start < high]
        slices = [optimizer.slices[i] for i in self.mine]
        self.stretch = slice(slices[0].start, slices[-1].stop) if slices else slice(0, 0)
        self.barrier.wait()

    def of_first(self, value: T) -> T:
        if self.rank:
            value = self.from_first.get()
        else:
            for _ in range(1, self.size):
                self.from_first.put(value)
        self.barrier.wait()  # each has taken one, before there is another
        return value

    def gathered(self, value: T) -> list[T]:
        found = [(self.rank, value)]
        if self.rank:
            self.to_first.put(found[0])
        else:
            found += [self.to_first.get() for _ in range(1, self.size)]
        self.barrier.wait()
        found.sort(key=lambda entry: entry[0])
        return [] if self.rank else [value for _, value in found]

    def state_of(self, optimizer: mg.optim.Optimizer) -> dict[str, Any]:
        """Each worker knows the averages and the steps of its own stretch."""
        state = optimizer.state_dict()
        averages = {name: state[name][self.stretch] for name in optimizer.averages}
        parts = self.gathered((self.stretch, averages, self.mine, state["steps"][self.mine]))
        for stretch, averages, mine, steps in parts:
            state["steps"][mine] = steps
            for name, part in averages.items():
                state[name][stretch] = part
        return state

    def step(self, optimizer: mg.optim.Optimizer, clip: float, loss: float) -> tuple[float, float]:
        gather(optimizer, self.gradients[self.rank])
        self.barrier.wait()  # all gradients are there
        g = self.gradients[0, self.stretch]  # nobody else writes to this stretch
        for other in self.gradients[1:]:
            g += other[self.stretch]
        self.figures[:, self.rank] = norm_of([g]), loss, self.stop.asked
        self.barrier.wait()  # all figures are there
        norm = math.hypot(*self.figures[0])
        loss, stopping = self.figures[1:].sum(axis=1).tolist()
        self.stopping = stopping > 0
        if math.isfinite(norm + loss):
            if norm > clip:
                g[...] = scaled(g, clip / norm)
            counts = self.gradients[:, optimizer.size :].sum(axis=0)
            scatter(optimizer, self.gradients[0], counts, self.mine)
            optimizer.step()
        self.barrier.wait()  # all parameters are there
        return norm, loss


class MPIGroup(Group):
    """Workers that `mpiexec` started, perhaps on several machines; each has all the parameters."""

    def __init__(self, mpi: Any, stop: Stop | None = None):
        self.mpi, self.communicator = mpi, mpi.COMM_WORLD
        super().__init__(self.communicator.Get_rank(), self.communicator.Get_size(), stop)

    def of_first(self, value: T) -> T:
        return self.communicator.bcast(value)

    def gathered(self, value: T) -> list[T]:
        return self.communicator.gather(value) or []

    def attach(self, optimizer: mg.optim.Optimizer) -> None:
        self.gradient = empty_row(optimizer)

    def step(self, optimizer: mg.optim.Optimizer, clip: float, loss: float) -> tuple[float, float]:
        gather(optimizer, self.gradient)
        self.communicator.Allreduce(self.mpi.IN_PLACE, self.gradient)
        counts = self.gradient[optimizer.size :]
        scatter(optimizer, self.gradient, counts, range(len(counts)))
        figures = np.array([loss, self.stop.asked])
        self.communicator.Allreduce(self.mpi.IN_PLACE, figures)
        loss, stopping = figures.tolist()
        self.stopping = stopping > 0
        return super().step(optimizer, clip, loss)

    def give_up(self, error: BaseException) -> None:
        if self.rank:
            time.sleep(3)  # where all fail alike, the first speaks, and ends the others
        show(f"minitransformer: {reason(error)}", to="stderr")
        self.communicator.Abort(130 if isinstance(error, KeyboardInterrupt) else 2)


def started_by_mpi(stop: Stop | None = None) -> Alone:
    """The MPIGroup of this process, when `mpiexec` started several, else Alone.

    MPI is asked nowhere else: to import it starts it, which takes time and shared memory, and ends
    the process where that cannot be had."""
    if any(name.startswith(LAUNCHERS) for name in os.environ):
        with suppress(ImportError, RuntimeError):  # not installed, or without the library it calls
            from mpi4py import MPI  # noqa: PLC0415

            if MPI.COMM_WORLD.Get_size() > 1:
                return MPIGroup(MPI, stop)
    return Alone(stop)
