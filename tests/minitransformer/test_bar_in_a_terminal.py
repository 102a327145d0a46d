"""What somebody sees at a terminal, over a real pseudo-terminal of a known width."""

import os
import re
import struct
import subprocess
import time
from contextlib import suppress

import pytest
from processes import ENVIRONMENT, PYTHON, SMALL

fcntl = pytest.importorskip("fcntl")
pty = pytest.importorskip("pty")
termios = pytest.importorskip("termios")


def at_a_terminal(width, *arguments, press=None, after=b""):
    """All bytes that a terminal of `width` columns gets from the command; the keys in `press` are
    pressed when `after` was shown."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    environment = {name: each for name, each in ENVIRONMENT.items() if name != "COLUMNS"}
    process = subprocess.Popen(
        [*PYTHON, *map(str, arguments)],
        env={**environment, "TERM": "xterm"},
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C is a signal
    )
    os.close(its)
    shown = b""
    with suppress(OSError):  # how Linux says that nobody has it open any more
        while block := os.read(ours, 1 << 16):
            shown += block
            if press and after in shown:
                time.sleep(0.2)
                os.write(ours, press)
                press = None
    os.close(ours)
    return process.wait(timeout=60), shown.decode()


def screen(shown, width):
    """The lines that stand on such a terminal in the end, without spaces behind them, and those
    that the terminal had to break."""
    lines, row, column = [""], 0, 0
    broken = []
    assert "\x1b" not in shown  # this terminal knows no more than the two below
    for character in shown:
        if character == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif character == "\r":
            column = 0
        else:
            if column == width:  # one that is full breaks when more comes
                broken.append(lines[row])
                row, column = row + 1, 0
                lines += [""] * (row == len(lines))
            line = lines[row].ljust(column)
            lines[row] = line[:column] + character + line[column + 1 :]
            column += 1
    return [line.rstrip() for line in lines], broken


@pytest.mark.parametrize("width, workers", [(80, 1), (50, 2)])
def test_after_ctrl_c_the_bar_stands_there_once_and_no_line_is_broken(width, workers, tmp_path):
    folder = tmp_path / ("a-long-name/" * 5) / "run"
    settings = [*SMALL, "--steps", 100_000, "--validations", 2_000, "--workers", workers]
    status, shown = at_a_terminal(
        width, "train", "reverse", *settings, "--run", folder, press=b"\x03", after=b"step 100:"
    )
    lines, broken = screen(shown, width)
    assert (status, broken) == (0, [])
    assert "^C" in shown
    assert len([line for line in lines if re.search(r"%\||step/s", line)]) == 1
    losses = [line for line in lines if line.startswith("step ")]
    assert len(losses) >= 2 and all(re.search(r"%( *\^C)?$", line) for line in losses)
    assert any(line.startswith("Stopped by Ctrl-C") for line in lines)


@pytest.mark.parametrize("keys", [b"abc\r\r", b"abc\r\x04", b"\x03"], ids=repr)
def test_a_prompt_translates_what_is_typed_and_ends_when_it_is_told_to(keys, trained):
    status, shown = at_a_terminal(
        80, "translate", trained.folder, "--interactive", press=keys, after=b"> "
    )
    assert status == 0
    typed = keys.startswith(b"abc")
    assert (f"\n{trained.translate('abc')[0]}\r\n> " in shown) == typed
    assert "Traceback" not in shown and shown.endswith("\n")
