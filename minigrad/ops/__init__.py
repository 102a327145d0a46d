"""Every rule of calculus in the project: one op is one function with its derivatives beside it.

Each file names its public ops in `__all__`: they are `mg.NAME`. Ops that stand in no such list are
for the rules of other ops.
"""

from . import (
    elementwise,
    heads,
    loss,
    normalise,
    products,
    reductions,
    select,
    shape,
    softmaxes,
    summation,
)
from .elementwise import *
from .heads import *
from .loss import *
from .normalise import *
from .products import *
from .reductions import *
from .select import *
from .shape import *
from .softmaxes import *
from .summation import *

__all__: list[str] = []
__all__ += elementwise.__all__
__all__ += heads.__all__
__all__ += loss.__all__
__all__ += normalise.__all__
__all__ += products.__all__
__all__ += reductions.__all__
__all__ += select.__all__
__all__ += shape.__all__
__all__ += softmaxes.__all__
__all__ += summation.__all__
