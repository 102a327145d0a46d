"""`minitransformer step RUN`: the steps of the loss of a sentence, in the terminal."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import minigrad as mg
from minitransformer import cli
from minitransformer.decoding.greedy import greedy_decode
from minitransformer.text.batching import make_batch, source_rows
from minitransformer.training.metrics import batch_loss

ROOT = Path(__file__).parents[2]


@pytest.fixture
def command(capsys, monkeypatch):
    """Run the command in this process, with commands to read: (status, output, errors)."""

    def run(*arguments, text=""):
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        status = cli.main(["step", *map(str, arguments)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def test_the_steps_are_those_of_the_loss_of_the_sentence(command, trained):
    source = trained.encode_source("abc")
    (written,) = greedy_decode(trained.model, source_rows([source]))
    loss = batch_loss(trained.model, make_batch([(source, written)])).named("loss")
    expected = list(mg.step(loss))
    status, out, err = command(trained.folder, "abc", text="next\n\nto 9\n")
    assert (status, err) == (0, "")
    first, *cards = re.split(r"^(?=step )", out, flags=re.M)
    assert (
        first == f"backward of the loss of 'abc', {len(expected)} ops; `help` lists the commands\n"
    )
    assert cards == [f"{expected[number - 1]}\n" for number in (1, 2, 3, 9)]


def test_it_begins_where_it_is_asked_to_and_forward_if_it_is_asked_to(command, trained):
    place = "encoder.layers.0.self_attention"
    status, out, err = command(trained.folder, "--until", f"{place}.weights", text="check\n")
    assert (status, err) == (0, "") and ": softmax -> weights\n" in out and ": agrees\n" in out
    status, out, err = command(trained.folder, "--forward", "--until", f"{place}.weights")
    assert (status, err) == (0, "")
    assert "equation softmax(Q K^T / sqrt(d_k)) V, equation 1 of the paper\n" in out


def test_a_place_that_is_not_there_is_said_in_a_sentence(command, trained):
    status, out, err = command(trained.folder, "--until", "self_atention")
    assert (status, out) == (2, "") and err.count("\n") == 1
    assert "is named 'self_atention'; there is encoder.layers.0.self_attention" in err


def test_over_a_pipe_it_writes_what_it_is_asked_for_and_nothing_else(trained):
    done = subprocess.run(
        [sys.executable, "-m", "minitransformer", "step", str(trained.folder), "abc"],
        input="w\nq\n",
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "40", "PYTHONIOENCODING": "utf-8"},
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert sum(line.startswith("step 1 of") for line in lines) == 2
    assert max(map(len, lines)) <= 40
