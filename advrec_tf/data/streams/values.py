"""Columns of a stream: the few kinds they have, in Arrow, in NumPy and in TensorFlow.

Which columns a file holds is left to its format; what ids mean is left to `vocabularies`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import tensorflow as tf
from pyarrow import compute

from advrec_tf.data.readers.files import DataError

KINDS: dict[str, pa.DataType] = {
    "int": pa.int64(),
    "float": pa.float64(),
    "string": pa.string(),
    "bool": pa.bool_(),
    "time": pa.timestamp("us"),
}
"""The kind of a column -> the type that its values have in Arrow. A time is delivered as seconds
since 1970, float64."""

_TENSORS = {
    "int": tf.int64,
    "float": tf.float64,
    "string": tf.string,
    "bool": tf.bool,
    "time": tf.float64,
}


def kind_of(kind: pa.DataType) -> str | None:
    """The kind of a column of this type; None for lists, decimals and what else is none."""
    types = pa.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    tests = {
        "int": types.is_integer,
        "float": types.is_floating,
        "string": lambda t: types.is_string(t) or types.is_large_string(t),
        "bool": types.is_boolean,
        "time": lambda t: types.is_timestamp(t) or types.is_date(t),
    }
    return next((name for name, holds in tests.items() if holds(kind)), None)


def kinds_of(schema: pa.Schema, wanted: list[str], path: str) -> dict[str, str]:
    """The kinds of the wanted columns of a file.

    Raises:
        DataError: if a column is of no kind, such as a list.
    """
    found = {}
    for name in wanted:
        kind = kind_of(schema.field(name).type)
        if kind is None:
            raise DataError(
                f"{path}, column {name!r}: expected numbers, text, booleans or times. "
                f"Received the type {schema.field(name).type}: leave it out by `columns`."
            )
        found[name] = kind
    return found


def as_kinds(table: pa.Table, kinds: Mapping[str, str]) -> pa.Table:
    """The columns of `kinds`, in this order, each of the one type of its kind."""
    columns = []
    for name, kind in kinds.items():
        column = table.column(name)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if kind == "time" and getattr(column.type, "tz", None):
            column = column.cast(pa.timestamp("us", column.type.tz))
        columns.append(column.cast(KINDS[kind]))
    return pa.table(columns, names=list(kinds))


def as_array(column: pa.ChunkedArray, name: str, kind: str) -> np.ndarray:
    """A column [n] of an `as_kinds` table as TensorFlow takes it.

    A missing number or time is NaN, a missing text empty.

    Raises:
        DataError: if an integer or a boolean is missing, which has no such value.
    """
    if kind == "string":
        return compute.fill_null(column, "").to_numpy()
    if kind in ("int", "bool"):
        if column.null_count:
            raise DataError(
                f"Column {name!r}: expected a value in every row, since "
                f"{'an integer' if kind == 'int' else 'a boolean'} has none for a missing one. "
                f"Received {column.null_count:,} missing ones: read it as a float by "
                f"`kinds={{{name!r}: 'float'}}`."
            )
        return column.to_numpy()
    if kind == "time":
        column = compute.divide(column.cast(pa.int64()).cast(pa.float64()), 1e6)
    return compute.fill_null(column, np.nan).to_numpy()


def as_arrays(table: pa.Table, kinds: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Column name -> values [n]; see `as_array`."""
    return {name: as_array(table.column(name), name, kind) for name, kind in kinds.items()}


def signature(kinds: Mapping[str, str]) -> dict[str, tf.TensorSpec]:
    """Column name -> the tensor [n] that it becomes."""
    return {name: tf.TensorSpec([None], _TENSORS[kind]) for name, kind in kinds.items()}
