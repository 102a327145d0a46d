"""What is going on in this thread: are ops recorded, whose call do they belong to, who watches.

Context variables, so each thread (and each asyncio task) has its own.
"""

from contextlib import contextmanager
from contextvars import ContextVar

recording = ContextVar("recording", default=True)
scope = ContextVar("scope", default=None)  # the Scope of the module that is being called
watching = ContextVar("watching", default=None)  # who runs ops and rules, see anomaly.py


class Scope:
    """One call of a module, within the call of another (`outer`) or of none."""

    __slots__ = ("module", "outer")

    def __init__(self, module, outer):
        self.module = module
        self.outer = outer


@contextmanager
def during(variable, value):
    """Let a context variable have a value inside a `with` block."""
    token = variable.set(value)
    try:
        yield value
    finally:
        variable.reset(token)


def no_grad():
    """Inside `with mg.no_grad():`, or a function decorated with it, nothing is recorded."""
    return during(recording, False)
