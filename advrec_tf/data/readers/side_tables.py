"""What is said about items or users in files of their own: texts and attributes by id.

`attach_item_text` takes texts as a mapping; here such mappings, and tables of attributes in
the order of a vocabulary, are read from JSON, from CSV and TSV files, and from the side files
of MovieLens. Facts as triples are left to `knowledge_graph`.
"""

from __future__ import annotations

import io
import itertools
import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from advrec_tf.data.interactions import Vocabulary
from advrec_tf.data.readers import files, movielens
from advrec_tf.data.readers.columns import MISSING, integer_like
from advrec_tf.data.readers.files import DataError

SEVERAL = "|"
"""Parts the values of one cell, as in "Crime|Drama"."""


def read_texts(
    path: str | os.PathLike, *, id_column: str = "item_id", text_column: str | None = None
) -> dict:
    """{id: text} from a file; ids become int where all of them are canonical integers.

    A `.json` file (plain or gzip) holds one object {id: text}. A `.dat` file is MovieLens'
    movies.dat, and gives titles. Any other file is a CSV or TSV table with a header.

    Raises:
        FileNotFoundError: if there is no such file.
        DataError: if it is not as said, or an id has two rows.
        ValueError: if a table is read without `text_column`, or lacks a column.
    """
    kind = _kind(path)
    if kind == ".dat":
        return dict(movielens.read_movie_titles(path))
    if kind == ".json":
        with files.open_text(path) as text:
            try:
                found = json.load(text)
            except ValueError as error:
                raise DataError(f"{path}: expected one JSON object. Received: {error}.") from None
        if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
            raise DataError(f"{path}: expected one JSON object of texts by id.")
        return _with_integer_ids(found)
    if text_column is None:
        raise ValueError(f"`text_column` should name the column of the text in {path}.")
    table = _read_table(path, id_column, [text_column])
    return _with_integer_ids(dict(zip(table[id_column], table[text_column], strict=True)))


def read_attributes(
    path: str | os.PathLike, vocabulary: Vocabulary, *, id_column: str = "item_id"
) -> tuple[pd.DataFrame, int]:
    """(a row for each id of the vocabulary, how many ids have none) from a table of attributes.

    A CSV or TSV file with a header; or MovieLens' movies.dat (genres and release year) or
    users.dat (gender, age, occupation). Columns of numbers are numbers, NaN where missing; a
    column in which a cell holds `SEVERAL` becomes a 0/1 column a value, "COLUMN VALUE"; any
    other is text, None where missing. Rows of unknown ids are passed over.

    Raises:
        FileNotFoundError: if there is no such file.
        DataError: if it is not as said, or an id has two rows.
        ValueError: if the id column is missing, there is no other, or no id is known.
    """
    if _kind(path) == ".dat":
        table = _movielens_attributes(Path(path))
    else:
        raw = _read_table(path, id_column, [])
        ids = raw.pop(id_column)
        if not len(raw.columns):
            raise ValueError(f"{path} should have a column beside {id_column!r}. It has none.")
        table = pd.concat([_columns_of(raw[name]) for name in raw.columns], axis=1)
        table.index = list(_with_integer_ids(dict.fromkeys(ids)))
    known = [item in table.index for item in vocabulary.ids.tolist()]
    if not any(known):
        raise ValueError(
            f"`id_column` of {path} should hold ids such as {vocabulary.ids.tolist()[:3]!r}. "
            f"Received: {table.index[:3].tolist()!r}."
        )
    return table.reindex(vocabulary.ids).reset_index(drop=True), len(known) - sum(known)


def join_texts(ids: list, *sources: Mapping) -> np.ndarray:
    """[n] str: for each id its texts in the order of the sources, parted by ". "."""
    joined = []
    for item in ids:
        parts = [source.get(item, "").strip() for source in sources]
        joined.append(". ".join(part.rstrip(".") for part in parts if part))
    return np.array(joined, object)


def _kind(path: str | os.PathLike) -> str:
    name = os.fspath(path).removesuffix(".gz")
    return Path(name).suffix.lower()


def _read_table(path: str | os.PathLike, id_column: str, others: list[str]) -> pd.DataFrame:
    """All cells as text, "" where missing."""
    with files.open_text(path) as text:
        try:
            header = text.readline()
            separator = "\t" if "\t" in header else ","
            rows = itertools.chain([header], text)
            table = pd.read_csv(
                io.StringIO("".join(rows)), sep=separator, dtype=str, keep_default_na=False
            )
        except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise DataError(f"{path}: expected a table with a header. Received: {error}.") from None
    for column in (id_column, *others):
        if column not in table:
            raise ValueError(
                f"{path} should have a column {column!r}. Received: {', '.join(table.columns)}."
            )
    twice = table[id_column].duplicated()
    if twice.any():
        row = int(twice.to_numpy().argmax())
        expected = "one row an id"
        raise files.fault(
            os.fspath(path), f"row {row + 1}", id_column, expected, table[id_column][row]
        )
    return table


def _with_integer_ids(found: dict) -> dict:
    if found and integer_like(list(found)).all():
        return {int(key): value for key, value in found.items()}
    return found


def _columns_of(cells: pd.Series) -> pd.DataFrame:
    cells = cells.where(~cells.isin(MISSING), None)
    given = cells.dropna()
    if given.str.contains(SEVERAL, regex=False).any():
        values = [() if cell is None else cell.split(SEVERAL) for cell in cells]
        names = sorted({value.strip() for row in values for value in row if value.strip()})
        rows = [{value.strip() for value in row} for row in values]
        flags = {f"{cells.name} {name}": [float(name in row) for row in rows] for name in names}
        return pd.DataFrame(flags)
    numbers = pd.to_numeric(given, errors="coerce")
    if len(given) and numbers.notna().all():
        return pd.to_numeric(cells).astype(float).to_frame()
    return cells.to_frame()


def _movielens_attributes(path: Path) -> pd.DataFrame:
    if path.name.startswith("users"):
        return movielens.read_user_table(path)
    return movielens.read_movie_table(path)
