"""To try things: careful checks, people's mistakes made on purpose, and the way to PyTorch."""
