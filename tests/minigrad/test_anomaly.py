"""Anomaly mode names the first op, or rule, that makes a NaN or an infinity, when it does."""

import warnings

import numpy as np
import pytest

import minigrad as mg
from minigrad.tape import arrays_in

pytestmark = pytest.mark.filterwarnings("ignore:.*encountered in")


def leaf(*values):
    return mg.Tensor(np.array(values, np.float32), requires_grad=True)


def test_an_op_that_makes_an_infinity_is_named_with_line_and_shapes():
    x = leaf(1.0, 0.0, 2.0)
    with mg.detect_anomaly(), pytest.raises(FloatingPointError) as caught:
        mg.exp(x) + mg.log(x)  # the line to be named
    message = str(caught.value)
    assert message.startswith("log made an infinity in 1 of 3 entries of shape (3,)")
    assert "from inputs of shape (3,)" in message
    assert "test_anomaly.py, line " in message
    assert "mg.exp(x) + mg.log(x)  # the line to be named" in message


def test_an_op_that_makes_a_nan_is_named_before_any_later_op_runs():
    ran = []
    with mg.detect_anomaly(), pytest.raises(FloatingPointError, match="sqrt made a NaN"):
        y = mg.sqrt(leaf(-1.0))
        ran.append(y)
    assert not ran


def test_a_rule_that_makes_an_infinity_in_backward_is_named_with_the_line_of_its_op():
    x = leaf(0.0, 4.0)
    with mg.detect_anomaly():
        y = mg.sqrt(x).sum()  # its op was called here
        with pytest.raises(FloatingPointError) as caught:
            y.backward()
    message = str(caught.value)
    assert message.startswith("sqrt, in its rule dx, made an infinity in 1 of 2 entries")
    assert "y = mg.sqrt(x).sum()  # its op was called here" in message


def test_the_path_of_the_module_is_named():
    class Inner(mg.Module):
        def forward(self, x):
            return mg.log(x)

    class Outer(mg.Module):
        def __init__(self):
            self.layers = [Inner(), Inner()]

        def forward(self, x):
            return self.layers[1](x)

    with mg.detect_anomaly(), pytest.raises(FloatingPointError, match=r"\(in Outer\.layers\.1\)"):
        Outer()(leaf(0.0))


def test_an_infinity_that_was_put_in_is_none_that_was_made():
    x = leaf(1.0, 2.0, 3.0)
    mask = np.array([True, False, False])
    with mg.detect_anomaly():
        y = mg.masked_fill(x, mask, -np.inf).softmax()
        (y * y).sum().backward()
    assert np.isfinite(x.grad.data).all()


def test_a_nan_that_came_in_with_the_data_is_said_to_be_given():
    with mg.detect_anomaly(), pytest.raises(FloatingPointError, match="mul was given a NaN"):
        leaf(np.nan, 1.0) * 2


def test_an_array_changed_behind_the_tensors_back_is_noticed_at_backward():
    x = leaf(1.0, 2.0)
    with mg.detect_anomaly():
        y = (x * x).sum()
        x.data[0] = 5.0  # no tensor can see this
        with pytest.raises(RuntimeError, match="mul remembers for backward was changed"):
            y.backward()


def test_without_anomaly_mode_nothing_is_checked_and_numbers_are_the_same():
    x = leaf(0.5, 2.0)
    with mg.detect_anomaly():
        (x.exp() * x).sum().backward()
    watched, x.grad = x.grad.data, None
    (x.exp() * x).sum().backward()
    assert np.array_equal(watched, x.grad.data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isneginf(mg.log(leaf(0.0)).data[0])


def test_it_is_over_after_the_block_and_holds_no_graph():
    with mg.detect_anomaly() as watcher:
        y = leaf(1.0).exp()
    assert len(watcher.seen) == 1
    del y
    assert len(watcher.seen) == 0
    mg.log(mg.Tensor([1.0]))


def test_ops_of_many_inputs_and_second_derivatives_go_through_it():
    x = leaf(1.0, 2.0)
    with mg.detect_anomaly():
        y = mg.concatenate([x, x * x]).sum()
        (first,) = mg.grad(y, [x], create_graph=True)
        (second,) = mg.grad((first * first).sum(), [x])
    # d/dx of (1 + 2x)^2 is 4 (1 + 2x)
    assert second.data.tolist() == [12.0, 20.0]


def test_a_rule_of_float16_is_named_as_it_is_written_and_its_arrays_are_looked_at():
    @mg.op(wide=True)
    def total(x):
        def dx(g):
            return g * np.log(below)

        below = x - x
        return x.sum(), dx

    x = mg.Tensor([1.0, 2.0], requires_grad=True, dtype=np.float16)
    with mg.detect_anomaly(), np.errstate(divide="ignore"):
        with pytest.raises(FloatingPointError, match="total, in its rule dx, made an infinity"):
            total(x).backward()
        y = total(x)
        ((_, rule),) = y.node.edges
        (below,) = arrays_in([rule])
        below[0] = 1.0
        with pytest.raises(RuntimeError, match="an array that total remembers"):
            y.backward()
