import copy
import pickle
from abc import ABC, abstractmethod

import numpy as np
import pytest

import minigrad as mg


class Linear(mg.Module):
    def __init__(self, inputs, outputs, rng):
        self.weight = mg.Parameter(rng.standard_normal((inputs, outputs)).astype(np.float32))
        self.bias = mg.Parameter(np.zeros(outputs, np.float32))

    def forward(self, x):
        return mg.linear(x, self.weight, self.bias)


class Network(mg.Module):
    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.layers = [Linear(3, 4, rng), Linear(4, 2, rng)]
        self.extra = {"scale": mg.Parameter([1.0])}
        self.mean = mg.Tensor([0.5])
        self.width = 4

    def forward(self, x):
        return self.layers[1](mg.tanh(self.layers[0](x))) * self.extra["scale"] + self.mean


PATHS = ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias", "extra.scale"]


def test_parameters_are_found_by_path_in_lists_and_dicts():
    assert [path for path, _ in Network().named_parameters()] == PATHS
    assert len(Network().parameters()) == 5


def test_a_plain_tensor_is_a_buffer_saved_but_not_trained():
    network = Network()
    assert [path for path, _ in network.named_buffers()] == ["mean"]
    assert set(network.state_dict()) == {*PATHS, "mean"}


def test_modules_are_found_by_path_the_outermost_with_none():
    assert [path for path, _ in Network().named_modules()] == ["", "layers.0", "layers.1"]
    assert all(isinstance(module, mg.Module) for module in Network().modules())


def test_a_shared_part_is_named_once():
    class Tied(mg.Module):
        def __init__(self):
            self.a = mg.Parameter([1.0])
            self.b = self.a
            self.inner = self.again = Linear(2, 2, np.random.default_rng(0))

    assert [path for path, _ in Tied().named_parameters()] == ["a", "inner.weight", "inner.bias"]


def test_train_and_eval_reach_every_module():
    network = Network()
    assert network.training
    assert network.eval() is network
    assert [module.training for module in network.modules()] == [False] * 3
    network.train()
    assert all(module.training for module in network.modules())


def test_a_call_returns_what_forward_returns_and_gradients_reach_every_parameter():
    network = Network()
    y = network(np.ones((2, 3), np.float32))
    y.sum().backward()
    assert y.shape == (2, 2)
    for parameter in network.parameters():
        assert parameter.grad.shape == parameter.shape
    network.zero_grad()
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_call_marks_its_ops_with_the_modules_that_made_them():
    network = Network()
    y = network.layers[0](mg.Tensor(np.ones((2, 3), np.float32)))
    assert y.node.scope.module is network.layers[0] and y.node.scope.outer is None
    inner = network(np.ones((2, 3), np.float32)).node
    assert inner.scope.module is network
    with pytest.raises(ValueError):
        network(np.ones((2, 9), np.float32))
    assert (network.extra["scale"] * 2).node.scope is None  # the failed call has ended


def test_a_module_without_forward_says_what_to_define():
    with pytest.raises(NotImplementedError, match="Module has no forward method: define one"):
        mg.Module()(1)


def test_the_state_is_a_copy():
    network = Network()
    state = network.state_dict()
    state["mean"][0] = 100
    assert network.mean.item() == 0.5


def test_a_state_can_be_loaded_into_another_network():
    one, other = Network(seed=0), Network(seed=1)
    x = np.ones((2, 3), np.float32)
    assert not np.array_equal(one(x).data, other(x).data)
    other.load_state_dict(one.state_dict())
    np.testing.assert_array_equal(one(x).data, other(x).data)


def unchanged_by(network, state, match):
    before = network.state_dict()
    with pytest.raises(ValueError, match=match):
        network.load_state_dict(state)
    for path, array in network.state_dict().items():
        np.testing.assert_array_equal(array, before[path])


def other_state():
    return {path: array + 1 for path, array in Network().state_dict().items()}


def test_loading_a_state_with_a_missing_name_changes_nothing():
    state = other_state()
    del state["mean"]
    unchanged_by(Network(), state, "does not fit Network: mean is missing")


def test_loading_a_state_with_a_name_too_many_changes_nothing():
    unchanged_by(Network(), {**other_state(), "gamma": 1.0}, "gamma is not part of this model")


