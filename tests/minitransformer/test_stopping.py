"""Trainings that are stopped, killed, or started twice: nothing runs on, nothing is lost."""

import json
import os
import random
import signal
import threading
import time
from multiprocessing.connection import Connection

import pytest
from processes import SHORT, SMALL, alive, started, wait_until
from toy_models import quick_train

import minigrad as mg
import minitransformer as mt
from minitransformer import cli
from minitransformer.files import Claim
from minitransformer.run import CONFIG, LOG, WEIGHTS, load
from minitransformer.training import trainer, workers
from minitransformer.training.state import STATE
from minitransformer.training.stopping import Stop

LONG = [*SMALL, "--steps", "100000", "--validations", "5000", "--validation-examples", "40"]


def training(folder):
    """A condition: its log has a loss."""
    log = folder / LOG
    return lambda: log.exists() and '"loss"' in log.read_text()


def ended(process, seconds=20):
    """(exit status, output, errors) when nothing of its session runs or holds its pipes."""
    out, err = process.communicate(timeout=seconds)
    wait_until(lambda: not alive(process.pid), seconds=5)
    assert "Traceback" not in err
    return process.returncode, out, err


# A stop is a wish.


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_ends_a_training_after_a_step_and_keeps_it(number, workers, tmp_path):
    process = started("train", "reverse", *LONG, "--workers", workers, "--run", tmp_path / "run")
    wait_until(training(tmp_path / "run"))
    os.killpg(process.pid, getattr(signal, number))  # a terminal's Ctrl-C goes to all
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert f"Stopped by {'Ctrl-C' if number == 'SIGINT' else number}; what was trained" in out
    assert len(load(tmp_path / "run").translate("abc")) == 1
    assert not (tmp_path / "run" / Claim.NAME).exists()


def test_a_signal_to_one_worker_stops_all(tmp_path):
    process = started("train", "reverse", *LONG, "--workers", 2, "--run", tmp_path / "run")
    wait_until(training(tmp_path / "run"))
    os.kill(max(set(alive(process.pid)) - {process.pid}), signal.SIGTERM)
    status, out, _ = ended(process)
    assert status == 0 and "Stopped by SIGTERM" in out
    assert (tmp_path / "run" / WEIGHTS).exists()


def test_what_was_to_be_ignored_stays_ignored(tmp_path):
    arguments = ("train", "reverse", *SMALL, "--steps", 200, "--run", tmp_path / "run")
    process = started(*arguments, before=["nohup"])
    wait_until(training(tmp_path / "run"))
    process.send_signal(signal.SIGHUP)
    status, out, _ = ended(process)
    assert status == 0 and "Stopped" not in out


