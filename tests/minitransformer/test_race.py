import dataclasses
import re
import xml.etree.ElementTree as ElementTree
from importlib.util import find_spec

import numpy as np
import pytest
from toy_models import toy_model

import minigrad as mg
import minitransformer as mt
from minitransformer import cli, load
from minitransformer.commands.race import new_folder
from minitransformer.looking.race import Racer, table, verdict
from minitransformer.looking.race_figure import race_figure, smoothed
from minitransformer.looking.ways import Ways, ways_to_first_word
from minitransformer.models.kinds import KINDS
from minitransformer.training.race import (
    OTHERS,
    checked_lengths,
    matching_width,
    parameters,
    race,
    times_of,
    ways_of,
)

needs_matplotlib = pytest.mark.skipif(not find_spec("matplotlib"), reason="Matplotlib is missing")


# ---- the ways of a gradient


def embedded(words):
    """(word vectors (1, T, 2) that are looked up, their ids)."""
    src = np.arange(words)[None]
    return mg.embedding(mg.Parameter(np.random.default_rng(0).normal(size=(words, 2))), src), src


def test_a_way_is_counted_in_ops_with_the_lookup_and_the_loss():
    x, src = embedded(1)
    assert ways_to_first_word(x.sum(), src) == Ways(2, 2)
    x, src = embedded(1)
    assert ways_to_first_word(mg.exp(mg.tanh(x)).sum(), src) == Ways(4, 4)


def test_of_several_ways_the_shortest_and_the_longest_are_given():
    x, src = embedded(1)
    y = mg.tanh(mg.tanh(x)) + x
    assert ways_to_first_word(y.sum(), src) == Ways(3, 5)


def test_only_the_way_of_the_first_word_counts_though_a_tensor_holds_several():
    x, src = embedded(2)
    first, second = x[:, 0], x[:, 1]
    assert ways_to_first_word((mg.tanh(mg.tanh(first)) + second).sum(), src) == Ways(6, 6)


def test_where_the_word_does_not_come_there_is_no_way():
    x, src = embedded(2)
    with pytest.raises(ValueError, match="no embedding of these source ids"):
        ways_to_first_word(x[:, 1].sum(), src)


@pytest.mark.parametrize("kind", ["transformer", "lstm", "attention-lstm"])  # of the story
def test_how_the_ways_grow_with_the_length(kind):
    model = toy_model(kind=kind, max_length=40)
    short, long = (ways_of(model, length) for length in (4, 32))
    if kind == "transformer":
        assert short == long
    else:  # along h each of 28 more words costs both sides W_h, +, a cut, tanh, *, +, tanh, *
        assert long.longest - short.longest >= 2 * 28 * 8
    if kind == "lstm":  # along c it costs the encoder 2
        assert 2 * 28 <= long.shortest - short.shortest <= 2 * 28 + 3
    if kind == "attention-lstm":  # to cut a sentence into words takes a logarithm
        assert long.shortest - short.shortest <= 3


# ---- numbers of parameters


@pytest.mark.parametrize("size", ["tiny", "small", "medium"])
@pytest.mark.parametrize("words", [5, 14, 60])
@pytest.mark.parametrize("kind", OTHERS)
def test_every_model_has_as_many_parameters_within_5_percent(size, words, kind):
    config = mt.TransformerConfig.of_size(size, words, words + 2, max_length=9)
    transformer = mt.Transformer(config)
    width = matching_width(kind, OTHERS[kind], transformer)
    made = KINDS[kind].config(words, words + 2, d_model=width, **OTHERS[kind])
    wanted = parameters(transformer)
    assert abs(parameters(KINDS[kind].model(made)) - wanted) <= 0.05 * wanted
    if words == 14:  # no other width is nearer
        for other in (width - 1, width + 1):
            near = dataclasses.replace(made, d_model=other)
            off = abs(KINDS[kind].model.num_parameters(near) - wanted)
            assert off >= abs(KINDS[kind].model.num_parameters(made) - wanted)


def test_where_no_width_fits_it_is_said():
    model = toy_model(d_model=2, num_heads=1, d_ff=1)
    with pytest.raises(ValueError, match="no width gives the attention-lstm [0-9]+ parameters"):
        matching_width("attention-lstm", OTHERS["attention-lstm"], model)


# ---- lengths and times


def test_lengths_are_eight_up_to_the_longest_or_those_named():
    assert checked_lengths(None, 16) == [2, 4, 6, 8, 10, 12, 14, 16]
    assert checked_lengths(None, 3) == [1, 2, 3]
    assert checked_lengths([9, 3, 3], 9) == [3, 9]


