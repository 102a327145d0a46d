import copy
import pickle

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
