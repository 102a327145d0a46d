"""`train`: from the name of a task to a run, with all the rest of this folder put together."""

import dataclasses
import math
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import numpy as np

import minigrad as mg

from .. import tasks
from ..bugs.table import apply, bug
from ..config_file import is_run, write_config
from ..fields import require_known
from ..files import Claim
from ..looking.pictures import report
from ..models.config import ties_languages
from ..models.kinds import KINDS, fields_of
from ..models.layers import BatchNorm, Dropout
from ..models.seq2seq import Seq2Seq
from ..run import WEIGHTS, Run, load, load_weights
from ..streams import show
from ..text.batching import POOL, Pair
from ..text.showing import wrapped
from ..text.vocabulary import encoded, vocabularies
from ..text.vocabulary_settings import VocabularySettings
from .batches import Batches
from .calling import with_settings_of
from .ending import choose
from .folders import claimed
from .keeping import Checkpoints, Keeping, Saving
from .listeners import Best, Listener, Log, Pace, ProgressBar, Validation
from .loop import fit
from .page import Page
from .parallel import Alone, started_by_mpi
from .resuming import begin_log, state_to_resume
from .schedules import schedule_of
from .settings import MODEL_DEFAULTS, TrainingSettings
from .state import State, Training, origin
from .stopping import Stop
from .threads import blas, using_threads
from .workers import run_workers


@with_settings_of(TrainingSettings)
def train(task: tasks.Task, folder: str | Path | None, settings: TrainingSettings) -> Run:
    """Train a model on a task, and return the Run with the trained model.

    `task` is a name or a Task, `folder` that of the run (default: a new one under runs/); the rest
    are the fields of TrainingSettings; where one is not given the task's own preset counts. Ctrl-C
    and SIGTERM end the training after the step it is in, and keep what was trained; the second time
    they end it at once.

    The same seed on the same machine gives the same weights, bit for bit. Raises FileExistsError
    when the folder holds a run already, or another training writes into it, ValueError for settings
    that make no sense, FloatingPointError when loss or weights are no longer finite numbers, and
    with several workers ChildProcessError when one of them fails.
    """
    return trained(task, settings.decided(task.steps), folder)


def resume(
    folder: str | Path,
    steps: int | None = None,
    quiet: bool = False,
    task_file: str | Path | None = None,
) -> Run:
    """Go on with the training of the run in a folder, from the last state that it kept, and return
    the Run: with the same weights, bit for bit, as if it had never been ended.

    With `steps` it is a training of so many steps from here on. That is as if it had been one from
    the beginning, as long as the rate has not begun to fall at its end (with "cosine", after the
    warmup). Else the rate rises again, to where the longer training has it.

    Raises FileNotFoundError or ValueError as `load` does, for a run that kept no state, and where
    its data, its settings or the number of workers are not as they were.
    """
    run = load(folder, task_file)
    require_known(run.settings, TrainingSettings, f"{folder} cannot be resumed: [training]")
    settings = TrainingSettings(**{**run.settings, "quiet": quiet}).decided(run.task.steps)
    if steps is not None:
        settings = dataclasses.replace(settings, steps=steps)
    return trained(run.task, settings, folder, resumed=run)


