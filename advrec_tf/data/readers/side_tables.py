"""Tables about items or users in files of their own: texts and attributes by id.

JSON, CSV and TSV files, and the side files of MovieLens, through the same careful reader as
interactions. What is attached to interactions is left to `metadata`, facts as triples to
`knowledge_graph`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import pandas as pd

from advrec_tf.data.features import SEVERAL
from advrec_tf.data.readers import files, ids, movielens
from advrec_tf.data.readers.cells import Cells, ColumnTypes, flagged, joined, read_cells
from advrec_tf.data.readers.columns import MISSING
from advrec_tf.data.readers.files import DataError
from advrec_tf.data.vocabulary import Vocabulary


def read_texts(
    path: str | os.PathLike,
    *,
    id_column: str = "item_id",
    text_column: str | None = None,
    separator: str | None = None,
    encoding: str = "utf-8",
    max_text: int = files.MAX_TEXT,
    escape: str | None = None,
    missing: Collection[str] = MISSING,
    log: Callable[[str], None] | None = None,
) -> dict:
    """{id: text} from a file; ids by the rule of `ids`, an empty text where there is none.

    A `.json` file (plain or gzip) holds one object {id: text}. A `.dat` file is MovieLens'
    movies.dat, and gives titles. Any other file is a CSV or TSV table with a header, in which
    every text stands for itself ("None" is a title), and a line without an id is left out.

    Args:
        path: the file.
        id_column, text_column: names in the header of a table.
        separator, encoding, max_text, escape: as in `tables.read_table`.
        missing: the marks of a missing id in a table, beside the empty field.
        log: takes a sentence that counts the lines without an id.

    Raises:
        FileNotFoundError: if there is no such file.
        DataError: if it is not as said, or an id has two texts.
        ValueError: if a table is read without `text_column`.
    """
    kind = _kind(path)
    if kind == ".dat":
        return dict(movielens.read_movie_titles(path))
    if kind == ".json":
        return _read_json(path, encoding)
    if text_column is None:
        raise ValueError(f"`text_column` should name the column of the text in {path}.")
    how = {"separator": separator, "encoding": encoding, "max_text": max_text, "escape": escape}
    table = read_cells(path, id_column, [text_column], how, id_marks=missing)
    table.report_to(log)
    return dict(zip(table.keys, table.cells[text_column], strict=True))


def read_attributes(
    path: str | os.PathLike,
    vocabulary: Vocabulary,
    *,
    id_column: str = "item_id",
    kinds: Mapping[str, str] | None = None,
    readings: Mapping[str, str] | None = None,
    missing: Collection[str] | None = None,
    log: Callable[[str], None] | None = None,
    **how,
) -> tuple[pd.DataFrame, int]:
    """(a row for each id of the vocabulary, how many ids have none) from a table of attributes.

    A CSV or TSV file with a header; or MovieLens' movies.dat (genres and release year) or
    users.dat (gender, age, occupation). Numbers, in any of their notations, are numbers, dates are
    days since 1970, NaN where missing; a column in which a cell holds `SEVERAL` becomes a 0/1
    column a value, "COLUMN VALUE"; any other is text, None where missing. Lines of unknown ids are
    passed over.

    Args:
        path: the file.
        vocabulary: the ids that get a row.
        id_column: the name of the column of ids in the header.
        kinds: name -> "category", "number" or "date", for a column that is not what it looks like.
        readings: name -> one of `notations.spelling.READINGS`, where values have two readings.
        missing: as in `notations.scan.ColumnScan`; also the marks of a missing id.
        log: takes sentences: what was decided on columns, and the lines without an id.
        **how: separator, encoding, max_text and escape, as in `tables.read_table`.

    Raises:
        FileNotFoundError: if there is no such file.
        DataError: if it is not as said, an id has two lines, there is no column beside that of
            the ids, or a value is no number or date where most of its column are.
        ValueError: if no id is known, or `kinds` or `readings` names no column.
    """
    if _kind(path) == ".dat":
        table = _movielens_attributes(Path(path))
        keys = table.index.tolist()
        table = table.reset_index(drop=True)
    else:
        marks = MISSING if missing is None else missing
        found = read_cells(path, id_column, None, how, id_marks=marks)
        found.report_to(log)
        if not found.cells:
            raise DataError(f"{path} should have a column beside {id_column!r}. It has none.")
        keys = found.keys
        unknown = [name for name in (*(kinds or ()), *(readings or ())) if name not in found.cells]
        if unknown:
            raise ValueError(
                f"`kinds` and `readings` should name columns of {path}: {', '.join(found.cells)}. "
                f"Received: {', '.join(unknown)}."
            )
        types = ColumnTypes(kinds=kinds, readings=readings, missing=missing, alone=True)
        table = pd.concat([_columns_of(found, name, types, log) for name in found.cells], axis=1)
    rows = joined(table, keys, vocabulary)
    if rows is None:
        raise ValueError(
            f"`id_column` of {path} should hold ids such as {vocabulary.ids.tolist()[:3]!r}. "
            f"Received: {keys[:3]!r}."
        )
    table, _, without_row = rows
    return table, without_row


def _kind(path: str | os.PathLike) -> str:
    name = os.fspath(path).removesuffix(".gz")
    return Path(name).suffix.lower()


def _read_json(path: str | os.PathLike, encoding: str) -> dict:
    def once(pairs: list[tuple[str, object]]) -> dict:
        found = {}
        for key, value in pairs:
            if key in found:
                raise ValueError(f"the id {key!r} twice")
            found[key] = value
        return found

    with files.open_text(path, encoding=encoding) as text:
        try:
            found = json.load(text, object_pairs_hook=once)
        except RecursionError:
            raise DataError(
                f"{path}: expected one JSON object. Received deeply nested brackets."
            ) from None
        except UnicodeDecodeError:
            raise  # `open_text` names the place
        except ValueError as error:
            raise DataError(f"{path}: expected one JSON object. Received: {error}.") from None
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise DataError(f"{path}: expected one JSON object of texts by id.")
    for key, value in found.items():
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise DataError(
                f"{path}: expected text. Received half of a surrogate pair, which is no character, "
                f"in the text of the id {key!r}."
            )
    try:
        keys = ids.distinct_keys(found)
    except ids.UnusableId as error:
        raise DataError(f"{path}: expected {error.args[0]}. Received: {error.args[1]!r}.") from None
    return dict(zip(keys, found.values(), strict=True))


def _columns_of(found: Cells, name: str, types: ColumnTypes, log) -> pd.DataFrame:
    cells = found.cells[name]
    if name not in (types.kinds or {}) and any(SEVERAL in cell for cell in cells):
        return flagged(name, cells, MISSING if types.missing is None else types.missing)
    series, said = types.typed(name, cells, source=found.source, place=found.place)
    for line in said if log is not None else ():
        log(f"{found.source}, {line}.")
    return pd.DataFrame({name: series})


def _movielens_attributes(path: Path) -> pd.DataFrame:
    if path.name.startswith("users"):
        return movielens.read_user_table(path)
    return movielens.read_movie_table(path)
