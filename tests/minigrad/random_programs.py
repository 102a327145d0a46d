"""Programs made up by hypothesis: 5 to 30 ops on a few leaves of random shapes, whose gradient has
to be the numerical one, and whose gradient's gradient too.

A program is data, so that NumPy's references (op_cases.py) run it as well as minigrad does.
"""

import math
from dataclasses import dataclass

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from op_cases import TABLE, last_part

import minigrad as mg

REFERENCE = {row.name: row.reference for row in TABLE}
OURS = {row.name: row.ours for row in TABLE} | {"split": last_part(mg.split)}

LARGEST, MOST = 20.0, 40  # how large an entry may grow, and how many entries an array may have
INTEGERS = [np.uint8, np.int8, np.int64, np.uint16, np.int16, np.uint32, np.int32, np.uint64]
MARGIN = 0.02  # how near to a kink a program may come


@dataclass(frozen=True)
class Value:
    """The place of an earlier value (the leaves come first), as an argument of a step."""

    place: int


@dataclass(frozen=True)
class Step:
    op: str
    args: tuple
    kwargs: dict

    def run(self, functions, values):
        def filled(arg):
            if isinstance(arg, Value):
                return values[arg.place]
            return [filled(entry) for entry in arg] if isinstance(arg, list) else arg

        return functions[self.op](*map(filled, self.args), **self.kwargs)

    def uses(self):
        flat = [entry for arg in self.args for entry in (arg if isinstance(arg, list) else [arg])]
        return {entry.place for entry in flat if isinstance(entry, Value)}


@dataclass(frozen=True)
class Program:
    leaves: list
    steps: list
    numbers: int  # seeds the weights of the loss

    def loss(self, functions, leaves, before=None):
        """Every value that no step uses, weighed with random numbers and summed. `before(number,
        values)` is called before each step."""
        values = list(leaves)
        for number, step in enumerate(self.steps):
            if before is not None:
                before(number, values)
            values.append(step.run(functions, values))
        rng = np.random.default_rng(self.numbers)
        used = set().union(*(step.uses() for step in self.steps))
        ends = [value for place, value in enumerate(values) if place not in used]
        total = 0.0
        for value in ends:
            total = total + (value * rng.standard_normal(value.shape)).sum()
        return total


# ---- making one up


class Draft:
    """A program in the making: its values so far, to choose what fits."""

    def __init__(self, draw, leaves):
        self.draw = draw
        self.values = list(leaves)
        self.steps = []

    def pick(self, suits=lambda value: True):
        """One of the values that suit, the latest being the simplest; None where there is none."""
        small = [i for i, value in enumerate(self.values) if value.size <= MOST]
        places = [i for i in small if suits(self.values[i])][::-1]
        return Value(self.draw(st.sampled_from(places))) if places else None

    def of(self, value):
        return self.values[value.place]

    def latest(self):
        return Value(len(self.values) - 1)

    def add(self, op, *args, most=MOST, **kwargs):
        """Append the step, unless its value is too large or it stands at a kink."""
        step = Step(op, args, kwargs)
        with np.errstate(all="ignore"):
            y = np.asarray(step.run(REFERENCE, self.values), float)
        fits = y.size <= most and np.isfinite(y).all() and np.abs(y).max(initial=0) <= LARGEST
        if fits:
            self.steps.append(step)
            self.values.append(y)
        return fits


def axis_of(d, x, several=True):
    one = st.integers(-x.ndim, x.ndim - 1)
    if x.ndim == 0:
        return None
    if several and x.ndim > 1:
        pairs = st.lists(one, min_size=2, max_size=2, unique_by=lambda i: i % x.ndim).map(tuple)
        return d.draw(st.none() | one | pairs)
    return d.draw(one)


def integers(d, *numbers):
    """These numbers as an array of any integer dtype that has them, mostly of the smallest."""
    low, high = min(numbers), max(numbers)
    kinds = [k for k in INTEGERS if np.iinfo(k).min <= low and high <= np.iinfo(k).max]
    return np.array(numbers, d.draw(st.sampled_from([kinds[0]] * 4 + kinds)))


def smooth(name):
    return lambda d: d.add(name, d.pick())


def positive(name):
    def make(d):
        x = d.pick(lambda v: v.size and v.min() > 0.1)
        return x and d.add(name, x)

    return make


def kinked_at_zero(name):
    def make(d):
        x = d.pick(lambda v: np.abs(v).min(initial=1) > MARGIN)
        return x and d.add(name, x)

    return make


