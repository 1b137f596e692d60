"""A table in shards: counted in one pass, then trained on block by block.

`count_table` makes it of a stream. What is held is what is known of each column (`facts`), and
three samples of rows: one that modes are found on and quality is measured with, and those that are
validated and tested on. The other rows stay in the shards; batches of them are in `batches`.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute

from advrec_tf.data.readers.files import DataError
from advrec_tf.data.streams.stream import Stream, stream
from advrec_tf.tabular import schema as table_schema
from advrec_tf.tabular.facts import MOST_DISTINCT, ColumnFacts
from advrec_tf.tabular.schema import TableSchema
from advrec_tf.tabular.transform import FIT_ROWS, EncodedRows, TableTransform

MOST_HELD = 20_000
"""Rows that are validated, and rows that are tested on, at most."""

_PERMUTED = 2**22
_READ_AS = {"category": "string", "number": "float", "date": "time"}


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class CountedTable:
    """A table whose rows stay in shards and are read as they are needed; `count_table` makes one.

    Attributes:
        stream: where the rows are.
        schema: of the columns.
        facts: name of a column -> what is known of all its values but those of `holdout`.
        sample: some of the rows that train, or all of them.
        validation, holdout: rows that do not train; a holdout may have none. The index of these
            frames are the places of the rows in the files, ascending.
    """

    stream: Stream
    schema: TableSchema
    facts: Mapping[str, ColumnFacts]
    sample: pd.DataFrame
    validation: pd.DataFrame
    holdout: pd.DataFrame

    separator: ClassVar[str] = ","

    def __len__(self) -> int:
        """Rows that train."""
        return len(self.stream) - len(self.validation) - len(self.holdout)

    def __repr__(self) -> str:
        return (
            f"CountedTable({len(self):,} rows of {len(self.stream.shards):,} shards that train, "
            f"{len(self.validation):,} that validate, {len(self.holdout):,} held out)"
        )

    def __str__(self) -> str:
        kinds = ", ".join(column.described() for column in self.schema.columns)
        lines = [f"{len(self.stream):,} rows, label {self.schema.label!r}: {kinds}"]
        return "\n".join(lines + [f"  {line}" for line in self.schema.noticed])

    @property
    def known(self) -> pd.DataFrame:
        """The rows that a generator has seen in any way, as far as they are held, in the order of
        the files."""
        return pd.concat([self.sample, self.validation]).sort_index()

    @functools.cached_property
    def withheld(self) -> np.ndarray:
        """[rows of validation and holdout] int64, their places in the files, ascending."""
        return np.sort(np.concatenate([self.validation.index, self.holdout.index]))

    def values(self, name: str) -> pd.Series:
        """The distinct values of a learned column, or where there are too many those of `known`."""
        found = self.facts[name].values
        column = self.schema[name]
        return self.known[name] if found is None else column.typed(np.asarray(found))

    def fit_transform(self, *, max_modes: int = 10, seed: int = 0) -> TableTransform:
        """The transform: lists of categories and ranges of numbers from all rows, modes from
        `known`; see `TableTransform.fit`."""
        return TableTransform.fit(
            self.known, self.schema, facts=self.facts, max_modes=max_modes, seed=seed
        )

    @property
    def rows(self) -> np.ndarray:
        """[blocks] int64, rows of each block that train."""
        ends = np.searchsorted(self.withheld, np.cumsum(self.stream.rows))
        return self.stream.rows - np.diff(ends, prepend=0)

    def frame(self, block: int) -> pd.DataFrame:
        """The rows of a block that train.

        Raises:
            DataError: if the shard is not as it was when it was counted.
        """
        table = self.stream.read(block)
        first = int(self.stream.rows[:block].sum())
        begin, end = np.searchsorted(self.withheld, [first, first + len(table)])
        kept = np.ones(len(table), bool)
        kept[self.withheld[begin:end] - first] = False
        return as_frame(table, self.stream.kinds)[kept]

    def frames(self) -> Iterator[pd.DataFrame]:
        """All rows that train, in the order of the files, some at a time."""
        return map(self.frame, range(len(self.stream.rows)))

    def encoded(self, transform: TableTransform, block: int, *, seed: int = 0) -> EncodedRows:
        """The rows of a block that train, as choices and numbers.

        Raises:
            DataError: if a value does not fit the transform, such as a category that was not in the
                rows that it was fitted on; with the shard.
        """
        try:
            return transform.encode(self.frame(block), seed=seed, block=block)
        except ValueError as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{self.stream.shard_of(block).path}: {error}") from None


def as_frame(table: pa.Table, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Columns as `files.read_table` has them: integers with gaps are floats, a missing text is
    None, and times are moments."""
    columns = {}
    for name, kind in kinds.items():
        column = table.column(name)
        if kind == "string":
            joined = column.combine_chunks()
            if isinstance(joined, pa.ChunkedArray):  # longer than one array can be
                joined = pa.concat_arrays(joined.chunks)
            coded = joined.dictionary_encode()
            texts = np.append(coded.dictionary.to_numpy(zero_copy_only=False), [None])
            codes = compute.fill_null(coded.indices, len(texts) - 1).to_numpy()
            columns[name] = pd.Series(texts.astype(object)[codes], dtype=object)
        elif kind == "bool" and column.null_count:
            columns[name] = pd.Series(column.to_pylist(), dtype="boolean")
        else:
            columns[name] = pd.Series(column.to_numpy())
    return pd.DataFrame(columns)


