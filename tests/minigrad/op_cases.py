"""The table of cases: every op of minigrad, what it is called with, and what NumPy says to it.

A case is a call written down as data: positional and keyword arguments, in which an `Input` stands
for each array that is differentiated. So one case serves the op, its NumPy reference and PyTorch's.
"""

import importlib
import math
import pkgutil
import zlib
from dataclasses import dataclass, replace

import numpy as np

import minigrad as mg

MODULES = [
    importlib.import_module(f"minigrad.ops.{module.name}")
    for module in pkgutil.iter_modules(importlib.import_module("minigrad.ops").__path__)
]
# Everything that was made with @op, {name: op}: the public ops and those for the rules of others.
OPS = {
    value.fn.__name__: value
    for module in MODULES
    for value in vars(module).values()
    if hasattr(value, "fn")
}


@dataclass(frozen=True)
class Input:
    """An array to be made: its shape, and a function (rng, shape) that draws its numbers."""

    shape: tuple
    draw: object
    name: str

    def of(self, *shape):
        """Such numbers in another shape."""
        return replace(self, shape=shape)

    def __repr__(self):
        return f"{self.name}{self.shape}"


def drawn(name):
    """`normal(3, 4)` in place of Input((3, 4), draw, "normal"), for a function (rng, shape)."""
    return lambda draw: lambda *shape: Input(shape, draw, name)


@drawn("")
def normal(rng, shape):
    return rng.standard_normal(shape)


@drawn("positive")
def positive(rng, shape):
    return rng.uniform(0.3, 3, shape)


@drawn("nonzero")
def nonzero(rng, shape):
    """Both signs, and no step of the referee crosses 0."""
    return rng.uniform(0.3, 2, shape) * rng.choice([-1, 1], shape)


