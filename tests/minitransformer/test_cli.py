import io
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from minitransformer import cli, tasks
from minitransformer.commands import evaluate as evaluate_command
from minitransformer.commands import train as train_command
from minitransformer.looking import pictures
from minitransformer.looking.drawing import WITHOUT
from minitransformer.run import WEIGHTS, load
from minitransformer.tasks.copy import Copy
from minitransformer.tasks.task import registered
from minitransformer.text import showing
from minitransformer.text.specials import UNKNOWN
from minitransformer.training import metrics

needs_matplotlib = pytest.mark.skipif(not find_spec("matplotlib"), reason="Matplotlib is missing")
COMMANDS = [
    "train",
    "translate",
    "evaluate",
    "vocab",
    "attention",
    "graph",
    "step",
    "tasks",
    "export",
    "import",
]


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
        few = {"train_examples": 200, "validation_examples": 10, "validations": 1}
        return right(task, folder, **{**settings, **few})

    right = train_command.train
    monkeypatch.setattr(train_command, "train", train)


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


def python_m_open(*arguments):
    """The command as a process that is spoken with."""
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-m", "minitransformer", *map(str, arguments)],
        **dict.fromkeys(["stdin", "stdout", "stderr"], subprocess.PIPE),
        cwd=root,
        text=True,
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
        (["train", "copy", "--speed", "3"], ["--speed", "minitransformer train --help"]),
        (["train", "copy", "--batchsize", "3"], ["did you mean --batch-size?", "train --help"]),
        (["train", "copy", "--heads=3"], ["did you mean --num-heads?"]),
        (["train", "copy", "--learning-rate", "3"], ["did you mean --lr?"]),
        (["train", "copy", "--layers", "3"], ["did you mean --num-encoder-layers?"]),
        (["train", "copy", "--lr-s", "3"], ["did you mean --lr-scale?"]),
        (["translate", "run", "--task", "3"], ["did you mean --task-file?", "translate --help"]),
        (["graph", "run", "--outptu", "3"], ["did you mean --output?", "graph --help"]),
        (["translate", "run", "--" + "x" * 5000], ["translate --help"]),
        (["train", "copy", "--size", "huge"], ["huge", "tiny", "paper"]),
        (["train", "copy", "--steps", "many"], ["--steps", "many"]),
        (["train", "copy", "--positions", "relative"], ["relative", "sinusoidal", "learned"]),
        (["evaluate"], ["RUN"]),
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
        (["copy", "--option", "symbols=0"], ["symbols", "from 1 to 62", "0"]),
        (["copy", "--option", "symbols=few"], ["symbols", "from 1 to 62", "few"]),
        (["copy", "--option", "symbols=--3"], ["symbols", "from 1 to 62", "--3"]),
        (["copy", "--option", "symbols=²"], ["symbols", "from 1 to 62", "²"]),
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


@pytest.mark.parametrize("name", ["translate", "evaluate", "graph", "step"])
def test_a_missing_run_is_said_in_a_sentence(name, command, tmp_path):
    texts = ["abc"] if name == "translate" else []
    refused(command(name, tmp_path / "nowhere", *texts), "nowhere", "does not exist")
    refused(command(name, tmp_path, *texts), str(tmp_path), "has no config.toml")


@pytest.mark.parametrize("name", ["translate", "evaluate", "graph", "step"])
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
    refused(command("step", trained.folder, text), *parts)


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

    monkeypatch.setattr(evaluate_command, "report", interrupted)
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
    assert re.search("options +symbols=10, longest=16", text)
    assert re.search("options +largest=999999", text)
    assert all(len(line) <= 80 for line in out)


