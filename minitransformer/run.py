"""A run is a folder: configuration, vocabularies, weights, log and pictures of one training."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from . import tasks
from .arrays import read_arrays, write_weights
from .bugs.table import apply
from .config_file import CONFIG, Tables, read_config, read_json, write_config
from .decoding.beam import LENGTH_PENALTY, WIDTH, Beam, BeamSettings, search
from .decoding.choosing import Decode, decoder
from .decoding.copying import looked_at
from .decoding.greedy import greedy_decode
from .explaining import Explanation, explain
from .files import append_line, read_bytes, write_whole
from .models.kinds import fields_of, from_json
from .models.seq2seq import Seq2Seq
from .streams import show
from .text.batching import source_rows
from .text.reading import cleaned
from .text.showing import sentence, shown, wrapped
from .text.source import COPY, FAIL, Source, require_way
from .text.specials import UNKNOWN
from .text.tokenising import without_spacing
from .text.vocabulary import Vocabulary, encoded
from .text.vocabulary_settings import VocabularySettings

T = TypeVar("T")

TOGETHER = 200  # texts that are translated in one batch, at most

VOCAB, WEIGHTS = "vocabularies.json", "weights.npz"
LOG, PICTURES = "log.jsonl", "pictures"


@dataclass
class Run:
    """A trained (or half-trained) model with all that is needed to use it and to repeat it."""

    folder: Path
    task: tasks.Task
    model: Seq2Seq = field(repr=False)
    source_vocab: Vocabulary
    target_vocab: Vocabulary
    settings: dict[str, Any]  # of the training, without those that are None

    @property
    def config(self) -> Tables:
        """The whole configuration, as it stands in the run: its tables "task", "vocabulary",
        "model" and "training"."""
        model = {"kind": self.model.kind, **self.model.config.to_json()}
        training = {k: v for k, v in self.settings.items() if k not in ("model", "vocabulary")}
        tables = {
            "task": {"name": self.task.name, **self.task.options()},
            "vocabulary": self.settings.get("vocabulary", {}),
            "model": model,
            "training": training,
        }
        return {
            name: {key: value for key, value in table.items() if value is not None}
            for name, table in tables.items()
        }

    def read(self, text: str, unknown: str | None = None) -> Source:
        """A source text as the model reads it; it is `cleaned` first. Raises ValueError, with the
        reason in a line, for what this model cannot read: nothing at all, too many tokens, what the
        task is not about, or, where `unknown` is "fail", unknown words."""
        fails = require_way(unknown or self.unknown) == FAIL
        text = cleaned(text)
        if not text:
            raise ValueError("the sentence is empty; give at least one word")
        try:
            self.task.check(text)
            text = self.task.rewrite(text)
        except ValueError as error:
            raise ValueError(sentence(error)) from error
        source = Source(text, self.source_vocab.encode(text), self.source_vocab.unknown(text))
        if source.unknown and fails:
            raise ValueError(
                f"{source.said()}. It knows {self.source_vocab.size}, those of the task "
                f'"{self.task.name}"; unknown="copy" or "show" (--unknown) translates the rest'
            )
        longest = self.model.config.max_length - 1  # the end token takes a position too
        if len(source.ids) > longest:
            raise ValueError(
                f"the sentence has {len(source.ids)} tokens; this model has positions for {longest}"
            )
        return source

    def encode_source(self, text: str, unknown: str | None = None) -> list[int]:
        """The ids of a source text, see `read`."""
        return self.read(text, unknown).ids

    @property
    def unknown(self) -> str:
        """What is done with unknown words where nothing is said: "copy" where the vocabularies
        leave some out on purpose, "fail" where they have all that the task was made of."""
        settings = VocabularySettings.of(self.settings.get("vocabulary", {}))
        return COPY if settings.leave_out else FAIL

    def text(self, ids: Sequence[int], source: Source, unknown: str | None = None) -> str:
        """What the model wrote for this source, as text. With "copy" the source word that it
        attends to most (see `looked_at`) stands where it wrote "<unknown>"; a model without
        attention shows that."""
        written = list(self.target_vocab.written(ids))
        tokens = [self.target_vocab.tokens[i] for i in written]
        if UNKNOWN in written and require_way(unknown or self.unknown) == COPY:
            places = looked_at(self.model, source.ids, written)
            words = self.source_vocab.tokenize(source.text)
            for at, place in enumerate(places or []):
                if written[at] == UNKNOWN:
                    tokens[at] = without_spacing(words[place])
        return self.target_vocab.join(tokens)

    def ids_of(self, texts: Iterable[tuple[str, str]]) -> list[tuple[list[int], list[int]]]:
        """Pairs of texts as pairs of id lists."""
        return encoded(texts, self.source_vocab, self.target_vocab)

    def translate(
        self,
        *texts: str | Iterable[str],
        beam: int | None = None,
        length_penalty: float | None = None,
        sample: np.random.Generator | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        unknown: str | None = None,
    ) -> list[str]:
        """The translation of each text, decoded greedily; with `beam`, a width, the best of a beam
        search (see `beam_search`); with `sample`, a generator, drawn by chance (see `sample`).

        `texts` are strings, or lists of them. `unknown` says what is done with words that the model
        does not know: "copy", "show" or "fail", and by default what `run.unknown` says. Raises
        ValueError as `read`, for the first text that the model cannot read, and for settings that
        make no sense.
        """
        decode = decoder(beam, length_penalty, sample, temperature, top_k, top_p)
        return list(without_errors(self.translate_each(_flat(texts), decode, unknown)))

    def translations(
        self,
        *texts: str | Iterable[str],
        n_best: int = WIDTH,
        beam: int = WIDTH,
        length_penalty: float = LENGTH_PENALTY,
        unknown: str | None = None,
    ) -> list[list[tuple[float, str]]]:
        """For each text the `n_best` translations that a beam search finds, the best first, each
        with its score (see `beam_search`). Raises ValueError as `translate`."""
        settings = BeamSettings(beam, length_penalty, n_best)

        def decode(model: Seq2Seq, src: np.ndarray) -> list[Beam]:
            return search(model, src, settings)

        beams = without_errors(self.decode_each(_flat(texts), decode, unknown))
        return [self.scored(found, source, unknown) for source, found in beams]

    def scored(
        self, beam: Beam, source: Source, unknown: str | None = None
    ) -> list[tuple[float, str]]:
        """The score and the text of each hypothesis that a search has found, the best first."""
        return [(h.score, self.text(h.ids, source, unknown)) for h in beam.hypotheses()]

    def translate_each(
        self, texts: Iterable[str], decode: Decode = greedy_decode, unknown: str | None = None
    ) -> Iterator[str | ValueError]:
        """For each text its translation or, where the model cannot read it, the error that says
        why: one bad line costs no other. Texts are taken a batch at a time."""
        for result in self.decode_each(texts, decode, unknown):
            if isinstance(result, ValueError):
                yield result
            else:
                source, ids = result
                yield self.text(ids, source, unknown)

    def decode_each(
        self,
        texts: Iterable[str],
        decode: Callable[[Seq2Seq, np.ndarray], Iterable[T]],
        unknown: str | None = None,
    ) -> Iterator[tuple[Source, T] | ValueError]:
        """As `translate_each`, with what was read and what `decode(model, src)` makes of it."""
        left = iter(texts)
        while some := list(islice(left, TOGETHER)):
            read = [self._read_or_why_not(text, unknown) for text in some]
            sources = [source.ids for source in read if isinstance(source, Source)]
            decoded = iter(decode(self.model, source_rows(sources)) if sources else [])
            for source in read:
                yield source if isinstance(source, ValueError) else (source, next(decoded))

    def explain(self, text: str) -> Explanation:
        """All that the model computes while it translates `text`, by the paper's names: a mapping
        of names to arrays, see explaining.py. Raises ValueError as `encode_source`."""
        ids = self.encode_source(text)
        return explain(self.model, text, ids, self.source_vocab, self.target_vocab)

    def _read_or_why_not(self, text: str, unknown: str | None) -> Source | ValueError:
        require_way(unknown or self.unknown)  # of all texts, and not a fault of this one
        try:
            return self.read(text, unknown)
        except ValueError as error:
            return error

    def log(self) -> list[dict[str, Any]]:
        """The lines of the log: dictionaries with "step" and "loss", "exact_match" and such. A line
        that was only half written, when its training was killed, is left out."""
        path = self.folder / LOG
        try:
            lines = read_bytes(path).decode("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return []
        return [figures for line in lines if (figures := _figures(line))]

    def add_to_log(self, **figures: Any) -> None:
        """Add a line to the log. Raises ValueError for a figure that JSON has no word for (NaN)."""
        append_line(self.folder / LOG, json.dumps(figures, allow_nan=False))

    def save(self) -> None:
        """Write the run: first vocabularies and weights, then the configuration, which makes the
        folder that of a run. What is there is replaced, each file whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        vocabularies = {
            "source": self.source_vocab.to_json(),
            "target": self.target_vocab.to_json(),
        }
        _write_json(self.folder / VOCAB, vocabularies)
        self.save_weights()
        write_config(self.folder, self.config)

    def save_weights(self) -> None:
        """Write the weights: one array for each parameter, without pickle. Raises
        FloatingPointError, and leaves those that are there, if any is no finite number."""
        write_weights(self.folder / WEIGHTS, self.model.state_dict())


