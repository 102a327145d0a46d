"""Settings are written once: fields, checks, flags and help say the same."""

import argparse
import dataclasses
import inspect
import re
from dataclasses import dataclass, field

import pytest

import minigrad as mg
import minitransformer as mt
from minitransformer import TrainingSettings, TransformerConfig, cli
from minitransformer.fields import (
    COUNT,
    YES_OR_NO,
    add_flags,
    check,
    given,
    kept,
    one_of,
    setting,
    settings_of,
)

TABLES = [TrainingSettings, TransformerConfig]
# Made of the data; and a table of its own, whose fields have flags.
WITHOUT_FLAG = {"src_vocab_size", "tgt_vocab_size", "vocabulary"}
tables = pytest.mark.parametrize("table", TABLES)

EXAMPLES = {  # a value that differs from each default, and one that no check lets through
    int: (4, 0.5),
    float: (0.25, -1.0),
    bool: (True, "yes"),
    dict: ({"unit": "bpe"}, 3),
}


def flags():
    """{flag: what argparse knows of it} of `minitransformer train`."""
    parser = cli.parser()
    train = parser._subparsers._group_actions[0].choices["train"]
    return {flag: action for action in train._actions for flag in action.option_strings}


def examples(each):
    must = each.metadata["must"]
    if must.choices:
        return must.choices[-1], "nonsense"
    return EXAMPLES[must.read]


@tables
def test_every_field_is_a_setting_with_a_purpose_and_a_test_that_its_default_passes(table):
    assert [each.name for each in settings_of(table)] == [f.name for f in dataclasses.fields(table)]
    for each in settings_of(table):
        assert each.metadata["purpose"]
        if each.default is None:
            assert each.metadata["otherwise"]
        elif each.default is not dataclasses.MISSING:
            assert each.metadata["must"].allows(each.default)


@tables
def test_every_field_has_a_flag_whose_help_says_purpose_and_default(table):
    known = flags()
    for each in settings_of(table):
        name = "--" + each.name.replace("_", "-")
        assert (name in known) == (each.name not in WITHOUT_FLAG)
        if name not in known:
            continue
        text = known[name].help
        assert text.startswith(each.metadata["purpose"])
        if each.metadata["must"].read is not bool:
            assert re.search(r"\(default: .+\)$", text)
            assert "None" not in text and "MISSING" not in text


@tables
def test_every_field_is_checked_and_the_sentence_says_what_it_has_to_be(table):
    right = {"src_vocab_size": 9, "tgt_vocab_size": 9} if table is TransformerConfig else {}
    right |= {"num_heads": 1} if table is TransformerConfig else {}
    for each in settings_of(table):
        good, bad = examples(each)
        assert getattr(table(**{**right, each.name: good}), each.name) == good
        words = re.escape(each.metadata["must"].words)
        with pytest.raises(ValueError, match=f": {each.name} has to be {words}, not "):
            table(**{**right, each.name: bad})


@tables
def test_a_flag_gives_the_value_of_its_field(table):
    for each in settings_of(table):
        if each.name in WITHOUT_FLAG:
            continue
        good, _ = examples(each)
        flag = "--" + each.name.replace("_", "-")
        words = [flag] if good is True else [flag, str(good)]
        options = cli.parser().parse_args(["train", "copy", *words])
        assert given(options, table) == {each.name: good}
        other = TABLES[1 - TABLES.index(table)]
        assert given(options, other) == {}


def test_a_flag_that_is_not_given_leaves_all_to_the_table():
    options = cli.parser().parse_args(["train", "copy"])
    assert given(options, TrainingSettings) == given(options, TransformerConfig) == {}


@pytest.mark.parametrize(
    "words, value",
    [
        ([], None),
        (["--tie-embeddings"], "all"),
        (["--tie-embeddings", "target"], "target"),
        (["--tie-embeddings=none"], "none"),
    ],
    ids=str,
)
def test_a_flag_may_mean_something_alone_and_take_a_value_too(words, value):
    options = cli.parser().parse_args(["train", "copy", *words])
    assert given(options, TransformerConfig).get("tie_embeddings") == value


