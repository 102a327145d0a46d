"""The cases of the table once more, at the edge of each dtype: with tiny, huge, equal, constant and
mixed entries, and with infinities where these are meant."""

import zlib
from dataclasses import dataclass

import numpy as np
from op_cases import TABLE, Case

DTYPES = (np.float16, np.float32, np.float64)
# The magnitudes tried. In half and single precision these are the smallest normal and nearly the
# largest numbers. PyTorch's float64 is the referee: in float64 itself it has to be able to square
# them, and to multiply three.
TINY = {np.float16: 2.0**-14, np.float32: 2.0**-126, np.float64: 1e-50}
HUGE = {np.float16: 6e4, np.float32: 3e38, np.float64: 1e50}
MOST = 4  # cases of each op


def signed(rng, shape, like):
    """Random signs, where the entries of the case have both."""
    return rng.choice([-1.0, 1.0], shape) if (like < 0).any() else np.ones(shape)


def tiny(rng, like, dtype):
    return TINY[dtype] * rng.uniform(1, 4, like.shape) * signed(rng, like.shape, like)


def huge(rng, like, dtype):
    return HUGE[dtype] * rng.uniform(0.1, 0.4, like.shape) * signed(rng, like.shape, like)


def equal(rng, like, dtype):
    return np.full(like.shape, rng.uniform(0.5, 2))


def constant(rng, like, dtype):
    """Far from 0, and all the same."""
    return np.full(like.shape, 1000.0) * rng.choice([-1, 1] if (like < 0).any() else [1])


def mixed(rng, like, dtype):
    """Each entry of one of these kinds, or ordinary, or 20: where exponentials are far apart."""
    kinds = [like, tiny(rng, like, dtype), huge(rng, like, dtype)]
    kinds += [20 * signed(rng, like.shape, like)]
    return np.choose(rng.integers(len(kinds), size=like.shape), kinds)


def zeros(rng, like, dtype):
    """Zeros among ordinary entries, and what is next to them: exp of -20 is lost beside 1."""
    kinds = [like, 0 * like, -20 * np.ones(like.shape), 5 * signed(rng, like.shape, like)]
    return np.choose(rng.integers(len(kinds), size=like.shape), kinds)


def infinite(rng, like, dtype):
    """Ordinary entries, some of which are -inf: what a mask hides."""
    return np.where(rng.random(like.shape) < 0.4, -np.inf, like)


KINDS = {kind.__name__: kind for kind in (tiny, huge, equal, constant, mixed, zeros)}
NOT_IN_PYTORCH = {"dropout"}  # draws its own mask; what it does with it is `thinned`
MASKED = "softmax log_softmax logsumexp cross_entropy max min maximum minimum exp where".split()
MASKED += "masked_fill clip relu sigmoid tanh copy reshape getitem concatenate".split()


@dataclass(frozen=True)
class Edge:
    """A case of the table with entries of one kind, in one dtype."""

    case: Case
    kind: str
    dtype: type

    def __str__(self):
        return f"{self.kind} {np.dtype(self.dtype)} {self.case}"

    def arrays(self):
        """The inputs, as numbers of the dtype, held in float64."""
        rng = np.random.default_rng(zlib.crc32(str(self).encode()))
        kind = KINDS.get(self.kind, infinite)
        arrays = [np.asarray(kind(rng, like, self.dtype)) for like in self.case.arrays()]
        return [array.astype(self.dtype).astype(np.float64) for array in arrays]

    def cotangent(self, shape):
        return self.case.cotangent(shape).astype(self.dtype).astype(np.float64)


def chosen(row):
    """A few cases of an op, among them the largest."""
    cases = [c for c in row.cases if not c.kink and sum(np.size(a) for a in c.arrays()) > 1]
    cases = [c for c in cases if all(np.size(arg) for arg in c.args if type(arg) is np.ndarray)]
    cases = cases or row.cases
    sizes = [-sum(np.size(a) for a in case.arrays()) for case in cases]
    order = np.argsort(sizes, kind="stable")
    return [cases[i] for i in order[:: max(1, len(order) // MOST)][:MOST]]


EDGES = [
    Edge(case, kind, dtype)
    for row in TABLE
    if row.name not in NOT_IN_PYTORCH
    for case in chosen(row)
    for kind in [*KINDS, *(["infinite"] if row.name in MASKED else [])]
    for dtype in DTYPES
]
