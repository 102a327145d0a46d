"""The demos run from top to bottom, and say what they promise to say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_the_engine_of_60_lines_has_about_60_lines():
    text = (DEMOS / "00_engine_in_60_lines.py").read_text(encoding="utf-8")
    engine = text[text.index("class Tensor") : text.index("# %% A use")]
    lines = [line for line in engine.splitlines() if line.strip() and not line.startswith("#")]
    assert 55 <= len(lines) <= 70