def load(folder: str | Path, task_file: str | Path | None = None) -> Run:
    """The Run in a folder. Raises FileNotFoundError or ValueError, with the reason, for one that is
    missing, of another version, or damaged.

    A run of a task of one's own needs the task: registered before, or defined in `task_file`.
    """
    if folder == "":
        raise ValueError('"" names no folder: give that of a run, like runs/reverse')
    if task_file is not None:
        tasks.load_file(task_file)
    folder = Path(folder)
    try:
        path, config = read_config(folder)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(_no_run(folder)) from None
    vocabularies = read_json(folder / VOCAB)
    _require_known_task(folder, config["task"].get("name"))
    try:
        task = tasks.get(config["task"].pop("name"), **config["task"])
        source = Vocabulary.from_json(vocabularies["source"])
        target = Vocabulary.from_json(vocabularies["target"])
        model = from_json(config["model"].pop("kind"), config["model"])
        expected = model.config.src_vocab_size, model.config.tgt_vocab_size
        if (len(source), len(target)) != expected:
            raise ValueError(
                f"the vocabularies have {len(source)} and {len(target)} tokens, the model "
                f"{expected[0]} and {expected[1]}"
            )
        settings = {**config["training"], "model": fields_of(model)}
        settings |= {"vocabulary": config["vocabulary"]} if config["vocabulary"] else {}
        apply(model, settings.get("bug"))
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else sentence(error)
        raise ValueError(f"{folder} is damaged: {path.name} or {VOCAB}: {reason}") from error
    except (MemoryError, OverflowError) as error:
        raise ValueError(
            f"{folder} describes a model for which there is not enough memory ({error}). "
            f"Is {path.name} as the training wrote it?"
        ) from error
    load_weights(model, folder / WEIGHTS)
    if settings.get("bug") is not None:
        note = f"note: {folder} was trained with a bug on purpose, {settings['bug']}, and has it"
        show(wrapped(note), to="stderr")
    return Run(folder, task, model.eval(), source, target, settings)