def clip(d):
    x = d.pick(lambda v: np.abs(np.abs(v) - 0.7).min(initial=1) > MARGIN)
    return x and d.add("clip", x, -0.7, 0.7)


def broadcasting(d, suits):
    """Two values that broadcast and suit each other."""
    a = d.pick()

    def fits(b):
        try:
            np.broadcast_shapes(d.of(a).shape, b.shape)
        except ValueError:
            return False
        return suits(d.of(a), b)

    return a, d.pick(fits)


def binary(name, suits=lambda a, b: True):
    def make(d):
        a, b = broadcasting(d, suits)
        return b and d.add(name, a, b)

    return make


def apart(a, b):
    return np.abs(a - b).min(initial=1) > MARGIN


def power(d):
    x = d.pick(lambda v: np.abs(v).min(initial=1) > 0.2)
    return x and d.add("pow", x, d.draw(st.sampled_from([2, 3, -1, 1, 0])))


def number_on_the_left(d):
    name = d.draw(st.sampled_from(["add", "sub", "mul", "div"]))
    x = d.pick(lambda v: name != "div" or np.abs(v).min(initial=1) > 0.2)
    return x and d.add(name, d.draw(st.sampled_from([0.5, 2, -1.5])), x)


def reduction(name):
    def make(d):
        x = d.pick(lambda v: v.size > 0)
        if x is None:
            return False
        axis, keepdims = axis_of(d, d.of(x)), d.draw(st.booleans())
        rows = rows_along(d.of(x), axis)
        if name in ("max", "min") and rows.shape[1] > 1 and np.diff(np.sort(rows)).min() < MARGIN:
            return False
        if name == "std" and rows.std(axis=1).min() < 0.1:
            return False
        return d.add(name, x, axis=axis, keepdims=keepdims)

    return make


def rows_along(x, axis):
    """x as rows, with what is reduced along `axis` in each."""
    axes = range(x.ndim) if axis is None else np.mod(axis, x.ndim).reshape(-1).tolist()
    count = math.prod(x.shape[i] for i in axes)
    return np.moveaxis(x, list(axes), range(-len(axes), 0)).reshape(-1, count)


def rowwise(name, **kwargs):
    def make(d):
        x = d.pick(lambda v: v.ndim > 0)
        return x and d.add(name, x, axis=axis_of(d, d.of(x), several=False), **kwargs)

    return make


def cross_entropy(d):
    x = d.pick(lambda v: v.ndim > 0 and v.size > 0)
    if x is None:
        return False
    *batch, classes = d.of(x).shape
    targets = np.random.default_rng(d.draw(st.integers(0, 9))).integers(classes, size=batch)
    targets = targets.astype(d.draw(st.sampled_from(INTEGERS)))
    smoothing = d.draw(st.sampled_from([0.0, 0.1]))
    return d.add("cross_entropy", x, targets, ignore_index=0, label_smoothing=smoothing)


def matmul(d):
    a = d.pick(lambda v: v.ndim > 0)

    def fits(b):
        try:
            np.matmul(d.of(a), b)
        except ValueError:
            return False
        return True

    b = a and d.pick(fits)
    return b and d.add("matmul", a, b)


def linear(d):
    weight = d.pick(lambda v: v.ndim == 2)
    x = weight and d.pick(lambda v: v.ndim > 0 and v.shape[-1] == d.of(weight).shape[0])
    bias = x and d.pick(lambda v: v.shape == d.of(weight).shape[1:])
    return x and (d.add("linear", x, weight, bias) if bias else d.add("linear", x, weight))


def einsum(d):
    a = d.pick(lambda v: v.ndim > 0)
    if a is None:
        return False
    b = d.pick(lambda v: v.ndim > 0 and v.shape[-1] in (1, d.of(a).shape[-1]))
    text = d.draw(st.sampled_from(["...i->...", "...i,zi->z..."]))
    if text == "...i->...":
        return d.add("einsum", text, a)
    b = d.pick(lambda v: v.ndim == 2 and v.shape[-1] == d.of(a).shape[-1])
    return b and d.add("einsum", text, a, b)


def reshape(d):
    x = d.pick()
    shape = d.draw(st.permutations(d.of(x).shape))
    return d.add("reshape", x, d.draw(st.sampled_from([-1, (1, -1), tuple(shape)])))


def transpose(d):
    x = d.pick()
    return d.add("transpose", x, tuple(d.draw(st.permutations(range(d.of(x).ndim)))))


