"""Training: teacher forcing, Adam with warm-up, and a look at the same few examples as it goes."""

import dataclasses
import math
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

import minigrad as mg

from .. import tasks
from ..models.config import TransformerConfig
from ..models.layers import Dropout
from ..models.transformer import Transformer
from ..run import CONFIG, WEIGHTS, Run, load_weights
from ..text.batching import shuffled_batches
from ..text.vocabulary import Vocabulary
from .metrics import batch_loss, evaluate
from .parallel import run_workers, started_by_mpi, use_threads

SHOWN = 4  # validation examples that are printed each time
LOGGED = 10  # steps from one line of the log to the next
SMOOTHING = 0.95  # of the loss on the progress bar: a mean over about the last twenty steps


@dataclass(frozen=True)
class TrainingSettings:
    """What a training is made of, besides its task. All randomness comes from `seed`."""

    size: str = "small"  # of the model, see TransformerConfig.of_size
    model: dict = field(default_factory=dict)  # further fields of TransformerConfig
    steps: int | None = None  # None: as many as the task recommends
    batch_size: int = 32
    train_examples: int = 50_000
    warmup_steps: int | None = None  # None: a quarter of all steps, and at least 400
    lr_scale: float = 1.0  # multiplies the paper's learning rate
    cooldown: float = 0.5  # the last part of the steps, in which the rate falls to 0
    label_smoothing: float = 0.0
    clip: float = 1.0  # the largest norm of the gradient
    validations: int = 8  # how often the model is tried while it learns
    validation_examples: int = 200
    workers: int = 1  # processes that share the work of each batch
    seed: int = 0

    def __post_init__(self):
        counts = ("batch_size", "train_examples", "warmup_steps", "validations")
        for name in (*counts, "validation_examples", "workers", "steps"):
            value = getattr(self, name)
            whole = isinstance(value, int) and value >= 1
            undecided = name in ("steps", "warmup_steps") and value is None
            self.require(whole or undecided, name, "a whole number above 0")
        self.require(isinstance(self.seed, int) and self.seed >= 0, "seed", "a whole number from 0")
        self.require(self.lr_scale > 0, "lr_scale", "above 0")
        self.require(self.clip > 0, "clip", "above 0")
        self.require(0 <= self.cooldown <= 1, "cooldown", "a part of the steps, from 0 to 1")
        self.require(0 <= self.label_smoothing < 1, "label_smoothing", "from 0 to below 1")

    def require(self, condition, name, expected):
        if not condition:
            raise ValueError(f"training: {name} has to be {expected}, not {getattr(self, name)!r}")


