"""The table of results has a line for each training that its script makes, of options that there
are, and each reaches what it has to."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from minitransformer import tasks
from minitransformer.cli import parser
from minitransformer.commands.train import task_option

FOLDER = Path(__file__).parents[1] / "demos" / "results"
LINES = re.findall(
    r"^\| `(.*)` \| ([\d,]+) \| ([\d,]+) \(",
    (FOLDER / "README.md").read_text("utf-8"),
    re.MULTILINE,
)
LEAST = {"sort": 1.0, "addition": 1.0, "reverse": 0.995}
LEAST |= {"dates": 0.999, "numbers": 0.995, "phrases": 0.99}


def test_the_table_has_the_trainings_of_its_script(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.delitem(sys.modules, "make", raising=False)
    import make  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    assert [command for command, _, _ in LINES] == [*make.TRAININGS.values()]
    assert (FOLDER / "README.md").read_text("utf-8").startswith(make.INTRODUCTION)


@pytest.mark.parametrize("command, count, right", LINES)
def test_a_line_is_a_command_that_there_is_and_reaches_its_aim(command, count, right):
    options = parser().parse_args(["train", *shlex.split(command)])
    task = tasks.get(options.words[0], **dict(map(task_option, options.option)))
    count, right = int(count.replace(",", "")), int(right.replace(",", ""))
    assert task.available("test", count) == count
    assert right >= LEAST[task.name] * count
