"""The document of the bug lab: it has every bug, all that it links is there, and the lines that it
says are wrong make the bug where they are put in place of the right ones."""

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import minigrad as mg
import minitransformer as mt
from minitransformer.bugs.table import BUGS, apply, bug
from minitransformer.text.batching import make_batch, source_rows
from minitransformer.training.loop import fit

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "demos" / "bugs"
sys.path.insert(0, str(FOLDER))
from mended import MENDED  # noqa: E402

SRC = source_rows([[4, 5, 6], [7], [5, 4]])  # (3, 4)
TGT = np.array([[1, 4, 5, 6], [1, 6, 0, 0], [1, 7, 3, 2]])
SVG = "http://www.w3.org/2000/svg"  # a name, not a link
BATCH = make_batch([([4, 5, 6], [7, 8, 9]), ([7], [4])])


def document() -> str:
    return (FOLDER / "README.md").read_text(encoding="utf-8")


def model(name: str | None = None) -> mt.Transformer:
    """A model with the bug, or a right one, of the same weights."""
    config = mt.TransformerConfig.tiny(12, 11, max_length=20, dropout=0.1)
    made = mt.Transformer(config, np.random.default_rng(3)).astype(np.float64)
    apply(made, name)
    return made


def with_lines_wrong(name: str) -> ModuleType:
    """The module of the file that the bug is in, with the wrong lines in place of the right."""
    mended = MENDED[name]
    source = (ROOT / mended.file).read_text(encoding="utf-8")
    for wrong, right in mended.lines:
        assert right in source, f"{mended.file} has changed: {right}"
        source = source.replace(right, wrong)
    right = importlib.import_module(mended.file.removesuffix(".py").replace("/", "."))
    changed = ModuleType(f"{right.__name__}_with_{name}")
    vars(changed)["__package__"] = right.__package__
    sys.modules[changed.__name__] = changed  # where dataclasses look
    try:
        exec(compile(source, mended.file, "exec"), vars(changed))
    finally:
        del sys.modules[changed.__name__]
    return changed


def rewritten(name: str) -> mt.Transformer:
    """A right model, with the classes of the file as its wrong lines make them."""
    changed, made = vars(with_lines_wrong(name)), model()
    for module in made.modules():
        module.__class__ = changed.get(type(module).__name__, type(module))
    return made


def test_every_bug_has_its_section_and_its_row():
    text = document()
    assert re.findall("^## (.*)$", text, re.MULTILINE) == [*BUGS]
    for name, each in BUGS.items():
        assert f"| [{name}](#{name}) | {each.wrong} |" in text
        section = text.split(f"## {name}\n")[1].split("\n## ")[0]
        assert each.seen in section
        assert MENDED[name].diff() in section
        assert f"({name}-curves.svg)" in section and f"({name}-attention.svg)" in section


def test_what_check_says_in_a_section_is_what_the_table_says_finds_the_bug():
    for name, each in BUGS.items():
        section = document().split(f"## {name}\n")[1].split("\n## ")[0]
        said = set(re.findall("^FAILED +([a-z]+):", section, re.MULTILINE))
        assert set(each.found_by) <= said


def test_every_file_that_is_linked_is_there_and_they_are_small():
    linked = {FOLDER / name for name in re.findall(r"\]\(([^#)]+)\)", document())}
    assert linked == {*FOLDER.glob("*.svg")}
    assert sum(path.stat().st_size for path in linked) < 600_000
    assert all("http" not in path.read_text("utf-8").replace(SVG, "") for path in linked)


def test_every_bug_is_mended():
    assert [*MENDED] == [*BUGS]


@pytest.mark.parametrize(
    "name",
    ["no-scale", "future-leak", "no-memory-mask", "masks-swapped", "embedding-not-scaled"]
    + ["softmax-over-queries", "one-dropout-mask"],
)
def test_the_wrong_lines_in_a_layer_make_the_bug(name):
    wrong, expected, right = rewritten(name), model(name), model()
    np.testing.assert_allclose(wrong(SRC, TGT).data, expected(SRC, TGT).data, atol=1e-12)
    assert np.abs(wrong(SRC, TGT).data - right(SRC, TGT).data).max() > 1e-3


def test_the_wrong_lines_of_an_encoder_layer_are_those_of_norm_before():
    wrong, expected, right = rewritten("norm-before"), model("norm-before"), model()
    np.testing.assert_allclose(wrong.encode(SRC).data, expected.encode(SRC).data, atol=1e-12)
    assert np.abs(wrong.encode(SRC).data - right.encode(SRC).data).max() > 1e-3


def test_heads_that_are_cut_without_the_exchange_of_axes_are_the_bug(monkeypatch):
    expected, wrong = model("heads-transposed").eval(), model().eval()
    logits = wrong(SRC, TGT).data
    changed = vars(with_lines_wrong("heads-transposed"))
    for name in ("split_heads", "join_heads"):
        monkeypatch.setattr(mg, name, changed[name])
    np.testing.assert_allclose(wrong(SRC, TGT).data, expected(SRC, TGT).data, atol=1e-12)
    assert np.abs(wrong(SRC, TGT).data - logits).max() > 1e-3


@pytest.mark.parametrize(
    "name", ["target-not-shifted", "padding-in-loss", "smoothing-over-padding"]
)
def test_the_wrong_lines_of_the_loss_make_the_bug(name):
    loss, expected = with_lines_wrong(name).batch_loss, bug(name).loss
    made = model().eval()
    assert expected is not None
    assert loss(made, BATCH, 0.1).item() == pytest.approx(expected(made, BATCH, 0.1).item(), 1e-12)
    assert loss(made, BATCH, 0.1).item() != pytest.approx(mt.batch_loss(made, BATCH, 0.1).item())


def test_the_wrong_line_of_the_loop_steps_the_schedule_once_a_tensor():
    rates = []
    for loop, name in (
        (with_lines_wrong("schedule-per-tensor"), None),
        (None, "schedule-per-tensor"),
    ):
        made = model()
        optimizer = mg.optim.Adam(made.parameters())
        schedule = bug(name).schedule(optimizer, 32, 400)
        train = loop.fit if loop else fit
        rates.append([step.lr for step in train(made, [BATCH] * 3, optimizer, schedule)])
    assert rates[0] == rates[1]
    assert rates[0][0] > 10 * 32**-0.5 * 400**-1.5  # that of one step
