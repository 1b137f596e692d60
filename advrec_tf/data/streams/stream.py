"""`stream`: rows of many files as `tf.data`, in an order that is a function of (seed, epoch).

In each epoch the blocks of all shards are shuffled; then the blocks that come next, until they hold
`window` rows, are read and their rows shuffled. So what is in memory is a window and no more, and a
stopped epoch goes on at any row: only the window that holds the row is read again. What ids mean is
left to `vocabularies`, batches for the models of this package to `batches`.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf

from advrec_tf.data.readers.files import DataError
from advrec_tf.data.streams.csv import CsvFormat
from advrec_tf.data.streams.parquet import ParquetFormat
from advrec_tf.data.streams.position import Position
from advrec_tf.data.streams.shards import Format, Shard, find_shards, format_name, index_shard
from advrec_tf.data.streams.tfrecord import TFRecordFormat
from advrec_tf.data.streams.values import KINDS, as_arrays, signature

WINDOW = 2**19
"""Rows that are shuffled together by default."""

Arrays = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Stream:
    """Rows of shards; `stream` opens one.

    Attributes:
        shards: the files, with the rows of each of their blocks.
        kinds: column name -> kind ("int", "float", "string", "bool" or "time").
        file_format: how the files are read.
        seed: of the order, >= 0.
        window: rows that are shuffled together; whole blocks are, so there may be more.
    """

    shards: tuple[Shard, ...]
    kinds: Mapping[str, str]
    file_format: Format
    seed: int
    window: int

    def __repr__(self) -> str:
        columns = ", ".join(f"{name} ({kind})" for name, kind in self.kinds.items())
        return f"Stream({len(self):,} rows of {len(self.shards):,} shards: {columns})"

    def __len__(self) -> int:
        return int(self.rows.sum())

    @functools.cached_property
    def rows(self) -> np.ndarray:
        """[blocks] int64, rows of each block, shard after shard."""
        return np.concatenate([shard.rows for shard in self.shards])

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the names, sizes, rows and kinds of the shards, the seed and the window: what
        decides the order. The values themselves are not read for it."""
        return self._digest(f"{self.seed} {self.window}")

    @functools.cached_property
    def data_fingerprint(self) -> str:
        """As `fingerprint`, whatever the order."""
        return self._digest("")

    def _digest(self, order: str) -> str:
        digest = hashlib.sha256(f"{order} {sorted(self.kinds.items())}".encode())
        for shard in self.shards:
            digest.update(f"\x1e{os.path.basename(shard.path)} {shard.size} ".encode())
            digest.update(shard.rows.tobytes())
        return digest.hexdigest()

    def position(self, epoch: int = 0, row: int = 0) -> Position:
        """The place after so many rows of an epoch, 0 <= row <= rows of the stream.

        Raises:
            ValueError: if there is no such place.
        """
        if epoch < 0 or not 0 <= row <= len(self):
            raise ValueError(
                f"`epoch` should be >= 0 and `row` in 0..{len(self)}. Received: {epoch!r} and "
                f"{row!r}."
            )
        return Position(epoch=epoch, row=row, stream=self.fingerprint)

    def dataset(
        self, start: int | Position = 0, *, batch_size: int | None = None
    ) -> tf.data.Dataset:
        """The rows of one epoch, a dictionary of columns each; numbers are int64 and float64, times
        float64 seconds since 1970, a missing number NaN, a missing text empty.

        Args:
            start: the number of the epoch, or a place in one: what comes after it.
            batch_size: rows of an element, the last one fewer; by default an element is one row.

        Raises:
            ValueError: if `start` is no epoch, or a place of another stream.
            tf.errors.OpError: in the iteration, with the sentence of the `DataError`, where a
                shard can no longer be read.
        """
        place = start if isinstance(start, Position) else self.position(start)
        if place.stream != self.fingerprint:
            raise ValueError(
                "`start` should be a position of this stream: the same shards, columns, seed and "
                f"window. Received one of another: {place}."
            )
        place = self.position(place.epoch, place.row)
        return self.dataset_of(
            lambda: self.arrays(self._as_arrays, epoch=place.epoch, row=place.row), batch_size
        )

    def dataset_of(
        self, windows_of_rows: Callable[[], Iterator[Arrays]], batch_size: int | None
    ) -> tf.data.Dataset:
        """`dataset` of the columns of some rows, a window at a time."""
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"`batch_size` should be >= 1. Received: {batch_size!r}.")
        windows = tf.data.Dataset.from_generator(
            windows_of_rows, output_signature=signature(self.kinds)
        )
        return windows.unbatch() if batch_size is None else windows.rebatch(batch_size)

    def arrays(
        self,
        convert: Callable[[pa.Table], Arrays],
        *,
        epoch: int,
        row: int = 0,
        rows: np.ndarray | None = None,
    ) -> Iterator[Arrays]:
        """The rest of an epoch, a window of shuffled rows at a time.

        Args:
            convert: rows of a block -> column name -> [n] values, the same columns for all; it may
                leave rows out.
            epoch, row, rows: as in `shuffled`.

        Raises:
            DataError: as `shuffled`.
        """
        return self.shuffled(
            lambda block: convert(self.read(block)), epoch=epoch, row=row, rows=rows
        )

    def shuffled(
        self,
        made: Callable[[int], Arrays],
        *,
        epoch: int,
        row: int = 0,
        rows: np.ndarray | None = None,
    ) -> Iterator[Arrays]:
        """`arrays` of what is made of a block by its number.

        Args:
            made: number of a block -> column name -> [n, ...] values of its rows.
            epoch: its number.
            row: so many of the rows that are made are passed over.
            rows: [blocks] int64, how many are made of each block; by default all.

        Raises:
            DataError: if a shard can no longer be read, or another number of rows is made.
        """
        rows = self.rows if rows is None else rows
        for number, blocks in enumerate(self.windows(epoch)):
            count = int(rows[blocks].sum())
            if row >= count:
                row -= count
                continue
            parts = [made(block) for block in blocks.tolist()]
            columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
            received = {len(values) for values in columns.values()}
            if received != {count}:
                raise DataError(
                    f"{self.shards[0].path} and the shards after it: expected {count:,} rows in "
                    f"the blocks {blocks.tolist()[:8]}. Received {max(received):,}: the shards "
                    "were changed since they were counted."
                )
            order = self._shuffled(epoch, number + 1, count)[row:]
            yield {name: values[order] for name, values in columns.items()}
            row = 0

    def windows(self, epoch: int) -> list[np.ndarray]:
        """The numbers of the blocks that are read together, one window after the other."""
        order = self._shuffled(epoch, 0, len(self.rows))
        order = order[self.rows[order] > 0]
        before = np.cumsum(self.rows[order]) - self.rows[order]
        cuts, begin = [], 0
        while begin < len(order):
            full = int(np.searchsorted(before, before[begin] + self.window))
            begin = max(full, begin + 1)
            cuts.append(begin)
        return np.split(order, cuts[:-1])

    def order(self, epoch: int) -> np.ndarray:
        """[rows] int64: the place in the files, shard after shard, of each row of an epoch."""
        first = np.cumsum(self.rows) - self.rows
        found = []
        for number, blocks in enumerate(self.windows(epoch)):
            places = np.concatenate([first[b] + np.arange(self.rows[b]) for b in blocks])
            found.append(places[self._shuffled(epoch, number + 1, len(places))])
        return np.concatenate(found)

    def blocks(self) -> Iterator[pa.Table]:
        """All blocks in the order of the files, as tables of the columns."""
        return map(self.read, range(len(self.rows)))

    def blocks_of(self, shard: int) -> range:
        """The numbers of the blocks of a shard, in the order of the file."""
        first = int(self._first_blocks[shard])
        return range(first, first + len(self.shards[shard].rows))

    def read(self, block: int) -> pa.Table:
        """A block by its number, counted over all shards.

        Raises:
            DataError: if the shard is not as it was when the stream was opened.
        """
        shard = self._shard_number(block)
        place = block - int(self._first_blocks[shard])
        return self.file_format.read(self.shards[shard], place, self.kinds)

    def shard_of(self, block: int) -> Shard:
        """The shard that holds a block."""
        return self.shards[self._shard_number(block)]

    def _shard_number(self, block: int) -> int:
        return int(np.searchsorted(self._first_blocks, block, side="right")) - 1

    @functools.cached_property
    def _first_blocks(self) -> np.ndarray:
        counts = [len(shard.rows) for shard in self.shards]
        return np.cumsum(counts) - counts

    def _shuffled(self, epoch: int, number: int, count: int) -> np.ndarray:
        return np.random.default_rng([self.seed, epoch, number]).permutation(count)

    def _as_arrays(self, table: pa.Table) -> Arrays:
        return as_arrays(table, self.kinds)


