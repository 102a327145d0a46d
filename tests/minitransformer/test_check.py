"""`check`: it passes what is right, finds what is wrong, and leaves the model as it was."""

import copy

import numpy as np
import pytest
from test_bugs import tiny
from toy_models import quick_train

import minigrad as mg
import minitransformer as mt
from minitransformer import cli
from minitransformer.lab.check import CHECKS
from minitransformer.models.kinds import KINDS
from minitransformer.training import trainer

MODELS = {
    "pre-norm": {"norm_first": True, "num_decoder_layers": 2},
    "rotary and GELU": {"positions": "rotary", "activation": "gelu"},
    "learned and tied": {"positions": "learned", "tie_embeddings": "target"},
    "batch norm": {"norm": "batch"},
    "scaled": {"init": "scaled", "num_encoder_layers": 2},
    "lstm": {"kind": "lstm"},
    "attention-lstm": {"kind": "attention-lstm"},
    "decoder-lm": {"kind": "decoder-lm", "num_layers": 2},
    "decoder-lm, rotary": {"kind": "decoder-lm", "positions": "rotary", "norm_first": True},
    "encoder-classifier": {"kind": "encoder-classifier"},
}


def row(report, name):
    return next(row for row in report.rows if row.name == name)


def found(model, name, **settings):
    """What `check` has measured where it fails."""
    of_name = row(mt.check(model, **settings), name)
    assert of_name.passed is False, of_name
    return of_name.measured


@pytest.mark.parametrize("changes", MODELS.values(), ids=MODELS)
def test_a_right_model_passes_every_check_that_is_for_it(changes):
    report = mt.check(tiny(**changes))
    assert report.ok, report
    assert [row.name for row in report.rows] == [*CHECKS]


def test_what_is_not_for_a_model_is_said_with_the_reason():
    report = mt.check(tiny(kind="lstm"))
    for name in ("masks", "rows", "heads"):
        assert row(report, name).passed is None
        assert row(report, name).measured == "it has no attention"
    assert row(report, "schedule").measured == "there is no log of a training"
    assert "not for this model: it has no attention" in str(report)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_as_it_was(kind, training):
    model = tiny(kind=kind)
    mt.batch_loss(model, mt.make_batch([([4, 5], [6])])).backward()
    model.train(training)
    weights, generator = model.state_dict(), copy.deepcopy(model.dropout.rng.bit_generator.state)
    gradients = [parameter.grad.data.copy() for parameter in model.parameters()]
    mt.check(model)
    assert all(module.training is training for module in model.modules())
    assert model.dropout.rng.bit_generator.state == generator
    for path, array in model.state_dict().items():
        np.testing.assert_array_equal(array, weights[path])
        assert array.dtype == np.float32
    for parameter, gradient in zip(model.parameters(), gradients):
        np.testing.assert_array_equal(parameter.grad.data, gradient)


def test_the_same_seed_gives_the_same_table():
    assert str(mt.check(tiny(), seed=5)) == str(mt.check(tiny(), seed=5))


# ---- runs


def test_a_trained_run_passes_and_reads_its_source(trained):
    report = mt.check(trained)
    assert report.ok, report
    assert "with shuffled sources" in row(report, "sources").measured
    assert row(report, "schedule").passed
    assert str(trained.folder) in report.title


def test_a_training_that_was_made_longer_kept_to_its_schedule(tmp_path, monkeypatch):
    quick_train(tmp_path / "run")
    monkeypatch.setattr(trainer, "report", lambda run: None)
    run = mt.resume(tmp_path / "run", steps=60, quiet=True)
    assert row(mt.check(run), "schedule").passed
    of_before = next(line["lr"] for line in run.log() if line["step"] == 20 and "lr" in line)
    run.add_to_log(step=20, lr=of_before)  # which is not the rate of the longer one
    assert not row(mt.check(run), "schedule").passed


def test_the_command_prints_the_table_and_ends_with_1_where_something_fails(
    trained, tmp_path, capsys
):
    assert cli.main(["check", str(trained.folder)]) == 0
    assert "0 failed" in capsys.readouterr().out
    untrained = quick_train(tmp_path / "run", steps=1, validations=1)
    assert cli.main(["check", str(untrained.folder)]) == 1
    said = capsys.readouterr().out
    assert "FAILED  sources" in said
    assert "which means: the source is not read" in said
    assert cli.main(["check", str(trained.folder), "--seed", "-1"]) == 2
    assert cli.main(["check", str(tmp_path)]) == 2


def test_a_run_whose_file_is_gone_is_not_said_to_read_no_source(tmp_path):
    file = tmp_path / "fra.txt"
    file.write_text("".join(f"source {n}\tcible {n}\n" for n in range(300)))
    task = mt.tasks.get("pairs", file=str(file))
    run = mt.train(task, tmp_path / "run", size="tiny", steps=2, vocabulary={}, quiet=True)
    file.unlink()
    found = row(mt.check(mt.load(run.folder)), "sources")
    assert found.passed is None
    assert f"{file} is not there" in found.measured


# ---- models of one's own


class Scattered(mt.Transformer):
    """Its weights begin far too large."""

    def __init__(self, config, rng=None):
        super().__init__(config, rng)
        self.output.weight.data *= 10


def test_weights_that_begin_too_large_are_found():
    model = Scattered(tiny().config, np.random.default_rng(0))
    assert "log(11) is 2.40" in found(model, "beginning")


@mg.op
def doubled(x):
    def dx(g):
        return 2.001 * g

    return 2 * x, dx


