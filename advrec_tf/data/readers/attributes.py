"""Side tables of users and items, from frames, Arrow tables, CSV and Parquet files.

The last step of the readers of interactions: the tables that `TableSettings` names are read with
the same care, joined by id, and counted. MovieLens' side files are left to `movielens`, tables of
0/1 columns a value to `side_tables`.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pandas as pd

from advrec_tf.data.readers import files, ids, records
from advrec_tf.data.readers.assembly import TableSettings
from advrec_tf.data.readers.cells import joined, read_cells
from advrec_tf.data.readers.frame_columns import arrow_ids, frame_ids, frame_of_arrow
from advrec_tf.data.readers.report import Count, Loaded
from advrec_tf.data.schema import require_kinds
from advrec_tf.data.vocabulary import Vocabulary

_PARQUET = (".parquet", ".pq")


class UnknownIdsError(files.DataError):
    """No id of a side table is one of the interactions."""


def with_tables(loaded: Loaded, wanted: TableSettings, **how) -> Loaded:
    """The interactions with the tables of users and items that the settings name.

    Args:
        **how: `separator`, `encoding`, `escape` and `max_text` of the files.

    Raises:
        FileNotFoundError, DataError: as `read_side_table`.
        ValueError: if `kinds` names no kind, or no column that is there.
    """
    data, noticed = loaded.interactions, dict(loaded.report.noticed)
    tables, notes = {}, []
    for what, source, column, vocabulary in (
        ("user", wanted.users, wanted.user_table_id or wanted.user_column, data.users),
        ("item", wanted.items, wanted.item_table_id or wanted.item_column, data.items),
    ):
        if source is None:
            continue
        named = (
            f"`{what}_table_id` names the column of its ids, by default that of the interactions."
        )
        try:
            table, counts, said = read_side_table(
                source,
                vocabulary,
                id_column=column,
                called=f"table of {what}s",
                wanted=wanted,
                **how,
            )
        except (files.MissingColumnError, UnknownIdsError) as error:
            raise type(error)(f"{error} {named}") from None
        tables[f"{what}_features"] = table
        notes += [f"table of {what}s, {line}" for line in said]
        noticed |= {f"{what} table: {oddity}": count for oddity, count in counts.items()}
    if wanted.kinds:
        every = [*tables.values(), *([] if data.context is None else [data.context])]
        require_kinds(wanted.kinds, [str(name) for table in every for name in table.columns])
    if not tables and not wanted.kinds:
        return loaded
    data = dataclasses.replace(data, **tables, kinds=wanted.kinds)
    report = dataclasses.replace(loaded.report, noticed=noticed)
    report = dataclasses.replace(report, notes=(*report.notes, *notes, data.schema.summary()))
    return dataclasses.replace(loaded, interactions=data, report=report)


def read_side_table(
    source, vocabulary: Vocabulary, *, id_column: str, called: str, wanted: TableSettings, **how
) -> tuple[pd.DataFrame, dict[str, Count], list[str]]:
    """(a row for each id of the vocabulary, empty where the table has none; what was counted; what
    was decided on columns of a text file and could be otherwise).

    Args:
        source: a pandas DataFrame, whose index may hold the ids; an Arrow table; or the path of a
            CSV, TSV or Parquet file with a header.
        id_column: the column of the ids; all others are read.
        called: what messages call a table that is no file.
        wanted: the marks of what is missing.
        **how: as in `with_tables`.

    Raises:
        FileNotFoundError: if there is no such file.
        DataError: if it is not as said, an id has two rows, there is no column beside that of the
            ids, or no id is one of the vocabulary.
    """
    said: list[str] = []
    if isinstance(source, (str, os.PathLike)) and Path(source).suffix.lower() not in _PARQUET:
        called = str(source)
        cells = read_cells(source, id_column, None, how, id_marks=wanted.id_marks)
        columns = {}
        for name, texts in cells.cells.items():
            columns[name], own = wanted.types.typed(name, texts, source=called, place=cells.place)
            said += own
        keys, table = cells.keys, pd.DataFrame(columns)
        first = cells.without_id[0] if cells.without_id else None
        without_id = Count(len(cells.without_id), first)
    else:
        if isinstance(source, (str, os.PathLike)):
            called, source = str(source), _arrow_of_parquet(source)
        keys, table, without_id = _of_frame(source, id_column, called, wanted)
    if not table.shape[1]:
        raise files.DataError(
            f"{called}: expected a column beside {id_column!r}. Received that one alone."
        )
    rows = joined(table, keys, vocabulary)
    if rows is None:
        raise UnknownIdsError(
            f"{called}, column {id_column!r}: expected ids of the interactions, such as "
            f"{vocabulary.ids.tolist()[:3]!r}. Received: {list(keys[:3])!r}."
        )
    found, strange, without_row = rows
    counts = {
        "row without an id, left out": without_id,
        "row of an id without interactions, left out": Count(strange),
        "id without a row": Count(without_row),
    }
    return found, {what: count for what, count in counts.items() if count.number}, said


def _of_frame(source, id_column, called, wanted) -> tuple[list, pd.DataFrame, Count]:
    """Ids, the other columns and the rows without an id of a frame or an Arrow table."""
    known = None
    if isinstance(source, pd.DataFrame):
        if id_column not in source.columns and source.index.name == id_column:
            source = source.reset_index()
        names = list(source.columns)
        records.require_distinct(called, names)
        records.find_columns(called, names, [id_column])
    else:
        names = list(source.column_names)
        records.require_distinct(called, names)
        records.find_columns(called, names, [id_column])
        known = arrow_ids(source[id_column], id_column, called, wanted.id_marks)
        source = frame_of_arrow(source, names)
    found = known or frame_ids(source[id_column], called, wanted.id_marks)
    present = found.codes >= 0
    repeated = pd.Series(found.codes).duplicated().to_numpy() & present
    if repeated.any():
        row = int(repeated.argmax())
        first = int((found.codes == found.codes[row]).argmax())
        expected = f"one row an id (its first is row {first})"
        raise files.fault(called, f"row {row}", id_column, expected, found.values[found.codes[row]])
    values = found.values
    if values and ids.integer_like(values).all():
        values = [int(value) for value in values]
    table = source.drop(columns=id_column)[present].reset_index(drop=True)
    absent = np.flatnonzero(~present)
    missing = Count(len(absent), int(absent[0]) if len(absent) else None)
    return [values[code] for code in found.codes[present]], table, missing


def _arrow_of_parquet(path):
    import pyarrow as pa
    from pyarrow import parquet

    path = files.existing_file(path)
    try:
        return parquet.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise files.DataError(
            f"{path}: expected a whole Parquet file. Received: {reason}"
        ) from error
