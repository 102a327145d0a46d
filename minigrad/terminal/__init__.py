"""Stepping through a computation in a terminal."""
