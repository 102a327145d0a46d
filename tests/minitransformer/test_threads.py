"""Threads and the kernel of matrix products: set in training alone, and written into the log."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits
from toy_models import quick_train

from minitransformer.run import LOG
from minitransformer.training import threads
from minitransformer.training.threads import LARGE, blas, using_threads

ROOT = Path(__file__).parents[2]
CORES = threads._cores()


@pytest.fixture
def without_environment(monkeypatch):
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads, "_cores", lambda: 2)
    with threadpool_limits(1):
        yield


def used(*settings):
    with using_threads(*settings):
        return blas()["blas_threads"]


def test_what_multiplies_matrices_is_named():
    found = blas()
    assert found["blas"] and found["blas_threads"] >= 1
    assert set(found) == {"blas", "blas_kernel", "blas_threads"}


def test_without_a_known_library_nothing_is_named(monkeypatch):
    monkeypatch.setattr(threads, "threadpool_info", list)
    assert blas() == {"blas": None, "blas_kernel": None, "blas_threads": None}


def test_a_small_model_has_one_thread_and_a_large_one_the_cores(without_environment):
    assert used(1, LARGE - 1) == 1
    assert used(1, LARGE) == 2
    assert used(2, LARGE) == 1  # two processes have one core each
    assert used(5, LARGE) == 1


def test_threads_that_were_asked_for_are_used_for_any_model(without_environment):
    assert used(1, 8, 2) == 2
    assert used(1, LARGE, 1) == 1


def test_the_environment_is_left_as_it_is_unless_threads_were_asked_for(
    without_environment, monkeypatch
):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    assert used(1, LARGE) == 1
    assert used(1, LARGE, 2) == 2


def test_after_a_training_the_process_has_as_many_threads_as_before(without_environment, tmp_path):
    run = quick_train(tmp_path / "run", steps=2, threads=2)
    assert run.log()[0]["blas_threads"] == 2
    assert blas()["blas_threads"] == 1


def test_the_command_sets_threads_and_the_log_begins_with_them_and_the_kernel(tmp_path):
    flags = ["--size", "tiny", "--steps", "2", "--threads", "2", "--quiet", "--run", "run"]
    flags += ["--train-examples", "100", "--validation-examples", "5"]
    subprocess.run(
        [sys.executable, "-m", "minitransformer", "train", "reverse", *flags],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    first = json.loads((tmp_path / "run" / LOG).read_text().splitlines()[0])
    of_blas = {**blas(), "blas_threads": min(2, CORES)}
    assert first == {"step": 0, "workers": 1, "steps": 2, **of_blas}
    config = tomllib.loads((tmp_path / "run" / "config.toml").read_text(encoding="utf-8"))
    assert config["training"]["threads"] == 2
    assert "quiet" not in config["training"]
