"""How the files of a run are written and read: whole or not at all, written by one process at a
time, and with errors that name the file."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

fcntl: Any = None
with suppress(ImportError):  # not on every system
    import fcntl

UNFINISHED = ".unfinished"  # ends the name of a file that is being written


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write(file)` write the file under a name of its own, and put it in place when it is
    whole. What stood there before stays as it is when anything fails, be it the power. What is no
    file of a disk, as /dev/null or a pipe, is written to, and never replaced."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        with naming(path), open(path, "wb") as file:
            write(file)
        return
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}{UNFINISHED}")
    with naming(path):
        try:
            with open(unfinished, "xb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
    _settle_folder(path.parent)


def _settle_folder(folder: Path) -> None:
    """Let the disk know the names in a folder: only then is a file in place for good."""
    with suppress(OSError):  # a system, or a file system, that opens or settles no folder
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def append_line(path: Path, line: str) -> None:
    """Add a line to a file of lines. One that was only half written, by a process that was killed,
    stays a line of its own."""
    with naming(path), open(path, "a+b") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            line = line if file.read() == b"\n" else "\n" + line
        file.write(f"{line}\n".encode())


def read_bytes(path: Path) -> bytes:
    """What is in a file of a run. Raises OSError, with its name."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: OSError) -> OSError:
    """What to say of a file of a run that may be in the best of health."""
    if isinstance(error, FileNotFoundError):
        return FileNotFoundError(f"{path} is missing, so this run cannot be used")
    leave = ". Its owner can let you (chmod)" if isinstance(error, PermissionError) else ""
    return type(error)(f"{path} cannot be read: {error.strerror or error}{leave}")


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Errors of the system say which file could not be written: a full disk does not."""
    try:
        yield
    except OSError as error:
        raise type(error)(f"{path} could not be written: {error.strerror or error}") from error


class Claim:
    """The right to write into a folder, which one process at a time has; used in a `with`.

    A folder that is not there is made, and removed at the end if nothing was put into it. `new`
    makes it in any case. Raises FileExistsError when it is there all the same, or claimed already.

    The claim is a lock of the system (flock) on a file in the folder, which is held as long as this
    process, or a worker that it forked, has that file open: so one that died, however it died,
    claims nothing. Where there is no such lock, the claim is that the file was made; that one
    stays behind when the process is killed, and the error says to remove it.
    """

    NAME = ".claimed"

    def __init__(self, folder: Path, new: bool = False):
        self.folder, self.path = folder, folder / self.NAME
        while not self._claim(new):  # another is just removing what it made
            pass
        self._sweep()

    def _claim(self, new: bool) -> bool:
        self.made = self._make(new)
        try:
            with naming(self.path):
                self.file, created = self._open()
        except FileNotFoundError:
            return False
        if not self._lock(created):
            os.close(self.file)
            raise FileExistsError(
                f"another training is writing into {self.folder}: wait until it has ended, or name "
                f"another folder. If no training is running, remove {self.path}"
            )
        if self._in_place():
            return True
        os.close(self.file)
        return False

    def _make(self, new: bool) -> bool:
        """Whether this process has made the folder."""
        try:
            self.folder.mkdir(parents=True)
        except FileExistsError:
            if self.folder.is_dir() and not new:
                return False
            raise FileExistsError(f"{self.folder} is there already, or is no folder") from None
        except OSError as error:
            why = error.strerror or error
            raise type(error)(f"the folder {self.folder} could not be made: {why}") from error
        return True

    def _open(self) -> tuple[int, bool]:
        """The open file, and whether this process has made it."""
        try:
            return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), True
        except FileExistsError:
            return os.open(self.path, os.O_RDWR), False

    def _lock(self, created: bool) -> bool:
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except (AttributeError, OSError):  # no fcntl, or a file system without locks
            return created
        return True

    def _in_place(self) -> bool:
        """Whether the file is the one that others find, and not one that was removed meanwhile."""
        try:
            return os.path.samestat(os.fstat(self.file), os.stat(self.path))
        except FileNotFoundError:
            return False

    def _sweep(self) -> None:
        """Remove what a process that was killed was writing: nobody else writes here now."""
        for where in (".", "*"):  # the folder, and those in it
            for unfinished in self.folder.glob(f"{where}/.*{UNFINISHED}"):
                unfinished.unlink(missing_ok=True)

    def __enter__(self) -> Path:
        return self.folder

    def __exit__(self, *error: Any) -> None:
        if fcntl is None:  # such a system removes no file that is open
            os.close(self.file)
        with suppress(OSError):  # the folder may be gone
            self._sweep()
            self.path.unlink()  # before the lock goes, lest it be another's by then
            if self.made:
                self.folder.rmdir()  # fails if there is something in it, as there should be
        if fcntl is not None:
            os.close(self.file)
