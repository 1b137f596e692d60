"""Interactions from a table in a text file.

A value that means nothing raises `DataError` with its place; a missing one is left out and
counted in the report. The text is read in blocks, so what grows with the file is the index
arrays alone. Frames and Parquet files are left to `frames`, other layouts to `movielens` and
`published_splits`, the choice between readers to `loading`.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

import numpy as np
import pandas as pd

from advrec_tf.data.readers import assembly, attributes, clean_csv, columns, files, ids, records
from advrec_tf.data.readers.assembly import Parsed, TableSettings, table_settings
from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.report import Loaded, note_of_unread

BLOCK_ROWS = 50_000  # records of text held at a time


def read_table(
    path: str | os.PathLike,
    *,
    column_names: Sequence[str] | None = None,
    separator: str | None = None,
    encoding: str = "utf-8",
    max_text: int = files.MAX_TEXT,
    escape: str | None = None,
    **settings,
) -> Loaded:
    """Reads one interaction (user, item[, rating][, time][, text]) a line of a file.

    Ids follow the rule of `ids`; indices follow first appearance. A line that repeats the
    header is left out and counted.

    Args:
        path: a text file, plain or gzip.
        column_names: the names of all columns, for a file without a header line.
        separator: one character, or several such as "::" (then without quoting); by default
            tab, comma, semicolon or bar, whichever the first line holds.
        encoding: of the text; a byte order mark says it where this is UTF-8.
        max_text: characters that one field may have; a line may have 32 times as many.
        escape: the character before a quote that is part of a quoted field, such as a backslash;
            by default such quotes are doubled.
        **settings: the fields of `assembly.TableSettings`: names of columns, what is missing,
            which ratings are allowed.

    Raises:
        FileNotFoundError: if there is no such file.
        DataError: if the file cannot be read as asked; the message names line and column.
        ValueError: if a setting is unknown or out of its range.
    """
    wanted = table_settings(settings)
    with records.open_records(
        path,
        separator=separator,
        column_names=column_names,
        encoding=encoding,
        max_text=max_text,
        escape=escape,
    ) as reader:
        positions = reader.find(wanted.wanted)
        parsed = None
        if (
            reader.encoding == "utf-8-sig"
            and escape is None
            and clean_csv.is_clean_separator(reader.separator)
        ):
            parsed = _read_clean(path, reader, positions, wanted, column_names is None)
        if parsed is None:
            parsed = _read_carefully(reader, positions, wanted)
        if column_names is None:
            notes = [*note_of_unread(reader.names, wanted.wanted), *parsed.notes]
            parsed = dataclasses.replace(parsed, notes=notes)
    how = {"encoding": encoding, "max_text": max_text, "escape": escape}
    return attributes.with_tables(assembly.assemble(parsed, wanted), wanted, **how)


def _read_clean(path, reader, positions, wanted: TableSettings, has_header) -> Parsed | None:
    user, item, rating, time, title, *context = positions
    texts = [user, item, *context] + ([] if title is None else [title])
    numbers = [position for position in (rating, time) if position is not None]
    if set(texts) & set(numbers):
        return None
    found = clean_csv.read_columns(
        path,
        separator=reader.separator,
        num_columns=len(reader.names),
        has_header=has_header,
        text_columns=texts,
        number_columns=numbers,
        missing=wanted.missing,
        max_text=reader.max_text,
    )
    if found is None or not len(found[user].rows):
        return None
    if has_header and reader.names[user] in found[user].values:
        return None  # perhaps the header again
    users, items = (ids.IdCodes(wanted.id_marks) for _ in range(2))
    try:
        user_codes = users.encode(found[user].values, found[user].rows)
        item_codes = items.encode(found[item].values, found[item].rows)
    except ids.UnusableId:
        return None
    lines = np.arange(1 + has_header, 1 + has_header + len(user_codes))
    for position in numbers:
        if np.isinf(found[position]).any():
            return None
        found[position] = columns.without_marks(found[position], wanted.missing)
    item_texts = None
    if title is not None:
        item_texts = assembly.ItemTexts(wanted.id_marks)
        item_texts.add(*clean_csv.distinct_pairs(item_codes, found[title]))
    item_ids = items.column(item_codes)
    cells = [np.array(found[at].values, object)[found[at].rows] for at in context]
    table, notes = _context(cells, wanted, reader.source, lines)
    return Parsed(
        source=reader.source,
        place="line",
        positions=lines,
        users=users.column(user_codes),
        items=item_ids,
        ratings=None if rating is None else found[rating],
        times=None if time is None else found[time],
        texts=_moved(item_texts, item_ids),
        context=table,
        notes=notes,
    )


def _read_carefully(reader, positions, wanted: TableSettings) -> Parsed:
    source = reader.source
    user, item, rating, time, title, *context = positions
    contexts = [[] for _ in context]
    parts, header_lines, blank = [], [], 0
    users, items = (ids.IdCodes(wanted.id_marks) for _ in range(2))
    texts = assembly.ItemTexts(wanted.id_marks)
    times = columns.Times(source=source, column=wanted.time_column or "", missing=wanted.missing)
    for block in reader.blocks(BLOCK_ROWS):
        where, blank = _place(block.lines, "line"), blank + block.blank
        header_lines += block.header_lines
        user_codes, item_codes = (
            ids.encode_ids(coder, block.column(at), source=source, column=name, place=where)
            for coder, at, name in (
                (users, user, wanted.user_column),
                (items, item, wanted.item_column),
            )
        )
        ratings = moments = None
        if rating is not None:
            ratings = columns.numbers(
                block.column(rating),
                source=source,
                column=wanted.rating_column,
                place=where,
                missing=wanted.missing,
            )
        if time is not None:
            moments = times.parse(block.column(time), where)
        if title is not None:
            texts.add(item_codes, block.column(title))
        for column, at in zip(contexts, context, strict=True):
            column += block.column(at)
        parts.append((block.lines.astype(np.int64), user_codes, item_codes, ratings, moments))
    if not any(len(part[0]) for part in parts):
        raise DataError(f"{source}: expected rows after the header. Received a header only.")
    lines, user_codes, item_codes, ratings, moments = (
        None if part[0] is None else np.concatenate(part) for part in zip(*parts, strict=True)
    )
    notes = []
    if reader.marked:
        notes.append(f"Read as {reader.encoding}, which the byte order mark of the file says.")
    item_ids = items.column(item_codes)
    table, said = _context(contexts, wanted, source, lines)
    return Parsed(
        source=source,
        place="line",
        positions=lines,
        users=users.column(user_codes),
        items=item_ids,
        ratings=ratings,
        times=moments,
        texts=_moved(texts if title is not None else None, item_ids),
        context=table,
        noticed={"blank line": blank},
        header_lines=header_lines,
        notes=[*notes, *said],
    )


def _moved(texts: assembly.ItemTexts | None, found: ids.Ids) -> assembly.ItemTexts | None:
    return texts if texts is None or found.mapped is None else texts.moved(found.mapped)


def _context(
    cells: Sequence[Sequence[str]], wanted: TableSettings, source: str, lines: np.ndarray
) -> tuple[pd.DataFrame | None, list[str]]:
    """The columns of the context from their texts, each typed as in a side table; and what was
    decided on them and could be otherwise."""
    if not cells:
        return None, []
    table, said = {}, []
    for name, own in zip(wanted.context_columns, cells, strict=True):
        table[name], more = wanted.types.typed(
            name, own, source=source, place=_place(lines, "line")
        )
        said += more
    return pd.DataFrame(table), said


def _place(positions: np.ndarray, unit: str) -> columns.Place:
    return lambda row: f"{unit} {positions[row]}"
