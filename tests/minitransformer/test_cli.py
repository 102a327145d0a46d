import io
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from minitransformer import cli, tasks
from minitransformer.looking import pictures
from minitransformer.run import WEIGHTS, load

needs_matplotlib = pytest.mark.skipif(not find_spec("matplotlib"), reason="Matplotlib is missing")
COMMANDS = ["train", "translate", "evaluate", "graph", "tasks"]


@pytest.fixture
def command(capsys):
    """Run the command in this process: (exit status, lines on stdout, lines on stderr)."""

    def run(*arguments):
        try:
            status = cli.main([str(argument) for argument in arguments])
        except SystemExit as end:
            status = end.code
        printed = capsys.readouterr()
        return status, printed.out.splitlines(), printed.err.splitlines()

    return run


@pytest.fixture
def quick(monkeypatch):
    """Let a training of the command take a moment."""

    def train(task, folder, **settings):
        few = {"train_examples": 200, "validation_examples": 10, "validations": 1, "quiet": True}
        return right(task, folder, **{**settings, **few})

    right = cli.train
    monkeypatch.setattr(cli, "train", train)


def refused(result, *parts):
    """That the command ended with status 2 and one sentence with these parts, and said no more."""
    status, out, err = result
    assert status == 2
    assert out == []
    assert len(err) == 1
    assert "Traceback" not in err[0] and "Error" not in err[0]
    assert err[0].startswith("minitransformer")
    for part in parts:
        assert part in err[0]


def python_m(*arguments, **options):
    """The command as another process: `python -m minitransformer`."""
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-m", "minitransformer", *map(str, arguments)],
        **{"capture_output": True, "text": True, "encoding": "utf-8", **options},
        env={**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
    )


# Help.


def test_help_names_every_command_and_gives_examples(command):
    status, out, err = command("--help")
    text = "\n".join(out)
    assert status == 0 and err == []
    assert all(re.search(rf"^    {name}\s+[A-Z]", text, re.MULTILINE) for name in COMMANDS)
    assert "examples:\n  minitransformer train reverse" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_gives_examples_of_it(name, command):
    status, out, err = command(name, "--help")
    text = "\n".join(out)
    assert status == 0 and err == []
    assert f"examples:\n  minitransformer {name}" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_in_the_help_is_a_command_that_is_understood(name, command):
    _, out, _ = command(name, "--help")
    examples = [line.strip() for line in out if line.startswith(f"  minitransformer {name}")]
    assert examples
    for example in examples:
        words = re.findall(r'"[^"]*"|\S+', example.split("<")[0])
        cli.parser().parse_args([word.strip('"') for word in words[1:]])


# Refusals.


@pytest.mark.parametrize(
    "arguments, parts",
    [
        ([], ["COMMAND", "--help"]),
        (["fly"], ["fly", "train", "--help"]),
        (["train"], ["TASK", "minitransformer train --help"]),
        (["train", "copy", "--speed", "3"], ["--speed"]),
        (["train", "copy", "--size", "huge"], ["huge", "tiny", "paper"]),
        (["train", "copy", "--steps", "many"], ["--steps", "many"]),
        (["train", "copy", "--positions", "rotary"], ["rotary", "sinusoidal", "learned"]),
        (["evaluate", "run", "--split", "exam"], ["exam", "validation"]),
        (["translate"], ["RUN"]),
    ],
    ids=" ".join,
)
def test_a_wrong_flag_or_argument_is_said_in_a_sentence_that_points_to_help(
    arguments, parts, command
):
    refused(command(*arguments), *parts, "--help")


@pytest.mark.parametrize(
    "arguments, parts",
    [
        (["coppy"], ['no task "coppy"', 'did you mean "copy"']),
        (["copy", "--option", "colour=3"], ['no option "colour"', "symbols"]),
        (["copy", "--option", "symbols"], ["NAME=VALUE", "symbols"]),
        (["copy", "--option", "symbols="], ["NAME=VALUE", "symbols="]),
        (["copy", "--option", "=3"], ["NAME=VALUE", "=3"]),
        (["copy", "--option", "symbols=0"], ["symbols", "from 1 to 26", "0"]),
        (["copy", "--option", "symbols=few"], ["symbols", "from 1 to 26", "few"]),
        (["copy", "--option", "symbols=--3"], ["symbols", "from 1 to 26", "--3"]),
        (["copy", "--option", "symbols=²"], ["symbols", "from 1 to 26", "²"]),
        (["numbers", "--option", "largest=1000000"], ["largest", "from 1 to 999,999"]),
        (["copy", "--steps", "0"], ["steps", "above 0", "0"]),
        (["copy", "--batch-size", "-1"], ["batch_size", "above 0", "-1"]),
        (["copy", "--lr-scale", "0"], ["lr_scale", "above 0"]),
        (["copy", "--lr-scale", "nan"], ["lr_scale", "above 0", "nan"]),
        (["copy", "--dropout", "1.5"], ["dropout", "1.5"]),
        (["copy", "--label-smoothing", "2"], ["label_smoothing", "2"]),
        (["copy", "--seed", "-1"], ["seed", "-1"]),
        (["copy", "--option", "symbols=1", "--option", "longest=9"], ["copy", "validation"]),
    ],
    ids=" ".join,
)
def test_a_training_that_cannot_be_is_said_in_a_sentence_and_leaves_nothing(
    arguments, parts, command, quick, tmp_path
):
    refused(command("train", *arguments, "--run", tmp_path / "run"), *parts)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["translate", "evaluate", "graph"])