def test_no_flag_is_understood_that_is_only_begun(capsys):
    with pytest.raises(SystemExit):
        cli.parser().parse_args(["train", "copy", "--lr-s", "0.001"])
    assert "--lr-s" in capsys.readouterr().err


def test_a_table_of_ones_own_gets_checks_and_flags():
    @dataclass
    class Table:
        colour: str = field(default="red", metadata=setting(one_of(["red", "blue"]), "of it all"))
        size: int | None = field(default=None, metadata=setting(COUNT, "of it", "as it comes"))
        loud: bool = field(default=False, metadata=setting(YES_OR_NO, "or not", kept=False))
        secret: int = field(default=3, metadata=setting(COUNT, "of nobody", flag=False))
        note: str = ""  # no setting

        def __post_init__(self):
            check(self, "table")

    added = {}
    add_flags(lambda flag, **about: added.update({flag: about}), Table, {"colour": "the sky's"})
    assert list(added) == ["--colour", "--size", "--loud"]
    assert added["--colour"]["help"] == "of it all (default: the sky's)"
    assert added["--colour"]["choices"] == ("red", "blue")
    assert added["--size"]["help"] == "of it (default: as it comes)"
    assert added["--loud"] == {
        "action": argparse.BooleanOptionalAction,
        "default": None,
        "help": "or not",
    }
    assert kept(Table(note="n")) == {"colour": "red", "size": None, "secret": 3, "note": "n"}
    with pytest.raises(ValueError, match=r"table: colour has to be one of .*, not 'green'"):
        Table(colour="green")
    with pytest.raises(ValueError, match="table: secret has to be a whole number above 0, not 0"):
        Table(secret=0)


def test_help_and_editors_see_the_settings_in_the_signature_of_train():
    parameters = inspect.signature(mt.train).parameters
    fields = [each.name for each in dataclasses.fields(TrainingSettings)]
    assert list(parameters) == ["task", "folder", *fields]
    assert parameters["folder"].default is None
    assert parameters["batch_size"].default == 32
    assert parameters["steps"].kind is inspect.Parameter.KEYWORD_ONLY
    assert "Ctrl-C" in mt.train.__doc__


def test_all_that_shapes_a_model_is_said_in_the_same_words_in_both_places(tmp_path):
    words = "--d-model 12 --num-heads 3 --d-ff 7 --num-encoder-layers 1 --num-decoder-layers 2"
    words += " --activation gelu --norm-first --positions learned --dropout 0.25 --max-length 40"
    options = cli.parser().parse_args(["train", "copy", *words.split()])
    shape = given(options, TransformerConfig)
    run = mt.train(
        "copy", tmp_path / "run", steps=1, train_examples=50, validation_examples=5, quiet=True,
        model=shape,
    )  # fmt: skip
    config = run.model.config.to_json()
    assert {name: config[name] for name in shape} == shape
    assert (config["d_model"], config["num_decoder_layers"], config["max_length"]) == (12, 2, 40)


@pytest.mark.parametrize("name", ["lr_scale", "clip", "cooldown", "label_smoothing"])
@pytest.mark.parametrize("value", ["fast", None, [1]], ids=str)
def test_a_value_that_is_no_number_at_all_is_answered_with_the_same_sentence(name, value):
    with pytest.raises(ValueError, match=f"training: {name} has to be "):
        TrainingSettings(**{name: value})


def test_a_learning_rate_is_the_peak_that_was_asked_for_or_times_the_papers():
    settings = TrainingSettings(lr=0.002, steps=100).decided(100)
    optimizer = mg.optim.SGD([mg.Parameter([1.0])], lr=1.0)
    schedule = mg.optim.WarmupSchedule(
        optimizer, 32, settings.warmup_steps, settings.scale(d_model=32)
    )
    rates = []
    for _ in range(2 * settings.warmup_steps):
        schedule.step()
        rates.append(optimizer.lr)
    assert max(rates) == rates[settings.warmup_steps - 1] == pytest.approx(0.002)
    assert TrainingSettings(lr_scale=0.5).decided(100).scale(32) == 0.5
    with pytest.raises(ValueError, match="as lr or as lr_scale, not as both"):
        TrainingSettings(lr=0.002, lr_scale=0.5)
