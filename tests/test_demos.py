"""The demos run from top to bottom, and say what they promise to say."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from minigrad.drawing.picture import can_render

DEMOS = Path(__file__).parents[1] / "demos"

PROMISED = {
    "00_engine_in_60_lines.py": [
        "da = -24.0, db = 16.0, dc = 8.0",
        "step 100: loss 0.0",
        "minigrad's gradients are the same",
    ],
    "01_scalar_gradient.py": [
        "by backward: da = -24.0, db = 16.0, dc = 8.0",
        "second derivative: 18.0, by hand 18.0",
        "sinh, an op of our own, passes gradcheck",
    ],
    "02_attention_by_hand.py": [
        "mt.scaled_dot_product_attention gives the same numbers",
        "mt.MultiHeadAttention with identity matrices gives the same numbers",
        "padding mask x look-ahead mask\n[[1 0 0]\n [1 1 0]\n [1 1 0]]",
    ],
    "03_train_reverse.py": ["abc -> cba", "fedcba -> abcdef", "facade -> edacaf"],
    "04_graphs.py": [
        "= tanh(x=n5)",
        "dloss/db = -0.5520",
        "= EncoderLayer x6(n5)",
        "= matmul, add, tanh x50(n0, n1, n199)",
        "weight (100, 32) in src_embedding",
    ],
    "05_step_through_backward.py": [
        "step 3 of 6: tanh -> y",
        "after the last step .grad is what backward() gives, bit for bit",
        "2 of 2 ways\n           [1. 3.]",
        "equation softmax(Q K^T / sqrt(d_k)) V, equation 1 of the paper",
        "check    every entry moved a little: agrees",
        "by way 4 of 4: so far",
        "the last of these is words.grad",
    ],
}


def test_every_demo_is_listed():
    assert sorted(path.name for path in DEMOS.glob("[0-9]*.py")) == sorted(PROMISED)


@pytest.mark.parametrize("name", PROMISED)
def test_the_demo_says_what_it_promises(name, tmp_path):
    done = subprocess.run(
        [sys.executable, DEMOS / name],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(DEMOS.parent)},
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.returncode == 0, done.stderr
    for line in PROMISED[name]:
        assert line in done.stdout


@pytest.mark.skipif(not can_render(), reason="neither dot nor pygraphviz")
def test_the_pictures_of_the_readme_are_made(tmp_path):
    subprocess.run(
        [sys.executable, DEMOS / "pictures" / "make.py", tmp_path],
        env={**os.environ, "PYTHONPATH": str(DEMOS.parent)},
        check=True,
        timeout=170,
    )
    made = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert sorted(made) == sorted(
        f"{name}.svg"
        for name in ("neuron", "attention-by-hand", "encoder-layer", "toy-transformer", "paper")
        + ("paper-backward",)
    )
    assert "EncoderLayer x6" in made["paper.svg"] and "DecoderLayer x6" in made["paper.svg"]
    assert "grad: " in made["neuron.svg"] and "softmax" in made["attention-by-hand.svg"]


def test_the_engine_of_60_lines_has_about_60_lines():
    text = (DEMOS / "00_engine_in_60_lines.py").read_text(encoding="utf-8")
    engine = text[text.index("class Tensor") : text.index("# %% A use")]
    lines = [line for line in engine.splitlines() if line.strip() and not line.startswith("#")]
    assert 55 <= len(lines) <= 70


@pytest.mark.skipif(not find_spec("matplotlib"), reason="Matplotlib is missing")
def test_the_page_of_the_bug_lab_shows_curves_attention_and_what_check_says(tmp_path):
    subprocess.run(
        [sys.executable, DEMOS / "bugs" / "make.py", tmp_path, "--steps", "10"]
        + ["--only", "future-leak", "--runs", tmp_path / "runs"],
        env={**os.environ, "PYTHONPATH": str(DEMOS.parent)},
        check=True,
        timeout=170,
    )
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[.*\]\((.*)\)", page)
    assert pictures == ["future-leak-curves.svg", "future-leak-attention.svg"]
    assert all((tmp_path / name).stat().st_size for name in pictures)
    assert "## future-leak" in page
    assert "FAILED  future" in page
