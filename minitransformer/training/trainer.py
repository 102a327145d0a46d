"""`train`: from the name of a task to a run, with all the rest of this folder put together."""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import count, islice
from pathlib import Path
from typing import Any, ParamSpec, Protocol

import numpy as np

import minigrad as mg

from .. import tasks
from ..bugs.table import apply, bug
from ..config_file import is_run
from ..files import Claim, naming
from ..looking.pictures import report
from ..models.config import ties_languages
from ..models.kinds import KINDS, fields_of
from ..models.layers import BatchNorm, Dropout
from ..models.seq2seq import Seq2Seq
from ..run import LOG, WEIGHTS, Run, load_weights
from ..streams import show
from ..text.batching import POOL, Batch, Pair, shuffled_batches
from ..text.showing import wrapped
from ..text.vocabulary import encoded, vocabularies
from ..text.vocabulary_settings import VocabularySettings
from .listeners import Listener, Log, Pace, ProgressBar, Saving, Validation
from .loop import fit
from .overlaying import overlaid
from .parallel import Alone, run_workers, started_by_mpi
from .settings import MODEL_DEFAULTS, TrainingSettings
from .stopping import Stop
from .threads import blas, using_threads

P = ParamSpec("P")


class Train(Protocol[P]):
    """A function of a task, a folder, and the settings of a training by keyword."""

    def __call__(
        self,
        task: str | tasks.Task,
        folder: str | Path | None = None,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Run: ...


def with_settings_of(
    settings: Callable[P, TrainingSettings],
) -> Callable[[Callable[[tasks.Task, str | Path | None, TrainingSettings], Run]], Train[P]]:
    """Let a function take the fields of `settings` by keyword: an editor, `help` and Python itself
    know them from there, and they are written nowhere else. Those that are not given are the
    task's presets."""

    def decorate(
        function: Callable[[tasks.Task, str | Path | None, TrainingSettings], Run],
    ) -> Train[P]:
        @functools.wraps(function)
        def train(
            task: str | tasks.Task,
            folder: str | Path | None = None,
            *args: P.args,
            **kwargs: P.kwargs,
        ) -> Run:
            task = tasks.get(task) if isinstance(task, str) else task
            return function(task, folder, settings(*args, **with_preset(task, kwargs)))

        taken = inspect.signature(function)
        named, folder, _ = taken.parameters.values()
        fields = inspect.signature(settings).parameters.values()
        parameters = [named, folder.replace(default=None), *fields]
        vars(train)["__signature__"] = taken.replace(parameters=parameters)
        return train

    return decorate


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
    settings = settings.decided(task.steps)
    stop = Stop()
    group = started_by_mpi(stop)
    try:
        with stop.listening(), ExitStack() as claims:
            _check(folder, settings, group)
            first = group.rank == 0
            mine = claims.enter_context(_claimed(folder, task)) if first else Path()
            run, pairs, validation_pairs, rng = _prepare(task, group.of_first(mine), settings)
            if first and not settings.quiet and (said := task.report()):
                show(wrapped(said, indent="  "))

            def work(group: Alone) -> None:
                learn(run, settings, pairs, validation_pairs, rng, group)
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
                said = f"Stopped by {stop.by}; what was trained so far is kept in {run.folder}"
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


def with_preset(task: tasks.Task, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are given, over those that the task presets (see `overlaid`)."""
    preset = dict(task.preset)
    if "vocabulary" in preset:
        preset["vocabulary"] = {"unit": task.unit, **preset["vocabulary"]}
    return overlaid(preset, given)


def learn(
    run: Run,
    settings: TrainingSettings,
    pairs: Sequence[Pair],
    validation_pairs: Sequence[Pair],
    rng: np.random.Generator,
    group: Alone,
) -> None:
    """The training of one worker, on pairs of ids; the first worker has listeners."""
    model, config, steps = run.model, run.model.config, settings.steps
    assert steps and settings.warmup_steps  # `train` has decided both
    _give_own_randomness(model, settings.seed, group.rank)
    optimizer = mg.optim.Adam(model.parameters(), betas=(0.9, 0.98), eps=1e-9)  # section 5.3
    mistake = bug(settings.bug)
    schedule = mistake.schedule(
        optimizer, config.d_model, settings.warmup_steps, settings.scale(config.d_model)
    )
    schedule.cool_down(steps, settings.cooldown)
    group.attach(optimizer)
    batches = islice(_endless(pairs, settings.batch_size, rng, _pool(model), run.task.ends), steps)
    processes = max(settings.workers, group.size)
    validated_at = set(np.linspace(0, steps, settings.validations + 1).astype(int)[1:].tolist())
    first, pace = group.rank == 0, Pace()
    hidden = settings.quiet or not first
    with (
        np.errstate(all="ignore"),  # what diverges is looked for, and said in a sentence
        using_threads(processes, config.d_model, settings.threads),
        ProgressBar(steps, pace, hidden) as bar,
    ):
        listeners: list[Listener] = []
        if first:
            with naming(run.folder / LOG):  # one of a training that ended before it kept anything
                (run.folder / LOG).unlink(missing_ok=True)
            run.add_to_log(step=0, workers=processes, **blas())
            listeners = [
                pace,
                bar,
                Log(run, pace, validated_at),
                Validation(run, validation_pairs, validated_at, settings.quiet),
                Saving(run, validated_at),
            ]
        for step in fit(
            *(model, batches, optimizer, schedule, settings.clip, settings.label_smoothing, group),
            mistake.loss,
        ):
            for listen in listeners:
                listen(step)
            if group.stopped():
                break


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
    decided |= {"vocabulary": {**settings.vocabulary, "unit": source_vocab.unit}}
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


def _endless(
    pairs: Sequence[Pair], batch_size: int, rng: np.random.Generator, pool: int, ends: bool
) -> Iterator[Batch]:
    """Batches, one pass over the data after another."""
    while True:
        yield from shuffled_batches(pairs, batch_size, rng, pool, ends)


@contextmanager
def _claimed(folder: str | Path | None, task: tasks.Task) -> Iterator[Path]:
    """The folder of a new run, claimed: the one asked for, or the first of runs/TASK, runs/TASK-2,
    ... that this process can make."""
    with Claim(Path(folder)) if folder is not None else _new_folder(task) as claimed:
        if is_run(claimed):
            raise FileExistsError(f"{folder} holds a run already: name another folder for this one")
        yield claimed


def _new_folder(task: tasks.Task) -> Claim:
    runs = Path("runs")
    with naming(runs):
        runs.mkdir(exist_ok=True)
    numbers = count(1)
    while True:
        number = next(numbers)
        with suppress(FileExistsError):
            return Claim(runs / (task.name if number == 1 else f"{task.name}-{number}"), new=True)