def test_tasks_shows_one_in_full(command):
    class Much(Copy):
        name = "much"
        preset = {"size": "tiny", "model": {"dropout": 0.1}}
        apart = {"long": "those that are longer than any in training"}

    try:
        tasks.register(Much)
        status, out, err = command("tasks", "much")
    finally:
        registered.pop("much", None)
    text = "\n".join(out)
    assert status == 0 and err == [] and out[0].startswith("much ")
    assert text.count(" -> ") == 5
    assert re.search("apart +long: those that are longer than any in training", text)
    assert re.search("preset +size tiny; model.dropout 0.1", text)
    assert re.search("train +minitransformer train much --option symbols=10", text)
    assert all(len(line) <= 80 for line in out)
    refused(command("tasks", "coppy"), 'no task "coppy"', 'did you mean "copy"?')


@pytest.mark.parametrize("name", ["pairs", "text"])
def test_tasks_names_the_file_where_the_command_of_a_task_has_one(command, name):
    _, out, _ = command("tasks", name)
    assert out[-1].endswith(f"minitransformer train {name} FILE")


def test_translate_writes_a_line_for_each_text(command, trained):
    texts = ["abc", "dd", "e"]
    assert command("translate", trained.folder, *texts) == (0, trained.translate(*texts), [])


def test_translate_reads_lines_from_its_input(command, trained, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("abc\n dd \n"))
    assert command("translate", trained.folder) == (0, trained.translate("abc", "dd"), [])