def trained(
    task: tasks.Task,
    settings: TrainingSettings,
    folder: str | Path | None,
    resumed: Run | None = None,
) -> Run:
    """The run of a training from its beginning, or of one that is `resumed`, to its end."""
    stop = Stop()
    group = started_by_mpi(stop)
    try:
        with stop.listening(), ExitStack() as claims:
            _check(folder, settings, group)
            first, mine, state = group.rank == 0, Path(), None
            if first and resumed is not None:
                mine = claims.enter_context(Claim(resumed.folder))
                state = state_to_resume(resumed, settings)
            elif first:
                mine = claims.enter_context(claimed(folder, task))
            mine, state = group.of_first((mine, state))
            run, pairs, validation_pairs, rng = _prepare(task, mine, settings)
            if first and not settings.quiet and (said := task.report()):
                show(wrapped(said, indent="  "))

            def work(group: Alone) -> None:
                learn(run, settings, pairs, validation_pairs, rng, group, state)
                if group.rank == 0:
                    run.save()

            try:
                with stop.after_a_step():
                    if settings.workers > 1:
                        run_workers(settings.workers, run.model.parameters(), work, stop)
                    else:
                        work(group)
            except KeyboardInterrupt:  # at once
                stop.ask()
                if settings.workers == 1 and group.size == 1:
                    run.save()
                elif group.size > 1 or not is_run(run.folder):
                    raise
            if stop.asked and first:
                said = (
                    f"Stopped by {stop.by}; what was trained so far is kept in {run.folder}. To go "
                    f"on: minitransformer train --resume {run.folder}"
                )
                show("\n" + wrapped(said, indent="  "))
            if settings.workers > 1:  # this process only waited for those that trained
                load_weights(run.model, run.folder / WEIGHTS)
    except BaseException as error:
        group.give_up(error)
        raise
    run.model.eval()
    if first and not settings.quiet:
        report(run)
    return run


def learn(
    run: Run,
    settings: TrainingSettings,
    pairs: Sequence[Pair],
    validation_pairs: Sequence[Pair],
    rng: np.random.Generator,
    group: Alone,
    state: State | None = None,
) -> None:
    """The training of one worker, on pairs of ids, from its beginning or from a state; the first
    worker has listeners. At the end the model of the first worker is the one to be used."""
    model, config, steps = run.model, run.model.config, settings.steps
    assert steps and settings.warmup_steps  # `train` has decided both
    _give_own_randomness(model, settings.seed, group.rank)
    optimizer = mg.optim.Adam(model.parameters(), betas=(0.9, 0.98), eps=1e-9)  # section 5.3
    schedule = schedule_of(settings, optimizer, config.d_model)
    size = settings.batch_size, _pool(model), settings.batch_tokens
    batches = Batches(pairs, rng, *size, ends=run.task.ends)
    processes = max(settings.workers, group.size)
    pace, best = Pace(), Best()
    belongs_to = origin(run, processes, pairs, validation_pairs)
    training = Training(model, optimizer, schedule, batches, group, pace, best, belongs_to)
    done = training.restore(state, run.folder) if state else 0
    group.attach(optimizer)
    validated_at = set(np.linspace(0, steps, settings.validations + 1).astype(int)[1:].tolist())
    keeping = Keeping(run, training, validated_at, settings.save_every)
    checkpoints = Checkpoints(run, steps, settings.average)
    first = group.rank == 0
    hidden = settings.quiet or not first
    with (
        np.errstate(all="ignore"),  # what diverges is looked for, and said in a sentence
        using_threads(processes, config.d_model, settings.threads),
        ProgressBar(steps, pace, hidden, done) as bar,
    ):
        listeners: list[Listener] = [keeping]
        page: Page | None = None
        if first:
            begin_log(run, done, workers=processes, steps=steps, **blas())
            page = Page(run, validation_pairs, validated_at, pace)
            validation = Validation(run, validation_pairs, validated_at, settings.quiet, best)
            listeners = [
                pace,
                bar,
                Log(run, pace, validated_at),
                validation,
                Saving(run, best),
                page,
                checkpoints,
                keeping,
            ]
        if not done:
            keeping.keep(0)  # from here on it can be resumed
            if first:
                run.save()
                checkpoints.write(0)
        elif first:
            write_config(run.folder, run.config)  # only now: it does belong to this state
            checkpoints.forget_after(done)
        number, patience = done, settings.patience or math.inf
        over = done == steps or best.stale >= patience
        left = islice(batches, 0 if over else (steps - done) * settings.accumulate)
        for step in fit(
            *(model, left, optimizer, schedule, settings.clip, settings.label_smoothing, group),
            *(bug(settings.bug).loss, settings.accumulate, done),
        ):
            number = step.number
            for listen in listeners:
                listen(step)
            over = number == steps
            if settings.patience and number in validated_at:
                over = group.of_first(best.stale >= patience) or over
            if over or group.stopped():
                break
        keeping.keep(number)
        if first and over:
            choose(run, validation_pairs, checkpoints, best, number, settings)
        if page:
            page.write(number, ended=True)


