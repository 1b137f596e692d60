"""What a client says of ids and values that the model does not know."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from types import FrameType

from advrec_tf.serving.values import shown

_HERE = os.path.dirname(__file__)


class UnknownIdWarning(UserWarning):
    """A request names ids, or values of columns, that the model does not know."""


def warn_of_rows(asked: Sequence[Sequence[str]], known, name: str) -> None:
    """Warn of the rows that name items of which the model knows none.

    Args:
        asked: ids of each user, padded.
        known: [users], how many of them the model says it knows; None where it does not say.
        name: of the argument.
    """
    if known is None:
        return
    rows = [
        row
        for row, (ids, count) in enumerate(zip(asked, known, strict=True))
        if not count and any(ids)
    ]
    if rows:
        first = next(name for name in asked[rows[0]] if name)
        _warn(
            f"Of `{name}` the model knows no item in {len(rows)} of {len(asked)} rows, and read "
            f"nothing there. The first is row {rows[0]}, with {shown(first)}."
        )


def warn_of_ids(ids: Sequence[str], known: Sequence[bool] | None, name: str, then: str) -> None:
    """Warn of single ids that the model does not know.

    Args:
        ids: those of a request; one that is there several times counts once.
        known: which of them the model knows; None where it does not say.
        name: of the argument.
        then: what follows for the answer.
    """
    if known is None:
        return
    found = dict(zip(ids, known, strict=True))
    strange = [one for one, is_known in found.items() if not is_known]
    if strange:
        _warn(
            f"Of `{name}` the model does not know {len(strange)} of {len(found)} ids: {then}. The "
            f"first is {shown(strange[0])}."
        )


def warn_of_values(columns: Mapping[str, Sequence], unknown, name: str) -> None:
    """Warn of values of columns that the model does not know, a warning for each column.

    Args:
        columns: input name -> a raw value for each row.
        unknown: [rows, n] text, the inputs with such a value; None where the model does not say.
        name: of the argument.
    """
    for column, values in columns.items():
        rows = [] if unknown is None else [r for r, own in enumerate(unknown) if column in own]
        if rows:
            value = values[rows[0]]
            value = [one for one in value if one] if isinstance(value, list) else value
            _warn(
                f"Of `{name}` the model does not know what stands in {column} in {len(rows)} of "
                f"{len(values)} rows, and reads it as unknown. The first is row {rows[0]}, with "
                f"{shown(value)}."
            )


def _warn(message: str) -> None:
    """Warn of the line that called a client."""
    level = 2
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and os.path.dirname(frame.f_code.co_filename) == _HERE:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UnknownIdWarning, stacklevel=level)
