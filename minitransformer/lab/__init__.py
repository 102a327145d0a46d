"""A place to try things: what a careful person checks, the mistakes people make, and the way to PyTorch."""  # noqa: E501