def count_table(
    stream: Stream,
    *,
    label: str | None = None,
    kinds: Mapping[str, str] | None = None,
    max_categories: int = table_schema.MAX_CATEGORIES,
    validation_fraction: float = 0.15,
    holdout_fraction: float = 0.2,
    sample_rows: int = FIT_ROWS,
    seed: int = 0,
) -> CountedTable:
    """The columns of a stream, counted in one pass, with a sample of its rows.

    Missing values, the list of categories, the ranges and digits of numbers are those of all rows
    but the holdout. A column of texts or whole numbers with more than `facts.MOST_DISTINCT`
    distinct values is an identifier where none of those that are counted on comes twice.

    Args:
        stream: with the columns to learn (`data.stream(..., columns=...)`).
        label, kinds, max_categories: as in `schema.infer`.
        holdout_fraction: of the rows, which nothing is fitted on; 0 for none. At most `MOST_HELD`
            rows are.
        validation_fraction: of the other rows; at most `MOST_HELD`.
        sample_rows: rows that are held of those that train, >= 1.
        seed: of the samples.

    Raises:
        DataError: as `schema.infer`, or if a shard is not as it was when the stream was opened.
        ValueError: if a fraction or a number is out of its range, or `kinds` names an unknown
            column or kind.
    """
    if not 0 <= holdout_fraction <= 0.5 or not 0 < validation_fraction <= 0.5 or sample_rows < 1:
        raise ValueError(
            "`holdout_fraction` should be in [0, .5], `validation_fraction` in (0, .5] and "
            f"`sample_rows` >= 1. Received: {holdout_fraction!r}, {validation_fraction!r} and "
            f"{sample_rows!r}."
        )
    kinds, names = dict(kinds or {}), list(stream.kinds)
    table_schema.require_kinds(kinds, names)
    most = max(MOST_DISTINCT, max_categories + 1)
    facts = {name: ColumnFacts(name, asked=kinds.get(name), most=most) for name in names}
    sizes = _sizes(len(stream), holdout_fraction, validation_fraction, sample_rows)
    drawn = _drawn(len(stream), sizes, seed)
    samples: list[list[pd.DataFrame]] = [[] for _ in drawn]
    first = 0
    for block, table in enumerate(stream.blocks()):
        frame, last = as_frame(table, stream.kinds), first + len(table)
        for places, parts in zip(drawn, samples, strict=True):
            begin, end = np.searchsorted(places, [first, last])
            if end > begin or not parts:  # an empty part has the columns
                chosen = places[begin:end]
                parts.append(frame.iloc[chosen - first].set_axis(chosen))
        begin, end = np.searchsorted(drawn[0], [first, last])
        known = np.ones(len(frame), bool)
        known[drawn[0][begin:end] - first] = False
        for name, counted in facts.items():
            counted.add(frame[name][known])
            if counted.not_finite is not None and kinds.get(name) != "identifier":
                raise DataError(
                    f"{stream.shard_of(block).path}, column {name!r}: expected finite numbers. "
                    f"Received: {frame[name][known].abs().max()}."
                )
        first = last
    holdout, validation, sample = map(pd.concat, samples)
    schema = table_schema.schema_of(
        facts,
        rows=len(stream),
        label=label,
        kinds=kinds,
        max_categories=max_categories,
        source=f"{stream.shards[0].path} and the shards beside it",
    )
    return CountedTable(
        stream=stream,
        schema=schema,
        facts=facts,
        sample=sample,
        validation=validation,
        holdout=holdout,
    )


def _sizes(count: int, holdout: float, validation: float, sample: int) -> tuple[int, int, int]:
    """Rows of the holdout, of the validation and of the sample."""
    held = min(max(1, round(holdout * count)), MOST_HELD) if holdout else 0
    checked = min(max(1, round(validation * (count - held))), MOST_HELD)
    return held, checked, min(sample, max(count - held - checked, 0))


def _drawn(count: int, sizes: tuple[int, ...], seed: int) -> list[np.ndarray]:
    """Distinct places of rows for each part, ascending."""
    rng, total = np.random.default_rng(seed), sum(sizes)
    few = count <= _PERMUTED
    order = rng.permutation(count)[:total] if few else rng.choice(count, total, replace=False)
    return [np.sort(part) for part in np.split(order, np.cumsum(sizes)[:-1])]


def open_table(
    source: str | os.PathLike | Sequence[str | os.PathLike],
    *,
    drop: Sequence[str] = (),
    kinds: Mapping[str, str] | None = None,
    separator: str | None = None,
    seed: int = 0,
    **counting,
) -> CountedTable:
    """`count_table` of shards, whose columns are read as the kinds ask: a category as text, a
    number as one with fractions, a date as a time.

    Args:
        source, separator: as in `data.stream`.
        drop: columns to leave out.
        kinds: as in `schema.infer`.
        seed: of the samples and the order.
        counting: further arguments of `count_table`.

    Raises:
        ValueError: if `drop` or `kinds` names no column.
        FileNotFoundError, DataError, ValueError: as `data.stream` and `count_table`.
    """
    kinds = {name: kind for name, kind in dict(kinds or {}).items() if name not in drop}
    read_as = {name: _READ_AS[kind] for name, kind in kinds.items() if kind in _READ_AS}
    opened = stream(source, kinds=read_as, separator=separator, seed=seed)
    unknown = [name for name in drop if name not in opened.kinds]
    if unknown:
        raise ValueError(
            f"`drop` should name columns of {opened.shards[0].path}: {', '.join(opened.kinds)}. "
            f"Received: {unknown[0]!r}."
        )
    left = {name: kind for name, kind in opened.kinds.items() if name not in drop}
    table = dataclasses.replace(opened, kinds=left)
    return count_table(table, kinds=kinds, seed=seed, **counting)