def test_a_missing_run_is_said_in_a_sentence(name, command, tmp_path):
    texts = ["abc"] if name == "translate" else []
    refused(command(name, tmp_path / "nowhere", *texts), "nowhere", "does not exist")
    refused(command(name, tmp_path, *texts), str(tmp_path), "has no config.json")


@pytest.mark.parametrize("name", ["translate", "evaluate", "graph"])
def test_damaged_weights_are_said_in_a_sentence(name, command, run_folder):
    path = run_folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:5000])
    refused(command(name, run_folder, *(["abc"] if name == "translate" else [])), str(path))


@pytest.mark.parametrize(
    "text, parts",
    [
        ("", ["the sentence is empty"]),
        ("  ", ["the sentence is empty"]),
        ("abz", ['"z" is not one of the letters']),
        ("a b", ['" " is not one of the letters']),
        ("abcde", ["5 letters", "1 to 4"]),
    ],
)
def test_a_text_that_a_run_cannot_read_is_said_in_a_sentence(text, parts, command, trained):
    refused(command("translate", trained.folder, "abc", text), *parts)
    refused(command("graph", trained.folder, "--text", text, "--output", "x.dot"), *parts)


def test_a_count_that_makes_no_sense_is_said_in_a_sentence(command, trained):
    refused(command("evaluate", trained.folder, "--count", 0), "--count has to be at least 1")
    refused(command("evaluate", trained.folder, "--count", 99_999), "different examples", "99999")
    refused(command("evaluate", trained.folder, "--seed", -1), "seed", "-1")


@pytest.mark.parametrize("output", ["graph.jpeg", "graph"])
def test_an_unknown_kind_of_picture_is_said_in_a_sentence(output, command, trained, tmp_path):
    refused(command("graph", trained.folder, "--output", tmp_path / output), output, ".svg", ".dot")
    assert list(tmp_path.iterdir()) == []


def test_a_depth_below_zero_is_said_in_a_sentence(command, trained, tmp_path):
    output = tmp_path / "x.dot"
    refused(command("graph", trained.folder, "--depth", -1, "--output", output), "depth", "-1")


def test_a_folder_that_holds_a_run_is_not_trained_into(command, run_folder):
    before = (run_folder / WEIGHTS).read_bytes()
    refused(command("train", "copy", "--run", run_folder), str(run_folder), "holds a run already")
    assert (run_folder / WEIGHTS).read_bytes() == before


def test_ctrl_c_ends_a_command_without_a_traceback(command, trained, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "evaluate", interrupted)
    status, out, err = command("evaluate", trained.folder, "--count", 5)
    assert status == 130
    assert out == [] and "".join(err) == "minitransformer: stopped by Ctrl-C"


# What the commands do.


def test_tasks_lists_every_task_with_its_options(command):
    status, out, err = command("tasks")
    text = "\n".join(out)
    assert status == 0 and err == []
    for name in tasks.names():
        assert re.search(rf"^{name} ", text, re.MULTILINE)
    assert "options: symbols=10, longest=16" in text
    assert "options: largest=999999" in text


def test_translate_writes_a_line_for_each_text(command, trained):
    texts = ["abc", "dd", "e"]
    assert command("translate", trained.folder, *texts) == (0, trained.translate(*texts), [])


def test_translate_reads_lines_from_its_input(command, trained, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("abc\n dd \n"))
    assert command("translate", trained.folder) == (0, trained.translate("abc", "dd"), [])