def stream(
    source: str | os.PathLike | Sequence[str | os.PathLike],
    *,
    columns: Sequence[str] | None = None,
    kinds: Mapping[str, str] | None = None,
    separator: str | None = None,
    seed: int = 0,
    window: int = WINDOW,
) -> Stream:
    """Open Parquet, CSV or TFRecord files of any size as one stream of rows.

    Parquet is opened by its footers alone; CSV and TFRecord files are read once, for where their
    blocks begin. The columns are those of the first shard, and every other one is checked by them.

    Args:
        source: the path of a file (.parquet, .pq, .csv, .tsv, .tfrecord), a folder of such files, a
            pattern such as "shards/*.parquet", or a list of these, all of one format.
        columns: names of the columns to read; by default all.
        kinds: name -> "int", "float", "string", "bool" or "time", for columns to be read as another
            kind than that of the file, or than what the first rows of a CSV file look like.
        separator: of CSV files; by default the one in the header.
        seed: of the order, >= 0.
        window: rows that are shuffled together, >= 1; what is held in memory.

    Raises:
        FileNotFoundError: if no file is there.
        DataError: if a shard is cut short or damaged, or lacks a column, or has one of another
            kind; `MissingColumnError` where the first lacks a named one.
        ValueError: if an argument is out of its range.
    """
    if seed < 0 or window < 1:
        raise ValueError(
            f"`seed` should be >= 0 and `window` >= 1. Received: {seed!r} and {window!r}."
        )
    if isinstance(columns, str):
        raise ValueError(f"`columns` should be a list of names. Received the text {columns!r}.")
    paths = find_shards(source)
    name = format_name(paths)
    file_format: Format
    if name == "csv":
        file_format = CsvFormat(separator)
    else:
        if separator is not None:
            raise ValueError(f"`separator` should be given for CSV alone. Received: {name} files.")
        file_format = ParquetFormat() if name == "parquet" else TFRecordFormat()
    found = file_format.kinds(paths[0], columns)
    given = dict(kinds or {})
    wrong = [column for column in given if column not in found or given[column] not in KINDS]
    if wrong:
        raise ValueError(
            f"`kinds` should give columns that are read, {', '.join(found)}, one of the kinds "
            f"{', '.join(KINDS)}. Received: {wrong[0]}={given[wrong[0]]}."
        )
    found |= given
    shards = tuple(
        index_shard(file_format, path, found, first=paths[0], given=given) for path in paths
    )
    opened = Stream(shards=shards, kinds=found, file_format=file_format, seed=seed, window=window)
    if not len(opened):
        raise DataError(f"{paths[0]}: expected rows. Received shards without any.")
    return opened