class WrongRule(mt.Linear):
    def forward(self, x):
        return doubled(super().forward(x))


def test_a_wrong_derivative_is_found_in_the_parameters_before_it():
    model = tiny()
    model.encoder.layers[0].feed_forward.linear_2.__class__ = WrongRule
    assert "by the rules" in found(model, "gradients")
    model = tiny()
    model.output.__class__ = WrongRule
    assert found(model, "gradients").startswith("src_embedding.weight")


class OverBatch(mt.LayerNorm):
    """It normalises over the sentences of the batch."""

    def forward(self, x, real=None):
        return (x - x.mean(axis=0, keepdims=True)) * self.gamma + self.beta


def test_what_depends_on_the_rest_of_the_batch_is_found():
    model = tiny()
    model.decoder.layers[0].norm_3.__class__ = OverBatch
    assert "has other logits in the batch than alone" in found(model, "batch")


class NextSeen(mt.Transformer):
    """The logits of a position see the next token."""

    def decode(self, tgt, memory, src):
        logits = super().decode(tgt, memory, src)
        later = np.concatenate([tgt[:, 1:], tgt[:, :1]], axis=1)
        return logits + 0.001 * self.logits(self.tgt_embedding(later))


def test_a_leak_is_named_by_its_positions():
    model = NextSeen(tiny().config, np.random.default_rng(0))
    measured = found(model, "future")
    earlier, later = (int(word) for word in measured.split() if word.isdigit())
    assert (earlier + 1, later) == (later, later)


class Forgetful(mt.Transformer):
    """A step forgets where it is."""

    def step(self, state, tokens):
        logits, state = super().step(state, tokens)
        return logits * (1 + 1e-6 * state.tgt_mask.shape[-1]), state


def test_a_step_that_is_not_forward_is_found():
    model = Forgetful(tiny().config, np.random.default_rng(0))
    assert "the logits of `step` and `forward` differ" in found(model, "cached")


class Blind(mt.Transformer):
    """It does not read its source."""

    def encode(self, src):
        return super().encode(np.full_like(src, 4))

    def decode(self, tgt, memory, src):
        return super().decode(tgt, memory[:, :1], np.full((len(src), 1), 4))


def test_a_model_that_does_not_read_its_source_is_found():
    model = Blind(tiny().config, np.random.default_rng(0))
    assert found(model, "sources") == "two different sources give the very same logits"


class Always(mt.Dropout):
    def forward(self, x):
        return mg.dropout(x, self.p, self.rng)


class ForAll(mt.Dropout):
    """One mask for all sentences of a batch."""

    def forward(self, x):
        ones = mg.Tensor(np.ones(x.shape[1:]))
        return x * mg.dropout(ones, self.p, self.rng) if self.training else x


@pytest.mark.parametrize(
    "wrong, said",
    [
        (Always, "it drops entries in evaluation too"),
        (ForAll, "two sentences of a batch have the very same entries dropped"),
    ],
)
def test_dropout_where_it_should_not_be_and_for_all_alike_is_found(wrong, said):
    model = tiny()
    for module in model.modules():
        if type(module) is mt.Dropout:
            module.__class__ = wrong
    report = mt.check(model)
    assert row(report, "dropout").measured == said


def test_a_head_that_looks_everywhere_is_named_and_no_failure():
    model = tiny()
    model.encoder.layers[0].self_attention.w_q.weight.data[:, :16] = 0  # of the first head
    heads = row(mt.check(model), "heads")
    assert heads.passed
    assert "these look everywhere: encoder.layers.0.self_attention 1" in heads.measured


def test_a_loss_of_ones_own_is_checked():
    def per_position(model, batch, label_smoothing):
        loss = mt.batch_loss(model, batch, label_smoothing)
        return loss * (batch.num_tokens / batch.tgt_out.size)

    assert "with more padding" in found(tiny(), "loss", loss=per_position)


class Unfinished(mt.Transformer):
    def start(self, src):
        raise NotImplementedError("no start yet")


def test_a_model_that_raises_fails_that_check_with_the_reason_and_the_others_go_on():
    report = mt.check(Unfinished(tiny().config))
    assert row(report, "cached").measured == "NotImplementedError: no start yet"
    assert row(report, "future").passed


def test_weights_that_are_no_numbers_are_refused():
    model = tiny()
    model.output.bias.data[0] = np.nan
    with pytest.raises(ValueError, match="not all weights of this model are finite numbers"):
        mt.check(model)


def test_what_is_no_model_is_answered_with_what_to_give():
    with pytest.raises(TypeError, match=r"give a model.*or a Run; not str.*load\(folder\)"):
        mt.check("runs/reverse")


@pytest.mark.parametrize("words, max_length", [(5, 20), (4, 2), (7, 1)])
@pytest.mark.parametrize("kind", KINDS)
def test_the_smallest_vocabularies_and_lengths_are_checked_too(words, max_length, kind):
    of_kind = KINDS[kind]
    made = of_kind.config.of_size("tiny", words, words, max_length=max_length)
    report = mt.check(of_kind.model(made, np.random.default_rng(0)))
    assert not any("Error" in row.measured for row in report.rows), report


def test_a_report_is_data_and_prints_as_a_table():
    report = mt.check(tiny())
    assert report.ok and report.failed == []
    assert repr(report) == str(report)
    lines = str(report).splitlines()
    assert lines[0].startswith("Transformer of 22,")
    assert lines[-1] == "16 passed, 0 failed, 1 not for this model"
