"""One request to the C library, made when an optimiser is: keep freed memory, do not give it back.

The arrays of a training step have the same sizes at every step. By default glibc returns large
blocks to the system and has them handed back, zeroed page by page, at the next op; that can cost
more than the arithmetic.
"""

from __future__ import annotations

import ctypes
import functools
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # names and numbers from <malloc.h>
LARGEST = 2**30  # bytes; blocks up to this size are kept


@functools.cache
def keep_freed_memory() -> None:
    """From now on this process keeps the memory that it has freed. Nothing on other systems."""
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # a C library other than glibc
        return
    mallopt(M_MMAP_THRESHOLD, LARGEST)
    mallopt(M_TRIM_THRESHOLD, LARGEST)
