"""What a task is: something that makes pairs of texts to learn from, and splits them fairly."""

import inspect
import operator
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from .checking import check_class
from .split import SPLITS, split_of

# So many draws in a row with nothing new mean that most of a split has been drawn: while it is
# fresh, one draw in twenty is new, and bad luck alone would take this long once in 10^22 times.
PATIENCE = 1_000
NONE = ": choose options that allow more, or in a task of your own let every list more"


class Task:
    """A source of (source text, target text) pairs.

    A new task is a class with `sample`, `every` and `pair`, decorated with `register`; a file in
    this folder is found by itself. Its options are constructor arguments with defaults, each kept
    in an attribute of the same name, so that `options` can record them.
    """

    name: str  # what `get` knows it by
    summary: str  # one line for a listing
    unit: str  # what both vocabularies are made of: "words" or "characters"
    max_length: int  # tokens in the longest source or target, without start and end
    # Whether a target ends by itself. Of a piece that is cut out, the end is not learnt.
    ends: bool = True
    steps: int = 4_000  # of training, for a small model to learn it well
    how_many: str = ""  # how many examples there are, in words, for a listing
    how_long: str = ""  # that a training with its presets takes on two cores, in words
    expect: str = ""  # what such a training comes to, in words
    # Settings of the training, as `train` takes them, that suit this task better than the usual.
    preset: Mapping[str, Any] = {}
    # Whether its examples come from a file or the like, which is read only when they are asked for:
    # such a task is not looked at when it is made.
    lazy: bool = False
    # Further splits that are tried apart, as a kind of example that training never has: what each
    # holds, by its name.
    apart: Mapping[str, str] = {}

    @classmethod
    def splits(cls) -> tuple[str, ...]:
        """The splits that the examples are divided into: train, validation, test, and those that
        are tried apart."""
        return (*SPLITS, *cls.apart)

    def sample(self, rng: np.random.Generator) -> Hashable:
        """Draw one example: the number, or the string, that a pair is then made from.

        Two examples are the same if `str` writes them the same.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how to sample")

    def every(self) -> Iterable[Hashable]:
        """List all the examples. It is read only as far as needed, and may be endless."""
        raise NotImplementedError(f"{type(self).__name__} does not list every example")

    def sample_apart(self, split: str, rng: np.random.Generator) -> Hashable:
        """Draw one example for a split that is tried apart, where `sample` does not reach those."""
        return self.sample(rng)

    def every_apart(self, split: str) -> Iterable[Hashable]:
        """List all the examples of a split that is tried apart, where `every` does not."""
        return self.every()

    def pair(self, example: Any) -> tuple[str, str]:
        """The source and the target text of an example."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its pairs are")

    def check(self, source: str) -> None:
        """Raise ValueError, with the reason, for a source that the task was not made for."""

    def rewrite(self, source: str) -> str:
        """An accepted source in the spelling of the task's own data, which is all a model knows."""
        return source

    def references(self, source: str, target: str) -> list[str]:
        """All the targets that are right for a source, of which `target` is one."""
        return [target]

    def report(self) -> str:
        """What a person should know of its data before a training begins, as what was left out."""
        return ""

    def options(self) -> dict:
        """The constructor's arguments: `get(task.name, **task.options())` is this task again."""
        return {name: getattr(self, name) for name in option_names(type(self))}

    def split_of(self, example: Hashable) -> str:
        """The split that an example belongs to, for ever: 90 % train, 5 % validation, 5 % test.

        It depends on nothing but the example, so no seed can bring a test example into training.
        A task with splits `apart` says here which examples those have.
        """
        return split_of(example)

    def examples(self, split: str, count: int, rng: np.random.Generator) -> list[tuple[str, str]]:
        """Draw `count` pairs of a split. Those that are not for training are all different."""
        needed = min(count, 1) if split == "train" else count
        available = self.available(split, needed)
        if available < needed:
            raise ValueError(
                f'the task "{self.name}" with these options has {available} different examples '
                f"for {split}, fewer than the {count} asked for{'' if available else NONE}"
            )
        draw = self._draw if split == "train" else self._draw_different
        return [self.pair(example) for example in draw(split, count, rng)]

    def available(self, split: str, at_most: int) -> int:
        """How many different examples a split has, counted no further than `at_most`."""
        if split not in self.splits():
            raise ValueError(
                f'the task "{self.name}" has no split {split!r}, only {", ".join(self.splits())}'
            )
        return sum(1 for _ in islice(self._list(split), at_most))

    def _list(self, split: str) -> Iterator[Hashable]:
        listed: set[str] = set()
        for example in self.every_apart(split) if split in self.apart else self.every():
            if self.split_of(example) == split and str(example) not in listed:
                listed.add(str(example))
                yield example

    def _draw(self, split: str, count: int, rng: np.random.Generator) -> Sequence[Hashable]:
        drawn, misses = [], 0
        while len(drawn) < count:
            example = self.sample(rng)
            if self.split_of(example) == split:
                drawn.append(example)
                misses = 0
            else:
                misses += 1
            if misses == PATIENCE:
                raise ValueError(
                    f'the task "{self.name}" lists examples for {split}, but {PATIENCE:,} draws '
                    "in a row brought none: does sample reach all that every lists?"
                )
        return drawn

    def _draw_different(
        self, split: str, count: int, rng: np.random.Generator
    ) -> Sequence[Hashable]:
        drawn, misses = {}, 0
        apart = split in self.apart
        while len(drawn) < count and misses < PATIENCE:
            example = self.sample_apart(split, rng) if apart else self.sample(rng)
            if self.split_of(example) == split and str(example) not in drawn:
                drawn[str(example)] = example
                misses = 0
            else:
                misses += 1
        # To wait for chance to bring the last ones could take for ever: they come from the list.
        left = (example for example in self._list(split) if str(example) not in drawn)
        return [*drawn.values(), *islice(left, count - len(drawn))]


registered: dict[str, type[Task]] = {}


def register(task: type[Task]) -> type[Task]:
    """Make a task known by its name; used as a decorator on the class. Raises ValueError, with what
    to do, for one that could not be trained on."""
    if not (isinstance(task, type) and issubclass(task, Task)):
        raise ValueError(f"register is for classes made from Task, not for {task!r}")
    check_class(task)
    earlier = registered.get(task.name, task)
    # A notebook cell that is run again defines the same class anew, and may.
    if (earlier.__module__, earlier.__qualname__) != (task.__module__, task.__qualname__):
        raise ValueError(
            f'the name "{task.name}" is taken by {earlier.__module__}.{earlier.__qualname__}, '
            f"so {task.__module__}.{task.__qualname__} needs another"
        )
    registered[task.name] = task
    return task


def option_names(task: type[Task]) -> list[str]:
    """The options that a task's constructor takes."""
    return list(inspect.signature(task).parameters)


def whole_number(option: str, value: int, low: int, high: int) -> int:
    """The value of an option that is a whole number from low to high, as a Python int."""
    if hasattr(value, "__index__") and not isinstance(value, bool):
        value = operator.index(value)
        if low <= value <= high:
            return value
    raise ValueError(f'"{option}" is a whole number from {low} to {high:,}, not {value!r}')
