"""Several workers train as one: the same numbers, the same ending, nothing left behind."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from group_steps import KINDS, parameters_of, steps
from processes import ENVIRONMENT, PYTHON, of_folder, started, wait_until
from processes import SMALL as SMALL_RUN

import minitransformer as mt
from minitransformer.training.parallel import Alone
from minitransformer.training.workers import run_workers

MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
# Adam divides each gradient by its own size, so where one is nearly zero its rounding error becomes
# a step of full length. In twelve steps of a warm-up a weight moves by 3e-3 at the most.
ROUNDING = 1e-4
SMALL = {
    "size": "tiny",
    "train_examples": 500,
    "validation_examples": 10,
    "validations": 1,
    "batch_size": 15,  # no multiple of the number of workers
    "quiet": True,
}


def trained(folder, **settings):
    run = mt.train("reverse", folder, **{**SMALL, "steps": 12, **settings})
    losses = [line["loss"] for line in run.log() if "loss" in line]
    return run.model.state_dict(), losses


def children():
    return {int(pid) for pid in pgrep("-P", str(os.getpid()))}


def pgrep(*arguments):
    return subprocess.run(["pgrep", *arguments], capture_output=True, text=True).stdout.split()


def test_workers_give_the_weights_of_one_up_to_rounding(tmp_path):
    alone, losses_alone = trained(tmp_path / "1", workers=1)
    for workers in (2, 3):
        together, losses = trained(tmp_path / str(workers), workers=workers)
        np.testing.assert_allclose(losses, losses_alone, rtol=1e-5)
        for name in alone:
            np.testing.assert_allclose(together[name], alone[name], rtol=1e-4, atol=ROUNDING)


def held_against_one_process(kind, path):
    """That the weights and norms in a file of `group_steps` are those of one process."""
    alone, together = steps(kind, parameters_of(kind), Alone()), np.load(path)
    tolerance = 2e-2 if kind == "float16" else 2e-5
    for name, expected in alone.items():
        assert np.isfinite(expected).all()
        np.testing.assert_allclose(together[name], expected, tolerance, tolerance / 10, name)


@pytest.mark.parametrize("kind", KINDS)
def test_workers_move_parameters_of_all_kinds_as_one_process_does(kind, tmp_path):
    path = tmp_path / "weights.npz"
    parameters = parameters_of(kind)

    def work(group):
        found = steps(kind, parameters, group)
        if group.rank == 0:
            np.savez(path, **found)

    run_workers(2, parameters.values(), work)
    held_against_one_process(kind, path)


def test_workers_under_mpiexec_move_parameters_of_all_kinds_as_one_process_does(tmp_path):
    pytest.importorskip("mpi4py")
    if MPIEXEC is None:
        pytest.skip("no mpiexec: pip install mpich")
    program = Path(__file__).with_name("group_steps.py")
    command = [MPIEXEC, "-n", "2", sys.executable, program, tmp_path]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    for kind in KINDS:
        held_against_one_process(kind, tmp_path / f"{kind}.npz")


def test_the_same_number_of_workers_gives_the_same_weights_bit_for_bit(tmp_path):
    first, _ = trained(tmp_path / "a", workers=2, model={"dropout": 0.1})
    second, _ = trained(tmp_path / "b", workers=2, model={"dropout": 0.1})
    for name in first:
        assert np.array_equal(first[name], second[name])


def test_more_workers_than_sentences_in_a_batch_is_no_problem(tmp_path):
    alone, _ = trained(tmp_path / "1", workers=1, batch_size=2, steps=3)
    together, _ = trained(tmp_path / "3", workers=3, batch_size=2, steps=3)
    for name in alone:
        np.testing.assert_allclose(together[name], alone[name], rtol=1e-4, atol=ROUNDING)


def test_a_worker_that_dies_ends_the_run_with_a_sentence_and_a_good_checkpoint(tmp_path):
    before = children()

    def kill_one():
        wait_until((tmp_path / "run" / "weights.npz").exists)
        os.kill(max(children() - before), signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    with pytest.raises(ChildProcessError, match=r"a worker .* was ended by SIGKILL"):
        trained(tmp_path / "run", workers=2, steps=100_000, validations=20_000)
    killer.join()
    assert children() <= before
    assert isinstance(mt.load(tmp_path / "run").translate("abc")[0], str)


def test_a_worker_that_fails_says_why(tmp_path):
    with pytest.raises(ChildProcessError, match="the training diverged: at step"):
        trained(tmp_path / "run", workers=2, lr_scale=1e30, steps=50)


def test_the_log_says_workers_and_threads(tmp_path):
    trained(tmp_path / "run", workers=2, steps=2)
    first = mt.Run.log(mt.load(tmp_path / "run"))[0]
    assert first["workers"] == 2
    assert first["blas_threads"] >= 1


def mpi(count, *arguments):
    pytest.importorskip("mpi4py")
    if MPIEXEC is None:
        pytest.skip("no mpiexec: pip install mpich")
    command = [MPIEXEC, "-n", str(count), *PYTHON, *arguments]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)


def test_workers_under_mpiexec_give_the_weights_of_one_up_to_rounding(tmp_path):
    for count in (1, 2):
        folder = tmp_path / str(count)
        settings = [*SMALL_RUN, "--steps", 12, "--validations", 1, "--run", folder]
        done = mpi(count, "train", "reverse", *map(str, settings))
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("The run is in") == 1
    alone, together = (mt.load(tmp_path / count).model.state_dict() for count in ("1", "2"))
    for name in alone:
        np.testing.assert_allclose(together[name], alone[name], rtol=1e-4, atol=ROUNDING)


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_all_under_mpiexec_after_one_step_and_the_first_keeps_it(number, tmp_path):
    pytest.importorskip("mpi4py")
    if MPIEXEC is None:
        pytest.skip("no mpiexec: pip install mpich")
    folder, settings = tmp_path / "run", [*SMALL_RUN, "--steps", 100_000]
    before = [MPIEXEC, "-n", "2"]
    process = started("train", "reverse", *settings, "--run", folder, before=before, cwd=tmp_path)
    log = folder / "log.jsonl"
    wait_until(lambda: log.exists() and '"loss"' in log.read_text())
    process.send_signal(getattr(signal, number))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.count("Stopped by") == 1
    assert "Traceback" not in err
    assert isinstance(mt.load(folder).translate("abc")[0], str)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]  # nothing of the others
    wait_until(lambda: not of_folder(folder))


def test_workers_within_workers_are_refused(tmp_path):
    done = mpi(2, "train", "reverse", "--workers", "2", "--run", str(tmp_path / "run"))
    assert done.returncode != 0
    assert "mpiexec started 2 workers, and --workers 2 asks for more" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_an_error_of_one_worker_ends_all_under_mpiexec(tmp_path):
    (tmp_path / "config.toml").write_text("{}")  # only the first worker sees that it is taken
    done = mpi(2, "train", "reverse", "--size", "tiny", "--steps", "5", "--run", str(tmp_path))
    assert done.returncode != 0
    assert "holds a run already" in done.stderr
    assert "Traceback" not in done.stderr
