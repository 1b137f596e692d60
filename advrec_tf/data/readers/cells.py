"""The cells of a table file about users or items: ids by the careful reader, and typed columns.

What the columns mean is left to `side_tables` and `attributes`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Collection, Sequence

import numpy as np
import pandas as pd

from advrec_tf.data.features import SEVERAL
from advrec_tf.data.readers import columns, files, ids, records
from advrec_tf.data.readers.columns import MISSING

_ISO_DATE = re.compile(r"\s*\d{4}-\d\d-\d\d")


@dataclasses.dataclass(frozen=True)
class Cells:
    """The cells of a table as text, with the id of each line that has one."""

    source: str
    keys: list
    cells: dict[str, list[str]]
    without_id: list[int]  # lines

    def report_to(self, log: Callable[[str], None] | None) -> None:
        if log is not None and self.without_id:
            log(
                f"{self.source}: {len(self.without_id):,} lines without an id are left out, the "
                f"first is line {self.without_id[0]}."
            )


def read_cells(path, id_column: str, wanted: Sequence[str] | None, how: dict) -> Cells:
    """The wanted columns of a table file, or all beside the ids, by the careful reader.

    Args:
        path: a CSV or TSV file with a header.
        id_column: name of the column of the ids.
        wanted: names of columns; None for all others.
        how: keyword arguments of `records.open_records`.

    Raises:
        FileNotFoundError: if there is no such file.
        DataError: if it is not as said, or an id has two lines.
    """
    source = str(path)
    coder = ids.IdCodes()
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
    return Cells(source, [keys[code] for code in column.codes], cells, without_id)


def flagged(name: str, cells: list[str]) -> pd.DataFrame:
    """A column whose cells hold `SEVERAL` as a 0/1 column a value; any other as `typed`."""
    plain = _without_missing(cells, MISSING)
    if not any(SEVERAL in cell for cell in plain if cell is not None):
        return pd.DataFrame({name: typed(cells)})
    sets = [
        {value.strip() for value in (cell or "").split(SEVERAL) if value.strip()} for cell in plain
    ]
    return pd.DataFrame(
        {
            f"{name} {value}": [float(value in own) for own in sets]
            for value in sorted(set().union(*sets))
        }
    )


def typed(
    cells: Sequence[str], missing: Collection[str] = MISSING, *, dates: bool = False
) -> pd.Series:
    """Texts as numbers where all that are there are numbers, NaN where missing; with `dates` as
    times where all are ISO dates; else as text, None where missing."""
    cells = _without_missing(cells, missing)
    try:
        numbers = [np.nan if cell is None else columns.number(cell) for cell in cells]
    except ValueError:
        numbers = None
    if numbers is not None and any(cell is not None for cell in cells):
        return pd.Series(np.array(numbers, np.float64))
    if dates and all(cell is None or _ISO_DATE.match(cell) for cell in cells):
        with contextlib.suppress(ValueError):
            return pd.Series(pd.to_datetime(cells, format="ISO8601", utc=True))
    return pd.Series(cells, dtype=object)


def _without_missing(cells: Sequence[str], missing: Collection[str]) -> list[str | None]:
    return [None if not cell.strip() or cell.strip() in missing else cell for cell in cells]
