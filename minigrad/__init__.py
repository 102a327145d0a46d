"""minigrad: arrays that can be differentiated, in plain NumPy."""

from . import backward as _backward
from . import numpy_functions as _numpy_functions
from . import ops, optim
from . import tensor as _tensor
from .backward import grad
from .context import no_grad
from .gradcheck import GradcheckError, gradcheck
from .looking.anomaly import detect_anomaly
from .looking.draw import draw
from .looking.profile import profile
from .looking.trace import graph_of
from .module import Module, Parameter
from .ops import *
from .tape import op
from .tensor import Tensor

# A Tensor's operators are ops, which are made of tensors themselves: so the class is handed what
# comes after it here, where all of it is there.
_tensor.ops = ops
_tensor.backpropagate = _backward.backpropagate
_tensor.add_to_grad = _backward.add_to_grad

tensor = Tensor

__all__ = ["GradcheckError", "Module", "Parameter", "Tensor", "detect_anomaly", "draw", "grad"]
__all__ += ["gradcheck", "graph_of", "no_grad", "op", "optim", "profile", "tensor"]
__all__ += ops.__all__


def __dir__() -> list[str]:
    """The public names and nothing else."""
    return sorted(__all__)
