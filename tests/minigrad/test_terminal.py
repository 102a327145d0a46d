"""Steps in a terminal: commands over a pipe, in a real terminal, and what a script needs."""

import fcntl
import io
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
import minitransformer as mt
from minigrad.terminal import commands as terminal
from minigrad.terminal import visit

ROOT = Path(__file__).parents[2]
PATH = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
ENVIRONMENT = {**os.environ, "PYTHONPATH": PATH, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"}
ATTENTION = "encoder.layers.0.self_attention"


def neuron():
    """A loss of four ops, and x, which is used three times."""
    x = mg.Tensor(np.array([1.0, 2.0], np.float32), requires_grad=True, name="x")
    y = (x * x).named("y")
    return (y + x * 3).named("z").sum(), x


def transformer_loss():
    model = mt.Transformer(mt.TransformerConfig.tiny(9, 9, max_length=8), np.random.default_rng(0))
    ids = np.random.default_rng(1).integers(3, 9, (3, 2, 5))
    return mt.batch_loss(model, mt.Batch(*ids))


@pytest.fixture
def said(monkeypatch, capsys):
    """What the terminal says to commands, line by line, after the first line and the first card."""

    def run(loss, *commands, width=80, **how):
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{c}\n" for c in commands)))
        terminal.talk(loss, **how)
        return capsys.readouterr().out.splitlines()

    return run


def shown(lines):
    """The numbers of the steps that were shown."""
    return [int(n) for n in re.findall(r"^step (\d+) of", "\n".join(lines), re.M)]


# ---- moving


def test_it_begins_at_the_first_step_and_says_what_there_is(said):
    lines = said(neuron()[0])
    assert lines[0] == "backward of the loss, 4 ops; `help` lists the commands"
    assert shown(lines) == [1]
    assert lines[1:] == str(next(mg.step(neuron()[0]))).splitlines()


def test_next_back_and_an_empty_line(said):
    loss, x = neuron()
    assert shown(said(loss, "next", "n", "", "back", "b", "", "n")) == [1, 2, 3, 4, 3, 2, 1, 2]
    assert x.grad is None


def test_before_the_first_and_after_the_last_step_it_says_so(said):
    loss, x = neuron()
    lines = said(loss, "back", "n", "n", "n", "n", "n", "b")
    assert "this is the first step" in lines
    assert lines.count("that was the last step: every leaf has its gradient") == 2
    assert shown(lines) == [1, 2, 3, 4, 3]
    assert x.grad.tolist() == [5, 7]  # added once


def test_quitting_changes_nothing(said):
    for word in ("quit", "q", "exit"):
        loss, x = neuron()
        assert shown(said(loss, "n", word, "n")) == [1, 2]
        assert x.grad is None


def test_into_and_over_module_calls(said):
    loss = transformer_loss()
    path = [step.node.path for step in mg.step(loss, retain_graph=True)]

    def went(*commands):
        return shown(said(loss, *commands))[1:]

    assert path[:3] == ["", "output", "decoder.layers.0.norm_3"]
    assert went("into", "into", "over", "over")[:2] == [2, 3]
    (start, end) = went(f"to {ATTENTION}", "over")
    assert path[start - 1] == f"{ATTENTION}.w_o"
    assert path[end - 1] == ATTENTION  # past the call of w_o
    (start, end) = went(f"to {ATTENTION}.weights", "over")
    assert path[start - 1] == ATTENTION and all(ATTENTION in each for each in path[start : end - 1])
    assert not path[end - 1].startswith(ATTENTION)
    (start, end) = went(f"to {ATTENTION}.weights", "into")
    assert path[end - 1] == f"{ATTENTION}.w_v"
    assert all(each == ATTENTION for each in path[start - 1 : end - 1])
    assert "that was the last step: every leaf has its gradient" in said(
        loss, f"to {len(path)}", "over"
    )
    assert "no other module call comes after this op" in said(loss, f"to {len(path)}", "into")


def test_over_the_last_module_call_goes_to_the_end(said):
    loss = transformer_loss()
    *_, before, last = mg.step(loss, retain_graph=True)
    table = mg.graph_of(loss).find("src_embedding.weight").origin
    assert before.node.path == last.node.path == "src_embedding"
    table.grad = None
    lines = said(loss, f"to {before.number}", "over", "n", "b")
    assert lines.count("that was the last step: every leaf has its gradient") == 2
    assert shown(lines)[1:] == [before.number, before.number]
    assert np.array_equal(table.grad.data, last.ways[0].accumulated)


def test_to_a_tensor_a_module_an_op_or_a_number_and_on_to_the_next(said):
    loss = transformer_loss()
    numbers = [s.number for s in mg.step(loss, retain_graph=True) if s.node.label == "softmax"]
    assert shown(said(loss, "to softmax", "t softmax", "t softmax", "t softmax"))[1:] == [
        *numbers,
        numbers[0],
    ]
    assert shown(said(loss, "to 7", "to 3"))[1:] == [7, 3]
    lines = said(loss, "to score", "to", "to 0")
    assert shown(lines) == [1]
    assert any("is named 'score'; there is" in line for line in lines)
    assert "write `to NAME`" in lines and "there is no step 0: they are 1 to 73" in lines


def test_it_can_begin_at_a_place_and_go_back_before_it(said):
    loss = transformer_loss()
    first = shown(said(loss, until=f"{ATTENTION}.weights"))
    assert shown(said(loss, "b", until=f"{ATTENTION}.weights"))[1:] == [first[0] - 1]
    with pytest.raises(ValueError, match="is named 'nowhere'"):
        said(loss, until="nowhere")


def test_steps_that_were_not_kept_are_made_again(said, monkeypatch):
    kept = said(transformer_loss(), "to 40", "to 3", "to 5", "n", "to 41", "b")
    monkeypatch.setattr(visit, "KEPT", 10_000)
    assert said(transformer_loss(), "to 40", "to 3", "to 5", "n", "to 41", "b") == kept
    seen = visit.Visit(transformer_loss(), forward=False)
    seen.step(70)
    assert len(seen.kept) < 70 and seen.bytes <= 10_000


# ---- looking


def test_print_shows_value_and_gradient_so_far(said):
    def printed(*commands):
        return [" ".join(line.split()) for line in said(neuron()[0], *commands)]

    assert "gradient not computed yet" in printed("p y")
    lines = printed("n", "n", "n", "p x", "p y")
    assert lines[lines.index("x") + 1 :][:4] == [
        "shape (2,) float32",
        "value [1. 2.]",
        "gradient by 3 of 3 ways",
        "[5. 7.]",
    ]
    assert lines[lines.index("y") + 2] == "value [1. 4.]"
    early = printed("n", "n", "p x")
    assert early[early.index("gradient by 1 of 3 ways") + 1] == "[3. 3.]"
    back = printed("n", "n", "n", "b", "p x")  # as of the step that is shown
    assert "gradient by 1 of 3 ways" in back and "gradient by 3 of 3 ways" not in back


def test_print_finds_a_name_of_the_module_it_is_in(said):
    loss = transformer_loss()
    lines = said(loss, "print scores", f"to {ATTENTION}.weights", "print scores")
    assert lines.count(f"{ATTENTION}.scores") == 1
    assert any(line.startswith("'scores' fits 3 tensors") for line in lines)
    assert any("no tensor of this graph is named 'sores'" in line for line in said(loss, "p sores"))


def test_print_takes_an_argument_of_the_op_where_no_tensor_has_its_name(said):
    loss = (mg.exp(mg.Tensor([0.0], requires_grad=True)) * 3).sum()
    lines = said(loss, "to mul", "p a")
    assert lines[lines.index("exp") :][1:4] == [
        "  shape    (1,) float32",
        "  value    [1.]",
        "  gradient by 1 of 1 ways",
    ]


def test_print_of_a_constant_says_nothing_of_a_gradient(said):
    x = mg.Tensor([1.0], requires_grad=True)
    lines = said((x * mg.Tensor([5.0], name="c")).sum(), "p c")
    assert "  value    [5.]" in lines and "gradient" not in lines[lines.index("c")]
    assert not any("gradient" in line for line in lines[lines.index("c") :])


def test_draw_makes_a_picture_of_what_was_visited(said, tmp_path):
    loss, _ = neuron()
    few, every = tmp_path / "few.dot", tmp_path / "every.dot"
    said(loss, "n", f"draw {few}", "n", "n", f"draw {every}")
    assert [word in few.read_text() for word in ("sum", "add", "mul 3", ">x<")] == [1, 1, 1, 0]
    assert [word in every.read_text() for word in ("sum", "add", "mul 3", ">x<")] == [1, 1, 1, 1]
    lines = said(loss, f"draw {tmp_path / 'x.jpeg'}", f"draw {tmp_path / 'no' / 'x.dot'}")
    assert any("cannot draw to 'x.jpeg'" in line for line in lines)
    why = f"'{tmp_path / 'no' / 'x.dot'}' could not be written: No such file or directory"
    assert why.replace(" ", "") in "".join(lines).replace(" ", "")  # in as many lines as it takes


def test_check_shows_both_numbers_of_every_rule(said):
    lines = said(neuron()[0], "to mul", "check")
    at = lines.index("rule da of mul 3")
    assert lines[at + 1].split() == "check every entry moved a little: agrees".split()
    assert [line.split() for line in lines[at + 2 : at + 5]] == [
        "at by the rule by differences".split(),
        ["[0]", "3", "3"],
        ["[1]", "3", "3"],
    ]


def test_source_shows_the_line_and_the_op_with_its_rules(said):
    text = "\n".join(said(neuron()[0], "to mul", "source"))
    assert re.search(r"-> +\d+      return \(y \+ x \* 3\)", text)
    assert "elementwise.py" in text and "def mul(a: Array, b: Array):" in text
    assert "return a * b, da, db" in text


def test_list_and_where_say_where_it_is(said):
    lines = said(neuron()[0], "n", "list", "where")
    at = lines.index("->    2 add -> z")
    assert lines[at - 1 : at + 3] == [
        "      1 sum",
        "->    2 add -> z",
        "      3 mul 3",
        "      4 mul -> y",
    ]
    assert shown(lines) == [1, 2, 2]


def test_forward_it_walks_the_computation(said):
    loss, x = neuron()
    lines = said(loss, "n", "n", "n", "check", "n", "p y", forward=True)
    assert lines[0].startswith("the computation of the loss, 4 ops")
    assert [line for line in lines if line.startswith("step")][0] == "step 1 of 4: mul -> y"
    assert "on the way forward no rule is used, so there is none to check" in lines
    assert "that was the last step" in lines and x.grad is None
    assert not any("gradient" in line for line in lines)


def test_an_unknown_command_says_what_there_is(said):
    lines = " ".join(said(neuron()[0], "nxt", "42", "next 3", "help"))
    assert "no command 'nxt'; did you mean next?" in lines and "no command '42'." in lines
    assert "There are next, back, into, over, to, print, draw, check" in lines
    assert "write `next`" in lines


def test_help_lists_every_command(said):
    lines = said(neuron()[0], "help")
    for each in terminal.COMMANDS.values():
        assert any(line.startswith(f"{each.usage}, {each.short} ") for line in lines)


def test_an_error_in_a_rule_is_said_and_the_way_back_is_open(said):
    @mg.op
    def broken(x):
        def dx(g):
            raise ValueError("this rule is broken")

        return x * 2, dx

    x = mg.Tensor([1.0], requires_grad=True)
    lines = said(broken(x * 1).sum(), "n", "n", "b", "w")
    assert "this rule is broken" in lines and "step 2 has failed, so there is no way on" in lines
    assert shown(lines) == [1, 1]


@pytest.mark.parametrize("width", [40, 57, 80])
def test_nothing_is_wider_than_the_terminal(said, width, tmp_path):
    commands = ["help", "list", "w", "source", "check", "nope", "to nope", "p Q", "p w_q.weight"]
    for how in ({}, {"forward": True}):
        lines = said(
            transformer_loss(), f"to {ATTENTION}.scores", *commands, "draw x.y", width=width, **how
        )
        assert max(map(len, lines)) <= width


def test_a_tensor_that_nothing_made_is_refused():
    x = mg.Tensor([1.0], requires_grad=True)
    with pytest.raises(ValueError, match="the loss was computed by no op"):
        terminal.talk(x)
    with pytest.raises(RuntimeError, match="depends on nothing"):
        terminal.talk(mg.Tensor([1.0]).sum())


# ---- python -m minigrad.step

SCRIPT = """
import sys

import minigrad as mg

print("given", sys.argv[1:], __name__, __file__ == sys.argv[0])
x = mg.Tensor([1.0, 2.0], requires_grad=True, name="x")
loss = (x * x).sum()
other = (x * 3).sum()
number = 5
if "fail" in sys.argv:
    {}["missing"]
if "backward" in sys.argv:
    loss.backward()
if "leave" in sys.argv:
    sys.exit(7)
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


def run(*arguments, text="", **options):
    """`python -m minigrad.step`, with commands on standard input: status, output, errors."""
    done = subprocess.run(
        [sys.executable, "-m", "minigrad.step", *map(str, arguments)],
        input=text,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        **{"env": ENVIRONMENT, **options},
    )
    return done.returncode, done.stdout, done.stderr


def test_a_script_is_run_as_main_with_its_own_arguments(script):
    status, out, err = run(script, "--size", "3", text="n\nn\nnope\n")
    assert (status, err) == (0, "")
    assert out.startswith("given ['--size', '3'] __main__ True\nbackward of loss, 2 ops;")
    assert shown(out.splitlines()) == [1, 2]
    assert "every leaf has its gradient" in out and terminal.PROMPT not in out


def test_another_variable_can_be_named(script):
    status, out, err = run("--until", "mul", f"{script}:other")
    assert (status, err) == (0, "") and "step 2 of 2: mul 3" in out
    status, out, err = run("--forward", f"{script}:other")
    assert (status, err) == (0, "") and "step 1 of 2: mul 3" in out


def refused(result, *parts):
    status, out, err = result
    assert status == 2 and err.startswith("minigrad.step: ") and err.count("\n") == 1
    assert "Traceback" not in out + err
    for part in parts:
        assert part in err


def test_what_cannot_be_stepped_through_is_said_in_a_sentence(script, tmp_path):
    refused(run(tmp_path / "nowhere.py"), "there is no script", "nowhere.py")
    refused(run(f"{script}:lost"), "'lost' is not there", "loss, other", "script.py:NAME")
    refused(run(f"{script}:number"), "'number' is of type int, no Tensor")
    refused(run(f"{script}:x"), "x was computed by no op")
    refused(run(script, "backward"), "gone backward from loss itself", "retain_graph=True")
    refused(run("--until", "mull", script), "is named 'mull'; there is mul")


def test_an_error_of_the_script_is_shown_with_its_own_part_of_the_traceback(script):
    status, out, err = run(script, "fail")
    assert status == 1 and err.startswith("Traceback (most recent call last):\n  File ")
    assert err.count("File ") == 1 and str(script) in err and err.endswith("KeyError: 'missing'\n")
    script.write_text("loss = (")
    status, out, err = run(script)
    assert status == 1 and "was never closed" in err and "minigrad" not in err


def test_a_script_that_exits_with_an_error_ends_there(script):
    status, out, err = run(script, "leave")
    assert (status, err) == (7, "") and "backward of" not in out


def test_a_reader_that_leaves_ends_it_without_a_word(script):
    command = f"yes n | {sys.executable} -m minigrad.step {script} | head -2"
    done = subprocess.run(
        ["sh", "-c", command], env=ENVIRONMENT, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == "" and done.stdout.count("\n") == 2


# ---- a real terminal


class Terminal:
    """A script that is stepped through in a terminal of its own, and what it has written there."""

    def __init__(self, script, columns):
        self.ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        environment = {**ENVIRONMENT, "TERM": "dumb"}
        del environment["COLUMNS"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "minigrad.step", str(script)],
            **dict.fromkeys(["stdin", "stdout", "stderr"], theirs),
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self.text = ""

    def until(self, end):
        """Read on, up to and including `end`."""
        begin, deadline = len(self.text), time.monotonic() + 30
        while end not in self.text[begin:]:
            assert time.monotonic() < deadline, self.text
            if select.select([self.ours], [], [], 0.1)[0]:
                self.text += os.read(self.ours, 4096).decode()
        return self.text[begin:]

    def type(self, keys):
        time.sleep(0.3)  # Python loses a Ctrl-C that comes between the prompt and its first wait
        os.write(self.ours, keys.encode())

    def ended(self):
        """The exit status, once nothing more is written."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if select.select([self.ours], [], [], 0.1)[0]:
                    self.text += os.read(self.ours, 4096).decode()
            except OSError:  # the other end is closed
                break
        os.close(self.ours)
        return self.process.wait(30)


@pytest.mark.parametrize("key", ["\x03", "\x04", "quit\n"], ids=["Ctrl-C", "Ctrl-D", "quit"])
def test_in_a_terminal_it_asks_and_leaves_quietly(script, key):
    window = Terminal(script, columns=40)
    window.until(terminal.PROMPT)
    window.type("next\n")
    answer = window.until(terminal.PROMPT)
    assert "step 2 of 2: mul" in answer
    window.type(key)
    assert window.ended() == 0
    assert "Traceback" not in window.text
    assert max(map(len, window.text.replace("\r", "").splitlines())) <= 40 + len(terminal.PROMPT)
