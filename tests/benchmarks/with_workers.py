"""This project with several processes that share each batch, as `train --workers` has them."""

import math
import multiprocessing
import os
from threading import Thread

import with_minitransformer

import minitransformer as mt
from minitransformer.training.workers import run_workers


class OneOfSeveral(with_minitransformer.Stepper):
    def join(self, group):
        self.group = group
        group.attach(self.optimizer)

    def step(self):
        self.optimizer.zero_grad()
        batch, weight = self.group.share(next(self.batches))
        with with_minitransformer.NAMES_ONLY():
            loss = mt.batch_loss(self.model, batch) * weight
        loss.backward()
        _, loss = self.group.step(self.optimizer, math.inf, loss.item())
        return loss


class Stepper:
    """The stepper of one process in each of several, which wait until all are to take a step."""

    def __init__(self, workload, weights, data, workers):
        stepper = OneOfSeveral(workload, weights, data)
        ends, others = zip(*(multiprocessing.Pipe() for _ in range(workers)))

        def work(group):
            stepper.join(group)
            turn = others[group.rank]
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
