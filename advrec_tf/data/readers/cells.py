"""The cells of a table file about users or items: ids by the careful reader, and typed columns.

What a column holds and how it is written is found in `notations`; what the columns mean is left to
`side_tables` and `attributes`.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from advrec_tf.data.features import SEVERAL
from advrec_tf.data.readers import files, ids, records
from advrec_tf.data.readers.columns import MISSING, Place
from advrec_tf.data.readers.notations.dates import DAY
from advrec_tf.data.readers.notations.find_numbers import find_numbers, shape_of
from advrec_tf.data.readers.notations.scan import ColumnScan
from advrec_tf.data.readers.notations.spelling import argument
from advrec_tf.data.vocabulary import Vocabulary

_ASKED = {"number": "number", "date": "date", "time": "date"}  # other kinds are texts


@dataclasses.dataclass(frozen=True)
class Cells:
    """The cells of a table as text, with the id of each line that has one."""

    source: str
    keys: list
    cells: dict[str, list[str]]
    lines: list[int]  # of each id
    without_id: list[int]  # lines

    def place(self, row: int) -> str:
        """Where a cell stands, for messages."""
        return f"line {self.lines[row]}"

    def report_to(self, log: Callable[[str], None] | None) -> None:
        if log is not None and self.without_id:
            log(
                f"{self.source}: {len(self.without_id):,} lines without an id are left out, the "
                f"first is line {self.without_id[0]}."
            )


def read_cells(
    path,
    id_column: str,
    wanted: Sequence[str] | None,
    how: dict,
    *,
    id_marks: Collection[str] = MISSING,
) -> Cells:
    """The wanted columns of a table file, or all beside the ids, by the careful reader.

    Args:
        path: a CSV or TSV file with a header.
        id_column: name of the column of the ids.
        wanted: names of columns; None for all others.
        how: keyword arguments of `records.open_records`.
        id_marks: the marks of a missing id.

    Raises:
        FileNotFoundError: if there is no such file.
        DataError: if it is not as said, or an id has two lines.
    """
    source = str(path)
    coder = ids.IdCodes(id_marks)
    cells: dict[str, list[str]] = {}
    codes, lines, without_id = [], [], []
    with records.open_records(path, **how) as reader:
        reader.find([id_column, *(wanted or ())])
        names = [name for name in reader.names if name != id_column] if wanted is None else wanted
        at, *positions = reader.find([id_column, *names])
        cells = {name: [] for name in names}
        for block in reader.blocks(50_000):
            found = ids.encode_ids(
                coder,
                block.column(at),
                source=source,
                column=id_column,
                place=lambda row, lines=block.lines: f"line {lines[row]}",
            )
            present = np.flatnonzero(found >= 0)
            without_id += block.lines[found < 0].tolist()
            codes.append(found[present])
            lines += block.lines[present].tolist()
            for name, position in zip(names, positions, strict=True):
                texts = block.column(position)
                cells[name] += [texts[row] for row in present]
    column = coder.column(np.concatenate(codes) if codes else np.zeros(0, np.int32))
    repeated = pd.Series(column.codes).duplicated().to_numpy()
    if repeated.any():
        row = int(repeated.argmax())
        first = lines[int((column.codes == column.codes[row]).argmax())]
        expected = f"one line an id (its first is line {first})"
        raise files.fault(
            source,
            f"line {lines[row]}",
            id_column,
            expected,
            column.values[column.codes[row]],
        )
    keys = column.values
    if keys and ids.integer_like(keys).all():
        keys = [int(key) for key in keys]
    return Cells(source, [keys[code] for code in column.codes], cells, lines, without_id)


def joined(
    table: pd.DataFrame, keys: Sequence, vocabulary: Vocabulary
) -> tuple[pd.DataFrame, int, int] | None:
    """(a row for each id of the vocabulary, empty where the table has none; how many rows are of
    other ids; how many ids have no row), of a table with the ids `keys`, each once; None where none
    of them is one of the vocabulary."""
    index = vocabulary.index_of(keys)
    known = index >= 0
    if not known.any():
        return None
    row_of = np.full(len(vocabulary), -1)
    row_of[index[known]] = np.flatnonzero(known)
    found = table.reindex(row_of).reset_index(drop=True)
    return found, int((~known).sum()), int((row_of < 0).sum())


def flagged(name: str, cells: Sequence[str], missing: Collection[str]) -> pd.DataFrame:
    """A column whose cells hold `SEVERAL` as a 0/1 column a value."""
    texts = ("" if cell.strip() in missing else cell for cell in cells)
    sets = [{value.strip() for value in text.split(SEVERAL) if value.strip()} for text in texts]
    return pd.DataFrame(
        {
            f"{name} {value}": [float(value in own) for own in sets]
            for value in sorted(set().union(*sets))
        }
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ColumnTypes:
    """How the columns of a table about users, items or interactions are typed.

    Attributes:
        kinds, readings: name -> what the caller says of a column: its kind, and one of
            `notations.spelling.READINGS` where its values have two readings.
        missing, keep_missing: as in `notations.scan.ColumnScan`.
        alone: whether no `data.schema` knows the kinds later: then dates become days since 1970,
            and what is called a category becomes text though its values are plain numbers.
    """

    kinds: Mapping[str, str] | None = None
    readings: Mapping[str, str] | None = None
    missing: Collection[str] | None = None
    keep_missing: bool = False
    alone: bool = False

    def typed(
        self, name: str, cells: Sequence[str], *, source: str, place: Place
    ) -> tuple[pd.Series, tuple[str, ...]]:
        """(texts as numbers, NaN where missing, as times, or as texts, None where missing;
        sentences on what was decided and could be otherwise).

        Raises:
            DataError: at a value that is no number or date where most of the column are.
        """
        kind = (self.kinds or {}).get(name)
        asked = None if kind is None else _ASKED.get(kind, "text")
        if asked is None and any(SEVERAL in cell for cell in cells):
            asked = "text"
        if asked == "text" and not self.alone and _are_plain(cells, self.missing or MISSING):
            asked = "number"
        scan = ColumnScan(
            name,
            asked=asked,
            reading=(self.readings or {}).get(name),
            missing=None if self.missing == MISSING else self.missing,
            keep_missing=self.keep_missing,
            cure=argument,
        )
        scan.add(cells)
        spelling = scan.decide()
        if spelling.kind in ("number", "date"):
            values = spelling.numbers(cells, source=source, column=name, place=place)
            if spelling.kind == "number" or self.alone:
                values = values / DAY if spelling.kind == "date" else values
                return pd.Series(values), spelling.said
            times = pd.to_datetime(pd.Series(_moments(values)), utc=True)
            return times, spelling.said
        marks = scan.text_marks
        texts = [None if not c.strip() or c.strip() in marks else c for c in cells]
        return pd.Series(texts, dtype=object), spelling.said


def _are_plain(cells: Sequence[str], missing: Collection[str]) -> bool:
    """Whether all values are numbers as Python writes them, and not codes such as 007."""
    given = [cell.strip() for cell in cells]
    given = [cell for cell in given if cell and cell not in missing]
    found = find_numbers(collections.Counter(map(shape_of, given)))
    whole = found is not None and found.rows == len(given)
    return whole and found.notation.plain and not found.codes


def _moments(seconds: np.ndarray) -> np.ndarray:
    """Seconds since 1970 as datetimes of any year, NaT where missing."""
    gaps = np.isnan(seconds)
    moments = np.round(np.where(gaps, 0, seconds) * 1e6).astype("int64").astype("datetime64[us]")
    return np.where(gaps, np.datetime64("NaT"), moments)
