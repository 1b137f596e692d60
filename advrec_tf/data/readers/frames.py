"""Interactions from a pandas frame, an Arrow table or a Parquet file.

They go through the same checks as text files in `tables`, and give the same data for the same
content.
"""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import pandas as pd

from advrec_tf.data.readers import assembly, attributes, columns, files, records
from advrec_tf.data.readers.assembly import Parsed, TableSettings, table_settings
from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.frame_columns import arrow_ids, as_text, frame_ids, frame_of_arrow
from advrec_tf.data.readers.report import Loaded, note_of_unread


def from_frame(frame, *, source: str | None = None, **settings) -> Loaded:
    """Interactions of a pandas DataFrame or a pyarrow Table [rows, columns], read as files are.

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
    notes = note_of_unread(names, wanted.wanted)
    records.require_distinct(source, [name for name in names if name in wanted.wanted])
    records.find_columns(source, names, wanted.wanted)
    if not len(frame):
        raise DataError(f"{source}: expected rows. Received an empty frame.")
    user, item, rating, time, text, *context = wanted.wanted
    positions, known = np.arange(len(frame)), {}
    where = "row {}".format
    if not isinstance(frame, pd.DataFrame):
        known = {
            name: arrow_ids(frame[name], name, source, wanted.id_marks) for name in (user, item)
        }
        frame = frame_of_arrow(frame, [name for name in wanted.wanted if not known.get(name)])
    items = known.get(item) or frame_ids(frame[item], source, wanted.id_marks)
    ratings = times = texts = None
    if rating is not None:
        ratings = _frame_numbers(frame[rating], source, where, wanted)
    if time is not None:
        times = _frame_times(frame[time], source, where, wanted)
    if text is not None:
        texts = assembly.ItemTexts(wanted.id_marks)
        texts.add(items.codes, as_text(frame[text]))
    parsed = Parsed(
        source=source,
        place="row",
        positions=positions,
        users=known.get(user) or frame_ids(frame[user], source, wanted.id_marks),
        items=items,
        ratings=ratings,
        times=times,
        texts=texts,
        context=frame[context].reset_index(drop=True) if context else None,
        notes=notes,
    )
    return attributes.with_tables(assembly.assemble(parsed, wanted), wanted)


def read_parquet(path: str | os.PathLike, **settings) -> Loaded:
    """Interactions of a Parquet file, as `load` reads it; columns that are not named are not read.

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
    loaded = from_frame(table, source=str(path), **settings)
    notes = [*note_of_unread(names, wanted.wanted), *loaded.report.notes]
    return dataclasses.replace(loaded, report=dataclasses.replace(loaded.report, notes=notes))


def _frame_numbers(series: pd.Series, source: str, where, wanted: TableSettings) -> np.ndarray:
    if not pd.api.types.is_numeric_dtype(series):
        return columns.numbers(
            as_text(series),
            source=source,
            column=series.name,
            place=where,
            missing=wanted.missing,
        )
    values = columns.without_marks(series.to_numpy(np.float64, na_value=np.nan), wanted.missing)
    columns.refuse_infinite(values, source=source, column=series.name, place=where)
    return values


def _frame_times(series: pd.Series, source: str, where, wanted: TableSettings) -> np.ndarray:
    if pd.api.types.is_datetime64_any_dtype(series):
        moments = pd.to_datetime(series, utc=True)
        return (moments - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy()
    if pd.api.types.is_numeric_dtype(series):
        return _frame_numbers(series, source, where, wanted)
    times = columns.Times(source=source, column=series.name, missing=wanted.missing)
    return times.parse(as_text(series), where)