def swapaxes(d):
    x = d.pick(lambda v: v.ndim > 1)
    return x and d.add("swapaxes", x, 0, d.draw(st.sampled_from([-1, -2])))


def expand_dims(d):
    x = d.pick(lambda v: v.ndim < 4)
    return x and d.add("expand_dims", x, d.draw(st.integers(-1, d.of(x).ndim)))


def broadcast_to(d):
    x = d.pick(lambda v: v.ndim < 4)
    return x and d.add("broadcast_to", x, (2, *d.of(x).shape))


def flip(d):
    x = d.pick()
    return d.add("flip", x, axis_of(d, d.of(x)))


def together(name):
    def make(d):
        a = d.pick(lambda v: name == "stack" or v.ndim > 0)
        b = a and d.pick(lambda v: v.shape == d.of(a).shape)
        return a and d.add(name, [a, b, a], axis=d.draw(st.sampled_from([0, -1])))

    return make


def split(d):
    x = d.pick(lambda v: v.ndim > 0 and v.shape[0] > 1)
    return x and d.add("split", x, [1])


def pad(d):
    return d.add("pad", d.pick(), d.draw(st.sampled_from([1, 0])))


def split_heads(d):
    x = d.pick(lambda v: v.ndim == 3 and v.shape[-1] > 0)
    return x and d.add("split_heads", x, d.draw(st.sampled_from([1, d.of(x).shape[-1]])))


def join_heads(d):
    x = d.pick(lambda v: v.ndim == 4)
    return x and d.add("join_heads", x)


def getitem(d):
    x = d.pick(lambda v: v.ndim > 0 and v.shape[0] > 0)
    if x is None:
        return False
    n = d.of(x).shape[0]
    places = integers(d, *d.draw(st.lists(st.integers(-n, n - 1), min_size=1, max_size=4)))
    kinds = [places, int(places[0]), slice(None, None, -1), (..., None), np.arange(n) % 2 == 0]
    return d.add("getitem", x, d.draw(st.sampled_from(kinds)))


def take(d):
    x = d.pick(lambda v: v.ndim > 0 and v.shape[-1] > 0)
    return x and d.add("take", x, integers(d, 0, d.draw(st.sampled_from([-1, 0])), 0), axis=-1)


def embedding(d):
    """Of a table as it is, or of its last rows behind many others: places in so long a table are
    beyond the numbers that the smallest integers hold."""
    table = d.pick(lambda v: v.ndim > 0 and v.size > 0)
    if table is None:
        return False
    if d.of(table).ndim != 2:
        d.add("reshape", table, (-1, d.of(table).shape[-1]))
        table = d.latest()
    before = d.draw(st.sampled_from([250, 100, 0]))
    if before:
        d.add("pad", table, ((before, 0), (0, 0)), most=300 * MOST)
        table = d.latest()
    last = len(d.of(table)) - 1
    return d.add("embedding", table, integers(d, last, max(last - 1, 0), last))


def where(d):
    a, b = broadcasting(d, lambda a, b: True)
    shape = np.broadcast_shapes(d.of(a).shape, d.of(b).shape)
    return d.add("where", np.arange(math.prod(shape)).reshape(shape) % 3 == 0, a, b)


def masked_fill(d):
    x = d.pick()
    mask = np.arange(d.of(x).size).reshape(d.of(x).shape) % 2 == 0
    return d.add("masked_fill", x, mask, 0.3)


MAKERS = [
    *map(smooth, "neg exp tanh sigmoid erf gelu sin cos copy".split()),
    *map(positive, ["log", "sqrt"]),
    *map(kinked_at_zero, ["relu", "abs"]),
    *map(binary, ["add", "sub", "mul"]),
    binary("div", lambda a, b: np.abs(b).min(initial=1) > 0.2),
    binary("maximum", apart),
    binary("minimum", apart),
    *map(reduction, "sum mean max min var std prod logsumexp".split()),
    *map(rowwise, ["softmax", "log_softmax", "cumsum"]),
    rowwise("normalize", eps=0.1),
    *map(together, ["concatenate", "stack"]),
    *(clip, power, number_on_the_left, cross_entropy, matmul, linear, einsum, reshape, transpose),
    *(swapaxes, expand_dims, broadcast_to, flip, split, pad, getitem, take, embedding, where),
    *(masked_fill, split_heads, join_heads, embedding, embedding),
]


