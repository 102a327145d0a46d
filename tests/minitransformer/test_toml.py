import math
import tomllib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitransformer import toml

texts = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
values = st.recursive(
    st.booleans() | numbers | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=8,
)


@given(st.dictionaries(texts, st.dictionaries(texts, values)))
def test_what_is_written_is_read_back_as_it_was(tables):
    read = tomllib.loads(toml.dumps(tables))
    assert read == tables
    assert str(read) == str(tables)  # 1 is not 1.0, nor True; and the order is that of the tables


def test_a_table_is_written_as_a_person_would():
    tables = {"model": {"kind": "lstm", "d_model": 64, "dropout": 0.1, "tie": None, "on": True}}
    notes = {"model": "what learns", "model.d_model": "width"}
    assert toml.dumps({**tables, "a b": {}}, notes).splitlines() == [
        "[model]  # what learns",
        'kind = "lstm"',
        "d_model = 64  # width",
        "dropout = 0.1",
        "on = true",
        "",
        '["a b"]',
    ]


def test_numbers_that_are_none_are_written_too():
    read = tomllib.loads(
        toml.dumps({"t": {"inf": -math.inf, "nan": math.nan, "one": (np.float64(1), 1e300)}})
    )
    assert read["t"]["inf"] == -math.inf and math.isnan(read["t"]["nan"])
    assert read["t"]["one"] == [1.0, 1e300]


@pytest.mark.parametrize("value", [object(), [1, None], {"a": {1}}, b"x", "\ud800", np.float32(1)])
def test_what_toml_has_no_word_for_is_refused_with_its_key(value):
    with pytest.raises(ValueError, match="^task.file cannot be written as TOML: "):
        toml.dumps({"task": {"file": value}})
