"""Interactions from a CSV or TSV file, or from a pandas DataFrame.

Both go through the same checks: a value that means nothing raises `DataError` with its place;
a missing one is left out and counted in the report. The text of a file is read in blocks, so
what grows with the file is the index arrays alone. Other layouts are left to `movielens` and
`benchmarks`, the choice between readers to `loading`.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from advrec_tf.data.readers import assembly, columns, files
from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.report import Loaded

BLOCK_ROWS = 50_000  # rows of text held at a time


def read_table(
    path: str | os.PathLike,
    *,
    user_column: str = "user_id",
    item_column: str = "item_id",
    rating_column: str | None = None,
    time_column: str | None = None,
    item_text_column: str | None = None,
    column_names: Sequence[str] | None = None,
    separator: str | None = None,
    rating_range: tuple[float, float] | None = None,
    on_missing: str = "count",
    encoding: str = "utf-8",
) -> Loaded:
    """Reads one row (user, item[, rating][, time][, text]) per line of a file, plain or gzip.

    Ids become int64 where all of a column are canonical integers ("7", not "007"), else str;
    indices follow first appearance. Empty fields and the marks NaN, nan, NULL, null, None, NA,
    N/A and <NA> are missing.

    Args:
        path: the file.
        user_column, item_column, rating_column, time_column, item_text_column: names in the
            header; None leaves the column unread. Times are numbers in any unit, or ISO dates,
            which become seconds since 1970. The text is a title or description of the item;
            the first one met for an item is kept.
        column_names: the names of all columns, for a file without a header line.
        separator: one character, or several such as "::" (then without quoting); by default
            comma or tab, whichever the first line holds, else by the file name.
        rating_range: lowest and highest rating allowed, both included.
        on_missing: "count" leaves out rows with a missing id or time and counts them, and keeps
            rows with a missing rating (NaN), counted too;
            "raise" refuses them.
        encoding: of the text; a UTF-8 byte order mark is passed over.

    Raises:
        FileNotFoundError: if there is no such file.
        DataError: if the file cannot be read as asked; the message names line and column.
    """
    assembly.check_settings(rating_range, on_missing)
    source = str(path)
    with files.open_text(path, encoding=encoding) as text:
        first_line = text.readline()
        if not first_line:
            raise DataError(f"{source}: expected a header and rows. Received an empty file.")
        separator = separator or _sniff(Path(path), first_line)
        reader = files.RecordReader(source, itertools.chain([first_line], text), separator)
        names = reader.header() if column_names is None else list(column_names)
        wanted = (user_column, item_column, rating_column, time_column, item_text_column)
        user, item, rating, time, title = assembly.find_columns(
            source, names, wanted, hint=f" (split at {separator!r})"
        )
        parts = []
        users, items, texts = columns.IdCodes(), columns.IdCodes(), assembly.ItemTexts()
        times = columns.Times(source=source, column=time_column or "")
        blank = 0
        for block in reader.blocks(len(names), BLOCK_ROWS):
            where, blank = _place(block.lines, "line"), blank + block.blank
            user_codes = users.encode(block.column(user))
            item_codes = items.encode(block.column(item))
            ratings = moments = None
            if rating is not None:
                ratings = columns.numbers(
                    block.column(rating), source=source, column=rating_column, place=where
                )
            if time is not None:
                moments = times.parse(block.column(time), where)
            if title is not None:
                texts.add(item_codes, block.column(title))
            parts.append((block.lines.astype(np.int32), user_codes, item_codes, ratings, moments))
    if not any(len(part[0]) for part in parts):
        raise DataError(f"{source}: expected rows after the header. Received a header only.")
    lines, user_codes, item_codes, ratings, moments = (
        None if part[0] is None else np.concatenate(part) for part in zip(*parts, strict=True)
    )
    return assembly.assemble(
        source=source,
        place="line",
        positions=lines,
        users=columns.Ids(user_codes, list(users.ids)),
        items=columns.Ids(item_codes, list(items.ids)),
        ratings=ratings,
        times=moments,
        texts=None if title is None else texts,
        names=(user_column, item_column, rating_column, time_column),
        rating_range=rating_range,
        on_missing=on_missing,
        noticed={
            "blank line": blank,
            "user id with blanks around it, trimmed": users.trimmed,
            "item id with blanks around it, trimmed": items.trimmed,
        },
    )


def from_frame(
    frame: pd.DataFrame,
    *,
    user_column: str = "user_id",
    item_column: str = "item_id",
    rating_column: str | None = None,
    time_column: str | None = None,
    item_text_column: str | None = None,
    rating_range: tuple[float, float] | None = None,
    on_missing: str = "count",
) -> Loaded:
    """The same for a DataFrame [rows, columns]; arguments as in `read_table`.

    Ids may be integers, whole floats (pandas makes them of integers with gaps) or str; times
    numbers, datetimes or text. Places in messages are rows counted from 0, not index labels.

    Raises:
        DataError: as `read_table`; also if a column of ids holds both integers and text.
    """
    assembly.check_settings(rating_range, on_missing)
    source = "DataFrame"
    wanted = (user_column, item_column, rating_column, time_column, item_text_column)
    assembly.find_columns(source, list(frame.columns), wanted)
    if not len(frame):
        raise DataError(f"{source}: expected rows. Received an empty frame.")
    positions = np.arange(len(frame))
    where = _place(positions, "row")
    items = _frame_ids(frame[item_column], source)
    ratings = times = texts = None
    if rating_column is not None:
        ratings = _frame_numbers(frame[rating_column], source, where)
    if time_column is not None:
        times = _frame_times(frame[time_column], source, where)
    if item_text_column is not None:
        texts = assembly.ItemTexts()
        texts.add(items.codes, _as_text(frame[item_text_column]))
    return assembly.assemble(
        source=source,
        place="row",
        positions=positions,
        users=_frame_ids(frame[user_column], source),
        items=items,
        ratings=ratings,
        times=times,
        texts=texts,
        names=(user_column, item_column, rating_column, time_column),
        rating_range=rating_range,
        on_missing=on_missing,
        noticed={},
    )


def _sniff(path: Path, first_line: str) -> str:
    tab, comma = "\t" in first_line, "," in first_line
    if tab != comma:
        return "\t" if tab else ","
    name = path.name.removesuffix(".gz")
    return "\t" if name.endswith((".tsv", ".tab")) else ","


def _place(positions: np.ndarray, unit: str) -> columns.Place:
    return lambda row: f"{unit} {positions[row]}"


def _frame_ids(series: pd.Series, source: str) -> columns.Ids:
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
        return columns.Ids(codes.astype(np.int32), [int(value) for value in values])
    coder = columns.IdCodes()  # trims, and knows the marks of a missing id
    recoded = np.append(coder.encode(values), np.int32(-1))
    return columns.Ids(recoded[codes], list(coder.ids))


def _frame_numbers(series: pd.Series, source: str, where: columns.Place) -> np.ndarray:
    if not pd.api.types.is_numeric_dtype(series):
        texts = _as_text(series)
        return columns.numbers(texts, source=source, column=series.name, place=where)
    values = series.to_numpy(np.float64, na_value=np.nan)
    columns.refuse_infinite(values, source=source, column=series.name, place=where)
    return values


def _frame_times(series: pd.Series, source: str, where: columns.Place) -> np.ndarray:
    if pd.api.types.is_datetime64_any_dtype(series):
        moments = pd.to_datetime(series, utc=True)
        return (moments - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy()
    if pd.api.types.is_numeric_dtype(series):
        return _frame_numbers(series, source, where)
    return columns.Times(source=source, column=series.name).parse(_as_text(series), where)


def _as_text(series: pd.Series) -> list[str]:
    missing = series.isna()
    return ["" if gap else str(value) for value, gap in zip(series, missing, strict=True)]
