"""Columns of users and contexts on the client's side: a table -> the inputs of a request.

Which kind a column has is told by the dtype and the shape of its input, so that a client needs no
more than what a server says of a signature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized

import numpy as np
import pandas as pd

from advrec_tf.data import features as kinds
from advrec_tf.serving.values import shown

Spec = tuple[str, tuple[int | None, ...]]
"""Dtype and shape of an input."""


def table_of(features: pd.DataFrame | Mapping[str, Sequence]) -> pd.DataFrame:
    """Columns by name as a table with a row for each user.

    Raises:
        ValueError: if that is not what they are; it tells what each column holds.
    """
    try:
        return pd.DataFrame(features)
    except (ValueError, TypeError) as error:
        held = shown(features)
        if isinstance(features, Mapping):
            held = ", ".join(f"{name} with {_held(values)}" for name, values in features.items())
        raise ValueError(
            "`features` should be a table, or have a list for each column with a value for each "
            f"user. Received: {held}."
        ) from error


def _held(values) -> str:
    if isinstance(values, Sized) and not isinstance(values, (str, bytes)):
        return f"{len(values)} values"
    return f"the single value {shown(values)}"


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
        values = table.get(name, missing)
        if _is_whole(spec[0]):
            found[name] = _whole_numbers(name, spec, values)
            continue
        raw = column_of(name, spec).raw(values)
        if raw.ndim == 2 and raw.dtype == object:
            raw = _of_width(name, raw, spec[1][1])
        found[name] = np.asarray(raw).tolist()
    return found


def _is_whole(dtype: str) -> bool:
    """Whether values cannot say that they are missing, as NaN and "" do."""
    return dtype == "bool" or dtype.startswith(("int", "uint"))


def _whole_numbers(name: str, spec: Spec, values: pd.Series) -> list:
    dtype, shape = spec[0], list(spec[1][1:])
    kind = "truth values" if dtype == "bool" else f"whole numbers that {dtype} can hold"
    wanted = f"{kind}, one for each user" if not shape else f"{shape} {kind} for each user"
    try:
        given = np.array(values.tolist())
        with np.errstate(invalid="ignore"):  # of NaN, which is found by its difference
            found = given.astype(dtype)
        fits = given.dtype.kind in "biuf" and np.array_equal(found, given)
    except (TypeError, ValueError):
        fits = False
    if not fits or found.shape != (len(values), *shape):
        received = "it is left out" if values.isna().all() else shown(values.tolist())
        raise ValueError(
            f"The column {name!r} of `features` should be {wanted}, none missing. "
            f"Received: {received}."
        )
    return found.tolist()


def _of_width(name: str, raw: np.ndarray, width: int | None) -> np.ndarray:
    """Lists of text, padded with "", in the width of the input, or no wider than needed."""
    longest = max(1, int((raw != "").sum(axis=1).max(initial=0)))
    if width is None:
        return raw[:, :longest]
    if longest > width:
        raise ValueError(
            f"The column {name!r} of `features` should have lists of at most {width} entries. "
            f"Received one of {longest}."
        )
    found = np.full((len(raw), width), "", object)
    found[:, : raw.shape[1]] = raw[:, :width]
    return found


def column_of(name: str, spec: Spec) -> kinds.Column:
    """A column whose raw values have this dtype and shape; what it learned is left out."""
    dtype, shape = spec
    if dtype == "string":
        if len(shape) == 1:
            return kinds.Text(name=name)
        return kinds.Sequence(name=name, categories=())
    if len(shape) == 2:
        assert shape[1] is not None  # a vector has a width of its own
        return kinds.Vector(name=name, width=shape[1])
    return kinds.Time(name=name) if dtype == "float64" else kinds.Number(name=name)