def test_the_second_signal_ends_it_at_once_and_an_echo_of_the_first_does_not(monkeypatch):
    stop, now = Stop(), [10.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with stop.listening(), stop.after_a_step():
        assert not stop.asked
        signal.raise_signal(signal.SIGTERM)
        now[0] += 0.1
        signal.raise_signal(signal.SIGINT)
        assert stop.asked
        now[0] += 1
        with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
            signal.raise_signal(signal.SIGTERM)


def test_outside_of_the_steps_the_first_signal_ends_it_and_handlers_are_put_back():
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    stop = Stop()
    with pytest.raises(KeyboardInterrupt, match="SIGHUP"), stop.listening():
        signal.raise_signal(signal.SIGHUP)
    after = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert before == after


def test_a_training_in_a_thread_needs_no_signals(tmp_path):
    runs = []
    thread = threading.Thread(target=lambda: runs.append(quick_train(tmp_path / "run", steps=2)))
    thread.start()
    thread.join()
    assert runs[0].translate("abc") == load(tmp_path / "run").translate("abc")


# Nothing outlives its parent.


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_moment_no_worker_is_left_and_the_folder_is_free(seed, tmp_path):
    chance = random.Random(seed)
    process = started("train", "reverse", *SHORT, "--workers", 2, "--run", tmp_path / "run")
    time.sleep(chance.uniform(0.4, 1.6))
    process.kill()
    status, _, _ = ended(process)  # the pipes are let go, too
    assert status in (-signal.SIGKILL, 0)
    with Claim(tmp_path / "run") as folder:
        if (folder / CONFIG).exists():
            load(folder)


@pytest.mark.parametrize("rank", [0, 1])
def test_parents_death_reaches_workers_that_wait_for_one_that_does_not_come(rank, tmp_path):
    process = started("train", "reverse", *LONG, "--workers", 2, "--run", tmp_path / "run")
    wait_until(training(tmp_path / "run"))
    workers = sorted(set(alive(process.pid)) - {process.pid})
    os.kill(workers[rank], signal.SIGSTOP)  # the other one waits at the barrier
    time.sleep(0.1)
    process.kill()
    wait_until(lambda: set(alive(process.pid)) == {workers[rank]}, seconds=5)
    os.kill(workers[rank], signal.SIGCONT)
    ended(process)


def test_a_worker_that_is_killed_is_not_waited_for_nor_one_that_moves_no_more():
    def work(group):
        os.kill(os.getpid(), signal.SIGSTOP if group.rank else signal.SIGKILL)

    with pytest.raises(ChildProcessError, match="a worker .* was ended by SIGKILL"):
        workers.run_workers(2, [mg.Parameter([1.0])], work, Stop())


def test_half_a_message_is_not_waited_for(monkeypatch):
    def work(group):
        raise RuntimeError("x" * 100)

    def half(connection, message):
        os.write(connection.fileno(), b"\0\0\1\0x")  # the length, and one letter
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(Connection, "send", half)
    with pytest.raises(ChildProcessError, match="a worker .* was ended by SIGKILL"):
        workers.run_workers(2, [mg.Parameter([1.0])], work, Stop())


@pytest.mark.parametrize(
    "moment, rank",  # only the first validates
    [("start", 0), ("start", 1), ("validation", 0), ("end", 0), ("end", 1)],
)
def test_an_error_of_one_worker_ends_the_other_at_any_moment(moment, rank, tmp_path, monkeypatch):
    learn, evaluate = trainer.learn, mt.training.listeners.evaluate

    def failing(run, settings, pairs, validation_pairs, rng, group, *state):
        if moment == "start" and group.rank == rank:
            raise RuntimeError("told to fail")
        learn(run, settings, pairs, validation_pairs, rng, group, *state)
        if moment == "end" and group.rank == rank:
            raise RuntimeError("told to fail")

    def validating(*args):
        if moment == "validation" and rank == 0:
            raise RuntimeError("told to fail")
        return evaluate(*args)

    monkeypatch.setattr(trainer, "learn", failing)
    monkeypatch.setattr(mt.training.listeners, "evaluate", validating)
    with pytest.raises(ChildProcessError, match="^told to fail$"):
        quick_train(tmp_path / "run", workers=2)


def test_a_process_limit_is_said_and_no_worker_is_left(tmp_path, monkeypatch):
    fork, forks = os.fork, []

    def limited():
        if forks:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        forks.append(fork())
        return forks[-1]

    monkeypatch.setattr(os, "fork", limited)
    words = "a worker could not be started: Resource temporarily unavailable. Try fewer --workers"
    with pytest.raises(BlockingIOError, match=words):
        quick_train(tmp_path / "run", workers=2)
    with pytest.raises(ProcessLookupError):
        os.kill(forks[0], 0)
    assert not (tmp_path / "run" / CONFIG).exists()


# Two at once; and again after a start that came to nothing.


def test_of_two_trainings_in_one_folder_one_is_refused_with_a_sentence(tmp_path):
    for number in range(3):
        folder = tmp_path / str(number)
        arguments = ["train", "reverse", *SHORT, "--run", folder, "--seed"]
        two = [started(*arguments, seed) for seed in (1, 2)]
        results = [ended(process) for process in two]
        assert sorted(status for status, _, _ in results) == [0, 2]
        winner = [status for status, _, _ in results].index(0)
        assert "another training is writing into" in results[1 - winner][2]
        assert load(folder).settings["seed"] == winner + 1


def test_trainings_without_a_folder_started_at_once_get_one_each(tmp_path):
    many = [started("train", "reverse", *SMALL, "--steps", 2, cwd=tmp_path) for _ in range(3)]
    assert [ended(process)[0] for process in many] == [0, 0, 0]
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [
        "reverse",
        "reverse-2",
        "reverse-3",
    ]


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ValueError])
def test_a_start_that_failed_leaves_nothing(error, tmp_path, monkeypatch):
    def fail(*args, **settings):
        raise error("before the first step")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trainer, "_prepare", fail)
    for folder in ("run", None):
        with pytest.raises(error):
            quick_train(folder)
    monkeypatch.undo()
    assert [path for path in tmp_path.rglob("*") if path.name != "runs"] == []


