import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from importlib.util import find_spec

import numpy as np
import pytest

from minitransformer.looking.attention_maps import AttentionMaps
from minitransformer.looking.drawing import attention_figure
from minitransformer.looking.pictures import save_attention, save_loss_curve, save_pictures
from minitransformer.run import LOG, load

needs_matplotlib = pytest.mark.skipif(not find_spec("matplotlib"), reason="Matplotlib is missing")


@pytest.fixture
def run(run_folder):
    return load(run_folder)


def words_of(path):
    """The text of an SVG, as Matplotlib notes it beside the outlines of the letters."""
    return re.findall(r"<!-- (.*?) -->", path.read_text(encoding="utf-8"))


@needs_matplotlib
def test_all_pictures_of_a_run_are_written_into_its_folder(run):
    paths = save_pictures(run, "abcd")
    folder = run.folder / "pictures"
    names = ["loss", "attention-encoder", "attention-decoder", "attention-encoder-decoder"]
    assert paths == [folder / f"{name}.svg" for name in names]
    assert sorted(folder.iterdir()) == sorted(paths)
    for path in paths:
        assert ElementTree.parse(path).getroot().tag.endswith("svg")


@needs_matplotlib
def test_a_picture_of_attention_says_what_it_shows(run):
    words = words_of(save_attention(run, "abcd")[0])
    assert "layer 1, head 1" in words and "layer 1, head 2" in words
    assert "encoder attention: abcd" in words
    assert words.count("a") == words.count("d") == 4  # rows and columns of two heads


@needs_matplotlib
def test_the_loss_curve_says_what_is_on_its_axes(run):
    words = words_of(save_loss_curve(run))
    for label in ("step", "training loss", "validation loss", "exact match (right axis)"):
        assert label in words
    assert any("nats" in label for label in words)


@needs_matplotlib
@pytest.mark.filterwarnings("error", "ignore::DeprecationWarning")  # of Matplotlib's own needs
def test_a_run_that_was_ended_at_once_has_a_picture_of_nothing(run):
    (run.folder / LOG).unlink()
    assert save_loss_curve(run).is_file()
    run.add_to_log(step=0, workers=1)
    assert save_loss_curve(run).is_file()


def test_without_matplotlib_a_sentence_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # cannot be imported
    with pytest.raises(ModuleNotFoundError, match="pip install"):
        save_pictures(run, "abcd")
    assert not (run.folder / "pictures").exists()


def test_matplotlib_is_imported_only_when_a_picture_is_drawn():
    code = "import minitransformer.cli, sys; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@needs_matplotlib
def test_a_picture_that_cannot_be_written_leaves_the_old_one(run, monkeypatch):
    path = save_loss_curve(run)
    before = path.read_bytes()

    def fail(self, file, **settings):
        file.write(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fail)
    with pytest.raises(OSError, match="no space left"):
        save_loss_curve(run)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def maps_of(tokens, layers=1, heads=1, text="text"):
    weights = np.full((layers, heads, len(tokens), len(tokens)), 1 / len(tokens))
    return AttentionMaps("encoder", weights, tokens, tokens, text)


@needs_matplotlib
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("token", ["$", r"$\a$", r"$\frac{$", "_^", "\\", "%", "{}", "<b>&"])
def test_a_label_is_what_it_is_and_no_mathematics(token, tmp_path):
    path = maps_of([token, "b"], text=f"{token} b").save(tmp_path / "x.svg")
    assert any(token in word.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
               for word in words_of(path))  # fmt: skip


@needs_matplotlib
@pytest.mark.parametrize("count, layers, heads", [(700, 1, 1), (3, 2, 40), (3, 40, 2), (400, 6, 8)])
def test_a_picture_of_very_much_is_no_larger_than_can_be_drawn(count, layers, heads):
    figure = attention_figure(maps_of(["word"] * count, layers, heads))
    width, height = figure.get_size_inches()
    assert max(width, height) <= 110
    labels = figure.axes[0].get_xticklabels()
    assert 1 <= len(labels) <= count
    assert all(label.get_fontsize() >= 3 for label in labels)