def test_loading_a_state_with_a_wrong_shape_changes_nothing():
    state = {**other_state(), "extra.scale": np.ones(2)}
    unchanged_by(Network(), state, r"extra.scale has shape \(2,\), the model's has \(1,\)")


def test_loading_a_state_that_holds_no_numbers_changes_nothing():
    state = {**other_state(), "extra.scale": np.array(["a"])}
    network = Network()
    before = network.state_dict()
    with pytest.raises((ValueError, TypeError)):
        network.load_state_dict(state)
    for path, array in network.state_dict().items():
        np.testing.assert_array_equal(array, before[path])


def test_loading_keeps_the_dtype_of_the_model():
    network = Network()
    network.load_state_dict({p: a.astype(np.float64) for p, a in network.state_dict().items()})
    assert {parameter.dtype for parameter in network.parameters()} == {np.dtype(np.float32)}


def test_astype_changes_every_parameter_and_buffer():
    network = Network().astype(np.float64)
    assert {array.dtype for array in network.state_dict().values()} == {np.dtype(np.float64)}
    assert network(np.ones((1, 3))).dtype == np.float64


@pytest.mark.parametrize("dtype", [np.int64, bool, complex, "U3"])
def test_astype_of_what_is_no_floating_point_dtype_is_refused_and_changes_nothing(dtype):
    network = Network()
    with pytest.raises(TypeError, match="computes with floating-point numbers, not"):
        network.astype(dtype)
    assert {array.dtype for array in network.state_dict().values()} == {np.dtype(np.float32)}


def test_astype_leaves_buffers_of_integers_and_booleans_alone():
    class Counting(mg.Module):
        def __init__(self):
            self.count, self.mask = mg.Tensor(np.arange(3)), mg.Tensor(np.array([True, False]))
            self.mean = mg.Tensor(np.ones(2))

    module = Counting().astype(np.float32)
    kinds = {path: array.dtype for path, array in module.state_dict().items()}
    assert kinds == {"count": np.dtype(int), "mask": np.dtype(bool), "mean": np.dtype(np.float32)}


def test_astype_takes_the_gradients_along_and_keeps_what_shared_an_array():
    class Tied(mg.Module):
        def __init__(self):
            array = np.ones(2, np.float32)
            self.a, self.b = mg.Parameter(array), mg.Parameter(array)

    module = Tied()
    (module.a * 3).sum().backward()
    module.astype(np.float64)
    assert module.a.data is module.b.data and module.a.grad.dtype == np.float64
    (module.a * 1e-9).sum().backward()
    np.testing.assert_array_equal(module.a.grad.data, [3 + 1e-9] * 2)


def test_astype_to_the_dtype_that_it_has_is_no_change():
    network = Network()
    y = network(np.ones((2, 3), np.float32)).sum()
    network.astype(np.float32)
    y.backward()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_module_can_be_copied_and_pickled(copied):
    network = Network()
    network(np.ones((2, 3), np.float32)).sum().backward()
    other = copied(network)
    x = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(other(x).data, network(x).data)
    other.extra["scale"].data[:] = 0
    assert network.extra["scale"].item() == 1
    assert [path for path, _ in other.named_parameters()] == PATHS


def test_a_copy_keeps_what_was_shared_shared():
    class Tied(mg.Module):
        def __init__(self):
            self.a = self.b = mg.Parameter([1.0])

    tied = copy.deepcopy(Tied())
    assert tied.a is tied.b


def test_repr_shows_the_tree():
    text = repr(Network())
    assert text.startswith("Network(") and "layers.0: Linear(" in text
    assert "weight: parameter (3, 4)" in text and "mean: buffer (1,)" in text


# ---- which tensors are buffers


class Normal(mg.Module):
    """It keeps a running mean, and for looking at it what it saw last."""

    def __init__(self):
        self.mean = mg.Tensor(np.zeros(2))
        self.scale = mg.Parameter(np.ones(2))
        self.computed = self.scale * 2
        self.history = [mg.Tensor(1.0)]
        self.register_buffer("declared", mg.Tensor([3.0]))

    def forward(self, x):
        self.last = mg.Tensor(x)
        self.history.append(mg.Tensor(5.0))
        self.mean = 0.5 * self.mean + 0.5 * self.last
        return x * self.scale


SAVED = {"mean", "scale", "history.0", "declared"}


def same(module):
    return module


