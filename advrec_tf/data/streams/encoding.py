"""Rows of a stream turned into indices by vocabularies, and what of them is not in these."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.records import find_columns
from advrec_tf.data.streams.ids import IdCounter, as_values, distinct_ids
from advrec_tf.data.streams.stream import Arrays, Stream
from advrec_tf.data.streams.values import as_array
from advrec_tf.data.streams.vocabularies import CountedColumn, CountedIds


class Encoder:
    """Rows of a block -> `user_index`, `item_index` [n] int32 and perhaps `label` [n] float32, of
    the rows that stay: both ids known, a time where one is required, and the pair not withheld.

    Args:
        ids: the vocabularies.
        kinds: of the columns of the stream.
        rating_column: what becomes the label; or None.
        withheld: keys [n] int64, user * items + item, of pairs that are left out; or None.
        time_column: what becomes `timestamp` [n] float64; or None.
        required_time: the column without a value of which a row does not stay; or None.
    """

    def __init__(
        self,
        ids: CountedIds,
        kinds: Mapping[str, str],
        rating_column: str | None = None,
        withheld: np.ndarray | None = None,
        time_column: str | None = None,
        required_time: str | None = None,
    ):
        self.ids, self.kinds = ids, kinds
        self.rating_column, self.withheld = rating_column, withheld
        self.time_column, self.required_time = time_column, required_time

    def __call__(self, table: pa.Table) -> Arrays:
        users, items, keep = self._indices(table)
        found = {"user_index": users[keep], "item_index": items[keep]}
        if self.rating_column is not None:
            found["label"] = self._numbers(table, self.rating_column)[keep].astype(np.float32)
        if self.time_column is not None:
            found["timestamp"] = self._numbers(table, self.time_column)[keep]
        return found

    def stays(self, table: pa.Table) -> np.ndarray:
        """[n] bool, the rows that stay."""
        return self._indices(table)[2]

    def _indices(self, table: pa.Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Users and items [n] int32, -1 where unknown, and which rows stay."""
        users = self.index(table, self.ids.users)
        items = self.index(table, self.ids.items)
        keep = (users >= 0) & (items >= 0)
        if self.withheld is not None:
            keys = users.astype(np.int64) * len(self.ids.items.vocabulary) + items
            keep &= ~np.isin(keys, self.withheld)
        if self.required_time is not None:
            keep &= ~self.without_time(table)
        return users, items, keep

    def without_time(self, table: pa.Table) -> np.ndarray:
        """[n] bool, the rows without the required time."""
        if self.required_time is None:
            return np.zeros(len(table), bool)
        return np.isnan(self._numbers(table, self.required_time))

    def _numbers(self, table: pa.Table, name: str) -> np.ndarray:
        """[n] float64, NaN where there is none, of a column as `require_numbers` asks for."""
        kind, column = self.kinds[name], table[name]
        if kind in ("int", "bool"):
            kind, column = "float", column.cast(pa.float64())
        return as_array(column, name, kind)

    def index(self, table: pa.Table, column: CountedColumn) -> np.ndarray:
        """[n] int32, -1 where an id is missing or unknown."""
        codes, values = distinct_ids(table[column.name], column.name, self.kinds[column.name])
        found = column.vocabulary.index_of(as_values(values)) if len(values) else codes[:0]
        return np.append(found, np.int32(-1)).astype(np.int32)[codes]


def require_numbers(stream: Stream, *names: str | None) -> None:
    """Refuse columns that hold no numbers or times before a row is read; None is passed over.

    Raises:
        MissingColumnError: if the stream lacks a column.
        DataError: if a column holds text.
    """
    path = stream.shards[0].path
    find_columns(path, list(stream.kinds), names)
    for name in names:
        if name is not None and stream.kinds[name] == "string":
            raise DataError(
                f"{path}, column {name!r}: expected numbers or times. Received text: `kinds` of "
                f"`stream` says how to read it, as {{{name!r}: 'time'}}."
            )


def require_times(stream: Stream, ids: CountedIds, *names: str | None) -> None:
    """As `require_numbers`, of columns that order the rows of a user.

    Raises:
        MissingColumnError: if the stream lacks a column.
        DataError: if a column holds text or booleans, or is that of the users or items.
    """
    require_numbers(stream, *names)
    path = stream.shards[0].path
    for name in names:
        if name is None:
            continue
        if name in (ids.users.name, ids.items.name):
            what = "users" if name == ids.users.name else "items"
            raise DataError(
                f"{path}, column {name!r}: expected times. Received the ids of the {what}, which "
                "say nothing of an order."
            )
        if stream.kinds[name] == "bool":
            raise DataError(f"{path}, column {name!r}: expected times. Received booleans.")


def count_unknown(
    encoder: Encoder,
    table: pa.Table,
    part: CountedColumn,
    left_out: dict[str, int],
    new: dict[str, IdCounter],
) -> None:
    """Add the rows of a block without an id or with an unknown one to `left_out`, and the unknown
    ids to the counters `new`."""
    codes, values = distinct_ids(table[part.name], part.name, encoder.kinds[part.name])
    missing = int((codes < 0).sum())
    if missing:
        why = f"without {part.name}"
        left_out[why] = left_out.get(why, 0) + missing
    if not len(values):
        return
    unknown = np.append(part.vocabulary.index_of(as_values(values)) < 0, False)[codes]
    if unknown.any():
        why = f"{part.name} not in the vocabulary"
        left_out[why] = left_out.get(why, 0) + int(unknown.sum())
        counter = new.setdefault(part.name, IdCounter(part.name))
        counter.add(np.where(unknown, codes, np.int32(-1)), values)