@st.composite
def programs(draw):
    numbers = draw(st.integers(0, 2**32))
    rng = np.random.default_rng(numbers)
    shapes = draw(st.lists(st.lists(st.integers(1, 3), max_size=3), min_size=1, max_size=3))
    signs = [np.array(rng.choice([-1, 1], shape)) for shape in shapes]
    leaves = [np.array(rng.uniform(0.2, 1.5, sign.shape) * sign) for sign in signs]
    draft = Draft(draw, leaves)
    for make in draw(st.lists(st.sampled_from(MAKERS), min_size=5, max_size=30)):
        if not make(draft):  # nothing suits, or its value would be too large
            draft.add("tanh", draft.pick())
    return Program(leaves, draft.steps, numbers)


# ---- its gradient, held against differences

NOISE = 1e-6


def differences(function, h):
    """The derivative of function(t) at 0, to fourth order in h."""
    f = function
    return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)


def agrees(analytic, function):
    """A kink or a steep place that the first step reaches is out of reach of a smaller one."""
    for h in (1e-4, 1e-5, 1e-6):
        numerical = differences(function, h)
        scale = np.maximum(1.0, np.abs(numerical).max(initial=0.0))
        if np.abs(analytic - numerical).max(initial=0.0) < NOISE * scale:
            return True
    raise AssertionError(f"by the rules {analytic}, by differences {numerical}")


def check_program(program):
    leaves = [mg.Tensor(array, requires_grad=True) for array in program.leaves]
    loss = program.loss(OURS, leaves)
    value = program.loss(REFERENCE, program.leaves)
    np.testing.assert_allclose(loss.data, value, rtol=1e-10, atol=1e-10)
    if not loss.requires_grad:
        return
    gradients = mg.grad(loss, leaves, allow_unused=True)
    for i, (array, gradient) in enumerate(zip(program.leaves, gradients)):
        assert (gradient.shape, gradient.dtype) == (array.shape, array.dtype)
        for index in np.ndindex(array.shape):

            def moved(t, i=i, index=index):
                arrays = [array.copy() for array in program.leaves]
                arrays[i][index] += t
                return program.loss(REFERENCE, arrays)

            agrees(gradient.data[index], moved)
    check_second_order(program, leaves)
    if program.numbers % 4 == 0:
        check_third_order(program)


def check_second_order(program, leaves):
    """The Hessian times a random direction, against differences of the gradient."""
    rng = np.random.default_rng(program.numbers + 1)
    along = [rng.standard_normal(array.shape) for array in program.leaves]

    def slopes(t):
        moved = [mg.Tensor(x + t * v, True) for x, v in zip(program.leaves, along)]
        gradients = mg.grad(program.loss(OURS, moved), moved, allow_unused=True)
        return np.concatenate([g.data.reshape(-1) for g in gradients])

    loss = program.loss(OURS, leaves)
    gradients = mg.grad(loss, leaves, create_graph=True, allow_unused=True)
    slope = sum((g * v).sum() for g, v in zip(gradients, along))
    if slope.requires_grad:
        seconds = [g.data.reshape(-1) for g in mg.grad(slope, leaves, allow_unused=True)]
    else:  # everything is linear
        seconds = [np.zeros(x.size) for x in leaves]
    agrees(np.concatenate(seconds), slopes)


def check_third_order(program):
    """What create_graph recorded of what create_graph recorded: the derivative of the Hessian,
    times three random directions."""
    rng = np.random.default_rng(program.numbers + 2)
    along, across = ([rng.standard_normal(x.shape) for x in program.leaves] for _ in range(2))

    def curved(leaves):
        """The Hessian times `along` and `across`."""
        total = program.loss(OURS, leaves)
        for directions in (along, across):
            if not getattr(total, "requires_grad", False):
                return None
            gradients = mg.grad(total, leaves, create_graph=True, allow_unused=True)
            total = sum((g * v).sum() for g, v in zip(gradients, directions))
        return total

    def moved(t):
        total = curved([mg.Tensor(x + t * v, True) for x, v in zip(program.leaves, along)])
        return 0.0 if total is None else total.item()

    leaves = [mg.Tensor(x, requires_grad=True) for x in program.leaves]
    total = curved(leaves)
    third = 0.0
    if total is not None and total.requires_grad:
        gradients = mg.grad(total, leaves, allow_unused=True)
        third = sum((g.data * v).sum() for g, v in zip(gradients, along))
    agrees(np.array(third), moved)


def run_programs(count, number, shrink=True):
    """Check `count` programs made up from the seed `number`; returns how many ops they had."""
    ops = []

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
    )
    @given(programs())
    def all_agree(program):
        ops.append(len(program.steps))
        check_program(program)

    all_agree()
    return ops