@pytest.mark.parametrize(
    "copied", [same, copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_saved_is_what_the_constructor_left_or_declared_and_nothing_later(copied):
    module = Normal()
    module.computed = None  # a copy could not take it along
    module = copied(module)
    before = module.state_dict()
    module(np.ones(2))
    assert module.state_dict().keys() == before.keys() == SAVED
    np.testing.assert_array_equal(module.state_dict()["mean"], [0.5, 0.5])
    module.load_state_dict(before)
    np.testing.assert_array_equal(module.mean.data, [0, 0])
    assert "last: tensor (2,)" in repr(module) and "mean: buffer (2,)" in repr(module)


def test_a_tensor_that_a_recorded_op_made_in_the_constructor_is_no_buffer():
    module = Normal()
    assert module.state_dict().keys() == SAVED
    with mg.no_grad():
        assert Normal().state_dict().keys() == SAVED | {"computed"}


def test_a_buffer_can_be_declared_later_and_replaced():
    module = Normal()
    module.register_buffer("last", mg.Tensor([7.0]))
    module.register_buffer("last", mg.Tensor([8.0, 9.0]))
    assert module.state_dict().keys() == SAVED | {"last"}
    module.last = mg.Tensor(np.ones(4))
    assert module.state_dict()["last"].shape == (4,)
    assert Normal().state_dict().keys() == SAVED
    del module.last
    assert module.state_dict().keys() == SAVED


def test_a_state_with_a_tensor_that_is_no_buffer_is_refused_with_the_rule():
    module = Normal()
    module.last = mg.Tensor(1.0)
    with pytest.raises(
        ValueError, match=r"last is not part.*saved are Parameters, and those.*decl"
    ):
        module.load_state_dict({**module.state_dict(), "last": 1.0})


def test_astype_and_training_leave_what_is_no_buffer_alone():
    module = Normal()
    module.last = mg.Tensor(np.ones(2))
    module.astype(np.float32)
    assert module.last.dtype == np.float64 and module.mean.dtype == np.float32
    assert [path for path, _ in module.named_buffers()] == ["mean", "history.0", "declared"]


@pytest.mark.parametrize(
    "name, value, kind, sentence",
    [
        ("w", np.ones(2), TypeError, "a Tensor and no Parameter, not ndarray"),
        ("w", mg.Parameter([1.0]), TypeError, "a Tensor and no Parameter, not Parameter"),
        ("a.b", mg.Tensor(1.0), ValueError, "cannot have the name 'a.b'"),
        ("", mg.Tensor(1.0), ValueError, "cannot have the name ''"),
        ("forward", mg.Tensor(1.0), ValueError, "Network.forward is something else"),
    ],
)
def test_a_buffer_that_can_be_none_is_refused(name, value, kind, sentence):
    with pytest.raises(kind, match=sentence):
        Network().register_buffer(name, value)


def test_a_module_may_be_an_abstract_class():
    class Layer(mg.Module, ABC):
        @abstractmethod
        def forward(self, x): ...

    class Double(Layer):
        def forward(self, x):
            return x * 2

    assert Double()(mg.Tensor(2.0)).item() == 4
    with pytest.raises(TypeError, match="abstract"):
        Layer()


# ---- one path, one part


def two_in_a_dict():
    module = mg.Module()
    module.d = {0: mg.Parameter([1.0]), "0": mg.Parameter([2.0])}
    return module


def an_attribute_with_a_dot():
    module = mg.Module()
    module.a = mg.Module()
    module.a.b = mg.Parameter([1.0])
    setattr(module, "a.b", mg.Parameter([2.0]))
    return module


def a_key_with_a_dot():
    module = mg.Module()
    module.d = {"a.b": mg.Parameter([1.0]), "a": {"b": mg.Parameter([2.0])}}
    return module


def a_list_and_an_attribute():
    module = mg.Module()
    module.l = [mg.Parameter([1.0])]
    setattr(module, "l.0", mg.Parameter([2.0]))
    return module


def a_buffer_and_a_parameter():
    class Both(mg.Module):
        def __init__(self):
            self.d = {0: mg.Tensor([1.0]), "0": mg.Parameter([2.0])}

    return Both()


def two_modules():
    module = mg.Module()
    module.d = {1: Network(), "1": mg.Module()}
    return module


MAKERS = [two_in_a_dict, an_attribute_with_a_dot, a_key_with_a_dot, a_list_and_an_attribute]
MAKERS += [a_buffer_and_a_parameter, two_modules]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    "use", ["parameters", "state_dict", "modules", "zero_grad", lambda m: dict(m.named_buffers())]
)
def test_one_path_for_two_parts_is_refused(make, use):
    module = make()
    with pytest.raises(ValueError, match="has two parts with the path '.*: rename the key"):
        use(module) if callable(use) else getattr(module, use)()
    with pytest.raises(ValueError, match="has two parts with the path"):
        module.load_state_dict({})


def test_one_part_under_two_keys_has_one_path():
    module = mg.Module()
    p = mg.Parameter([1.0])
    module.d = {0: p, "0": p}
    assert module.state_dict().keys() == {"d.0"}


# ---- what a state holds


@pytest.mark.parametrize(
    "value, sentence",
    [
        (np.array([None]), "extra.scale holds what cannot be taken: .*not Python objects"),
        (np.array([1.0], object), "extra.scale holds what cannot be taken: .*not Python objects"),
        (np.array(["a"]), "extra.scale holds what cannot be taken: .*not text"),
        (np.array([1j]), "extra.scale holds what cannot be taken: .*not complex"),
        (["a"], "extra.scale holds what cannot be taken: .*not text"),
        ([[1.0], []], "extra.scale "),
        (None, r"extra.scale has shape \(\)"),
    ],
)
def test_a_state_of_something_else_than_numbers_changes_nothing(value, sentence):
    unchanged_by(Network(), {**other_state(), "extra.scale": value}, sentence)


def test_a_state_may_hold_tensors_and_lists():
    network = Network()
    network.load_state_dict({**other_state(), "extra.scale": mg.Tensor([7.0]), "mean": [3.0]})
    assert network.extra["scale"].item() == 7 and network.mean.item() == 3


def test_loading_into_an_array_that_can_only_be_read_changes_nothing():
    network = Network()
    network.mean.data.flags.writeable = False
    unchanged_by(network, other_state(), "mean is an array in this model that can only be read")


def test_loading_a_state_that_fails_while_it_is_read_changes_nothing():
    class Damaged(dict):
        def __getitem__(self, path):
            if path == "mean":
                raise ValueError("bad checksum")
            return super().__getitem__(path)

    unchanged_by(Network(), Damaged(other_state()), "mean .*bad checksum")


@pytest.mark.parametrize(
    "value", [np.array([1.5, 2.0]), np.array([1, 2**40]), np.array([np.nan, 1])]
)
def test_numbers_that_a_buffer_of_integers_cannot_hold_are_refused(value):
    class Counting(mg.Module):
        def __init__(self):
            self.count = mg.Tensor(np.zeros(2, np.int32))

    module = Counting()
    module.load_state_dict({"count": np.array([3.0, 4.0])})
    unchanged_by(module, {"count": value}, "count has numbers that int32 cannot hold")


def test_arrays_of_the_model_itself_can_be_loaded_crosswise():
    module = mg.Module()
    module.a, module.b = mg.Parameter(np.zeros(2)), mg.Parameter(np.ones(2))
    module.load_state_dict({"a": module.b.data, "b": module.a.data})
    assert module.a.data.tolist() == [1, 1] and module.b.data.tolist() == [0, 0]


# ---- cycles


def test_a_module_that_holds_its_parent_can_be_shown_walked_and_copied():
    network = Network()
    network.layers[0].parent = network
    network.layers.append(network.layers)
    assert "parent: (this very module again)" in repr(network)
    assert [path for path, _ in network.named_parameters()] == PATHS
    other = copy.deepcopy(network)
    assert other.layers[0].parent is other
    other.load_state_dict(network.state_dict())
    assert other.astype(np.float64).eval().training is False


def test_the_same_seed_gives_the_same_numbers_bit_for_bit():
    def trained():
        network = Network(seed=3)
        rng = np.random.default_rng(4)
        optimiser = mg.optim.Adam(network.parameters(), lr=1e-2)
        for _ in range(20):
            optimiser.zero_grad()
            x = rng.standard_normal((8, 3)).astype(np.float32)
            y = mg.dropout(network(x), 0.2, rng)
            (y * y).mean().backward()
            optimiser.step()
        return network.state_dict()

    one, other = trained(), trained()
    for path in one:
        assert one[path].tobytes() == other[path].tobytes()
