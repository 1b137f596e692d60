"""Interactions from a pandas frame, an Arrow table or a Parquet file.

They go through the same checks as text files in `tables`, and give the same data for the same
content.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import pandas as pd

from advrec_tf.data.readers import assembly, columns, files, ids, records
from advrec_tf.data.readers.assembly import Parsed, TableSettings, table_settings
from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.report import Loaded


def from_frame(frame, *, source: str | None = None, **settings) -> Loaded:
    """The same for a pandas DataFrame or a pyarrow Table [rows, columns].

    Ids may be integers, whole floats (pandas makes them of integers with gaps) or str; times
    numbers, datetimes or text. Places in messages are rows counted from 0, not index labels.

    Args:
        frame: the table, which is left as it is.
        source: what messages and the report call it; by default "DataFrame".
        **settings: as in `tables.read_table`.

    Raises:
        DataError: as `tables.read_table`; also if a column of ids holds both integers and text.
        ValueError: as `tables.read_table`.
    """
    wanted = table_settings(settings)
    source = source or "DataFrame"
    names = list(frame.columns if isinstance(frame, pd.DataFrame) else frame.column_names)
    records.require_distinct(source, [name for name in names if name in wanted.wanted])
    records.find_columns(source, names, wanted.wanted)
    if not len(frame):
        raise DataError(f"{source}: expected rows. Received an empty frame.")
    user, item, rating, time, text = wanted.wanted
    positions, known = np.arange(len(frame)), {}
    where = _place(positions, "row")
    if not isinstance(frame, pd.DataFrame):
        known = {name: _arrow_ids(frame[name], name, source, wanted) for name in (user, item)}
        frame = frame_of_arrow(frame, [name for name in wanted.wanted if not known.get(name)])
    items = known.get(item) or _frame_ids(frame[item], source, wanted)
    ratings = times = texts = None
    if rating is not None:
        ratings = _frame_numbers(frame[rating], source, where, wanted)
    if time is not None:
        times = _frame_times(frame[time], source, where, wanted)
    if text is not None:
        texts = assembly.ItemTexts(wanted.id_marks)
        texts.add(items.codes, _as_text(frame[text]))
    parsed = Parsed(
        source=source,
        place="row",
        positions=positions,
        users=known.get(user) or _frame_ids(frame[user], source, wanted),
        items=items,
        ratings=ratings,
        times=times,
        texts=texts,
    )
    return assembly.assemble(parsed, wanted)


def read_parquet(path: str | os.PathLike, **settings) -> Loaded:
    """The same for a Parquet file; the columns that are not named are not read.

    Raises:
        FileNotFoundError: if there is no such file.
        DataError: if it is no whole Parquet file; besides those of `from_frame`.
    """
    import pyarrow as pa
    from pyarrow import parquet

    wanted = table_settings(settings)
    path = files.existing_file(path)
    try:
        names = parquet.read_schema(path).names
        records.find_columns(str(path), names, wanted.wanted)
        columns_read = list(dict.fromkeys(n for n in wanted.wanted if n is not None))
        table = parquet.read_table(path, columns=columns_read, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: expected a whole Parquet file. Received: {reason}") from error
    return from_frame(table, source=str(path), **settings)


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


def _place(positions: np.ndarray, unit: str) -> columns.Place:
    return lambda row: f"{unit} {positions[row]}"


def _frame_ids(series: pd.Series, source: str, wanted: TableSettings) -> ids.Ids:
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
        return ids.Ids(codes.astype(np.int32), [int(value) for value in values])
    return _text_ids(values, codes, series.name, source, wanted)


def _text_ids(values: list[str], codes: np.ndarray, name: str, source: str, wanted) -> ids.Ids:
    """Distinct texts and codes [n] into them, -1 where missing -> ids by the rule."""
    coder = ids.IdCodes(wanted.id_marks)  # trims, and knows the marks of a missing id
    present = codes >= 0
    recoded = np.full(len(codes), -1, np.int32)
    try:
        recoded[present] = coder.encode(values, codes[present])
    except ids.UnusableId as error:
        expected, text = error.args
        row = int((codes == values.index(text)).argmax())
        raise files.fault(source, f"row {row}", name, expected, text) from None
    return coder.column(recoded)


def _arrow_ids(column, name: str, source: str, wanted: TableSettings) -> ids.Ids | None:
    """The ids of an Arrow column of text; None for a column of another type."""
    import pyarrow as pa

    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return None
    encoded = column.dictionary_encode().unify_dictionaries()
    rows = [chunk.indices.fill_null(-1).to_numpy() for chunk in encoded.chunks]
    values = encoded.chunk(0).dictionary.to_pylist()
    return _text_ids(values, np.concatenate(rows), name, source, wanted)


_PLAIN_KINDS = ("string", "integer", "floating", "empty")


def _require_ids(series: pd.Series, source: str) -> None:
    """DataError at the first value that is no id; a hash would take True for 1."""
    for row, value in enumerate(series):
        is_id = isinstance(value, (str, int, float, np.integer, np.floating))
        if isinstance(value, (bool, np.bool_)) or not (is_id or value is None or value is pd.NA):
            raise files.fault(source, f"row {row}", series.name, "an integer or a str", value)


def _frame_numbers(series: pd.Series, source: str, where, wanted: TableSettings) -> np.ndarray:
    if not pd.api.types.is_numeric_dtype(series):
        return columns.numbers(
            _as_text(series),
            source=source,
            column=series.name,
            place=where,
            missing=wanted.missing,
        )
    values = series.to_numpy(np.float64, na_value=np.nan)
    columns.refuse_infinite(values, source=source, column=series.name, place=where)
    return values


def _frame_times(series: pd.Series, source: str, where, wanted: TableSettings) -> np.ndarray:
    if pd.api.types.is_datetime64_any_dtype(series):
        moments = pd.to_datetime(series, utc=True)
        return (moments - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy()
    if pd.api.types.is_numeric_dtype(series):
        return _frame_numbers(series, source, where, wanted)
    times = columns.Times(source=source, column=series.name, missing=wanted.missing)
    return times.parse(_as_text(series), where)


def _as_text(series: pd.Series) -> list[str]:
    missing = series.isna()
    return ["" if gap else str(value) for value, gap in zip(series, missing, strict=True)]
