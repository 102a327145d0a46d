"""The mistakes people really make, each to be switched on by name: the layers stay clean."""

from .table import BUGS, Bug, apply, bug

__all__ = ["BUGS", "Bug", "apply", "bug"]
