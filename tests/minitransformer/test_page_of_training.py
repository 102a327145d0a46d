"""The page of a run: one file that loads nothing, and shows what the log has."""

import json
import re

import numpy as np
import pytest
from toy_models import quick_train

from minitransformer import tasks, train
from minitransformer.training import page as module
from minitransformer.training.page import PAGE, page_of, thinned


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return quick_train(tmp_path_factory.mktemp("page") / "run", steps=20, validations=4)


def data_of(text):
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    return json.loads(data)


def test_it_has_the_curves_the_examples_and_the_configuration(run):
    data = data_of((run.folder / PAGE).read_text(encoding="utf-8"))
    assert (data["step"], data["steps"], data["ended"], data["left"]) == (20, 20, True, None)
    log = run.log()
    for name in ("loss", "lr", "validation_loss", "exact_match", "teacher_forced", "free_running"):
        assert data["curves"][name] == [[line["step"], line[name]] for line in log if name in line]
        assert data["curves"][name]
    assert [step for step, _ in data["outputs"]] == [5, 10, 15, 20]
    assert len(data["examples"]) == len(data["outputs"][0][1]) == 5
    for example in data["examples"]:
        assert example["target"] == example["source"][::-1]
    assert ["training.batch_size", "16"] in data["configuration"]
    assert ["model.d_model", str(run.model.config.d_model)] in data["configuration"]
    weights = np.array(data["attention"]["weights"])
    assert weights.shape == (len(data["attention"]["queries"]), len(data["attention"]["keys"]))
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=0.01)


def test_it_loads_nothing_and_while_the_training_goes_on_it_says_what_is_left(run):
    pairs = run.ids_of(run.task.examples("validation", 5, np.random.default_rng(0)))
    text = page_of(run, pairs, 10, 30.0, ended=False)
    assert "default-src 'none'" in text
    assert not re.search(r"(src|href)=|url\(|@import|https?://(?!www\.w3\.org/2000/svg)", text)
    data = data_of(text)
    assert (data["ended"], data["left"]) == (False, 30.0)


def test_no_text_of_the_data_becomes_markup(tmp_path):
    class Tags(type(tasks.get("copy"))):
        def pair(self, example):
            return f"<b>{example}", f"</script><i>{example}"

        def check(self, source):
            pass

    task = Tags(symbols=5, longest=4)
    task.max_length = 30
    few = {"train_examples": 30, "validation_examples": 5, "steps": 2, "validations": 1}
    run = train(task, tmp_path / "run", size="tiny", quiet=True, **few)
    text = (run.folder / PAGE).read_text(encoding="utf-8")
    assert "<b>" not in text and "<i>" not in text and text.count("</script>") == 2
    assert data_of(text)["examples"][0]["source"].startswith("<b>")


def test_a_model_without_attention_has_a_page_too(tmp_path):
    run = quick_train(tmp_path / "run", model="lstm")
    assert data_of((run.folder / PAGE).read_text(encoding="utf-8"))["attention"] is None


def test_a_long_curve_is_thinned_and_keeps_its_end():
    points = [[i, i] for i in range(10_001)]
    some = thinned(points)
    assert len(some) <= module.POINTS and some[-1] == [10_000, 10_000]
    assert thinned(points[:7]) == points[:7] and thinned([]) == []
