"""Einstein summation: any sum of products over named axes."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from ..tape import Array, op
from ..tensor import Tensor
from .select import put

__all__ = ["einsum"]

LETTERS = string.ascii_letters


@op(wide=True)
def einsum(subscripts: str, *operands: Array, optimize: Any = False):  # pyright: ignore
    """The sum of products that `subscripts`, a string, names.

    The derivative with respect to one operand is an einsum too: of the gradient and all the other
    operands, with that operand's axes as its result.
    """

    def doperands(g, i):
        names, shape = terms[i], shapes[i]
        # An axis of size 1 that was stretched is summed over like one that is not there.
        axes = [n for n, size in zip(names, shape) if size == sizes[n]]
        rest = [(terms[j], operands[j]) for j in range(len(terms)) if j != i]
        known = set(result).union(*(term for term, _ in rest))
        unique = list(dict.fromkeys(axes))
        made = [n for n in unique if n in known]
        spec = ",".join(["".join(result), *("".join(term) for term, _ in rest)])
        d = np.einsum(f"{spec}->{''.join(made)}", g, *(x for _, x in rest), optimize=optimize)
        # An axis that only this operand has was summed over alone: its entries share one gradient.
        size = dict(zip(made, d.shape))
        d = d.reshape([size.get(n, 1) for n in unique])
        d = np.broadcast_to(d, [sizes[n] for n in unique])
        kept = [sizes[n] for n in axes]
        if len(unique) < len(axes):  # a name that occurs twice: the gradient lies on the diagonal
            grid = np.meshgrid(*(np.arange(sizes[n]) for n in unique), indexing="ij")
            d = put(d, tuple(grid[unique.index(n)] for n in axes), tuple(kept))
        return d.reshape(shape)

    shapes = [np.shape(x) for x in operands]
    terms, result = named_axes(subscripts, [len(shape) for shape in shapes])
    sizes = {}
    for term, shape in zip(terms, shapes):
        for name, size in zip(term, shape):
            sizes[name] = size if sizes.get(name, 1) == 1 else sizes[name]
            if size not in (1, sizes[name]):
                raise ValueError(
                    f"{name if name in subscripts else '...'!r} in {subscripts!r} stands for axes "
                    f"of sizes {sizes[name]} and {size} (shapes {', '.join(map(str, shapes))})"
                )
    return np.einsum(subscripts, *operands, optimize=optimize), doperands


contract = einsum  # the op itself


def einsum(*operands: Any, optimize: Any = True) -> Tensor:  # noqa: F811
    """np.einsum with all that NumPy takes: `einsum("ij,jk->ik", a, b)`, or the axes as numbers,
    `einsum(a, [0, 1], b, [1, 2], [0, 2])`.

    `optimize` is NumPy's: with True, products of three and more are taken in an order of little
    work.
    """
    if operands and not isinstance(operands[0], str):
        operands = spelled(operands)
    if len(operands) <= 3:  # two arrays have but one order
        return contract(*operands)
    return contract(*operands, optimize=optimize)


def spelled(operands: tuple) -> tuple:
    """(a, [0, 1], b, [1, 2], [0, 2]) as ("ab,bc->ac", a, b)."""
    arrays, axes = operands[::2], [list(each) for each in operands[1::2]]
    result = list(arrays[-1]) if len(operands) % 2 else None
    arrays = arrays[:-1] if len(operands) % 2 else arrays

    def text(places: list) -> str:
        return "".join("..." if place is ... else LETTERS[place] for place in places)

    terms = ",".join(text(places) for places in axes)
    return (terms if result is None else f"{terms}->{text(result)}", *arrays)


def named_axes(subscripts: str, ndims: list[int]) -> tuple[list[list[str]], list[str]]:
    """One letter for each axis of each operand, and those of the result: "...ij,jk" spelled out."""
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"{subscripts!r} names {len(terms)} operands, and {len(ndims)} were given")
    unused = [c for c in string.ascii_letters if c not in subscripts]
    hidden = [n - len(t.replace("...", "")) if "..." in t else 0 for t, n in zip(terms, ndims)]
    batch = unused[: max(hidden, default=0)]  # the axes that an ellipsis stands for
    named = []
    for term, count, ndim in zip(terms, hidden, ndims):
        named.append(list(term.replace("...", "".join(batch[len(batch) - count :]))))
        if len(named[-1]) != ndim or count < 0:
            raise ValueError(f"{term!r} in {subscripts!r} does not fit an operand with {ndim} axes")
    if arrow:
        return named, list(output.replace("...", "".join(batch)))
    letters = inputs.replace("...", "").replace(",", "")
    return named, batch + sorted(c for c in set(letters) if letters.count(c) == 1)
