"""What PyTorch says to every case of the table, in float32, and in float64 to those at the edge of
the dtype (edge_cases.py): recorded in op_oracle.npz and edge_oracle.npz, so that the tests need no
PyTorch. To record it anew: `python tests/minigrad/op_oracle.py`.
"""

import functools
import math
from pathlib import Path

import numpy as np
from edge_cases import EDGES
from op_cases import CASES

FILE = Path(__file__).with_suffix(".npz")
EDGE_FILE = FILE.with_name("edge_oracle.npz")


@functools.cache
def record():
    """{case: its row of numbers}, as it was written."""
    with np.load(FILE) as file:
        rows = np.split(file["numbers"], np.cumsum(file["sizes"])[:-1])
        return dict(zip(file["names"].tolist(), rows))


def recorded(case):
    """(inputs, cotangent, value, gradients) of a case; cotangent and value as flat rows."""
    row = record()[str(case)]
    shapes = [x.shape for x in case.inputs]
    sizes = [math.prod(shape) for shape in shapes]
    value = (len(row) - 2 * sum(sizes)) // 2
    parts = np.split(row, np.cumsum([*sizes, value, value, *sizes])[:-1])
    n = len(shapes)
    arrays = [part.reshape(shape) for part, shape in zip(parts, shapes)]
    gradients = [part.reshape(shape) for part, shape in zip(parts[n + 2 :], shapes)]
    return arrays, parts[n], parts[n + 1], gradients


def asked(case, functions):
    """The row of numbers for a case, from PyTorch itself."""
    import torch  # noqa: PLC0415  only the recording needs it

    arrays = case.arrays(np.float32)
    inputs = [torch.tensor(array, requires_grad=True) for array in arrays]
    y = case.call(functions[case.op.name], inputs)
    cotangent = case.cotangent(tuple(y.shape), np.float32)
    gradients = torch.autograd.grad(
        y, inputs, torch.tensor(cotangent, dtype=y.dtype), materialize_grads=True
    )
    results = [y.detach().numpy(), *(gradient.numpy() for gradient in gradients)]
    parts = [*arrays, cotangent, *results]
    return np.concatenate([np.asarray(part, np.float32).reshape(-1) for part in parts])


@functools.cache
def edge_record():
    """{edge: [(numbers, movements) of the value and of each gradient, as flat rows]}; see
    `movements`."""
    with np.load(EDGE_FILE) as file:
        found = {}
        starts = np.cumsum(file["counts"])[:-1]
        numbers = file["numbers"]
        with np.errstate(over="ignore"):
            movements = np.ldexp(1.0, file["exponents"])
        for name, sizes in zip(file["names"].tolist(), np.split(file["sizes"], starts)):
            ends = np.cumsum(sizes)
            found[name] = list(zip(np.split(numbers, ends)[:-1], np.split(movements, ends)[:-1]))
            numbers, movements = numbers[ends[-1] :], movements[ends[-1] :]
        return found


def asked_at_edge(edge, functions):
    """[(numbers, movements)] for an edge, from PyTorch itself."""
    import torch  # noqa: PLC0415

    inputs = [torch.tensor(array, requires_grad=True) for array in edge.arrays()]
    y = edge.case.call(functions[edge.case.op.name], inputs)
    cotangent = torch.tensor(edge.cotangent(tuple(y.shape)), dtype=y.dtype, requires_grad=True)
    gradients = torch.autograd.grad(y, inputs, cotangent, materialize_grads=True, create_graph=True)
    results = [result.reshape(-1) for result in (y, *gradients)]
    return [(x.detach().numpy(), movements(x, [*inputs, cotangent])) for x in results]


def movements(row, inputs):
    """By how much each number of a row moves, at most and to first order, when every input moves by
    as much as itself: the sum of |derivative times input|. A float that is right up to some units
    of its precision u is right up to so many times u times this."""
    import torch  # noqa: PLC0415

    moved = np.zeros(len(row))
    for i in range(len(row) if row.requires_grad else 0):
        derivatives = torch.autograd.grad(row[i], inputs, retain_graph=True, allow_unused=True)
        for d, x in zip(derivatives, inputs):
            if d is not None:
                moved[i] += float((d * x)[x != 0].abs().sum().detach())
    return moved