@pytest.mark.parametrize("lengths", [[0], [3, 10], [-1], []], ids=str)
def test_lengths_that_cannot_be_measured_are_refused(lengths):
    with pytest.raises(ValueError, match="lengths are whole numbers from 1 to 9 here"):
        checked_lengths(lengths, 9)


def test_to_time_a_model_leaves_it_as_it_was():
    model = toy_model().eval()
    before = model.state_dict()
    (seconds,) = times_of([model], [2, 5])
    assert list(seconds) == [2, 5] and min(seconds.values()) > 0
    assert not model.training and all(p.grad is None for p in model.parameters())
    assert all(np.array_equal(before[path], array) for path, array in model.state_dict().items())


# ---- what is said of it


def racer(kind, *exact, way=(10, 20), count=100):
    lengths = [5 * (i + 1) for i in range(len(exact))]
    return Racer(
        *(kind, 8, 1000),
        counts=dict.fromkeys(lengths, count),
        exact=dict(zip(lengths, exact)),
        seconds={length: length / 1000 for length in lengths},
        ways=dict(zip(lengths, [Ways(3, way[0]), Ways(4, way[1])])),
        curve=[(1.0, 2.0), (2.0, 1.0)],
        loss=0.5,
    )


def said(lstm, attention, transformer):
    racers = [racer("lstm", *lstm), racer("attention-lstm", *attention)]
    return "\n".join(verdict([*racers, racer("transformer", *transformer, way=(30, 30))]))


@pytest.mark.parametrize(
    "exact, sentences",
    [
        (
            ((1.0, 0.1), (1.0, 1.0), (1.0, 0.95)),
            [
                "context vector loses long sentences: 100.0% up to length 5, 10.0% up to 10 are",
                "Attention mends that: of the longest, 100.0% are right with it and 10.0% without",
                "writes the longest about as well as the LSTM with attention: 95.0% against 100.0%",
            ],
        ),
        (
            ((1.0, 0.98), (1.0, 1.0), (0.5, 0.0)),
            [
                "loses long sentences does not show: 100.0% up to length 5, 98.0% up to 10 are",
                "That attention mends anything does not show: of the longest, 100.0% are right",
                "writes the longest worse than the LSTM with attention: 0.0% against 100.0%",
            ],
        ),
        (
            ((0.9, 0.0), (0.9, 0.3), (1.0, 1.0)),
            ["loses long", "Attention mends some of that", "better than the LSTM with attention"],
        ),
        (((0.2, 0.0), (0.3, 0.0), (0.0, 0.0)), ["has not learned the short sentences either"]),
    ],
    ids=["as told", "does not show", "in part", "nothing learned"],
)
def test_the_verdict_is_what_the_numbers_say(exact, sentences):
    text = said(*exact)
    for sentence in sentences:
        assert sentence in text
    assert "grows from 10 to 20 ops from length 5 to 10 in the LSTM with one" in text
    assert "stays at 30 ops from length 5 to 10 in the Transformer" in text
    assert "A step at length 10 takes 10 ms for the LSTM with one context vector (2.0 times" in text


def test_a_group_of_a_few_sentences_says_nothing():
    few = racer("lstm", 0.0, 0.9, 0.9)
    few.counts[5] = 3
    others = [racer("attention-lstm", 1, 1, 1), racer("transformer", 1, 1, 1)]
    for each in (few, *others):
        each.ways[15] = Ways(3, 30)
    assert "does not show: 90.0% up to length 10, 90.0% up to 15" in verdict([few, *others])[0]
    few.counts[10] = 3
    assert verdict([few, *others])[0].startswith("Of one length alone enough sentences were held")


def test_the_table_has_a_column_for_each_and_is_aligned():
    lines = table([racer("lstm", 1.0, 0.5), racer("transformer", 0.25, 0.125)]).splitlines()
    assert len({len(line) for line in lines}) == 1
    cells = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in lines}
    assert [c.strip() for c in cells["exact match, length 6 to 10 (of 100)"]] == ["50.0%", "12.5%"]
    assert [c.strip() for c in cells["ms a step, length 10"]] == ["10.0", "10.0"]
    assert cells["ops from the first word to the loss, length 5"][0].strip() == "3 to 10"


@needs_matplotlib
def test_the_picture_has_every_model_in_every_plot():
    racers = [racer("lstm", 1.0, 0.5), racer("transformer", 0.25, 0.125)]
    figure = race_figure(racers, "title")
    exact, seconds, losses, ways = figure.axes
    assert [[*line.get_ydata()] for line in exact.lines] == [[1.0, 0.5], [0.25, 0.125]]
    assert [[*line.get_ydata()] for line in seconds.lines] == [[5.0, 10.0]] * 2
    assert len(losses.lines) == 2 and len(ways.lines) == 4


