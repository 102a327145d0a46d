"""minigrad: arrays that can be differentiated, in plain NumPy."""

from . import memory, methods, ops, optim
from .anomaly import detect_anomaly
from .backward import backward, grad
from .context import no_grad
from .draw import draw
from .gradcheck import GradcheckError, gradcheck
from .graph import graph_of
from .module import Module, Parameter
from .ops import *  # noqa: F403  every op is `mg.NAME`
from .tape import op
from .tensor import Tensor

tensor = Tensor
