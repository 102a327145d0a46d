"""A text, a window at a time: given its first characters, go on. What a language model is for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..text.tokenising import normalize
from .task import Task, register, whole_number

SAMPLE = Path(__file__).with_name("text.txt")  # ten of Shakespeare's sonnets (1609)
LARGEST = 20_000_000  # characters of a text: of more, a part does as well
PARTS = {"train": (0, 0.9), "validation": (0.9, 0.95), "test": (0.95, 1)}  # of the text, in order


@register
class Text(Task):
    """An example is the number of the character at which a window begins: its first 1 to `prefix`
    characters are the source, the `length` after them the target. Windows begin, end and are cut at
    no space, which would be lost there. None lies in two of the parts that make the splits."""

    name = "text"
    summary = "go on with a text, character by character; yours is --option file=PATH"
    unit = "characters"
    ends = False  # a window is cut
    preset = {
        "model": {
            "kind": "decoder-lm",
            "norm_first": True,
            "positions": "rotary",
            "dropout": 0.2,
        }
    }
    how_many = "the windows of ten sonnets, or of a file of yours"

    def __init__(self, file: str | None = None, prefix: int = 16, length: int = 64):
        self.prefix = whole_number("prefix", prefix, 1, 1000)
        self.length = whole_number("length", length, 2, 1000)
        self.max_length = max(self.prefix, self.length)
        self.steps = 500 if file is None else 4_000  # ten sonnets are soon known by heart
        # The whole path, so that a run finds its text wherever it is loaded.
        self.file = None if file is None else str(Path(str(file)).absolute())
        self.text = text_of(SAMPLE if self.file is None else Path(self.file))
        self.starts = {split: self._starts(*part) for split, part in PARTS.items()}
        few = next((split for split in self.starts if not len(self.starts[split])), None)
        if few is not None:
            raise ValueError(
                f"{self.file or SAMPLE} has {len(self.text):,} characters, too few: its part for "
                f"{few} has no window of up to {self.prefix} + {self.length} of them. Give a "
                "longer text, or a smaller prefix or length"
            )

    def _starts(self, begin: float, end: float) -> np.ndarray:
        """Where the windows of a part of the text may begin."""
        first, after = (int(part * len(self.text)) for part in (begin, end))
        starts = np.arange(first, max(first, after - self.prefix - self.length + 1))
        word = np.frombuffer(self.text.encode("utf-32-le"), np.uint32) != ord(" ")
        cuts = starts + self._given(starts)
        fits = word[starts] & word[cuts - 1] & word[cuts] & word[cuts + self.length - 1]
        return starts[fits]

    def _given(self, start: np.ndarray | int) -> np.ndarray | int:
        """How many characters of a window are its source: 1 to `prefix`, each as often."""
        return start % self.prefix + 1

    def sample(self, rng: np.random.Generator) -> int:
        place = int(rng.integers(sum(map(len, self.starts.values()))))
        for starts in self.starts.values():
            if place < len(starts):
                return int(starts[place])
            place -= len(starts)
        raise AssertionError("the place is that of a window")

    def every(self) -> Iterator[int]:
        for split in reversed(PARTS):  # the small parts first, for who looks for those
            yield from self.starts[split].tolist()

    def split_of(self, example: Any) -> str:
        return next(split for split in reversed(PARTS) if example >= self.starts[split][0])

    def pair(self, example: int) -> tuple[str, str]:
        cut = example + int(self._given(example))
        return self.text[example:cut], self.text[cut : cut + self.length]

    def check(self, source: str) -> None:
        if not 1 <= len(source) <= self.prefix:
            raise ValueError(
                f"the text has {len(source)} characters; this task was made to go on from 1 to "
                f"{self.prefix} (its option prefix)"
            )


def text_of(path: Path) -> str:
    """The text in a file, with single spaces for line ends. Raises OSError or ValueError, with the
    reason in a line, for one that cannot be read, or is no text."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path} to learn a text from") from None
    except OSError as error:
        raise type(error)(f"{path} cannot be read: {error.strerror or error}") from None
    if b"\0" in content:
        raise ValueError(f"{path} is no text: it has bytes of 0, as programs and pictures have")
    try:
        text = normalize(content.decode())
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 (at byte {error.start:,}); convert it, for instance with iconv"
        ) from None
    if not text:
        raise ValueError(f"{path} is empty: give a file with a text in it")
    if len(text) > LARGEST:
        raise ValueError(
            f"{path} has {len(text):,} characters; give a part of it, of at most {LARGEST:,}"
        )
    return text
