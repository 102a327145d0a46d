"""minigrad: arrays that can be differentiated, in plain NumPy."""

from . import memory, methods, ops, optim
from .backward import backward, grad
from .gradcheck import GradcheckError, gradcheck
from .module import Module, Parameter
from .ops import *  # noqa: F403  every op is `mg.NAME`
from .tape import no_grad, op
from .tensor import Tensor

tensor = Tensor
