"""What the languages share: how far there are words, and numbers made of two groups of digits."""

from collections.abc import Mapping

LARGEST = 999_999


def check_range(n: int) -> None:
    """Raise ValueError for a number outside 0 to LARGEST."""
    if not 0 <= n <= LARGEST:
        raise ValueError(f"the number {n} is outside 0 to {LARGEST}, the range there are words for")


def of_groups(
    before: str, thousand: str, after: str, thousands: Mapping[str, int], rests: Mapping[str, int]
) -> int | None:
    """The number whose words are partitioned at the word for a thousand, where `thousands` and
    `rests` say what may stand before and after it. None for what is no number."""
    if not thousand:
        return rests.get(before)
    many = thousands.get(before) if before else 1
    rest = rests.get(after) if after else 0
    # Neither "zero thousand" nor "a thousand zero" is said.
    return 1000 * many + rest if many and rest is not None and bool(rest) == bool(after) else None