def _require_known_task(folder: Path, name: Any) -> None:
    """Raise ValueError for the run of a task that is not known here, which is no damage."""
    if isinstance(name, str) and name not in tasks.names():
        raise ValueError(
            f'{folder} is a run of the task "{shown(name)}", which is not known here. If it is '
            "one of your own, name the file that defines it: --task-file FILE.py, or in Python "
            'minitransformer.load(run, task_file="FILE.py")'
        )


def _flat(texts: Iterable[str | Iterable[str]]) -> Iterator[str]:
    """Each text, also of lists of texts."""
    for each in texts:
        if isinstance(each, str) or not isinstance(each, Iterable):
            yield each
        else:
            yield from each


def without_errors(results: Iterable[T | ValueError]) -> Iterator[T]:
    """The results, up to the first error, which is raised."""
    for result in results:
        if isinstance(result, ValueError):
            raise result
        yield result


def load_weights(model: Seq2Seq, path: Path) -> None:
    """Fill the model with the weights in a file."""
    state = read_arrays(path, "train the run again")
    try:
        model.load_state_dict(state)
    except ValueError as error:
        raise ValueError(
            f"{path} holds the weights of another model than the run's configuration describes, "
            f"which may have been changed since ({sentence(error)})"
        ) from error


def _no_run(folder: Path) -> str:
    if (folder / LOG).is_file():
        return (
            f"{folder} has no {CONFIG} yet: its training has not come to its first step, or "
            "was ended before that, and the same command begins it anew"
        )
    what = f"has no {CONFIG}" if folder.is_dir() else "does not exist"
    if folder.is_file():
        what = "is a file"
    return (
        f"{folder} is not the folder of a run: it {what}. "
        "Make one with: minitransformer train TASK --run FOLDER"
    )


def _figures(line: str) -> dict[str, Any] | None:
    """The figures of a line of the log; None if it was only half written, or says no step."""
    try:
        content = json.loads(line)
    except ValueError:
        return None
    has_step = isinstance(content, dict) and isinstance(content.get("step"), int)
    return content if has_step else None


def _write_json(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(path, lambda file: file.write(text.encode()))
