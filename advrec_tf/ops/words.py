"""Numbers and lists as they stand in a sentence."""

from __future__ import annotations

from collections.abc import Iterable


def counted(number: int, noun: str) -> str:
    """The number with its noun, which takes an s unless it is one.

    Examples:
        >>> counted(1, "target"), counted(2000, "target")
        ('1 target', '2,000 targets')
    """
    return f"{number:,} {noun}{'s' * (number != 1)}"


def enumerated(words: Iterable[object], conjunction: str = "and") -> str:
    """The words with commas, and the conjunction before the last.

    Examples:
        >>> enumerated([1, 2, 3], "or"), enumerated(["a"])
        ('1, 2 or 3', 'a')
    """
    *first, last = map(str, words)
    return f"{', '.join(first)} {conjunction} {last}" if first else last
