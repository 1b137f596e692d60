"""Checks of arguments that more than one module makes."""

from __future__ import annotations

import numpy as np


def is_number(value) -> bool:
    """Whether a value can be compared with a number: no text, no None, no list."""
    return hasattr(value, "__float__")


def is_whole(value) -> bool:
    """Whether a value is a whole number by its type: 2, not 2.0, and no truth value."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def require_seed(seed, name: str = "seed") -> int:
    """The seed itself; `name` is that of the argument.

    Raises:
        ValueError: if it is no whole number of 32 bits.
    """
    if not (is_whole(seed) and -(2**31) <= seed < 2**31):
        raise ValueError(f"`{name}` should be a whole number of 32 bits. Received: {seed!r}.")
    return seed


def as_number(value):
    """The value; NaN, which lies in no range, where it is no number, such as a text."""
    return value if is_number(value) else float("nan")
