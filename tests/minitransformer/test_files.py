"""Files are written whole, by one process at a time, and errors name them."""

import errno
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest
from processes import ENVIRONMENT

from minitransformer import files
from minitransformer.files import Claim, append_line, write_whole

fork = multiprocessing.get_context("fork")


# The claim to a folder.


def test_a_folder_that_is_claimed_cannot_be_claimed_again_until_it_is_let_go(tmp_path):
    folder = tmp_path / "run"
    with Claim(folder):
        with pytest.raises(FileExistsError, match="another training is writing into .*run: wait"):
            Claim(folder)
        (folder / "weights.npz").touch()
    with Claim(folder):
        pass
    assert [path.name for path in folder.iterdir()] == ["weights.npz"]


def test_a_folder_that_was_made_for_nothing_is_removed_and_one_that_was_there_stays(tmp_path):
    with Claim(tmp_path / "deep" / "run"):
        assert (tmp_path / "deep" / "run").is_dir()
    assert not (tmp_path / "deep" / "run").exists()
    (tmp_path / "mine").mkdir()
    with pytest.raises(RuntimeError), Claim(tmp_path / "mine"):
        raise RuntimeError
    assert list((tmp_path / "mine").iterdir()) == []


def test_a_folder_that_is_gone_can_still_be_let_go(tmp_path):
    with Claim(tmp_path / "run") as folder:
        (folder / Claim.NAME).unlink()
        folder.rmdir()
    assert list(tmp_path.iterdir()) == []


def test_a_new_folder_is_made_and_never_found(tmp_path):
    with Claim(tmp_path / "run", new=True):
        pass
    (tmp_path / "run").mkdir()
    with pytest.raises(FileExistsError, match="is there already"):
        Claim(tmp_path / "run", new=True)


def test_a_file_is_no_folder_and_a_place_without_permission_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError, match="file is there already, or is no folder"):
        Claim(tmp_path / "file")
    with pytest.raises(NotADirectoryError, match="the folder .*inside could not be made"):
        Claim(tmp_path / "file" / "inside")

    def refuse(*args):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(PermissionError, match="the folder .*x could not be made: Permission den"):
        Claim(tmp_path / "x")


def claim_again_and_again(folder, inside, barrier, times):
    barrier.wait()
    had = 0
    while had < times:
        try:
            claim = Claim(folder)
        except FileExistsError:
            continue
        with claim:
            os.close(os.open(inside, os.O_CREAT | os.O_EXCL))  # fails if there is another
            time.sleep(0.0002)
            os.unlink(inside)
        had += 1


def test_of_many_processes_that_claim_and_remove_one_folder_never_two_have_it(tmp_path):
    arguments = (tmp_path / "run", tmp_path / "inside", fork.Barrier(4), 20)
    many = [fork.Process(target=claim_again_and_again, args=arguments) for _ in range(4)]
    for each in many:
        each.start()
    for each in many:
        each.join(60)
    assert [each.exitcode for each in many] == [0] * 4
    left = [path.name for path in tmp_path.rglob("*")]
    assert left in ([], ["run"])  # a folder that another was just claiming stays, empty


HOLD = """
import sys, time, pathlib
from minitransformer.files import Claim, write_whole
def slowly(file):
    file.write(b"half")
    print("writing", flush=True)
    time.sleep(60)
with Claim(pathlib.Path(sys.argv[1])) as folder:
    write_whole(folder / "weights.npz", slowly)
"""


def test_a_process_that_was_killed_claims_nothing_and_what_it_was_writing_is_removed(tmp_path):
    command = [sys.executable, "-c", HOLD, tmp_path / "run"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=ENVIRONMENT) as process:
        assert process.stdout.readline() == b"writing\n"
        with pytest.raises(FileExistsError, match="another training"):
            Claim(tmp_path / "run")
        process.send_signal(signal.SIGKILL)
    assert len(list((tmp_path / "run").iterdir())) == 2
    with Claim(tmp_path / "run") as folder:
        assert [path.name for path in folder.iterdir()] == [Claim.NAME]


class NoLocks:
    """fcntl on a file system that has none."""

    LOCK_EX = LOCK_NB = 0

    @staticmethod
    def flock(file, how):
        raise OSError(errno.ENOLCK, "No locks available")


@pytest.mark.parametrize("fcntl", [None, NoLocks], ids=["no fcntl", "no locks"])
def test_without_locks_the_file_is_the_claim(fcntl, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "fcntl", fcntl)
    with Claim(tmp_path / "run"):
        with pytest.raises(FileExistsError, match=f"remove .*{Claim.NAME}"):
            Claim(tmp_path / "run")
    with Claim(tmp_path / "run"):
        pass
    assert list(tmp_path.iterdir()) == []


# Errors name the file.


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), None])
def test_an_error_of_writing_names_the_file_and_keeps_its_kind(error, tmp_path, monkeypatch):
    if error is None:  # the folder is gone
        folder, kind, why = tmp_path / "gone", FileNotFoundError, "No such file"
    else:
        folder, kind, why = tmp_path, OSError, "No space left"

        def full(file):
            raise error

        monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(kind, match=f"weights.npz could not be written: {why}"):
        write_whole(folder / "weights.npz", lambda file: file.write(b"x"))
    assert list(tmp_path.iterdir()) == []
    if error is None:
        with pytest.raises(kind, match=f"log.jsonl could not be written: {why}"):
            append_line(folder / "log.jsonl", "x")


def test_a_real_full_disk_is_named():
    full = "/dev/full"
    if not os.path.exists(full):
        pytest.skip("no /dev/full")
    with pytest.raises(OSError, match="/dev/full could not be written: No space left"):
        with files.naming(full), open(full, "wb") as file:
            file.write(b"x")


# Lines.


def test_a_line_after_one_that_was_half_written_is_whole(tmp_path):
    path = tmp_path / "log"
    for line in ("one", "zéro"):
        append_line(path, line)
    with open(path, "ab") as file:
        file.write(b"ha")
    append_line(path, "three")
    assert path.read_bytes().decode().split("\n") == ["one", "zéro", "ha", "three", ""]


@pytest.mark.parametrize("content", [b"", b"\n", b"x\n", b"x"])
def test_a_line_begins_on_a_line_of_its_own(content, tmp_path):
    path = tmp_path / "log"
    path.write_bytes(content)
    for line in itertools.islice(itertools.repeat("y"), 2):
        append_line(path, line)
    assert path.read_bytes().endswith(b"\ny\ny\n") or path.read_bytes() == b"y\ny\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(pipe, lambda file: file.write(b"whole"))
        assert os.read(reader, 10) == b"whole" and pipe.is_fifo()
    finally:
        os.close(reader)