def pytorch():
    """PyTorch's function for each op, with our arguments."""
    import torch  # noqa: PLC0415
    import torch.nn.functional as F  # noqa: N812, PLC0415

    def number(x):
        return x if isinstance(x, torch.Tensor) else torch.tensor(float(x), dtype=torch.float64)

    def dims(x, axis):
        return tuple(range(x.ndim)) if axis is None else axis

    def reduced(function):
        def call(x, axis=None, keepdims=False):
            if axis == ():
                return x * 1
            return function(x, dim=dims(x, axis), keepdim=keepdims)

        return call

    def spread_of(function):
        def call(x, axis=None, keepdims=False, ddof=0):
            if axis == ():
                return x * 0
            if x.numel() == 0:  # PyTorch warns of NaN, though there is no entry to be NaN
                return x.sum(dim=dims(x, axis), keepdim=keepdims)
            return function(x, dim=dims(x, axis), correction=ddof, keepdim=keepdims)

        return call

    def prod(x, axis=None, keepdims=False):
        """One axis after the other, from the last on."""
        axes = [i % x.ndim for i in np.atleast_1d(dims(x, axis)).astype(int)]
        for i in sorted(axes, reverse=True):
            x = torch.prod(x, dim=i, keepdim=keepdims)
        return x * 1

    def rows(function):
        """A function along one axis, with several taken as one."""

        def call(x, axis=-1):
            if not isinstance(axis, tuple):
                return function(x, dim=axis)
            last = tuple(range(-len(axis), 0))
            moved = torch.movedim(x, axis, last)
            flat = moved.reshape(*moved.shape[: -len(axis)], -1)
            return torch.movedim(function(flat, dim=-1).reshape(moved.shape), last, axis)

        return call

    def normalize(x, axis=-1, eps=1e-5, gamma=1.0, beta=0.0):
        axis = axis if isinstance(axis, tuple) else (axis,)
        last = tuple(range(-len(axis), 0))
        moved = torch.movedim(x, axis, last)
        y = F.layer_norm(moved, [x.shape[i] for i in axis], eps=eps)
        return gamma * torch.movedim(y, last, axis) + beta

    def cross_entropy(logits, targets, ignore_index=None, label_smoothing=0.0):
        if not (targets != ignore_index).any():
            return 0 * logits.nan_to_num(0, 0, 0).sum()  # nothing: 0 to us, NaN to PyTorch
        return F.cross_entropy(
            logits.reshape(-1, logits.shape[-1]),
            torch.tensor(targets.reshape(-1)),
            ignore_index=-100 if ignore_index is None else ignore_index,
            label_smoothing=label_smoothing,
        )

    def normal_cdf(x):
        """(torch.special.ndtr and F.gelu lose the digits of the lower tail.)"""
        return 0.5 * torch.erfc(-x / math.sqrt(2))

    def places(shape, index):
        """The places in a flat row of what NumPy reads at `index`."""
        found = np.arange(math.prod(shape)).reshape(shape)[index]
        return torch.tensor(np.ascontiguousarray(found))

    def getitem(x, index):
        return x.reshape(-1)[places(x.shape, index)]

    def put(values, index, shape):
        found = places(shape, index)
        y = torch.zeros(math.prod(shape), dtype=values.dtype)
        return y.index_add(0, found.reshape(-1), values.reshape(-1)).reshape(shape)

    def take(x, indices, axis=None):
        indices = torch.tensor(np.asarray(indices))
        if axis is None:
            return x.reshape(-1)[indices]
        return x[(slice(None),) * (axis % x.ndim) + (indices,)]

    def pad(x, pad_width, constant_values=0.0):
        widths = np.broadcast_to(pad_width, (x.ndim, 2))[::-1].reshape(-1).tolist()
        return F.pad(x, widths, value=constant_values) if x.ndim else x * 1

    def split(x, sections, axis=0):
        return torch.tensor_split(x, sections, dim=axis)[-1]

    def where(condition, a, b):
        return torch.where(torch.tensor(condition), number(a), number(b))

    return {
        "add": torch.add,
        "sub": lambda a, b: number(a) - b,
        "mul": torch.mul,
        "div": lambda a, b: number(a) / b,
        "pow": torch.pow,
        "mod": lambda a, b: torch.remainder(number(a), number(b)),
        "neg": torch.neg,
        "exp": torch.exp,
        "log": torch.log,
        "sqrt": torch.sqrt,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "relu": torch.relu,
        "erf": torch.erf,
        "normal_cdf": normal_cdf,
        "gelu": lambda x: x * normal_cdf(x),
        "abs": torch.abs,
        "sin": torch.sin,
        "cos": torch.cos,
        "clip": torch.clamp,
        "maximum": lambda a, b: torch.maximum(number(a), number(b)),
        "minimum": lambda a, b: torch.minimum(number(a), number(b)),
        "astype": lambda x, dtype: x.to(torch.float64),
        "sum": reduced(torch.sum),
        "mean": reduced(torch.mean),
        "max": reduced(torch.amax),
        "min": reduced(torch.amin),
        "var": spread_of(torch.var),
        "std": spread_of(torch.std),
        "prod": prod,
        "cumsum": lambda x, axis=None: (
            torch.cumsum(x.reshape(-1), 0) if axis is None else torch.cumsum(x, axis)
        ),
        "softmax": rows(torch.softmax),
        "log_softmax": rows(torch.log_softmax),
        "logsumexp": reduced(torch.logsumexp),
        "cross_entropy": cross_entropy,
        "normalize": normalize,
        "matmul": torch.matmul,
        "linear": lambda x, weight, bias=0.0: x @ weight + bias,
        "einsum": torch.einsum,
        "reshape": lambda x, shape: x.reshape(shape),
        "transpose": lambda x, axes=None: x.permute(axes or tuple(range(x.ndim))[::-1]),
        "swapaxes": torch.swapaxes,
        "broadcast_to": torch.broadcast_to,
        "expand_dims": lambda x, axis: x.reshape(np.expand_dims(x.detach().numpy(), axis).shape),
        "squeeze": lambda x, axis=None: x.squeeze() if axis is None else x.squeeze(axis),
        "flip": lambda x, axis=None: torch.flip(x, np.atleast_1d(dims(x, axis)).tolist()),
        "concatenated": lambda axis, *arrays: torch.cat(arrays, axis),
        "split_heads": lambda x, num_heads: torch.stack(x.chunk(num_heads, dim=-1), dim=1),
        "join_heads": lambda x: torch.cat(x.unbind(dim=1), dim=-1),
        "copy": torch.clone,
        "concatenate": lambda arrays, axis=0: torch.cat(arrays, axis),
        "stack": lambda arrays, axis=0: torch.stack(arrays, axis),
        "split": split,
        "pad": pad,
        "getitem": getitem,
        "put": put,
        "take": take,
        "embedding": lambda table, ids: F.embedding(torch.tensor(ids), table),
        "add_rows": lambda rows, ids, count: rows.new_zeros(count, rows.shape[1]).index_add(
            0, torch.tensor(ids), rows
        ),
        "where": where,
        "masked_fill": lambda x, mask, value: x.masked_fill(torch.tensor(mask), value),
        "thinned": lambda x, keep, scale: torch.where(torch.tensor(keep), x * scale, 0.0),
    }


