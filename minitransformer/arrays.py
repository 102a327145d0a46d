"""Arrays in a file, by name: weights, and the state of a training. There is no pickle in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO
from zipfile import ZipFile

import numpy as np

from .files import unreadable, write_whole
from .text.showing import sentence


def write_weights(path: Path, state: Mapping[str, np.ndarray]) -> None:
    """Write weights to a file: one array for each parameter, without pickle. Raises
    FloatingPointError, and leaves what is there, if any is no finite number."""
    require_finite(state)
    write_whole(path, lambda file: write_arrays(file, state))


def require_finite(state: Mapping[str, np.ndarray]) -> None:
    """Raise FloatingPointError for weights that are no numbers."""
    for name, array in state.items():
        if not np.isfinite(array).all():
            raise FloatingPointError(
                f"the training diverged: not all weights in {name} are finite numbers, so they "
                "are not saved. Try a smaller --lr-scale"
            )


def read_arrays(path: Path, otherwise: str) -> dict[str, np.ndarray]:
    """The arrays in a file, by name. Raises OSError or ValueError with the reason, and `otherwise`,
    what is to be done about a damaged one."""
    try:
        opened = open(path, "rb")
    except OSError as error:
        raise unreadable(path, error) from None
    try:
        with opened, np.load(opened, allow_pickle=False) as arrays:
            return dict(arrays)
    except MemoryError as error:
        raise ValueError(
            f"{path} could not be read: there is not enough memory, or it is damaged ({error})"
        ) from error
    except Exception as error:  # damaged bytes make zipfile and NumPy raise nearly anything
        raise ValueError(
            f"{path} is damaged or was only half written ({sentence(error)}); {otherwise}"
        ) from error


def write_arrays(file: BinaryIO, arrays: Mapping[str, np.ndarray]) -> None:
    """As np.savez, which in NumPy 2.0 leaves the archive open where the disk is full."""
    with ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
