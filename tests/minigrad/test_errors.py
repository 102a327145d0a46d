"""Wrong calls: each raises what NumPy would, in a sentence that holds the shapes or the value and
says what is wanted."""

import copy
import pickle
import traceback

import numpy as np
import pytest
from numpy.exceptions import AxisError

import minigrad as mg

rng = np.random.default_rng(0)


def t(*shape, dtype=np.float32):
    return mg.Tensor(np.ones(shape, dtype), requires_grad=True)


def constant(*shape):
    return mg.Tensor(np.ones(shape))


def along(name, axis, *shape):
    return lambda: getattr(mg, name)(t(*shape), axis=axis)


def backward_twice():
    loss = (t(2) * 2).sum()
    loss.backward()
    loss.backward()


def backward_after_a_change():
    x = t(2)
    loss = (x * x).sum()
    x[0] = 3
    loss.backward()


@mg.no_grad()
def backward_under_no_grad():
    (t() * 2).backward()


def without_a_rule():
    @mg.op
    def half(x):
        return x / 2


IDS = np.array([0, 1])
MASK4 = np.ones(4, bool)
SHAPES = r"shapes \(2, 3\) and \(4,\) do not fit together.*equal or 1"

# (what is called, what it raises, what the sentence says: a pattern)
WRONG = [
    # ---- what a tensor can be made of
    (lambda: mg.Tensor([[1, 2], [3]]), ValueError, "ragged: give every row the same length"),
    (lambda: mg.Tensor([constant(2), constant(3)]), ValueError, "ragged: give every row"),
    (lambda: mg.Tensor(np.array([None, 1])), TypeError, "not Python objects: give it numbers"),
    (lambda: mg.Tensor(None), TypeError, "not Python objects: give it numbers"),
    (lambda: mg.Tensor({"a": 1}), TypeError, "not Python objects: give it numbers"),
    (lambda: mg.Tensor("hello"), TypeError, "not text: give it numbers"),
    (lambda: mg.Tensor(1j), TypeError, "real numbers, not complex128"),
    (lambda: mg.Tensor(np.ones(2, complex)), TypeError, "real numbers, not complex128"),
    (lambda: mg.Tensor(np.zeros(2, "M8[D]")), TypeError, r"real numbers, not datetime64\[D\]"),
    (lambda: mg.Tensor([1.0], dtype=complex), TypeError, "real numbers, not complex128"),
    (lambda: mg.Tensor([1.0], dtype="big"), TypeError, "'big'"),
    (lambda: mg.Tensor(np.arange(2), True), TypeError, "int64 cannot require.*dtype=np.float32"),
    (lambda: mg.Tensor(MASK4, True), TypeError, "bool cannot require.*dtype=np.float32"),
    (lambda: mg.Parameter(np.arange(2)), TypeError, "int64 cannot require.*dtype=np.float32"),
    (
        lambda: setattr(mg.Tensor(np.arange(2)), "requires_grad", True),
        TypeError,
        "int64 cannot require.*dtype=np.float32",
    ),
    (
        lambda: setattr(t(2) * 2, "requires_grad", False),
        RuntimeError,
        r"computed by mul.*\.detach\(\)",
    ),
    (lambda: setattr(t(2), "data", "x"), TypeError, "not text: give it numbers"),
    # ---- what a tensor can be taken for
    (lambda: t(2).item(), ValueError, r"one entry; this one has shape \(2,\)"),
    (lambda: float(t(2)), ValueError, r"one entry; this one has shape \(2,\)"),
    (lambda: f"{t(2):.2f}", ValueError, r"one entry; this one has shape \(2,\)"),
    (lambda: bool(t(2)), ValueError, "ambiguous"),
    (lambda: len(t()), TypeError, "0-d tensor has no length"),
    (lambda: list(t()), TypeError, "0-d tensor"),
    (lambda: [1, 2][t()], TypeError, "integer"),
    (lambda: np.asarray(t(2)), TypeError, r"would lose: use \.data or \.detach\(\)"),
    (lambda: pickle.dumps(t(2) * 2), TypeError, r"cannot be pickled.*\.detach\(\)"),
    (lambda: copy.deepcopy(t(2) * 2), TypeError, r"cannot be pickled or copied.*\.detach\(\)"),
    # ---- assignment
    (lambda: (t(2) * 2).__setitem__(0, 1), RuntimeError, r"computed by mul.*mg\.where"),
    (lambda: t(2).__setitem__(0, t()), RuntimeError, r"not recorded.*mg\.where.*\.data"),
    (lambda: t(2).__setitem__(slice(None), np.ones(3)), ValueError, r"\(3,\) into shape \(2,\)"),
    (lambda: t(2).__setitem__(5, 1), IndexError, "index 5 is out of bounds.*size 2"),
    # ---- backward
    (lambda: (t(2) * 2).backward(), ValueError, r"shape \(2,\) needs `gradient`.*\.sum\(\)"),
    (backward_twice, RuntimeError, "freed by an earlier backward.*retain_graph=True"),
    (backward_after_a_change, RuntimeError, r"\(2,\).*mul.*changed in place.*Change a copy"),
    (backward_under_no_grad, RuntimeError, "nothing that requires a gradient.*under no_grad"),
    (lambda: constant().backward(), RuntimeError, "nothing that requires a gradient"),
    (lambda: (t(2) * 2).backward(np.ones(3)), ValueError, r"shape \(3,\), the tensor has \(2,\)"),
    (lambda: (t(2) * 2).backward(1.0), ValueError, r"shape \(\), the tensor has \(2,\)"),
    (lambda: (t(2) * 2).backward("x"), TypeError, "not text: give it numbers"),
    (lambda: mg.grad(t(2) * 2, t(2)), ValueError, r"shape \(2,\) needs `gradient`"),
    (lambda: mg.grad(constant() * 2, t()), RuntimeError, "nothing that requires a gradient"),
    (lambda: mg.grad(t() * 2, np.ones(2)), TypeError, "the inputs have to be the Tensors"),
    (lambda: mg.grad(t() * 2, [2.0]), TypeError, "the inputs have to be the Tensors"),
    # ---- elementwise
    (lambda: t(2, 3) + t(4), ValueError, f"add: {SHAPES}"),
    (lambda: t(2, 3) - t(4), ValueError, f"sub: {SHAPES}"),
    (lambda: t(2, 3) * t(4), ValueError, f"mul: {SHAPES}"),
    (lambda: t(2, 3) / t(4), ValueError, f"div: {SHAPES}"),
    (lambda: t(2, 3) ** t(4), ValueError, f"pow: {SHAPES}"),
    (lambda: mg.maximum(t(2, 3), t(4)), ValueError, f"maximum: {SHAPES}"),
    (lambda: mg.minimum(t(2, 3), t(4)), ValueError, f"minimum: {SHAPES}"),
    (lambda: t(2) + np.ones(3), ValueError, r"add: shapes \(2,\) and \(3,\) do not fit"),
    (lambda: np.ones(3) + t(2), ValueError, r"add: shapes \(3,\) and \(2,\) do not fit"),
    (lambda: t(2) + "x", TypeError, "add:.*not text: give it numbers"),
    (lambda: t(2) + None, TypeError, "add: an argument is None: give"),
    (lambda: t(2) * 1j, TypeError, "mul:.*not complex128"),
    (lambda: t(2) * [1, [2]], ValueError, "mul:.*ragged: give every row the same length"),
    (lambda: mg.exp("x"), TypeError, "exp:.*not text: give it numbers"),
    (lambda: mg.exp(None), TypeError, "exp: an argument is None: give"),
    (lambda: mg.exp(), TypeError, "exp.*missing.*'x'"),
    (lambda: mg.exp(t(2), t(2)), TypeError, "exp.*takes 1 positional argument but 2"),
    (lambda: mg.add(t(2)), TypeError, "add.*missing.*'b'"),
    (lambda: mg.clip(t(2), "a", 1), TypeError, "clip: every argument has to be a number"),
    (lambda: t(2).astype(int), TypeError, r"astype: int64 has no gradient.*\.data\.astype"),
    (lambda: mg.clip(t(2), t(), 3), TypeError, r"clip: it has no deriv.*\(\).*\.detach\(\)"),
    (lambda: mg.clip(t(2), max=t(2)), TypeError, r"clip: it has no derivative.*\(2,\).*detach"),
    # ---- reductions
    *(
        (along(name, 5, 2, 3), AxisError, f"{name}: axis 5 is out of.* 2")
        for name in "sum mean max min var std prod cumsum logsumexp".split()
    ),
    *(
        (along(name, (0, 4), 2, 3), AxisError, f"{name}: axis 4 is out")
        for name in "sum mean max min var std prod logsumexp".split()
    ),
    (lambda: mg.sum(t(2, 3), axis=(0, 0)), ValueError, r"sum:.*duplicate.*\(2, 3\)"),
    (lambda: mg.sum(t(2, 3), axis=1.5), TypeError, "sum: 'float'.*integer"),
    (lambda: mg.sum(t(2), axes=0), TypeError, "sum:.*unexpected keyword argument 'axes'"),
    (lambda: mg.max(t(0)), ValueError, r"max: there is no largest.*\(0,\)"),
    (lambda: mg.min(t(2, 0), axis=1), ValueError, r"min: there is no.*smallest.*\(2, 0\)"),
    # ---- rows
    *(
        (along(name, 5, 2, 3), AxisError, f"{name}: axis 5 is out of.* 2")
        for name in "softmax log_softmax normalize".split()
    ),
    *(
        (along(name, -1), AxisError, f"{name}: axis -1 is out of.* 0")
        for name in "softmax log_softmax normalize".split()
    ),
    (
        lambda: mg.cross_entropy(t(2, 3), np.ones(2)),
        TypeError,
        "cross_entropy: targets have to be integers, not float64",
    ),
    (
        lambda: mg.cross_entropy(t(2, 3), np.arange(3)),
        ValueError,
        r"logits of shape \(2, 3\) need targets of shape \(2,\), not \(3,\)",
    ),
    (lambda: mg.cross_entropy(t(), np.array(0)), ValueError, r"logits need a last axis.*\(\)"),
    (lambda: mg.cross_entropy(t(2, 3), IDS + 2), IndexError, "target 3 is outside the 3 classes"),
    (lambda: mg.cross_entropy(t(2, 3), IDS - 1), IndexError, "target -1 is outside the 3 classes"),
    (
        lambda: mg.cross_entropy(t(2, 3), IDS, label_smoothing=1.5),
        ValueError,
        "label_smoothing is a probability, from 0 to 1; not 1.5",
    ),
    # ---- products
    (lambda: t(4, 8) @ t(4, 8), ValueError, r"matmul: \(4, 8\) @ \(4, 8\): inner sizes 8 and 4"),
    (lambda: t(3) @ t(4), ValueError, r"matmul: \(3,\) @ \(4,\): inner sizes 3 and 4 differ"),
    (lambda: t() @ t(3), ValueError, r"matmul: \(\) @ \(3,\).*use \* for a number"),
    (lambda: t(3) @ 2, ValueError, r"matmul: \(3,\) @ \(\).*use \* for a number"),
    (
        lambda: t(2, 3, 4) @ t(3, 4, 5),
        ValueError,
        r"\(2, 3, 4\) @ \(3, 4, 5\): the batch axes \(2,\) and \(3,\) do not fit together",
    ),
    (lambda: mg.linear(t(2, 3), t(4, 5)), ValueError, r"linear: \(2, 3\) @ \(4, 5\): inner sizes"),
    (lambda: mg.linear(t(2, 3), t(3)), ValueError, r"weight has shape \(3,\).*2-D"),
    (
        lambda: mg.linear(t(2, 3), t(3, 4), t(5)),
        ValueError,
        r"bias has shape \(5,\); it has to be \(4,\)",
    ),
    (
        lambda: mg.einsum("ij,jk->ik", t(2, 3)),
        ValueError,
        "einsum: 'ij,jk->ik' names 2 operands, and 1 were given",
    ),
    (
        lambda: mg.einsum("ij->i", t(2, 3, 4)),
        ValueError,
        "'ij' in 'ij->i' does not fit an operand with 3 axes",
    ),
    (
        lambda: mg.einsum("ij,jk->ik", t(2, 3), t(4, 5)),
        ValueError,
        r"'j' in 'ij,jk->ik' stands for axes of sizes 3 and 4 .*\(2, 3\), \(4, 5\)",
    ),
    (lambda: mg.einsum("ii->i", t(2, 3)), ValueError, "'i' in 'ii->i' stands for.*2 and 3"),
    (lambda: mg.einsum("ij->k", t(2, 3)), ValueError, "einsum:.*'k'.*never appeared"),
    (lambda: mg.einsum("ij->ii", t(2, 3)), ValueError, "einsum:.*'i' multiple times"),
    (lambda: mg.einsum("i1->i", t(2, 3)), ValueError, "einsum: invalid subscript '1'"),
    (lambda: mg.einsum("i.j->i", t(2, 3)), ValueError, "einsum: 'i.j' in 'i.j->i' does not fit"),
    (lambda: mg.einsum("i...->i", t(2, 3)), ValueError, "einsum:.*ellipsis"),
    # ---- shapes
    (lambda: t(2, 3).reshape(4, 2), ValueError, r"the 6 entries of shape \(2, 3\) do not fill.*4"),
    (lambda: t(2, 3).reshape(-1, 4), ValueError, r"shape \(2, 3\) do not fill.*\(-1, 4\)"),
    (lambda: t(2, 3).reshape(1.5, 4), TypeError, "reshape: 'float'.*integer"),
    (lambda: t(2, 3).transpose(0, 1, 2), ValueError, r"transpose: .*every axis once.*\(2, 3\)"),
    (lambda: t(2, 3).transpose(0, 0), ValueError, r"transpose: repeated axis.*\(2, 3\)"),
    (lambda: t(2, 3).transpose(0, 2), AxisError, "transpose: axis 2 is out of bounds"),
    (lambda: t(2, 3).swapaxes(0, 2), AxisError, "swapaxes:.*axis 2 is out of bounds"),
    (lambda: t(2).mT, AxisError, "swapaxes:.*axis -2 is out of bounds"),
    (
        lambda: mg.broadcast_to(t(2, 3), (2, 4)),
        ValueError,
        r"broadcast_to: shape \(2, 3\) cannot be repeated to \(2, 4\)",
    ),
    (lambda: mg.broadcast_to(t(2, 3), (3,)), ValueError, r"\(2, 3\) cannot be repeated to \(3,\)"),
    (lambda: mg.expand_dims(t(2), 3), AxisError, "expand_dims: axis 3 is out of bounds"),
    (lambda: mg.squeeze(t(2, 3), 0), ValueError, r"only an axis of size 1.*\(2, 3\)"),
    (lambda: mg.flip(t(2, 3), 5), AxisError, "flip: axis 5 is out of bounds"),
    (
        lambda: mg.concatenate([t(2, 3), t(2, 4)]),
        ValueError,
        r"concatenate: shapes \(2, 3\) and \(2, 4\) have to be equal but for the size of axis 0",
    ),
    (lambda: mg.concatenate([t(2, 3), t(2)]), ValueError, r"\(2, 3\) and \(2,\) have to be equal"),
    (lambda: mg.concatenate([t(2), t(2)], 1), AxisError, "concatenate: axis 1 is out of bounds"),
    (lambda: mg.concatenate([t(), t()]), AxisError, "concatenate: axis 0 is out of bounds"),
    (lambda: mg.concatenate([]), ValueError, "concatenate: no arrays"),
    (lambda: mg.stack([t(2, 3), t(3, 2)]), ValueError, r"stack: shapes \(2, 3\) and \(3, 2\) have"),
    (lambda: mg.stack([t(2), t(2)], axis=4), AxisError, "stack: axis 4 is out of bounds"),
    (lambda: mg.stack([]), ValueError, "stack: no arrays"),
    (lambda: mg.split(t(5), 2), ValueError, r"split: the 5 entries.*\(5,\).*2 equal parts; give"),
    (lambda: mg.split(t(5), 0), ValueError, "split:.*0 equal parts"),
    (lambda: mg.split(t(5), 5, axis=1), AxisError, "split: axis 1 is out of bounds"),
    (
        lambda: mg.pad(t(2, 3), ((1, 1), (1, 1), (1, 1))),
        ValueError,
        r"pad_width.*does not fit the shape \(2, 3\): give one number",
    ),
    (lambda: mg.pad(t(3), -1), ValueError, r"pad:.*negative.*\(3,\)"),
    (lambda: mg.pad(t(3), 1.5), TypeError, "pad:.*integral"),
    # ---- choosing
    (lambda: t(2, 3)[5], IndexError, r"getitem: index 5 is out of bounds.*size 2.*\(2, 3\)"),
    (lambda: t(2, 3)[0, 0, 0], IndexError, "getitem: too many indices.*2-dimensional, but 3"),
    (lambda: t(2, 3)[1.5], IndexError, "getitem: only integers, slices"),
    (lambda: t(2, 3)["a"], IndexError, "getitem: only integers, slices"),
    (lambda: t(2, 3)[MASK4], IndexError, "getitem: boolean index did not match.*2.*4"),
    (lambda: t(2, 3)[[0, 7]], IndexError, "getitem: index 7 is out of bounds"),
    (lambda: t(2, 3)[np.ones(2)], IndexError, "getitem:.*must be of integer"),
    (lambda: t(2, 3)[IDS, np.arange(3)], IndexError, r"getitem: shape mismatch.*\(2,\) \(3,\)"),
    (lambda: mg.take(t(5), [0, 9]), IndexError, "index 9 is out of bounds.*size 5"),
    (lambda: mg.take(t(5), [0], axis=1), AxisError, "take: axis 1 is out of bounds"),
    (lambda: mg.take(t(5), [0.5]), TypeError, "take: indices have to be integers, not float64"),
    (lambda: mg.embedding(t(4, 2), [0, 4]), IndexError, "id 4 is outside the table.*0 to 3"),
    (lambda: mg.embedding(t(4, 2), [-1]), IndexError, "id -1 is outside the table.*0 to 3"),
    (lambda: mg.embedding(t(4, 2), [0.5]), TypeError, "ids have to be integers, not float64"),
    (lambda: mg.embedding(t(4), [0]), ValueError, r"table has shape \(4,\).*2-D"),
    (
        lambda: mg.where(MASK4, t(2, 3), t(2, 3)),
        ValueError,
        r"where: shapes \(4,\) and \(2, 3\) and \(2, 3\) do not fit together",
    ),
    (lambda: mg.where(), TypeError, "where.*missing 3"),
    (
        lambda: mg.masked_fill(t(2, 3), np.ones((2, 3)), 0.0),
        TypeError,
        "mask has to be boolean, not float64: write `tokens == pad_id`",
    ),
    (
        lambda: mg.masked_fill(t(2, 3), MASK4, 0.0),
        ValueError,
        r"masked_fill: shapes \(2, 3\) and \(4,\) do not fit",
    ),
    (lambda: mg.masked_fill(t(4), MASK4, t()), TypeError, "masked_fill: it has no derivative"),
    (lambda: mg.masked_fill(t(4), MASK4, "x"), TypeError, "value has to be one number, not 'x'"),
    (lambda: mg.dropout(t(3), 1.5, rng), ValueError, "dropout: p is.*0 <= p < 1; not 1.5"),
    (lambda: mg.dropout(t(3), -0.1, rng), ValueError, "dropout: p is.*0 <= p < 1; not -0.1"),
    (lambda: mg.dropout(t(3), 0.5, 7), TypeError, r"dropout: rng.*not int.*default_rng\(seed\)"),
    # ---- NumPy's functions, ops of one's own, the referee
    (lambda: np.sort(t(2)), TypeError, "np.sort has no derivative rule.*@mg.op"),
    (lambda: np.exp(t(2), where=MASK4), TypeError, "np.exp on a Tensor does not take where"),
    (lambda: np.sum(t(2), dtype=float), TypeError, "np.sum on a Tensor does not take dtype"),
    (without_a_rule, TypeError, r"op half: no rule found.*define an inner function dx\(g\)"),
    (lambda: mg.gradcheck(lambda n: n, 3), TypeError, "none of the inputs is an array of real"),
    (
        lambda: mg.gradcheck(lambda x: x.data, np.ones(2)),
        TypeError,
        "fn has to return a Tensor, not ndarray",
    ),
    # ---- modules and optimisers
    (lambda: mg.Module()(1), NotImplementedError, "Module has no forward method: define one"),
    (lambda: mg.Module().load_state_dict({"w": 1}), ValueError, "w is not part of this model"),
    (lambda: mg.optim.SGD([], lr=1), ValueError, r"no parameters; pass model\.parameters\(\)"),
    (lambda: mg.optim.SGD([constant(2)], lr="1"), TypeError, "lr has to be one number, not str"),
    (lambda: mg.optim.SGD([np.ones(2)], lr=1), TypeError, r"changes Parameters: pass model\.par"),
    (lambda: mg.optim.SGD(t(2), lr=1), TypeError, r"changes Parameters: pass model\.parameters"),
    (lambda: mg.optim.SGD([t(2) * 2], lr=1), TypeError, "changes Parameters"),
    (
        lambda: mg.optim.SGD([t(2), t(2, dtype=np.float64)], lr=1),
        ValueError,
        "of one dtype; these have float32, float64",
    ),
    (lambda: mg.optim.SGD([mg.Parameter([1.0])] * 2, lr=1), ValueError, "a parameter twice"),
    (lambda: mg.optim.Adam([t(2)]).load_state_dict({"lr": 1}), ValueError, "no state of Adam.*lr"),
]


@pytest.mark.parametrize("call, kind, sentence", WRONG, ids=[entry[2][:60] for entry in WRONG])
def test_a_wrong_call_says_what_is_wrong(call, kind, sentence):
    with pytest.raises(kind, match=sentence) as raised:
        call()
    assert type(raised.value) is kind
    assert len(str(raised.value)) < 300


def test_a_failing_call_leaves_the_tensor_as_it_was():
    x = t(2)
    for call in (lambda: x + np.ones(3), lambda: x[5], lambda: x.reshape(3), lambda: x @ x.data[0]):
        with pytest.raises((ValueError, IndexError)):
            call()
    assert x.node is None and x.grad is None
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [2, 2])


def test_a_failure_is_one_traceback_down_to_the_line_that_failed():
    with pytest.raises(ValueError) as raised:
        t(2) + t(3)
    text = "".join(traceback.format_exception(raised.value))
    assert text.count("Traceback") == 1
    assert "return a + b, da, db" in text
    assert text.splitlines()[-1].startswith("ValueError: add: shapes (2,) and (3,)")
    assert isinstance(raised.value.__context__, ValueError)  # what NumPy said
