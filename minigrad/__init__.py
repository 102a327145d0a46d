"""minigrad: arrays that can be differentiated, in plain NumPy."""

from . import memory, methods, ops, optim
from .anomaly import detect_anomaly
from .backward import backward, grad
from .context import no_grad
from .draw import draw
from .gradcheck import GradcheckError, gradcheck
from .module import Module, Parameter
from .ops import *  # noqa: F403  every op is `mg.NAME`
from .profile import profile
from .tape import op
from .tensor import Tensor
from .trace import graph_of

tensor = Tensor