@drawn("distinct")
def distinct(rng, shape):
    """No two entries closer than 0.25, and none within 0.1 of a multiple of 0.25: no ties."""
    size = math.prod(shape)
    return ((rng.permutation(size) - size // 2) * 0.25 + 0.125).reshape(shape)


@drawn("between")
def between(rng, shape):
    """Like `distinct`, but nowhere closer than 0.06 to an entry of such an array."""
    size = math.prod(shape)
    return ((rng.permutation(size) - size // 2) * 0.25 + 0.06).reshape(shape)


def exactly(*values):
    """These very numbers: for kinks and ties."""
    array = np.array(values, float)
    return Input(array.shape, lambda rng, shape: array.copy(), f"exactly{array.tolist()}")


def exactly_of(shape, value):
    """One number in every place: what others are divided by."""
    return Input(shape, lambda rng, shape: np.full(shape, value), f"all {value} ")


class Case:
    """One call. A kink is a place where the derivative is a convention: it is held against PyTorch
    alone, since differences cannot see it."""

    def __init__(self, args, kwargs, kink=False):
        self.args, self.kwargs, self.kink = args, kwargs, kink
        self.inputs = [entry for arg in args for entry in (arg if type(arg) is list else [arg])]
        self.inputs = [entry for entry in self.inputs if isinstance(entry, Input)]
        self.op = None  # its row of the table; told by `Op`

    def arrays(self, dtype=np.float64):
        """The inputs: the same numbers at every call, rounded to float32 so that all agree."""
        rng = np.random.default_rng(zlib.crc32(str(self).encode()))
        arrays = [np.asarray(x.draw(rng, x.shape), np.float32) for x in self.inputs]
        return [array.astype(dtype) for array in arrays]

    def cotangent(self, shape, dtype=np.float64):
        """Random numbers for the gradient of the value to begin with."""
        rng = np.random.default_rng(zlib.crc32(str(self).encode()) + 1)
        return np.asarray(rng.standard_normal(shape), np.float32).astype(dtype)

    def call(self, function, inputs):
        """The result of `function` with `inputs` in the places of the Inputs."""
        rest = iter(inputs)
        args = []
        for arg in self.args:
            entries = arg if type(arg) is list else [arg]
            filled = [next(rest) if isinstance(entry, Input) else entry for entry in entries]
            args.append(filled if type(arg) is list else filled[0])
        return function(*args, **self.kwargs)

    def __str__(self):
        kwargs = [f"{key}={value!r}" for key, value in self.kwargs.items()]
        text = f"{self.op.name}({', '.join([*map(repr, self.args), *kwargs])})"
        return " ".join(text.split())


class Op:
    """A row of the table: an op, its reference on arrays, and its cases.

    `ours` is minigrad's function of that name unless another is given."""

    def __init__(self, name, reference, *cases, ours=None):
        self.name, self.reference, self.cases = name, reference, cases
        self.ours = ours or OPS.get(name) or getattr(mg, name)
        for case in cases:
            case.op = self


def case(*args, **kwargs):
    return Case(args, kwargs)


def kink(*args, **kwargs):
    return Case(args, kwargs, kink=True)


UNARY = [(), (1,), (5,), (2, 3), (2, 1, 3), (0,), (3, 0)]
PAIRS = [((2, 3), (2, 3)), ((2, 3), (3,)), ((3,), (2, 1)), ((2, 1, 3), (4, 1)), ((), (3,))]
PAIRS += [((), ()), ((1,), (2, 3)), ((1, 1), ()), ((0, 3), (1, 3)), ((0,), ())]


def each(draw, *rest):
    """One case for each shape, of an op with one input."""
    return [case(draw(*shape), *rest) for shape in UNARY]


def pairs(left, right):
    """One case for each pair of shapes that broadcast, and one with a number on either side."""
    both = [case(left(*a), right(*b)) for a, b in PAIRS]
    return [*both, case(left(2, 3), 1.3), case(0.7, right(2, 3))]


def axes(draw, keepdims=True):
    """An op that reduces: over everything, one axis, several, none, negative; kept or not."""
    cases = [case(draw()), case(draw(1)), case(draw(5), 0), case(draw(2, 3)), case(draw(3, 2), 1)]
    cases += [case(draw(3, 2), axis=-2), case(draw(2, 3, 2), axis=1), case(draw(2, 1, 3), axis=1)]
    if keepdims:
        cases += [
            case(draw(2, 3), keepdims=True),
            case(draw(2, 3), axis=0, keepdims=True),
            case(draw(2, 3, 2), axis=-1, keepdims=True),
            case(draw(2, 0), axis=1 if draw in (normal, positive) else 0, keepdims=True),
        ]
    return cases


def several_axes(draw):
    return [
        case(draw(2, 3, 2), axis=(0, 2)),
        case(draw(2, 3, 2), axis=(-1, 0), keepdims=True),
        case(draw(2, 3), axis=(0, 1)),
        case(draw(2, 3), axis=()),
    ]


# ---- what NumPy has no function for


def erf(x):
    return np.vectorize(math.erf, otypes=[float])(x)


def softmax(x, axis=-1):
    e = np.exp(x - np.max(x, axis=axis, keepdims=True, initial=-1e30))
    return e / e.sum(axis=axis, keepdims=True)


def logsumexp(x, axis=None, keepdims=False):
    return np.logaddexp.reduce(x, axis=axis, keepdims=keepdims)


def cross_entropy(logits, targets, ignore_index=None, label_smoothing=0.0):
    """By the definition: a target distribution for each row, the mean over those that count."""
    classes = logits.shape[-1]
    losses = []
    for place in np.ndindex(targets.shape):
        if targets[place] != ignore_index:
            wanted = np.full(classes, label_smoothing / classes)
            wanted[targets[place]] += 1 - label_smoothing
            losses.append(-(wanted * np.log(softmax(logits[place]))).sum())
    return np.array(np.sum(losses) / max(len(losses), 1))


def normalize(x, axis=-1, eps=1e-5, gamma=1.0, beta=0.0):
    deviation = x - x.mean(axis=axis, keepdims=True)
    return gamma * deviation / np.sqrt(x.var(axis=axis, keepdims=True) + eps) + beta


def linear(x, weight, bias=0.0):
    return x @ weight + bias


def put(values, index, shape):
    """Place by place: the entry that `values[i]` was read from is where it goes."""
    y = np.zeros(math.prod(shape))
    places = np.arange(y.size).reshape(shape)[index]
    for place, value in zip(places.reshape(-1), np.broadcast_to(values, places.shape).reshape(-1)):
        y[place] += value
    return y.reshape(shape)


def split_heads(x, num_heads):
    return np.stack(np.split(x, num_heads, axis=-1), axis=1)


def join_heads(x):
    return np.concatenate([x[:, head] for head in range(x.shape[1])], axis=-1)


def add_rows(rows, ids, count):
    y = np.zeros((count, rows.shape[1]))
    for row, i in zip(rows, ids):
        y[i] += row
    return y


def thinned(x, keep, scale):
    return x * keep * scale


def dropout(x, p, rng):
    return x * (rng.random(x.shape, dtype=np.float32) >= p) / (1 - p)


def seeded(dropout):
    """Dropout that drops the same entries at every call."""
    return lambda x, p, seed: dropout(x, p, np.random.default_rng(seed))


def last_part(split):
    return lambda *args, **kwargs: split(*args, **kwargs)[-1]


# ---- the constants in calls

MASK = np.array([[True, False, True], [False, False, True]])
ROW = np.array([True, False, True])
IDS = np.array([[1, 0, 1], [3, 1, 1]])
FAR_FROM_0 = exactly([64.0, 65.0, 66.5], [0.5, 1.0, 4.0])  # of which the first row is centred anew
INF = math.inf

INDICES = [
    ((5,), 1),
    ((5,), -2),
    ((5,), np.int64(3)),
    ((5,), slice(None, None, -1)),
    ((5,), slice(1, None, 2)),
    ((5,), slice(3, 3)),
    ((5,), np.array([0, 2, 2, -1])),
    ((5,), [4, 0]),
    ((5,), np.array([], int)),
    ((5,), np.array([[0, 1], [1, 4]])),
    ((5,), np.array(3)),
    ((5,), None),
    ((), ()),
    ((), None),
    ((), ...),
    ((3, 4), 2),
    ((3, 4), ...),
    ((3, 4), (slice(None), 1)),
    ((3, 4), (slice(None, None, -2), slice(1, 3))),
    ((3, 4), (..., None, 0)),
    ((3, 4), (1, [0, 0, 3])),
    ((3, 4), (np.array([0, 1, 1]), np.array([3, 2, 2]))),
    ((3, 4), (np.array([[0], [2]]), np.array([1, 1, 3]))),
    ((2, 3), MASK),
    ((2, 3), (slice(None), ROW)),
    ((2, 3), (1, ROW)),
    ((2, 3), True),
    ((2, 3), np.zeros((2, 3), bool)),
    ((2, 3, 2), (0, slice(None), np.array([1, 0, 1]))),
    ((2, 3, 2), (np.array([1, 1]), slice(None), np.array([0, 0]))),
    ((2, 3, 2), (slice(None), np.array([2, 0, 2]), None, 1)),
    ((2, 3, 2), (None, ..., ROW, slice(None))),
    ((0, 3), (slice(None), 1)),
    ((0, 3), np.array([], int)),
]

SUBSCRIPTS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 2)),
    ("ba", (2, 3)),
    ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)),
    ("bhqd,bhkd->bhqk", (1, 2, 2, 3), (1, 2, 3, 3)),
    ("i,i->", (3,), (3,)),
    ("i,i", (3,), (3,)),
    ("i,j->ij", (2,), (3,)),
    ("i,j->ji", (2,), (3,)),
    ("ij->ji", (2, 3)),
    ("ij->", (2, 3)),
    ("ij->j", (2, 3)),
    ("i->i", (3,)),
    ("ii->i", (3, 3)),
    ("ii->", (3, 3)),
    ("ii", (3, 3)),
    ("iii->i", (2, 2, 2)),
    ("iij->ij", (2, 2, 3)),
    ("ijj->i", (2, 3, 3)),
    ("ijij->ij", (2, 3, 2, 3)),
    ("ii,i->i", (3, 3), (3,)),
    ("ii,jj->ij", (2, 2), (3, 3)),
    ("ij,kl->", (2, 3), (2, 2)),
    ("ij,j,i->", (2, 3), (3,), (2,)),
    ("abc,cd,ad->bd", (2, 3, 2), (2, 2), (2, 2)),
    ("i,i,i,i->i", (2,), (2,), (2,), (2,)),
    ("i,->i", (3,), ()),
    (",->", (), ()),
    ("->", ()),
    ("...ij,...jk->...ik", (2, 2, 3), (3, 2)),
    ("...ij,...jk->...ik", (2, 1, 2, 3), (3, 3, 2)),
    ("...i->...", (2, 3)),
    ("i...->...", (2, 3)),
    ("...", (2, 3)),
    ("...ii->...i", (2, 3, 3)),
    ("...,...", (2, 3), (3,)),
    ("a...b,b...->a...", (2, 3, 2), (2, 3)),
    ("...j,j...->...", (2, 3), (3, 2)),
    ("ij,ij->ij", (1, 3), (2, 3)),
    ("ij,ij->", (2, 1), (2, 3)),
    ("ij,jk->ik", (2, 1), (3, 2)),
    ("ij,j->i", (2, 1), (1,)),
    (" i j , j k -> k i ", (2, 3), (3, 2)),
    ("Ab,bA->A", (2, 3), (3, 2)),
    ("aB,Bc", (2, 3), (3, 2)),
    ("ij,jk->ik", (0, 3), (3, 2)),
    ("ij,jk->ik", (2, 0), (0, 3)),
    ("ij->i", (2, 0)),
]

