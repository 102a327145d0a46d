"""Tensor: an array that knows how it was made, so that it can be differentiated."""

import itertools
import weakref
from operator import attrgetter

import numpy as np

from .dtypes import as_array

# One clock for the whole process. Every recorded op and every change of a tensor's data takes its
# next tick, so "was this changed after the op had used it?" is one comparison of two numbers.
tick = itertools.count(1).__next__
latest_change = 0  # the tick of the last change of any tensor's data


class Tensor:
    """An n-dimensional array, its gradient, and the op that made it.

    `data` may be a number, a nested list, an ndarray (shared, not copied) or a Tensor. Numbers and
    lists become float32; a NumPy array keeps its dtype. Its operators and methods are the ops of
    `minigrad.ops`: `methods.py` is the table that says which is which.

    Raises TypeError for what is no block of real numbers, and for integers that should require a
    gradient; ValueError for ragged lists.
    """

    __slots__ = ("__dict__", "__weakref__", "_data", "_requires_grad", "node")

    # Most tensors never get one of these, so they cost nothing until they are set.
    grad = None  # a Tensor, once backward has come by
    name = None
    changed = 0  # the tick of the last change of its data; 0: never

    def __init__(self, data, requires_grad=False, dtype=None, name=None):
        self._data = as_array(plain(data), dtype)
        self.node = None  # the recorded op that made it; None for a leaf
        self.name = name
        self.requires_grad = requires_grad

    @staticmethod
    def made_by(node, data):
        """What the op recorded as `node` computed (None: it was not recorded)."""
        self = Tensor.__new__(Tensor)
        self._data = data
        self._requires_grad = node is not None
        self.node = node
        return self

    shape = property(lambda self: self._data.shape)
    ndim = property(lambda self: self._data.ndim)
    size = property(lambda self: self._data.size)
    dtype = property(lambda self: self._data.dtype)
    data = property(attrgetter("_data"))

    @data.setter
    def data(self, value):  # also reached by `t.data -= step`
        self._data = as_array(plain(value))
        self.mark_changed()

    def mark_changed(self):
        """Note that the data was changed in place: backward refuses a graph that used the old."""
        global latest_change
        latest_change = self.changed = tick()
        if self.node is not None:
            self.node.changed = self.changed

    @property
    def requires_grad(self):
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value):
        if value and self._data.dtype.kind != "f":
            raise TypeError(
                f"a tensor of {self._data.dtype} cannot require a gradient, only floating-point "
                "numbers can: make it with dtype=np.float32"
            )
        if self.node is not None and not value:
            made_by = f"this tensor was computed by {self.node.op_name} and hands its gradient on"
            raise RuntimeError(f"{made_by}; .detach() gives one that does not")
        self._requires_grad = bool(value)

    @property
    def origin(self):
        """What gradients are collected for: the op that made this tensor, or the leaf itself."""
        return self if self.node is None else self.node

    def item(self):
        """The one number in it, as a Python number."""
        if self._data.size != 1:
            raise ValueError(f"item() needs a tensor of one entry; this one has shape {self.shape}")
        return self._data.item()

    def numpy(self):
        """Its ndarray, shared and not copied."""
        return self._data

    def detach(self):
        """A copy of the numbers, cut off from the graph."""
        return Tensor(self._data.copy())

    def named(self, name):
        """Give it the name it has in the paper, and return it: `q = self.w_q(x).named("Q")`.

        The recorded op keeps name and value until backward frees it; pictures find it by them.
        """
        self.name = name
        if self.node is not None:
            self.node.name = name
            self.node.value = self._data
        return self

    def retain_grad(self):
        """Let backward fill `.grad` here too, although this tensor was computed and is no leaf."""
        if self.node is not None:
            self.node.retained = weakref.ref(self)  # a strong one would be a cycle


PLAIN = {bool, int, float, str, slice, type(None), type(...), np.ndarray}  # holds no Tensor


def plain(x):
    """The numbers of `x`, cut off from the graph: the array of a Tensor, or `x` itself, with the
    tensors in a list or tuple replaced too."""
    if isinstance(x, Tensor):
        return x._data
    if isinstance(x, (list, tuple)) and not PLAIN.issuperset(map(type, x)):
        return type(x)(plain(entry) for entry in x)
    return x
