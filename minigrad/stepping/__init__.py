"""Backward and forward, one op at a time, with all that happens in between."""
