"""Every rule of calculus in the project: one op is one function with its derivatives beside it.

What is made with `@op` in a file of this folder is found by itself; what is only composed of ops is
named here.
"""

from importlib import import_module
from pkgutil import iter_modules

from .select import dropout, take
from .shape import concatenate, split, stack

__all__ = ["concatenate", "dropout", "split", "stack", "take"]

for module in iter_modules(__path__):
    for name, value in vars(import_module(f"{__name__}.{module.name}")).items():
        if hasattr(value, "fn") and name not in __all__:
            globals()[name] = value
            __all__.append(name)
