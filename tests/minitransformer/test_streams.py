"""Showing can fail, and the work goes on."""

import io
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from processes import ENVIRONMENT, PYTHON, started
from toy_models import quick_train
from tqdm import tqdm

from minitransformer import streams
from minitransformer.run import load
from minitransformer.streams import reason, settle_streams, show
from minitransformer.training.listeners import Pace, ProgressBar
from minitransformer.training.loop import Step
from minitransformer.training.parallel import LAUNCHERS

ASCII = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
FEW = "--size tiny --steps 4 --validations 2 --validation-examples 8 --train-examples 90".split()
NUMBERS = ["train", "numbers", "--option", "largest=99", *FEW]


def shell(line, *arguments, **options):
    """What bash makes of `line`, in which "$@" is the command with these arguments."""
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}", "bash", *PYTHON, *map(str, arguments)],
        **{"capture_output": True, "env": ENVIRONMENT, "timeout": 60, **options},
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_letters_that_an_encoding_lacks_are_shown_by_number_and_the_files_are_utf_8(
    workers, tmp_path
):
    folder = tmp_path / "zéro"
    arguments = [*NUMBERS, "--workers", workers, "--run", folder]
    process = started(*arguments, env={**ENVIRONMENT, **ASCII}, encoding="ascii")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "The run is in " in out
    assert "zéro" in (folder / "vocabularies.json").read_text(encoding="utf-8")
    assert load(folder).log()


LINES = ['"$@" | head -1', '"$@" <&- >&- 2>&-', '"$@" 2>&-', '"$@" > /dev/full 2>&1']


@pytest.mark.parametrize(
    "line, workers", [*((line, 1) for line in LINES), *((line, 2) for line in LINES[:2])]
)
def test_a_training_whose_streams_fail_goes_on(line, workers, tmp_path):
    result = shell(line, *NUMBERS, "--workers", workers, "--run", tmp_path / "run")
    assert (result.returncode, result.stderr) == (0, b"")
    assert [line["step"] for line in load(tmp_path / "run").log() if "exact_match" in line] == [
        2,
        4,
    ]
    for name in ("config.toml", "log.jsonl"):  # nothing that was to be shown went into a file
        assert b"validation loss" not in (tmp_path / "run" / name).read_bytes()


def test_a_reader_who_leaves_ends_a_command_quietly(trained):
    many = ["abcd"] * 2000
    for line, seen in (('"$@" | head -1', 1), ('"$@" | true', 0)):
        result = shell(line, "translate", trained.folder, *many)
        assert result.stderr == b""
        assert len(result.stdout.splitlines()) == seen
        assert result.returncode in (0, 141)  # as of any command in a pipe
    assert shell('"$@" | true', "--help").stderr == b""


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_that_cannot_be_written_is_said_with_its_name(unbuffered, trained):
    environment = {**ENVIRONMENT, "PYTHONUNBUFFERED": unbuffered}
    arguments = ["translate", trained.folder, "abc"]
    result = shell('"$@" > /dev/full', *arguments, env=environment)
    assert result.returncode == 2
    said = result.stderr.decode().splitlines()
    assert said == ["minitransformer: standard output: [Errno 28] No space left on device"]


def test_an_argument_is_utf_8_also_where_the_encoding_is_ascii(trained):
    process = started("translate", trained.folder, "é", env={**ENVIRONMENT, **ASCII})
    _, err = process.communicate(timeout=60)
    assert (process.returncode, "not one of the letters" in err) == (2, True)
    process = started("translate", trained.folder, "\udce9", env={**ENVIRONMENT, **ASCII})
    _, err = process.communicate(timeout=60)
    assert (process.returncode, "not UTF-8" in err) == (2, True)


@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
def test_a_closed_stream_is_no_reason_to_fail(stream, trained):
    closed = {"stdin": "<&-", "stdout": ">&-", "stderr": "2>&-"}[stream]
    result = shell(f'"$@" {closed}', "translate", trained.folder, "abc")
    assert (result.returncode, result.stderr) == (0, b"")


# In Python.


class Broken(io.StringIO):
    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")

    def flush(self):
        self.write("")

    def isatty(self):
        return True


@pytest.mark.parametrize("stream", [None, Broken()], ids=["None", "broken"])
def test_train_needs_no_stream(stream, tmp_path, monkeypatch):
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, stream)
    run = quick_train(tmp_path / "run", steps=2, quiet=False)
    assert len(run.log()) == 5


class GoesAway(Broken):
    gone = False

    def write(self, text):
        return super().write(text) if self.gone else len(text)


def test_a_bar_on_a_terminal_that_goes_away_is_no_reason_to_fail(monkeypatch):
    terminal = GoesAway()
    monkeypatch.setattr(sys, "stderr", terminal)
    bar = ProgressBar(10, pace := Pace(), hidden=False)
    terminal.gone = True
    for number in range(1, 11):
        pace(step := Step(number, 1.0, 1.0, 1.0, 10, 0.2))
        bar.bar.last_print_t = 0  # shown each time
        bar(step)
    bar.__exit__()
    with ThreadPoolExecutor(1) as another_thread:
        assert another_thread.submit(tqdm.get_lock().acquire, timeout=5).result()
    tqdm.set_lock(threading.RLock())  # that thread has not let it go


def test_what_is_shown_is_written(capsys):
    show("zéro")
    show("to whom", to="stderr")
    assert capsys.readouterr() == ("zéro\n", "to whom\n")


def test_a_stream_that_failed_is_replaced_by_one_that_leads_nowhere(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Broken())
    show("x")
    print("nobody reads this")
    assert settle_streams() == []
    assert not streams.is_terminal(sys.stdout)


@pytest.mark.parametrize(
    "error, said",
    [
        (ValueError("what\n was wrong"), "what was wrong"),
        (AssertionError(), "AssertionError"),
        (MemoryError(), "there is not enough memory (it is used up). A smaller model"),
        (OSError(12, "Cannot allocate memory"), "there is not enough memory ([Errno 12] Cannot"),
        (KeyboardInterrupt(), "stopped by Ctrl-C"),
        (KeyboardInterrupt("SIGTERM"), "stopped by SIGTERM"),
    ],
    ids=str,
)
def test_an_error_is_a_sentence_in_one_line(error, said):
    assert reason(error).startswith(said)
    assert "\n" not in reason(error)


def test_no_command_but_those_that_draw_imports_matplotlib(trained):
    script = "; ".join(
        [
            "import sys",
            "from minitransformer import cli",
            f"cli.main(['translate', {str(trained.folder)!r}, 'abc'])",
            f"cli.main(['evaluate', {str(trained.folder)!r}, '--count', '3'])",
            "cli.main(['tasks'])",
            "sys.exit(any(name in sys.modules for name in ('matplotlib', 'mpi4py')))",
        ]
    )
    result = subprocess.run([sys.executable, "-c", script], env=ENVIRONMENT, capture_output=True)
    assert (result.returncode, result.stderr) == (0, b"")


def test_mpi_is_asked_only_where_a_launcher_has_left_its_mark():
    script = (
        "import sys; from minitransformer.training.parallel import started_by_mpi; "
        "started_by_mpi(); sys.exit('mpi4py' in sys.modules)"
    )
    bare = {name: value for name, value in ENVIRONMENT.items() if not name.startswith(LAUNCHERS)}
    assert subprocess.run([sys.executable, "-c", script], env=bare).returncode == 0
