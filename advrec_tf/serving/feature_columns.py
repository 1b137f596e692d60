"""Columns of users and contexts on the client's side: a table -> the inputs of a request.

Which kind a column has is told by the dtype and the shape of its input, so that a client needs no
more than what a server says of a signature.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from advrec_tf.data import features

Spec = tuple[str, tuple[int | None, ...]]
"""Dtype and shape of an input."""


def raw_columns(table: pd.DataFrame, specs: Mapping[str, Spec]) -> dict[str, list]:
    """A table with a row for each user -> input name: values as JSON has them.

    Args:
        table: columns by input name; one that is left out is missing for all.
        specs: input name -> its dtype and shape.

    Raises:
        ValueError: if a column is none of the inputs, or its values are of another kind.
    """
    strange = [str(name) for name in table.columns if str(name) not in specs]
    if strange:
        raise ValueError(
            f"`features` should have columns among {', '.join(specs) or 'none'}. "
            f"Received: {', '.join(strange)}."
        )
    missing = pd.Series([None] * len(table), dtype=object)
    found = {}
    for name, spec in specs.items():
        raw = column_of(name, spec).raw(table.get(name, missing))
        if raw.ndim == 2 and raw.dtype == object:  # no wider than needed
            longest = max(1, int((raw != "").sum(axis=1).max(initial=0)))
            raw = raw[:, :longest]
        found[name] = np.asarray(raw).tolist()
    return found


def column_of(name: str, spec: Spec) -> features.Column:
    """A column whose raw values have this dtype and shape; what it learned is left out."""
    dtype, shape = spec
    if dtype == "string":
        if len(shape) == 1:
            return features.Text(name=name)
        return features.Sequence(name=name, categories=())
    if len(shape) == 2:
        assert shape[1] is not None  # a vector has a width of its own
        return features.Vector(name=name, width=shape[1])
    return features.Time(name=name) if dtype == "float64" else features.Number(name=name)
