"""This project with several processes that share each batch, as `train --workers` has them."""

import multiprocessing
import os
from threading import Thread

import with_minitransformer

from minitransformer.training.parallel import run_workers


class Stepper:
    """The stepper of one process in each of several, which wait until all are to take a step."""

    def __init__(self, workload, weights, data, workers):
        stepper = with_minitransformer.Stepper(workload, weights, data)
        ends, others = zip(*(multiprocessing.Pipe() for _ in range(workers)))

        def work(group):
            stepper.group, turn = group, others[group.rank]
            group.attach(stepper.optimizer)
            while os.getppid() == group.parent:
                if turn.poll(1):  # seconds; then it looks whether it is still wanted
                    turn.recv()
                    turn.send(stepper.step())

        arguments = (workers, stepper.model.parameters(), work)
        Thread(target=run_workers, args=arguments, daemon=True).start()
        self.ends = ends

    def step(self):
        for end in self.ends:
            end.send("step")
        losses = [end.recv() for end in self.ends]  # all have the whole batch's
        return losses[0]