def write():
    functions = pytorch()
    rows = {str(case): asked(case, functions) for case in CASES if case.op.name in functions}
    np.savez_compressed(
        FILE,
        names=np.array(list(rows)),
        sizes=np.array([len(row) for row in rows.values()]),
        numbers=np.concatenate(list(rows.values())),
    )
    print(f"{FILE.name}: {len(rows)} cases, {FILE.stat().st_size / 1000:.0f} kB")


def write_edges():
    """All numbers in float64; of the movements only the power of two above them."""
    functions = pytorch()
    found = {str(edge): asked_at_edge(edge, functions) for edge in EDGES}
    rows = [row for results in found.values() for row, _ in results]
    moved = np.concatenate([m for results in found.values() for _, m in results])
    beyond = 1100  # an exponent of infinity
    exponents = np.where(np.isfinite(moved), np.frexp(np.nan_to_num(moved))[1], beyond)
    exponents[moved == 0] = -beyond
    np.savez_compressed(
        EDGE_FILE,
        names=np.array(list(found)),
        counts=np.array([len(results) for results in found.values()], np.int8),
        sizes=np.array([len(row) for row in rows], np.int16),
        numbers=np.concatenate(rows),
        exponents=exponents.astype(np.int16),
    )
    print(f"{EDGE_FILE.name}: {len(found)} edges, {EDGE_FILE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    np.seterr(all="ignore")
    write()
    write_edges()
