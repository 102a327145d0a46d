"""How many threads the products of matrices use, and which code computes them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from threadpoolctl import threadpool_info, threadpool_limits

# From this d_model on a product of matrices is long enough for several threads. Measured with two
# on two cores: a step takes 0.62 of the time of one thread at 256, 0.68 (2,000 words) to 0.99 at
# 128, and 1.1 to 1.25 at 64. Beside one other busy process: about 2, 1.2 to 2.6, and 1.4 to 2.3.
LARGE = 256


@contextmanager
def using_threads(processes: int, d_model: int, threads: int | None = None) -> Iterator[None]:
    """Within `with using_threads(...):` each of the processes uses so many threads for a product.

    Where `threads` is None they are one for a small model, whose products are so short that threads
    mostly wait for each other (and lose all when anything else runs), and for a large one the
    cores, divided among the processes; but OPENBLAS_NUM_THREADS or OMP_NUM_THREADS in the
    environment is left as it is.
    """
    if threads is None and _said_by_environment():
        yield
        return
    if threads is None:
        threads = max(1, _cores() // processes) if d_model >= LARGE else 1
    with threadpool_limits(threads):
        yield


def blas() -> dict[str, Any]:
    """What NumPy multiplies matrices with, for the log: the library, its kernel, made for one
    architecture ("SkylakeX", "Zen", "Haswell"), and how many threads it uses now. Without a known
    library they are None."""
    known = [each for each in threadpool_info() if each["user_api"] == "blas"]
    known.sort(key=lambda each: "numpy" not in each["filepath"])  # PyTorch may have brought another
    found = known[0] if known else {}
    library = f"{found['internal_api']} {found['version']}" if found else None
    return {
        "blas": library,
        "blas_kernel": found.get("architecture"),
        "blas_threads": found.get("num_threads"),
    }


def _said_by_environment() -> bool:
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
    return any(os.environ.get(name, "").isdigit() for name in names)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