PRODUCTS = [((2, 3), (3, 4)), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((1, 1), (1, 1))]
PRODUCTS += [((2, 3, 4), (4, 2)), ((2, 3, 4), (4,)), ((3,), (2, 3, 2)), ((2, 3, 4), (2, 4, 2))]
PRODUCTS += [((2, 1, 2, 3), (3, 3, 2)), ((2, 3), (2, 3, 2)), ((1, 2, 3), (2, 3, 1))]
PRODUCTS += [((0, 3), (3, 2)), ((2, 0), (0, 3)), ((2, 0, 3), (3, 2)), ((2, 3), (3, 0))]
PRODUCTS += [((1, 2, 3), (3,)), ((2, 2, 2, 3), (2, 2, 3, 2))]

TABLE = [
    # ---- elementwise
    Op("add", np.add, *pairs(normal, normal)),
    Op("sub", np.subtract, *pairs(normal, normal)),
    Op("mul", np.multiply, *pairs(normal, normal)),
    Op("div", np.divide, *pairs(normal, nonzero)),
    Op("mod", np.remainder, *pairs(distinct, lambda *s: exactly_of(s, 2.3))),
    Op(
        "pow",
        np.power,
        *pairs(positive, normal),
        *(case(nonzero(2, 3), n) for n in (2, 3, -1, 0, 1)),
        *(case(positive(2, 3), n) for n in (0.5, -1.5)),
        kink(exactly(0.0, -1.0, 2.0), 0),
        kink(exactly(0.0, -1.0, 2.0), 0.0),
        kink(exactly(0.0, -1.0, 2.0), 1),
        kink(exactly(0.0, -1.0, 2.0), 2.0),
        kink(exactly(0.0, 2.0), 0.5),
        kink(exactly(0.0, 0.0, 0.0, 3.0), exactly(0.0, 2.0, 1.0, 0.0)),
        kink(exactly(0.0, 0.0), exactly(0.5, 1.5)),
        kink(0.0, exactly(1.0, 2.0)),
    ),
    Op("neg", np.negative, *each(normal)),
    Op("exp", np.exp, *each(normal)),
    Op("log", np.log, *each(positive), kink(exactly(0.0, 1.0))),
    Op("sqrt", np.sqrt, *each(positive), kink(exactly(0.0, 1.0))),
    Op("tanh", np.tanh, *each(normal), kink(exactly(-400.0, 0.0, 400.0))),
    Op(
        "sigmoid",
        lambda x: 1 / (1 + np.exp(-x)),
        *each(normal),
        kink(exactly(-90.0, 0.0, 80.0)),
    ),
    Op("relu", lambda x: np.maximum(x, 0), *each(nonzero), kink(exactly(-1.0, -0.0, 0.0, 1.0))),
    Op("erf", erf, *each(normal), case(exactly(-7.0, -5.5, -1.0, 0.0, 0.5, 1.0, 3.0))),
    Op("normal_cdf", lambda x: (1 + erf(x / math.sqrt(2))) / 2, *each(normal)),
    Op("gelu", lambda x: x * (1 + erf(x / math.sqrt(2))) / 2, *each(normal)),
    Op("abs", np.abs, *each(nonzero), kink(exactly(-1.0, -0.0, 0.0, 1.0))),
    Op("copy", np.copy, *each(normal)),
    Op("sin", np.sin, *each(normal)),
    Op("cos", np.cos, *each(normal)),
    Op(
        "clip",
        lambda x, min=None, max=None: np.clip(x, min, max),
        *each(distinct, -0.3, 0.4),
        case(distinct(2, 3), -0.6),
        case(distinct(2, 3), max=0.2),
        case(distinct(2, 3), min=-0.3, max=INF),
        kink(exactly(-2.0, -1.0, 0.0, 1.0, 2.0), -1.0, 1.0),
    ),
    *(
        Op(
            name,
            getattr(np, name),
            *pairs(distinct, between),
            kink(exactly(1.0, 2.0, 3.0), exactly(1.0, 3.0, 2.0)),
            kink(exactly([1.0], [2.0]), exactly(1.0, 2.0)),
            kink(exactly(-1.0, 0.0, 1.0), 0.0),
        )
        for name in ("maximum", "minimum")
    ),
    Op(
        "astype",
        lambda x, dtype: x.astype(dtype),
        *(case(normal(*shape), np.float64) for shape in UNARY),
    ),
    # ---- reductions
    Op("sum", np.sum, *axes(normal), *several_axes(normal)),
    Op("mean", np.mean, *axes(normal)[:-1], *several_axes(normal)),
    *(
        Op(
            name,
            getattr(np, name),
            *axes(distinct),
            *several_axes(distinct),
            kink(exactly(1.0, 3.0, 3.0, 1.0, 1.0)),
            kink(exactly([1.0, 3.0, 3.0], [2.0, 2.0, 2.0]), axis=1),
            kink(exactly([1.0, 3.0, 3.0], [1.0, 2.0, 2.0]), axis=(0, 1), keepdims=True),
        )
        for name in ("max", "min")
    ),
    Op(
        "var",
        np.var,
        *axes(normal)[:-1],
        *several_axes(normal),
        case(normal(2, 3), ddof=1),
        case(normal(2, 3, 2), axis=(0, 1), ddof=1),
        case(FAR_FROM_0, axis=1),
        kink(exactly(2.0, 2.0)),
    ),
    Op(
        "std",
        np.std,
        *(case(*c.args, **c.kwargs) for c in axes(normal)[2:7]),
        case(normal(2, 3), axis=0, keepdims=True),
        case(normal(2, 3, 2), axis=(-1, 0), keepdims=True),
        case(normal(2, 3), ddof=1),
        case(normal(2, 3, 2), axis=(0, 1), ddof=1),
        case(normal(0, 3), axis=1),
        case(FAR_FROM_0, axis=1),
        kink(exactly(2.0, 2.0)),
        kink(exactly([2.0, 2.0], [1.0, 3.0]), axis=1),
    ),
    Op(
        "prod",
        np.prod,
        *axes(nonzero),
        *several_axes(nonzero),
        case(normal(2, 10), axis=1),
        case(exactly(2.0, 0.0, 3.0)),
        case(exactly([2.0, 0.0, 3.0], [0.0, 0.0, 3.0], [1.0, 2.0, 4.0]), axis=1),
        case(exactly([2.0, 0.0], [0.0, 5.0])),
        case(normal(0, 2), axis=0),
    ),
    Op("cumsum", np.cumsum, *axes(normal, keepdims=False), case(normal(2, 0), 1)),
    # ---- rows
    *(
        Op(
            name,
            reference,
            case(normal(1)),
            case(normal(5)),
            case(normal(2, 3)),
            case(normal(3, 2), axis=0),
            case(normal(2, 3, 2), axis=1),
            case(normal(2, 3, 2), axis=-1),
            case(normal(2, 3), axis=(0, 1)),
            case(normal(2, 3, 2), axis=(0, 2)),
            case(normal(2, 1)),
            case(normal(0, 3)),
            case(normal(2, 0)),
            case(normal(1, 40)),  # a long row
            kink(exactly([1000.0, 0.0, -1000.0], [-1e4, -1e4, -1e4])),
        )
        for name, reference in (
            ("softmax", softmax),
            ("log_softmax", lambda x, axis=-1: x - logsumexp(x, axis, keepdims=True)),
        )
    ),
    Op("logsumexp", logsumexp, *axes(normal)[:-1], *several_axes(normal)),
    Op(
        "cross_entropy",
        cross_entropy,
        case(normal(4), np.array(2)),
        case(normal(2, 4), np.array([1, 3])),
        case(normal(2, 3, 4), IDS),
        case(normal(2, 3, 4), targets=IDS, ignore_index=1),
        case(normal(2, 3, 4), IDS, label_smoothing=0.1),
        case(normal(2, 3, 4), IDS, ignore_index=1, label_smoothing=0.1),
        case(normal(2, 4), np.array([-1, 3]), ignore_index=-1),
        case(normal(2, 4), np.array([2, 2]), ignore_index=2),
        case(normal(0, 4), np.array([], int)),
        case(normal(2, 1), np.array([0, 0])),
    ),
    Op(
        "normalize",
        normalize,
        case(normal(5)),
        case(normal(2, 3)),
        case(normal(2, 3), axis=0),
        case(normal(2, 3, 2), axis=1),
        case(normal(2, 3, 2), axis=(1, 2)),
        case(normal(2, 3, 2), axis=(0, 2), eps=1e-3),
        case(normal(2, 3), eps=0.5),
        case(normal(1, 40)),  # a long row
        case(normal(2, 3), -1, 1e-5, normal(3), normal(3)),
        case(normal(2, 2, 3), (0, 1), 1e-5, normal(3), normal(3)),
        case(normal(2, 3), -1, 1e-5, normal(2, 1)),
        case(FAR_FROM_0),
        case(normal(0, 3)),
    ),
    # ---- products
    Op("matmul", np.matmul, *(case(normal(*a), normal(*b)) for a, b in PRODUCTS)),
    Op(
        "linear",
        linear,
        case(normal(2, 3), normal(3, 4)),
        case(normal(2, 3), normal(3, 4), normal(4)),
        case(normal(3), normal(3, 4), normal(4)),
        case(normal(2, 3, 2), normal(2, 4), normal(4)),
        case(normal(2, 3, 2), normal(2, 4), normal(1)),
        case(normal(2, 3), normal(3, 2), bias=0.5),
        case(normal(2, 3), normal(3, 2), normal()),
        case(normal(0, 3), normal(3, 2), normal(2)),
        case(normal(2, 3, 2), normal(2, 0), normal(0)),
    ),
    Op("einsum", np.einsum, *(case(s, *(normal(*n) for n in shapes)) for s, *shapes in SUBSCRIPTS)),
    # ---- shapes
    Op(
        "reshape",
        np.reshape,
        case(normal(2, 3), (3, 2)),
        case(normal(2, 3), -1),
        case(normal(2, 3), (1, -1, 1)),
        case(normal(1, 1), ()),
        case(normal(), (1, 1)),
        case(normal(0, 3), (3, 0)),
    ),
    Op(
        "transpose",
        np.transpose,
        case(normal()),
        case(normal(2, 3)),
        case(normal(2, 3), (1, 0)),
        case(normal(2, 3, 4)),
        case(normal(2, 3, 4), (1, 2, 0)),
        case(normal(2, 3, 4), (2, 0, 1)),
        case(normal(2, 3, 4), (-2, 0, -1)),
        case(normal(0, 3), (1, 0)),
    ),
    Op(
        "swapaxes",
        np.swapaxes,
        case(normal(2, 3), 0, 1),
        case(normal(2, 3, 4), -1, 0),
        case(normal(2, 3, 4), 1, 1),
        case(normal(0, 2, 3), -1, -2),
    ),
    Op(
        "broadcast_to",
        np.broadcast_to,
        case(normal(), (2, 3)),
        case(normal(3), (2, 3)),
        case(normal(2, 1), (4, 2, 3)),
        case(normal(1, 1), (1, 1)),
        case(normal(1, 3), (0, 3)),
    ),
    Op(
        "expand_dims",
        np.expand_dims,
        case(normal(), 0),
        case(normal(2, 3), 1),
        case(normal(2, 3), (0, -1)),
        case(normal(0), -1),
    ),
    Op(
        "squeeze",
        np.squeeze,
        case(normal()),
        case(normal(1, 3, 1)),
        case(normal(1, 3, 1), 0),
        case(normal(1, 3, 1), axis=(0, -1)),
        case(normal(2, 3)),
        case(normal(0, 1)),
    ),
    Op(
        "flip",
        np.flip,
        case(normal()),
        case(normal(2, 3)),
        case(normal(2, 3), 1),
        case(normal(2, 3, 2), (0, -1)),
        case(normal(0, 3), 1),
    ),
    Op(
        "concatenated",
        lambda axis, *arrays: np.concatenate(arrays, axis),
        case(0, normal(2, 3), normal(1, 3)),
        case(-1, normal(2, 1), normal(2, 2), normal(2, 3)),
        case(1, normal(2, 0), normal(2, 2)),
    ),
    Op(
        "concatenate",
        np.concatenate,
        case([normal(2, 3), normal(1, 3)]),
        case([normal(2, 1), normal(2, 2)], axis=-1),
        case([normal(2)]),
        case([normal(0, 2), normal(1, 2)], 0),
    ),
    Op(
        "stack",
        np.stack,
        case([normal(), normal()]),
        case([normal(2, 3), normal(2, 3)]),
        case([normal(2, 3), normal(2, 3), normal(2, 3)], axis=1),
        case([normal(2, 3), normal(2, 3)], axis=-1),
        case([normal(0), normal(0)], 1),
    ),
    Op(
        "split",
        last_part(np.split),
        case(normal(4), 2),
        case(normal(2, 6), 3, axis=1),
        case(normal(5, 2), [1, 3]),
        case(normal(5, 2), [2, 2, 9]),
        case(normal(2, 3, 2), [2], axis=-2),
        case(normal(0, 2), 2),
        ours=last_part(mg.split),
    ),
    Op(
        "pad",
        np.pad,
        case(normal(), 1),
        case(normal(3), 1),
        case(normal(2, 3), (1, 2)),
        case(normal(2, 3), ((0, 1), (2, 0))),
        case(normal(2, 3), ((1, 1), (0, 0)), constant_values=-1.5),
        case(normal(0, 2), 1),
    ),
    Op(
        "split_heads",
        split_heads,
        case(normal(2, 3, 4), 2),
        case(normal(1, 2, 3), 1),
        case(normal(2, 1, 3), 3),
        case(normal(0, 2, 4), 2),
    ),
    Op(
        "join_heads",
        join_heads,
        case(normal(2, 2, 3, 2)),
        case(normal(1, 3, 2, 1)),
        case(normal(2, 1, 3, 4)),
        case(normal(0, 2, 3, 2)),
    ),
    # ---- choosing
    Op("getitem", lambda x, index: x[index], *(case(normal(*s), i) for s, i in INDICES)),
    Op(
        "put",
        put,
        *(
            case(normal(*np.empty(shape)[index].shape), index, shape)
            for shape, index in INDICES
            if type(index) is not np.int64
        ),
    ),
    Op(
        "take",
        np.take,
        case(normal(5), 2),
        case(normal(5), [0, 2, 2]),
        case(normal(2, 3), np.array([[0, 5], [5, -1]])),
        case(normal(2, 3), np.array([1, 1, 2]), axis=1),
        case(normal(2, 3, 2), -1, axis=-2),
        case(normal(2, 3), np.array([], int), axis=0),
    ),
    Op(
        "embedding",
        lambda table, ids: table[ids],
        case(normal(4, 3), IDS),
        case(normal(4, 3), np.array(2)),
        case(normal(4, 3), np.array([], int)),
        case(normal(70, 2), np.array([[69, 0, 69], [0, 5, 69]])),
        case(normal(70, 2), np.array([], int)),
        case(normal(4, 0), IDS),
    ),
    Op(
        "add_rows",
        add_rows,
        case(normal(4, 3), np.array([1, 0, 1, 1]), 3),
        case(normal(3, 2), np.array([69, 5, 69]), 70),
        case(normal(0, 2), np.array([], int), 70),
        case(normal(0, 2), np.array([], int), 3),
    ),
    Op(
        "where",
        np.where,
        case(MASK, normal(2, 3), normal(2, 3)),
        case(MASK, normal(3), normal(2, 1)),
        case(ROW, normal(2, 3), normal()),
        case(MASK, normal(1, 1), 0.5),
        case(MASK, 2, normal(2, 3)),
        case(True, normal(2), normal(3, 1)),
        case(np.zeros((0, 3), bool), normal(0, 3), normal(3)),
    ),
    Op(
        "masked_fill",
        lambda x, mask, value: np.where(mask, value, x),
        case(normal(2, 3), MASK, -1.5),
        case(normal(2, 3), ROW, 0),
        case(normal(2, 2, 3), MASK[:, None], 2.0),
        case(normal(), np.array(False), 1.0),
        case(normal(2, 3), True, 0.0),
        case(normal(3), MASK, 0.5),
        case(normal(0, 3), ROW, -INF),
    ),
    Op(
        "thinned",
        thinned,
        case(normal(2, 3), MASK, 1.25),
        case(normal(), np.array(True), 2.0),
        case(normal(0, 3), np.ones((0, 3), bool), 2.0),
    ),
    Op(
        "dropout",
        seeded(dropout),
        case(normal(3, 4), 0.5, 7),
        case(normal(3, 4), 0.1, 8),
        case(normal(), 0.5, 1),
        case(normal(0, 3), 0.5, 1),
        ours=seeded(mg.dropout),
    ),
]

CASES = [case for row in TABLE for case in row.cases]