def piped(monkeypatch, content):
    """Let standard input hold these bytes."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_each_line_of_the_input_stands_for_itself(command, trained, monkeypatch):
    lines = ["abc", "", "abz", "dd", "\u00a0e\u2028", "abcdefgh" * 1000, "a\rb", "cab"]
    piped(monkeypatch, "\n".join(lines).encode() + b"\n\xff\n\r\nab")
    status, out, err = command("translate", trained.folder)
    good = {1: "abc", 4: "dd", 5: "e", 8: "cab", 11: "ab"}
    assert status == 1
    assert out == [trained.translate(good[n])[0] if n in good else "" for n in range(1, 12)]
    assert [line.split(": ")[1] for line in err] == [f"line {n}" for n in (2, 3, 6, 7, 9, 10)]
    assert "empty" in err[0] and "not one of the letters" in err[1] and "UTF-8" in err[4]
    assert all(len(line) < 500 for line in err)


@pytest.mark.parametrize("content", [b"", b"abc", b"\xef\xbb\xbfabc\r\ndd\r\n"])
def test_translate_ends_with_0_where_all_lines_could_be_translated(
    content, command, trained, monkeypatch
):
    piped(monkeypatch, content)
    status, out, err = command("translate", trained.folder)
    assert (status, err) == (0, [])
    assert out == trained.translate(content.decode("utf-8-sig").split())


def test_a_line_is_answered_before_the_next_one_comes(trained):
    process = python_m_open("translate", trained.folder)
    try:
        for text in ("abc", "zz", "dd"):
            process.stdin.write(text + "\n")
            process.stdin.flush()
            expected = "" if text == "zz" else trained.translate(text)[0]
            assert process.stdout.readline() == expected + "\n"
    finally:
        process.stdin.close()
        assert process.wait(60) == 1
        process.stdout.close()
        process.stderr.close()


def test_who_reads_only_the_first_lines_ends_translate_quietly(trained):
    process = python_m_open("translate", trained.folder)
    process.stdout.close()
    _, err = process.communicate("abc\n" * 20_000, timeout=120)
    assert err == ""


def test_a_long_input_is_translated_in_bounded_memory(trained, tmp_path):
    script = (
        "import resource, sys\n"
        "from minitransformer import cli\n"
        "status = cli.main(['translate', sys.argv[1]])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\n"
        "sys.exit(status)\n"
    )

    def peak(lines):
        content = b"abc\ndd\n" * (lines // 2)
        run = [sys.executable, "-c", script, str(trained.folder)]
        result = subprocess.run(run, input=content, capture_output=True, check=True)
        assert result.stdout.count(b"\n") == lines
        return int(result.stderr)

    assert peak(20_000) < 1.2 * peak(400)


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
    assert re.match(r"  the model +(\S+)", out[3])[1] == f"{share}%"
    shown = [line for line in out if " -> " in line]
    wrong = [re.fullmatch(r"  (\w+) -> (\w*)  \(right: (\w+)\)", line) for line in shown]
    assert len(wrong) == min(5, round(20 * (1 - share / 100)))
    for source, written, right in (found.groups() for found in wrong):
        assert right == source[::-1]
        assert written == trained.translate(source)[0]
        assert written != right


def test_what_evaluate_counts_as_wrong_is_what_it_lists(command, trained, monkeypatch):
    """A word that no vocabulary has is wrong, whatever its id."""
    monkeypatch.setattr(type(trained.target_vocab), "_id", lambda self, token: UNKNOWN)
    monkeypatch.setattr(metrics, "greedy_decode", lambda model, src: [[UNKNOWN]] * len(src))
    _, out, _ = command("evaluate", trained.folder, "--count", 3)
    assert "exact match 0.0%" in out[0]
    assert sum(" -> " in line for line in out) == 3


def test_evaluate_refuses_a_split_that_there_is_not_with_those_that_there_are(command, trained):
    said = ["no split 'tset'", "only train, validation, test"]
    refused(command("evaluate", trained.folder, "--split", "tset"), *said)
    refused(command("evaluate", trained.folder, "--split", "tset", "--count", 3), *said)


def test_evaluate_gives_the_same_for_the_same_seed(command, trained):
    first = command("evaluate", trained.folder, "--count", 10, "--split", "validation")
    assert command("evaluate", trained.folder, "--count", 10, "--split", "validation") == first


def test_train_makes_a_run_with_all_that_was_asked_for(command, quick, tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "save_pictures", lambda run, text: [])
    status, out, err = command(
        *(
            "train",
            "copy",
            "--quiet",
            "--run",
            tmp_path / "run",
            "--size",
            "tiny",
            "--steps",
            3,
            "--seed",
            4,
        ),
        *("--option", "symbols=5", "--option", "longest=4", "--batch-size", 8, "--lr-scale", 0.5),
        *("--warmup-steps", 7, "--label-smoothing", 0.1, "--dropout", 0.2),
        *("--positions", "learned", "--norm-first"),
    )
    assert status == 0 and err == []
    assert out[0] == f"The run is in {tmp_path / 'run'}"
    run = load(tmp_path / "run")
    assert run.task.options() == {"symbols": 5, "longest": 4, "longer": 0}
    expected = {"size": "tiny", "steps": 3, "seed": 4, "batch_size": 8, "lr_scale": 0.5}
    expected |= {"warmup_steps": 7, "label_smoothing": 0.1}
    assert {name: run.settings[name] for name in expected} == expected
    config = run.model.config
    assert (config.dropout, config.positions, config.norm_first) == (0.2, "learned", True)


@needs_matplotlib
def test_train_draws_the_pictures_and_says_where_they_are(command, quick, tmp_path):
    options = ["--size", "tiny", "--steps", 2, "--option", "symbols=5", "--option", "longest=4"]
    status, out, _ = command("train", "reverse", "--quiet", "--run", tmp_path / "run", *options)
    assert status == 0
    written = sorted((tmp_path / "run" / "pictures").iterdir())
    assert len(written) == 4
    assert sorted(out[1].removeprefix("Pictures: ").split(", ")) == [str(path) for path in written]


def test_without_matplotlib_training_succeeds_and_says_what_is_missing(
    command, quick, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # cannot be imported
    options = ["--size", "tiny", "--steps", 2, "--option", "symbols=5", "--option", "longest=4"]
    status, out, err = command("train", "reverse", "--quiet", "--run", tmp_path / "run", *options)
    assert status == 0 and err == []
    assert out == [
        f"The run is in {tmp_path / 'run'}",
        f"No pictures were drawn: {WITHOUT}",
        f"The same training again: minitransformer train --config {tmp_path / 'run/config.toml'}",
    ]
    assert len(load(tmp_path / "run").translate("abc")) == 1


def test_a_training_that_diverges_is_said_in_a_sentence(command, monkeypatch):
    def diverging(*args, **settings):
        raise FloatingPointError("the training diverged: at step 3 the loss is nan")

    monkeypatch.setattr(train_command, "train", diverging)
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


def test_graph_folds_by_itself_and_opens_what_is_asked_for(command, trained, tmp_path):
    output = tmp_path / "graph.dot"
    assert command("graph", trained.folder, "-o", output)[0] == 0
    dot = output.read_text(encoding="utf-8")
    nodes = [line for line in dot.splitlines() if "node-n" in line]
    assert len(nodes) <= 60 and "ops in" in dot and ">source<" in dot and ">target<" in dot
    assert command("graph", trained.folder, "--expand", "encoder.layers.0.*", "-o", output)[0] == 0
    layer = output.read_text(encoding="utf-8")
    assert "cluster-encoder.layers.0.self_attention.w_q" in layer
    assert "cluster-decoder.layers.0.self_attention.w_q" not in layer
    arguments = ["--expand", "encoder.*", "--expand", "decoder.*", "-o", output]
    assert command("graph", trained.folder, "--depth", 0, *arguments)[0] == 0
    assert "cluster-decoder.layers.0.self_attention.w_q" in output.read_text(encoding="utf-8")


def test_graph_draws_the_way_of_the_gradient(command, run_folder):
    status, out, err = command("graph", run_folder, "--backward", "--module", "encoder.layers.0")
    assert status == 0 and Path(out[-1]).name == "graph-encoder.layers.0-backward.svg"
    status, out, err = command("graph", run_folder, "--backward")
    assert status == 0 and Path(out[-1]).name == "graph-backward.svg"
    assert "penwidth" not in Path(out[-1]).read_text(encoding="utf-8")  # it is an SVG
    assert Path(out[-1]).read_text(encoding="utf-8").count('stroke="#d55e00"') > 10


def test_a_pattern_that_cannot_be_is_said_in_a_sentence(command, trained, tmp_path):
    expand = ["graph", trained.folder, "-o", tmp_path / "x.dot", "--expand"]
    refused(command(*expand, "encoder.layer.0"), "'encoder.layer.0'", "encoder.layers.0")
    refused(command(*expand, ""), "an empty pattern opens nothing")
    assert list(tmp_path.iterdir()) == []


def test_graph_draws_into_the_run_where_nothing_else_is_said(command, run_folder):
    status, out, err = command("graph", run_folder, "--depth", 1)
    assert status == 0
    assert Path(out[-1]).parent == run_folder / "pictures"
    assert Path(out[-1]).stat().st_size > 1000


def test_graph_draws_a_module_by_itself(command, trained, tmp_path):
    output = tmp_path / "layer.dot"
    arguments = ["--module", "decoder.layers.0", "--depth", 2, "-o", output]
    assert command("graph", trained.folder, *arguments) == (0, [str(output)], [])
    dot = output.read_text(encoding="utf-8")
    assert "MultiHeadAttention" in dot and "LayerNorm" in dot
    assert "cross_entropy" not in dot and "Encoder" not in dot


def test_a_module_that_the_model_does_not_have_is_answered_with_the_nearest(command, trained):
    arguments = ["--module", "decoder.layer.0", "-o", "x.dot"]
    refused(command("graph", trained.folder, *arguments), "did you mean 'decoder.layers.0'?")
    refused(command("graph", trained.folder, "--module", "zzz", "-o", "x.dot"), "zzz", "encoder")


@needs_matplotlib
@pytest.mark.parametrize(
    "ending, start", [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")]
)
def test_attention_is_drawn_to_the_file_that_was_asked_for(
    ending, start, command, trained, tmp_path
):
    output = tmp_path / "new folder" / f"head.{ending}"
    arguments = ["abcd", "--layer", 1, "--head", 2, "-o", output]
    assert command("attention", trained.folder, *arguments) == (0, [str(output)], [])
    assert output.read_bytes().startswith(start)


@needs_matplotlib
def test_attention_writes_over_no_picture(command, run_folder):
    before = (
        set((run_folder / "pictures").iterdir()) if (run_folder / "pictures").exists() else set()
    )
    written = []
    for text in ("abc", "abc", "ab"):
        status, out, err = command("attention", run_folder, text)
        assert (status, err) == (0, [])
        written += [Path(line) for line in out]
    assert len(set(written) - before) == 3
    assert all(path.parent == run_folder / "pictures" and path.is_file() for path in written)


@pytest.mark.parametrize(
    "arguments, part",
    [
        (["--layer", "2"], "there is no layer 2, only 1"),
        (["--head", "0"], "there is no head 0, only 1, 2"),
        (["--kind", "cross"], "no kind of attention 'cross', only encoder, decoder"),
        (["-o", "x.gif"], "cannot draw to 'x.gif': its ending has to be one of .svg, .png, .pdf"),
    ],
)
def test_attention_that_there_is_not_is_said_in_a_sentence(arguments, part, command, trained):
    refused(command("attention", trained.folder, "abc", *arguments), part)


def test_a_task_of_ones_own_is_trained_and_used_by_its_file(command, quick, tmp_path):
    file, run = tmp_path / "mine.py", tmp_path / "run"
    file.write_text(
        "from minitransformer import tasks\n"
        "from minitransformer.tasks.copy import Copy\n"
        "@tasks.register\n"
        "class Mine(Copy):\n"
        "    name = 'mine'\n"
    )
    mine = ["--task-file", file]
    options = ["--size", "tiny", "--steps", 2, "--option", "symbols=5", "--run", run]
    try:
        assert command("train", "mine", *mine, *options)[0] == 0
        registered.pop("mine")
        refused(command("translate", run, "abc"), "mine", "not known here", "--task-file")
        assert command("translate", run, "abc", *mine)[0] == 0
        assert command("evaluate", run, "--count", 2, *mine)[0] == 0
        assert command("graph", run, "--depth", 0, "-o", tmp_path / "x.dot", *mine)[0] == 0
    finally:
        registered.pop("mine", None)
    refused(command("train", "mine", "--task-file", tmp_path / "no.py"), "there is no file")


@pytest.mark.parametrize("width", [80, 40])
def test_on_a_terminal_no_line_is_longer_than_it_is_wide(width, monkeypatch):
    monkeypatch.setattr(showing, "columns", lambda: width)
    parts = showing.fitted(["a" * 300, "b", "c d " * 100], others=20)
    assert parts[1] == "b"
    assert sum(map(len, parts)) + 20 <= width
    assert parts[0].endswith("…") and parts[2].endswith("…")
    words = f"Pictures: {'/tmp/' + 'x' * 200}.svg, runs/a/b.svg, {'word ' * 50}"
    lines = showing.wrapped(words, indent="  ").splitlines()
    assert all(len(line) <= width for line in lines)
    assert "x.svg," in lines[1] and "…" in lines[1]


def test_where_there_is_no_terminal_lines_are_whole(monkeypatch):
    assert showing.fitted(["a" * 300], others=20) == ["a" * 300]
    assert showing.wrapped("a b " * 100) == "a b " * 100


OLD_RUN = Path(__file__).with_name("old_run")  # of format 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["translate", "RUN", "abcd", "--beam", 2],
        ["evaluate", "RUN", "--count", 5],
        ["check", "RUN"],
        ["graph", "RUN", "--depth", 0, "-o", "new/graph.dot"],
        ["attention", "RUN", "ab", "-o", "new/attention.svg"],
        ["export", "RUN", "weights.safetensors"],
    ],
    ids=lambda words: words[0],
)
def test_every_command_uses_a_run_of_the_first_format(arguments, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(OLD_RUN, "old")
    status, out, err = command(*("old" if word == "RUN" else word for word in arguments))
    assert (status, err) == (0, []) and out


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