def test_translate_at_a_terminal_without_a_text_says_what_to_give(command, trained, monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdin", terminal)
    status, _, errors = command("translate", trained.folder)
    assert status == 2
    assert len(errors) == 1
    assert "give a text to translate" in errors[0]


def test_evaluate_says_how_many_were_right_and_shows_what_was_wrong(command, trained):
    status, out, err = command("evaluate", trained.folder, "--count", 20)
    assert status == 0 and err == []
    head = r"20 examples of the test split: exact match (\d+\.\d)%, loss \d+\.\d{4} per token"
    share = float(re.fullmatch(head, out[0])[1])
    wrong = [re.fullmatch(r"  (\w+) -> (\w*)  \(right: (\w+)\)", line) for line in out[1:]]
    assert len(wrong) == min(5, round(20 * (1 - share / 100)))
    for source, written, right in (found.groups() for found in wrong):
        assert right == source[::-1]
        assert written == trained.translate(source)[0]
        assert written != right


def test_evaluate_gives_the_same_for_the_same_seed(command, trained):
    first = command("evaluate", trained.folder, "--count", 10, "--split", "validation")
    assert command("evaluate", trained.folder, "--count", 10, "--split", "validation") == first


def test_train_makes_a_run_with_all_that_was_asked_for(command, quick, tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "save_pictures", lambda run, text: [])
    status, out, err = command(
        *("train", "copy", "--run", tmp_path / "run", "--size", "tiny", "--steps", 3, "--seed", 4),
        *("--option", "symbols=5", "--option", "longest=4", "--batch-size", 8, "--lr-scale", 0.5),
        *("--warmup-steps", 7, "--label-smoothing", 0.1, "--dropout", 0.2),
        *("--positions", "learned", "--norm-first"),
    )
    assert status == 0 and err == []
    assert out[0] == f"The run is in {tmp_path / 'run'}"
    run = load(tmp_path / "run")
    assert run.task.options() == {"symbols": 5, "longest": 4}
    expected = {"size": "tiny", "steps": 3, "seed": 4, "batch_size": 8, "lr_scale": 0.5}
    expected |= {"warmup_steps": 7, "label_smoothing": 0.1}
    assert {name: run.settings[name] for name in expected} == expected
    config = run.model.config
    assert (config.dropout, config.positions, config.norm_first) == (0.2, "learned", True)


@needs_matplotlib
def test_train_draws_the_pictures_and_says_where_they_are(command, quick, tmp_path):
    options = ["--size", "tiny", "--steps", 2, "--option", "symbols=5", "--option", "longest=4"]
    status, out, _ = command("train", "reverse", "--run", tmp_path / "run", *options)
    assert status == 0
    written = sorted((tmp_path / "run" / "pictures").iterdir())
    assert len(written) == 4
    assert sorted(out[1].removeprefix("Pictures: ").split(", ")) == [str(path) for path in written]


def test_without_matplotlib_training_succeeds_and_says_what_is_missing(
    command, quick, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # cannot be imported
    options = ["--size", "tiny", "--steps", 2, "--option", "symbols=5", "--option", "longest=4"]
    status, out, err = command("train", "reverse", "--run", tmp_path / "run", *options)
    assert status == 0 and err == []
    assert out == [
        f"The run is in {tmp_path / 'run'}",
        f"No pictures were drawn: {pictures.WITHOUT}",
    ]
    assert len(load(tmp_path / "run").translate("abc")) == 1


def test_a_training_that_diverges_is_said_in_a_sentence(command, monkeypatch):
    def diverging(*args, **settings):
        raise FloatingPointError("the training diverged: at step 3 the loss is nan")

    monkeypatch.setattr(cli, "train", diverging)
    refused(command("train", "copy"), "the training diverged: at step 3 the loss is nan")


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_graph_draws_the_loss_to_the_depth_that_was_asked_for(depth, command, trained, tmp_path):
    output = tmp_path / "new folder" / "graph.dot"
    arguments = ["--text", "ab", "--depth", depth, "--output", output]
    assert command("graph", trained.folder, *arguments) == (0, [str(output)], [])
    dot = output.read_text(encoding="utf-8")
    assert dot.startswith("digraph")
    assert "cross_entropy" in dot
    assert ("Decoder" in dot) == (depth >= 1)
    assert ("DecoderLayer" in dot) == (depth >= 2)


def test_graph_draws_into_the_run_where_nothing_else_is_said(command, run_folder):
    status, out, err = command("graph", run_folder, "--depth", 1)
    assert status == 0
    assert Path(out[-1]).parent == run_folder / "pictures"
    assert Path(out[-1]).stat().st_size > 1000


# As a process of its own.


def test_the_command_can_be_run_as_a_module(trained):
    result = python_m("translate", trained.folder, "abc", "dd")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == trained.translate("abc", "dd")


def test_texts_can_be_piped_into_the_command(trained):
    result = python_m("translate", trained.folder, input="abc\ndd\n")
    assert result.stdout.splitlines() == trained.translate("abc", "dd")


@pytest.mark.parametrize(
    "arguments", [["train", "knit"], ["evaluate", "/nowhere"], ["graph", "-x"]]
)
def test_a_refusal_is_one_line_on_stderr_and_exit_status_2(arguments):
    result = python_m(*arguments)
    refused((result.returncode, result.stdout.splitlines(), result.stderr.splitlines()))