def test_a_training_that_was_killed_before_its_first_save_can_be_started_again(tmp_path):
    folder = tmp_path / "run"
    late = [*SMALL, "--steps", 100_000, "--validations", 1]
    process = started("train", "reverse", *late, "--workers", 2, "--run", folder)
    wait_until(training(folder))
    os.killpg(process.pid, signal.SIGKILL)
    ended(process)
    (folder / CONFIG).unlink()  # it is written last: this is how it stood a moment before
    with pytest.raises(FileNotFoundError, match="no config.toml yet: its training has not come"):
        load(folder)
    run = quick_train(folder, steps=10)
    assert [line["step"] for line in run.log() if "loss" in line] == [5, 10]  # of this one alone
    with pytest.raises(FileExistsError, match="holds a run already"):
        quick_train(folder)


def test_a_half_written_first_save_is_no_run(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(mt.Run, "save_weights", lambda run: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OSError, match="full"):
            quick_train(tmp_path / "run")
    assert not (tmp_path / "run" / CONFIG).exists()
    quick_train(tmp_path / "run", steps=2)


# Disk and memory.


@pytest.mark.parametrize("workers", [1, 2])
def test_a_folder_that_goes_away_while_it_is_trained_into_is_named(workers, tmp_path):
    folder = tmp_path / "run"
    process = started("train", "reverse", *LONG, "--workers", workers, "--run", folder)
    wait_until(training(folder))
    folder.rename(tmp_path / "elsewhere")
    status, _, err = ended(process)
    assert status == 2
    assert str(folder) in err and "could not be written: No such file or directory" in err
    assert len(err.splitlines()) == 1


LIMITED = ["bash", "-c", 'ulimit -f 50; exec "$@"', "limited"]  # blocks of 1,024 bytes


def test_a_disk_that_is_full_is_said_with_the_file_and_what_was_there_is_kept(tmp_path):
    arguments = ["train", "reverse", *SHORT, "--d-model", 64, "--run", tmp_path / "run"]
    status, _, err = ended(started(*arguments, before=LIMITED))
    assert status == 2
    assert f"{STATE} could not be written: File too large" in err
    assert len(err.splitlines()) == 1
    assert {path.name for path in (tmp_path / "run").iterdir()} <= {LOG, "vocabularies.json"}


@pytest.mark.parametrize("workers", [1, 2])
def test_too_little_memory_is_said_in_a_sentence(workers, tmp_path, monkeypatch, capsys):
    def fail(*args):
        raise MemoryError("Unable to allocate 3.2 TiB")

    monkeypatch.setattr(trainer, "fit", fail)
    small = ["--size", "tiny", "--steps", "2", "--workers", str(workers)]
    assert cli.main(["train", "copy", *small, "--run", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert "there is not enough memory (Unable to allocate 3.2 TiB). A smaller model" in said
    assert len(said.splitlines()) == 1


def test_every_line_of_a_log_is_json_for_everybody(tmp_path):
    quick_train(tmp_path / "run", steps=10)

    def never(text):
        raise AssertionError(f"{text} is not JSON")

    for line in (tmp_path / "run" / LOG).read_text().splitlines():
        json.loads(line, parse_constant=never)
