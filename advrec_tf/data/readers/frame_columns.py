"""Columns of pandas frames and Arrow tables: ids by the rule of `ids`, and values as text.

What the columns of interactions are is left to `frames`, those of side tables to `attributes`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from advrec_tf.data.readers import files, ids


def frame_of_arrow(table, names: Sequence[str]) -> pd.DataFrame:
    """The named columns of a pyarrow Table as a frame; integers with gaps stay integers."""
    import pyarrow as pa

    whole = {getattr(pa, kind.lower())(): getattr(pd, f"{kind}Dtype")() for kind in _INTEGERS}
    chosen = table.select(list(dict.fromkeys(name for name in names if name is not None)))
    for position, field in enumerate(chosen.schema):
        if pa.types.is_dictionary(field.type):
            decoded = chosen.column(position).cast(field.type.value_type)
            chosen = chosen.set_column(position, field.name, decoded)
    return chosen.to_pandas(types_mapper=whole.get, ignore_metadata=True)


_INTEGERS = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")


def frame_ids(series: pd.Series, source: str, missing: Collection[str]) -> ids.Ids:
    """The ids of a column of a frame by the rule of `ids`.

    Raises:
        DataError: at a value that is no id, or of another kind than the others.
    """
    if series.dtype == object and pd.api.types.infer_dtype(series) not in _PLAIN_KINDS:
        _require_ids(series, source)
    codes, values = pd.factorize(series)  # code -1 where missing
    values = list(values)

    def fail(expected: str, code: int):
        row = int((codes == code).argmax())
        raise files.fault(source, f"row {row}", series.name, expected, values[code])

    kinds: dict[str, int] = {}  # kind of id -> first code of it
    for code, value in enumerate(values):
        if isinstance(value, (float, np.floating)) and float(value).is_integer():
            values[code] = value = int(value)
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer, str)):
            fail("an integer or a str", code)
        kinds.setdefault("a str" if isinstance(value, str) else "an integer", code)
    if len(kinds) > 1:
        (kind, first), (_, second) = kinds.items()
        row = int((codes == first).argmax())
        fail(f"{kind}, as {values[first]!r} in row {row}, since ids are of one kind", second)
    if "a str" not in kinds:
        return _integer_ids([int(value) for value in values], codes, missing)
    return _text_ids(values, codes, series.name, source, missing)


def _integer_ids(values: list[int], codes: np.ndarray, missing: Collection[str]) -> ids.Ids:
    """Distinct integers and codes [n] into them -> ids without the marks of a missing one."""
    marked = [code for code, value in enumerate(values) if str(value) in missing]
    marks = {str(values[code]): int((codes == code).sum()) for code in marked}
    return ids.Ids(
        np.where(np.isin(codes, marked), -1, codes).astype(np.int32), values, marks=marks
    )


def _text_ids(values: list[str], codes: np.ndarray, name: str, source: str, missing) -> ids.Ids:
    """Distinct texts and codes [n] into them, -1 where missing -> ids by the rule."""
    coder = ids.IdCodes(missing)  # trims, and knows the marks of a missing id
    present = codes >= 0
    recoded = np.full(len(codes), -1, np.int32)
    try:
        recoded[present] = coder.encode(values, codes[present])
    except ids.UnusableId as error:
        expected, text = error.args
        row = int((codes == values.index(text)).argmax())
        raise files.fault(source, f"row {row}", name, expected, text) from None
    return coder.column(recoded)


def arrow_ids(column, name: str, source: str, missing: Collection[str]) -> ids.Ids | None:
    """The ids of an Arrow column of text; None for a column of another type."""
    import pyarrow as pa

    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return None
    encoded = column.dictionary_encode().unify_dictionaries()
    rows = [chunk.indices.fill_null(-1).to_numpy() for chunk in encoded.chunks]
    values = encoded.chunk(0).dictionary.to_pylist()
    return _text_ids(values, np.concatenate(rows), name, source, missing)


_PLAIN_KINDS = ("string", "integer", "floating", "empty")


def _require_ids(series: pd.Series, source: str) -> None:
    """DataError at the first value that is no id; a hash would take True for 1."""
    for row, value in enumerate(series):
        is_id = isinstance(value, (str, int, float, np.integer, np.floating))
        if isinstance(value, (bool, np.bool_)) or not (is_id or value is None or value is pd.NA):
            raise files.fault(source, f"row {row}", series.name, "an integer or a str", value)


def as_text(series: pd.Series) -> list[str]:
    missing = series.isna()
    return ["" if gap else str(value) for value, gap in zip(series, missing, strict=True)]