def test_a_smoothed_curve_is_the_running_mean_of_both_coordinates():
    curve = [(float(i), 2.0 * i) for i in range(20)]
    seconds, losses = smoothed(curve)
    np.testing.assert_allclose(seconds, np.arange(11) + 4.5)
    np.testing.assert_allclose(losses, 2 * seconds)
    assert [len(each) for each in smoothed(curve[:3])] == [1, 1]


# ---- the whole


def small_race(folder):
    task = mt.tasks.get("reverse", symbols=5, longest=4)
    return race(task, folder, steps=10, size="tiny", lengths=[2, 4], quiet=True)


def without_times(racers):
    return [
        dataclasses.replace(each, seconds={}, curve=[loss for _, loss in each.curve])
        for each in racers
    ]


@pytest.fixture(scope="module")
def raced(tmp_path_factory):
    folder = tmp_path_factory.mktemp("race")
    return folder, small_race(folder)


def test_a_race_trains_three_models_on_the_same_examples(raced):
    folder, racers = raced
    assert [each.kind for each in racers] == ["lstm", "attention-lstm", "transformer"]
    runs = [load(folder / each.kind) for each in racers]
    assert len({run.source_vocab.tokens.__repr__() for run in runs}) == 1
    assert len({str({**run.settings, "model": 0, "size": 0}) for run in runs}) == 1
    for each, run in zip(racers, runs):
        assert each.parameters == sum(p.size for p in run.model.parameters())
        assert abs(each.parameters - racers[-1].parameters) <= 0.05 * racers[-1].parameters
        assert each.counts == racers[0].counts and list(each.ways) == list(each.seconds) == [2, 4]
        assert [seconds for seconds, _ in each.curve] == sorted(s for s, _ in each.curve)


def test_the_same_seed_gives_the_same_race_but_for_the_times(raced, tmp_path):
    assert without_times(small_race(tmp_path)) == without_times(raced[1])


def test_the_command_writes_runs_table_and_picture(tmp_path, capsys, monkeypatch):
    flags = "race copy --option longest=3 --option symbols=4 --size tiny --steps 2 --quiet --run"
    assert cli.main([*flags.split(), str(tmp_path / "race")]) == 0
    out = capsys.readouterr().out
    text = (tmp_path / "race" / "race.md").read_text(encoding="utf-8")
    assert text in out
    assert text.startswith("# copy (symbols=4, longest=3, longer=0), 2 steps, seed 0")
    assert re.search(
        r"- The longest way .* stays at \d+ ops from length 1 to 3 in the Transf", text
    )
    if find_spec("matplotlib"):
        root = ElementTree.parse(tmp_path / "race" / "race.svg").getroot()
        assert root.tag.endswith("svg")


@pytest.mark.parametrize(
    "flags, words",
    [
        ("--lengths 2,30", "lengths are whole numbers from 1 to 20 here, not 30"),
        ("--steps 0", "steps has to be a whole number above 0, not 0"),
        ("--seed -1", "seed has to be a whole number from 0"),
        ("--option longest=0", '"longest" is a whole number'),
        ("--option longest=1", "with these options has no test examples"),
        ("--run ", "names no folder"),
    ],
)
def test_what_cannot_be_raced_is_a_sentence_and_leaves_nothing(flags, words, tmp_path, capsys):
    name, _, value = flags.partition(" ")
    run = [] if name == "--run" else ["--run", str(tmp_path / "race")]
    assert cli.main(["race", name, value, *run]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "race").exists()


def test_a_race_that_is_stopped_compares_nothing(tmp_path, capsys, monkeypatch):
    def stopped(task, folder, steps, **settings):
        return mt.train(task, folder, steps=steps - 1, **settings)

    monkeypatch.setattr("minitransformer.training.race.train", stopped)
    flags = "race copy --option longest=3 --size tiny --steps 2 --run"
    assert cli.main([*flags.split(), str(tmp_path / "race")]) == 130
    assert "stopped by Ctrl-C" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "race").iterdir()] == ["transformer"]


def test_lengths_that_are_no_numbers_are_refused_with_an_example(capsys):
    with pytest.raises(SystemExit):
        cli.main(["race", "--lengths", "2,x"])
    assert "whole numbers with commas, like 5,10,20, and not '2,x'" in capsys.readouterr().err


def test_a_folder_with_something_in_it_is_not_written_to(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert cli.main(["race", "--run", str(tmp_path)]) == 2
    assert "is there already: name another folder for this race" in capsys.readouterr().err


def test_without_a_name_each_race_has_a_new_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(new_folder(None)) == "runs/race"
    (tmp_path / "runs" / "race").mkdir(parents=True)
    assert str(new_folder(None)) == "runs/race-2"
