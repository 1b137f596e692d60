"""Checks of arguments that more than one module makes."""

from __future__ import annotations


def is_number(value) -> bool:
    """Whether a value can be compared with a number: no text, no None, no list."""
    return hasattr(value, "__float__")
