"""Which numbers an op is given: everything in one dtype, chosen as PyTorch chooses it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, cast

import numpy as np
from numpy.typing import DTypeLike


def as_array(data: Any, dtype: DTypeLike | None = None) -> np.ndarray:
    """`data` as an ndarray of real numbers: Python's own become float32, NumPy's keep their dtype.

    Raises ValueError for ragged lists and TypeError for what is not a real number.
    """
    if not isinstance(data, (np.ndarray, np.generic)):
        try:
            data = np.asarray(data)
        except ValueError as error:
            raise ValueError(
                "a tensor is a rectangular block of numbers, and these lists are ragged: give "
                f"every row the same length ({error})"
            ) from None
        if dtype is None and data.dtype.kind in "fiub":
            dtype = np.float32
    for kind in (data.dtype, np.dtype(data.dtype if dtype is None else dtype)):
        if kind.kind not in "fiub":
            name = {"U": "text", "O": "Python objects"}.get(kind.kind, kind.name)
            raise TypeError(
                f"a tensor holds real numbers, not {name}: give it numbers, nested lists of "
                "numbers or a NumPy array of them"
            )
    return np.asarray(data, dtype=dtype)


def promoted(arrays: Iterable[np.ndarray]) -> np.dtype:
    """The common dtype: of the highest kind present (bool, int, float), 0-d arrays counting only
    where no other array is of that kind, as in PyTorch."""
    arrays = list(arrays)
    kinds = ["biuf".index(array.dtype.kind.replace("u", "i")) for array in arrays]
    highest = [array for array, kind in zip(arrays, kinds) if kind == max(kinds)]
    return np.result_type(*([a.dtype for a in highest if a.ndim] or [a.dtype for a in highest]))


def make_uniform(values: list, inputs: Iterable[int], tensors: Collection[int]) -> np.dtype:
    """Turn those of `values` that are `inputs` (positions) into arrays of one dtype; returns it.

    The positions in `tensors` decide the dtype; plain arrays and NumPy scalars follow them (a stray
    float64 would double the cost of all that comes after). Python numbers stay what they are:
    beside an array, NumPy gives them its dtype. Without any tensor the arrays decide.
    """
    inputs = list(inputs)
    arrays: dict[int, np.ndarray] = {}
    beside = any(i in tensors for i in inputs)
    for i in inputs:
        if beside and isinstance(values[i], np.generic):
            values[i] = values[i].item()
        if values[i] is not None and not (beside and isinstance(values[i], (bool, int, float))):
            arrays[i] = as_array(values[i])
    deciding = [array for i, array in arrays.items() if i in tensors]
    if not deciding or promoted(deciding).kind != "f":
        deciding = list(arrays.values())
    dtype = promoted(deciding) if arrays else np.dtype(np.float32)
    for i in arrays:
        values[i] = as_array(values[i], dtype)  # a list directly, not by way of float32
    return dtype


def widen(values: list, inputs: Iterable[int], dtype: np.dtype, real: bool) -> np.dtype:
    """Let arrays of float16 among the inputs be wide enough to sum up, in float32, and for a `real`
    op those of integers too, in float64; returns the dtype that the result is to have."""
    half = dtype == np.float16
    if not half and (dtype.kind == "f" or not real):
        return dtype
    for i in inputs:
        if isinstance(values[i], (np.ndarray, np.generic)):
            values[i] = values[i].astype(np.float32 if half else np.float64)
    return dtype if half else np.dtype(np.float32)


def result_in(value: Any, dtype: np.dtype) -> np.ndarray:
    """An op's value as an ndarray (never a NumPy scalar) in the dtype of its inputs; a fraction
    computed from integers is float32, as a Python number would be."""
    value = cast(np.ndarray, np.asarray(value))
    if dtype.kind == "f":
        return value.astype(dtype, copy=False)
    return value.astype(np.float32) if value.dtype.kind == "f" else value
