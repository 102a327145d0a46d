"""minigrad: arrays that can be differentiated, in plain NumPy."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import backward as _backward
from . import numpy_functions as _numpy_functions
from . import ops, optim
from . import tensor as _tensor
from .backward import grad
from .context import names_only, no_grad
from .gradcheck import GradcheckError, gradcheck
from .module import Module, Parameter
from .ops import *
from .tape import op
from .tensor import Tensor

if TYPE_CHECKING:  # they are found when they are first asked for, see `__getattr__`
    from .drawing.draw import draw
    from .looking.anomaly import detect_anomaly
    from .looking.profile import profile
    from .looking.trace import graph_of
    from .stepping.step import step

# A Tensor's operators are ops, which are made of tensors themselves: so the class is handed what
# comes after it here, where all of it is there.
_tensor.ops = ops
_tensor.backpropagate = _backward.backpropagate
_tensor.add_to_grad = _backward.add_to_grad

tensor = Tensor

__all__ = ["GradcheckError", "Module", "Parameter", "Tensor", "detect_anomaly", "draw", "grad"]
__all__ += ["gradcheck", "graph_of", "names_only", "no_grad", "op", "optim", "profile", "step"]
__all__ += ["tensor"]
__all__ += ops.__all__

# {name: where it stands}
_LOOKING = {
    "detect_anomaly": ".looking.anomaly",
    "draw": ".drawing.draw",
    "graph_of": ".looking.trace",
    "profile": ".looking.profile",
    "step": ".stepping.step",
}


if not TYPE_CHECKING:  # to an editor a name that is not here would be one of anything

    def __getattr__(name: str) -> Any:
        """Who does not look at a computation does not wait for what it takes to show it."""
        if name not in _LOOKING:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(_LOOKING[name], __name__)
        value = globals()[name] = getattr(module, name)
        return value


def __dir__() -> list[str]:
    """The public names and nothing else."""
    return sorted(__all__)
