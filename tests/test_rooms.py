"""Imports point one way: each room of a package imports only from those above it."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
import minitransformer as mt
from minigrad.tensor import numpy_functions

ROOT = Path(__file__).parents[1]

# A room is a folder or a file at the top of its package.
ROOMS = {
    "minigrad": (
        *(
            "memory",
            "clock",
            "dtypes",
            "context",
            "tensor",
            "errors",
            "tape",
            "ops",
            "numpy_functions",
        ),
        *("backward", "module", "optim", "gradcheck", "looking", "stepping"),
        *("drawing", "terminal", "step", "__init__"),
    ),
    "minitransformer": (
        *("files", "toml", "fields", "text", "streams", "fetching"),
        "arrays",
        *("models", "bugs", "tasks", "decoding"),
        *("explaining", "config_file", "run", "looking"),
        *("training", "lab", "nearest", "scoring", "configuration"),
        *("commands", "cli", "__init__", "__main__"),
    ),
}
packages = pytest.mark.parametrize("package", ROOMS)


def files_of(package):
    return sorted((ROOT / package).rglob("*.py"))


def name_of(path):
    """The dotted name of a module; that of a folder's `__init__.py` ends with `__init__`."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imports_of(path):
    """Dotted names of all that a file imports, wherever in it. Of `from .a import b` that is
    `package.a.b`: a reader of files cannot know whether b is a module or a name in one."""
    parents = name_of(path).split(".")[:-1]
    for statement in run_in(path):
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            above = parents[: len(parents) - statement.level + 1] if statement.level else []
            module = [statement.module] if statement.module else []
            yield from (".".join([*above, *module, alias.name]) for alias in statement.names)


def run_in(path):
    """All statements of a file but those that only a type checker reads."""
    left = [ast.parse(path.read_text(encoding="utf-8"))]
    while left:
        node = left.pop()
        yield node
        typing_only = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        left += node.orelse if typing_only else ast.iter_child_nodes(node)


def room_of(name):
    """The room in which a dotted name stands: the part after the package."""
    return name.split(".")[1]


def steps_up(package, rooms):
    """(file, what it imports) for all that does not point to a room above, or to its own."""
    place = {room: i for i, room in enumerate(rooms)}
    found = []
    for path in files_of(package):
        here = place[room_of(name_of(path))]
        inside = [name for name in imports_of(path) if name.startswith(package + ".")]
        found += [(name_of(path), name) for name in inside if place[room_of(name)] > here]
    return found


@packages
def test_every_folder_and_file_is_a_room_in_the_list(package):
    assert {room_of(name_of(path)) for path in files_of(package)} == set(ROOMS[package])


@packages
def test_each_room_imports_only_from_those_above_it(package):
    assert steps_up(package, ROOMS[package]) == []


@packages
def test_no_file_of_a_room_imports_in_a_circle(package):
    names = {name_of(path) for path in files_of(package)}

    def module_of(name):
        """The file that an imported name stands in; None for one of another package."""
        parts = name.split(".")
        candidates = [parts, [*parts, "__init__"], parts[:-1], [*parts[:-1], "__init__"]]
        return next((".".join(each) for each in candidates if ".".join(each) in names), None)

    left = {
        name_of(path): {module_of(name) for name in imports_of(path)} for path in files_of(package)
    }
    while free := [name for name, needed in left.items() if not needed & left.keys() - {name}]:
        for name in free:
            del left[name]
    assert left == {}


@packages
def test_imports_within_a_package_are_relative(package):
    for path in files_of(package):
        for statement in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(statement, ast.ImportFrom) and not statement.level:
                assert statement.module.split(".")[0] != package, name_of(path)


# What may know more of a model than the contract: the models themselves, and who makes one.
KNOWS_MODELS = ("models", "bugs", "training.settings", "training.trainer")
KNOWS_MODELS += ("training.overlaying", "configuration")
KNOWS_MODELS += ("lab", "commands", "__init__")


def test_decoding_runs_evaluation_and_pictures_know_the_contract_alone():
    for path in files_of("minitransformer"):
        here = name_of(path).removeprefix("minitransformer.")
        if not here.startswith(KNOWS_MODELS):
            of_models = [name.split(".") for name in imports_of(path) if ".models." in name]
            assert {name[2] for name in of_models} <= {"seq2seq", "kinds"}, here


def test_the_check_of_the_order_can_fail():
    rooms = ROOMS["minitransformer"]
    found = steps_up("minitransformer", rooms[::-1])
    assert ("minitransformer.run", "minitransformer.decoding.greedy.greedy_decode") in found


KNOWN = {
    mg: {"Tensor", "Module", "Parameter", "op", "grad", "draw", "optim", "softmax", "split_heads"},
    mt: {"Transformer", "TransformerConfig", "Linear", "tasks", "train", "load"},
}
HIDDEN = {"put", "concatenated", "thinned", "add_rows", "backward", "tape", "cache", "np"}
each = pytest.mark.parametrize("module", KNOWN)


@each
def test_dir_holds_the_public_names_and_nothing_else(module):
    assert dir(module) == sorted(set(module.__all__))
    assert all(getattr(module, name) is not None for name in module.__all__)
    assert KNOWN[module] <= set(dir(module))
    assert not HIDDEN & set(dir(module))


@each
def test_every_public_name_says_what_it_is(module):
    for name in module.__all__:
        assert getattr(module, name).__doc__, name


# ---- to import is quick, and changes nothing

QUIET = """
import sys, numpy
before = set(sys.modules)
import minigrad
from minigrad.memory import keep_freed_memory
from minigrad.ops.error_function import coefficients
slow = {"graphviz", "pygraphviz", "matplotlib", "ctypes", "pkgutil", "html", "difflib"}
assert not slow & {name.split(".")[0] for name in set(sys.modules) - before}, "something slow"
assert keep_freed_memory.cache_info().currsize == 0, "the C library was asked"
assert coefficients.cache_info().currsize == 0, "a series was fitted"
minigrad.optim.SGD([minigrad.Parameter([1.0])], lr=0.1)
assert keep_freed_memory.cache_info().currsize == 1, "an optimiser is where training begins"
import minitransformer
from minitransformer import cli
assert not {"matplotlib", "torch", "safetensors"} & set(sys.modules)
"""


def test_to_import_minigrad_is_quick_and_changes_nothing():
    result = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_an_op_changes_a_function_of_numpys_only_if_it_says_so():
    @mg.op
    def arctan(x):
        def dx(g):
            return g * 0

        return x * 0, dx

    with pytest.raises(TypeError, match="np.arctan has no derivative rule"):
        np.arctan(mg.Tensor([1.0]))

    @mg.op(ufunc=np.arctan)
    def inverse_tangent(x):
        def dx(g):
            return g / (1 + x * x)

        return np.arctan(x), dx

    try:
        y = np.arctan(mg.Tensor([1.0], requires_grad=True))
        assert y.node.op_name == "inverse_tangent"
        assert mg.gradcheck(lambda x: np.arctan(x), np.array([0.5, -2.0]), order=2)
    finally:
        numpy_functions.pop(np.arctan)
