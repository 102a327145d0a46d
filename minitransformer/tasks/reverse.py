"""The symbols from last to first: the smallest task that shows what attention is for."""

from .copy import Copy
from .task import register


@register
class Reverse(Copy):
    """The strings of Copy, turned round. Each output letter has one input letter to look at."""

    name = "reverse"
    summary = "write the letters from last to first: abc to cba"
    how_long = "two minutes"
    steps = 5_500  # long runs of one letter are the last to come right

    def pair(self, example: str) -> tuple[str, str]:
        return example, example[::-1]
