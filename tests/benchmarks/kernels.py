"""Which kernel computes the products of matrices, and what in the environment would slow it.

OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE are set on some machines, for old builds of OpenBLAS. They
make today's NumPy use a kernel that is half as fast, and no other framework: measured with them,
every ratio to PyTorch is wrong.
"""

import os
import sys

import numpy as np
from threadpoolctl import threadpool_info

SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def without_slowing(environment):
    """The environment with all that it has except those variables."""
    return {name: value for name, value in environment.items() if name not in SLOWING}


def warn_of_slowing():
    """Whether one of those variables is set; if so, a line says that it does not count here."""
    found = [name for name in SLOWING if name in os.environ]
    if found:
        names = ", ".join(found)
        print(f"The environment would slow NumPy ({names}): measured without.", flush=True)
    return bool(found)


def restart_without_slowing():
    """Start this process anew without those variables, where one is set: an OpenBLAS reads them
    when it is loaded, and never again."""
    if warn_of_slowing():
        command = [sys.executable, *sys.orig_argv[1:]]
        os.execve(sys.executable, command, without_slowing(os.environ))


def numpy_kernel():
    """The BLAS that NumPy has loaded into this process, and its kernel: "openblas SkylakeX"."""
    libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    names = [f"{one['internal_api']} {one.get('architecture', '')}".strip() for one in libraries]
    if not names:  # one that threadpoolctl does not know, as Apple's
        names = [np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]]
    return ", ".join(dict.fromkeys(names))