def train(task, folder=None, *, quiet=False, **settings):
    """Train a Transformer on a task, and return the Run with the trained model.

    `task` is a name or a Task, `folder` that of the run (default: a new one under runs/), and
    `settings` are fields of TrainingSettings. Ctrl-C ends the training and keeps what was trained.

    The same seed on the same machine gives the same weights, bit for bit. Raises FileExistsError
    when the folder holds a run already, ValueError for settings that make no sense,
    FloatingPointError when the loss is no longer a number, and with several workers
    ChildProcessError when one of them fails.
    """
    settings = TrainingSettings(**settings)
    task = tasks.get(task) if isinstance(task, str) else task
    steps = task.steps if settings.steps is None else settings.steps
    warmup = max(400, steps // 4) if settings.warmup_steps is None else settings.warmup_steps
    settings = dataclasses.replace(settings, steps=steps, warmup_steps=warmup)
    group = started_by_mpi()
    try:
        run, pairs, validation_pairs, rng = prepare(task, folder, settings, group)

        def work(group):
            fit(run, settings, pairs, validation_pairs, rng, group, quiet)
            if group.rank == 0:
                run.save_weights()

        try:
            if settings.workers > 1:
                run_workers(settings.workers, run.model.parameters(), work)
            else:
                work(group)
        except KeyboardInterrupt:
            print(f"\nStopped by Ctrl-C; what was trained so far is kept in {run.folder}")
            if settings.workers == 1:
                run.save_weights()
        if settings.workers > 1:  # this process only waited for those that trained
            load_weights(run.model, run.folder / WEIGHTS)
    except Exception as error:
        group.give_up(error)
        raise
    run.model.eval()
    return run


def prepare(task, folder, settings, group):
    """The Run of a new model, the data as pairs of ids (for training and for validation), and the
    generator of the order of batches. The same in every worker; the first one writes."""
    first = group.rank == 0
    folder = new_folder(folder, task) if first else Path(folder or "runs")
    data_rng, model_rng, batch_rng = (
        np.random.default_rng(sequence)
        for sequence in np.random.SeedSequence(settings.seed).spawn(3)
    )
    texts = task.examples("train", settings.train_examples, data_rng)
    validation_texts = task.examples("validation", settings.validation_examples, data_rng)
    source_vocab = Vocabulary.build([source for source, _ in texts], task.unit)
    target_vocab = Vocabulary.build([target for _, target in texts], task.unit)
    config = TransformerConfig.of_size(
        settings.size,
        len(source_vocab),
        len(target_vocab),
        **{"dropout": 0.0, "max_length": task.max_length + 1, **settings.model},
    )
    model = Transformer(config, model_rng)
    run = Run(folder, task, model, source_vocab, target_vocab, dataclasses.asdict(settings))
    if first:
        run.save()
    return run, run.ids_of(texts), run.ids_of(validation_texts), batch_rng


def fit(run, settings, pairs, validation_pairs, rng, group, quiet):
    """The training loop, on pairs of ids; every worker of the group runs it."""
    model = run.model.train()
    first = group.rank == 0
    give_own_randomness(model, group.rank)
    optimizer = mg.optim.Adam(model.parameters(), betas=(0.9, 0.98), eps=1e-9)  # section 5.3
    schedule = mg.optim.WarmupSchedule(
        optimizer, model.config.d_model, settings.warmup_steps, settings.lr_scale
    )
    schedule.cool_down(settings.steps, settings.cooldown)
    group.attach(optimizer)
    threads = use_threads(max(settings.workers, group.size), model.config.d_model)
    if first:
        run.add_to_log(step=0, workers=max(settings.workers, group.size), blas_threads=threads)
    checks = set(np.linspace(0, settings.steps, settings.validations + 1).astype(int)[1:].tolist())
    shown_loss, tokens, started = None, 0, time.perf_counter()
    # No bar where nobody watches: into a file only the validations are written.
    hidden = True if quiet or not first else None
    with tqdm(total=settings.steps, unit="step", disable=hidden, dynamic_ncols=True) as bar:
        for step, batch in enumerate(endless(pairs, settings, rng), start=1):
            optimizer.zero_grad()
            loss = 0.0
            mine, weight = group.share(batch)
            if mine is not None:
                part = batch_loss(model, mine, settings.label_smoothing) * weight
                part.backward()
                loss = part.item()
            schedule.step()
            norm, loss = group.step(optimizer, settings.clip, loss)
            if not math.isfinite(norm):
                raise FloatingPointError(
                    f"the training diverged: at step {step} the loss is {loss:g} and its gradient "
                    f"{norm:g}. Try a smaller --lr-scale than {settings.lr_scale:g}"
                )

            tokens += batch.num_tokens
            shown_loss = loss if step == 1 else SMOOTHING * shown_loss + (1 - SMOOTHING) * loss
            speed = tokens / (time.perf_counter() - started)
            bar.set_postfix_str(f"loss {shown_loss:.3f}, {speed:,.0f} tokens/s", refresh=False)
            bar.update()
            if first and (step % LOGGED == 0 or step in checks):
                run.add_to_log(
                    step=step, loss=loss, lr=optimizer.lr, tokens_per_second=round(speed)
                )
            if first and step in checks:
                pause = time.perf_counter()
                validate(run, step, validation_pairs, quiet)
                started += time.perf_counter() - pause  # the speed is that of training alone
            if step == settings.steps or group.stopped():
                break


def give_own_randomness(model, rank):
    """Let each worker but the first drop other entries than the first does."""
    for i, module in enumerate(model.modules()):
        if rank and isinstance(module, Dropout):
            module.rng = np.random.default_rng([rank, i])


def endless(pairs, settings, rng):
    """Batches, one pass over the data after another."""
    while True:
        yield from shuffled_batches(pairs, settings.batch_size, rng)


def validate(run, step, pairs, quiet):
    """Try the model on held-out examples, keep its weights, and show the first few translations."""
    result = evaluate(run.model, pairs)
    run.save_weights()
    run.add_to_log(step=step, validation_loss=result.loss, exact_match=result.exact_match)
    if quiet:
        return
    lines = [f"step {step}: validation loss {result.loss:.4f}, exact {result.exact_match:.1%}"]
    for (source, target), predicted in list(zip(pairs, result.predictions))[:SHOWN]:
        text = run.target_vocab.decode(predicted)
        mark = "ok " if predicted == target else "  x"
        lines.append(f"  {mark} {run.source_vocab.decode(source)} -> {text}")
    tqdm.write("\n".join(lines))


def new_folder(folder, task):
    """The folder of a new run: the one asked for, or the first of runs/TASK, runs/TASK-2, ... that
    does not exist."""
    if folder is not None:
        if (Path(folder) / CONFIG).exists():
            raise FileExistsError(f"{folder} holds a run already: name another folder for this one")
        return Path(folder)
    number = 1
    while (folder := Path("runs", task.name if number == 1 else f"{task.name}-{number}")).exists():
        number += 1
    return folder