def _check(folder: str | Path | None, settings: TrainingSettings, group: Alone) -> None:
    """Raise ValueError for what cannot be, before anything is made."""
    if folder == "":
        raise ValueError('"" names no folder: name one, or leave it out for a new one under runs/')
    if settings.workers > 1 and group.size > 1:
        raise ValueError(
            f"mpiexec started {group.size} workers, and --workers {settings.workers} asks for more "
            "in each of them: give only one of the two"
        )


def _prepare(
    task: tasks.Task, folder: Path, settings: TrainingSettings
) -> tuple[Run, Sequence[Pair], Sequence[Pair], np.random.Generator]:
    """The Run of a new model, the data as pairs of ids (for training and for validation), and the
    generator of the order of batches. The same in every worker."""
    data_rng, model_rng, batch_rng = (
        np.random.default_rng(sequence)
        for sequence in np.random.SeedSequence(settings.seed).spawn(3)
    )
    texts = task.examples("train", settings.train_examples, data_rng)
    available = task.available("validation", settings.validation_examples)
    validation_texts = task.examples("validation", max(1, available), data_rng)
    kind = KINDS[settings.kind]
    shared = kind.one_vocabulary or ties_languages(settings.fields.get("tie_embeddings"))
    wanted = VocabularySettings.of(settings.vocabulary)
    source_vocab, target_vocab = vocabularies(texts, task.unit, shared, wanted)
    pairs = encoded(texts, source_vocab, target_vocab)
    validation_pairs = encoded(validation_texts, source_vocab, target_vocab)
    longest, room = task.max_length, 0
    if source_vocab.unit != task.unit:  # of other tokens only those are known that are seen here
        longest = max(len(ids) for pair in pairs + validation_pairs for ids in pair)
        room = max(longest // 4, task.max_length - longest)
    config = kind.config.of_size(
        settings.size,
        len(source_vocab),
        len(target_vocab),
        **{**MODEL_DEFAULTS, "max_length": longest + room + 1, **settings.fields},
    )
    if getattr(config, "ties_languages", False) and source_vocab.tokens != target_vocab.tokens:
        raise ValueError(
            "tie_embeddings shares one matrix between both languages, so they need one vocabulary; "
            f'those of the task "{task.name}" have as many tokens, but not the same ones'
        )
    if config.max_length <= longest:
        raise ValueError(
            f"max_length {config.max_length} is too small: texts of the task "
            f'"{task.name}" have up to {longest} tokens, and need one position more, for '
            "their end"
        )
    model = kind.model(config, model_rng)
    apply(model, settings.bug)
    decided = {"model": fields_of(model)}
    said = {name: value for name, value in settings.vocabulary.items() if value is not None}
    decided |= {"vocabulary": {**said, "unit": source_vocab.unit}}
    recorded = {**settings.to_json(), **decided}
    recorded = {name: value for name, value in recorded.items() if value is not None}
    _require_writable(model, pairs)
    run = Run(folder, task, model, source_vocab, target_vocab, recorded)
    return run, pairs, validation_pairs, batch_rng


def _require_writable(model: Seq2Seq, pairs: Sequence[Pair]) -> None:
    """Raise ValueError for targets longer than the model can ever write."""
    longest, most = max(len(target) for _, target in pairs), getattr(model, "longest_target", None)
    if most is not None and longest > most:
        raise ValueError(
            f"a model of the kind {model.kind} writes {most} token, a class, and targets of this "
            f"task have up to {longest}: choose another kind, or a task of classes"
        )


def _give_own_randomness(model: Seq2Seq, seed: int, rank: int) -> None:
    """Let each worker but the first drop other entries than the first does."""
    for i, module in enumerate(model.modules()):
        if rank and isinstance(module, Dropout):
            module.rng = np.random.default_rng([seed, rank, i])


def _pool(model: Seq2Seq) -> int:
    """How many batches' worth of examples are sorted by length together. BatchNorm has batches of
    all lengths: in one of a single length its statistics would tell this length, and the model
    would rely on what no running average tells."""
    return 1 if any(isinstance(module, BatchNorm) for module in model.modules()) else POOL
