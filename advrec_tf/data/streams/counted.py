"""`CountedInteractions`: the interactions of a stream, whose counts are held and not the rows.

Models are built from it and trained on its batches as on other interactions. What needs the rows
themselves reads the stream once, and then holds 4 bytes a row (`by_user`: what users have seen, for
lists and evaluation) or 8 (`user_index` and `item_index`).
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import warnings
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import tensorflow as tf

from advrec_tf.data.batches import Batches
from advrec_tf.data.interactions import (
    Interactions,
    RatingSummary,
    UserItems,
    summarize_ratings,
)
from advrec_tf.data.readers.records import find_columns
from advrec_tf.data.streams.batches import of_epochs
from advrec_tf.data.streams.encoding import (
    Encoder,
    count_unknown,
    require_numbers,
    require_times,
)
from advrec_tf.data.streams.ids import IdCounter
from advrec_tf.data.streams.stream import Arrays, Stream
from advrec_tf.data.streams.values import as_arrays
from advrec_tf.data.streams.vocabularies import CountedIds
from advrec_tf.data.ties import TieRule

LEAST_KNOWN = 0.5
"""The share of rows with known ids below which vocabularies are taken for those of other data."""


class CountedInteractions(Interactions):
    """Interactions that stay in their files, with their vocabularies; `counted` makes one.

    Attributes:
        stream: where the rows are.
        ids: the vocabularies.
        encoder: table -> the columns of a batch.
        rows: [blocks] int64, rows that stay of each block.
        left_out: why -> number of rows that do not.
    """

    stream: Stream
    ids: CountedIds
    encoder: Encoder
    rows: np.ndarray
    left_out: dict[str, int]
    _user_counts: np.ndarray
    _item_counts: np.ndarray

    def __init__(
        self,
        stream: Stream,
        encoder: Encoder,
        rows: np.ndarray,
        counts: tuple[np.ndarray, np.ndarray],
        left_out: dict[str, int],
    ):
        ids, (user_counts, item_counts) = encoder.ids, counts
        # A frozen record sets nothing; the columns of this one are read when they are asked for.
        self.__dict__.update(
            users=ids.users.vocabulary,
            items=ids.items.vocabulary,
            ties=TieRule(),
            stream=stream,
            ids=ids,
            encoder=encoder,
            rows=rows,
            left_out=left_out,
            _user_counts=user_counts,
            _item_counts=item_counts,
        )

    def __len__(self) -> int:
        return int(self.rows.sum())

    def __repr__(self) -> str:
        without = "".join(f", {why}: {count:,} rows" for why, count in self.left_out.items())
        return (
            f"CountedInteractions({len(self):,} of {self.num_users:,} users and "
            f"{self.num_items:,} items in {len(self.stream.shards):,} shards{without})"
        )

    @property
    def user_index(self) -> np.ndarray:  # type: ignore[override]
        return self._held["user_index"]

    @property
    def item_index(self) -> np.ndarray:  # type: ignore[override]
        return self._held["item_index"]

    @property
    def rating(self) -> np.ndarray | None:  # type: ignore[override]
        return self._held["label"] if self.encoder.rating_column is not None else None

    def user_counts(self) -> np.ndarray:
        return self._user_counts

    def item_counts(self) -> np.ndarray:
        return self._item_counts

    @functools.cached_property
    def rating_summary(self) -> RatingSummary | None:
        if self.encoder.rating_column is None:
            return None
        return summarize_ratings(self.encoder(table)["label"] for table in self.stream.blocks())

    def pair_blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for table in self.stream.blocks():
            found = self.encoder(table)
            yield found["user_index"], found["item_index"]

    def held(self) -> Interactions:
        """The same interactions as arrays in memory, in the order of the files."""
        return Interactions(
            user_index=self.user_index,
            item_index=self.item_index,
            users=self.users,
            items=self.items,
            rating=self.rating,
            ties=self.ties,
        )

    def select(self, chosen: np.ndarray) -> Interactions:
        return self.held().select(chosen)

    def compacted(self) -> Interactions:
        return self.held().compacted()

    def with_ties(self, name: str, *, seed: int = 0) -> Interactions:
        return self.held().with_ties(name, seed=seed)

    def batches(
        self, *, batch_size: int, seed: int = 0, steps_per_epoch: int | None = None
    ) -> Batches:
        """Batches for any trainer of pairs, read as they are needed.

        They hold `user_index`, `item_index` [batch] int32, `weight` of ones, `generated` of False,
        `seed` [2] int32, and `label` [batch] float32 where a rating column was named.

        Args:
            batch_size: rows of a batch.
            seed: added to that of the stream, for the order; and of the seeds of the batches.
            steps_per_epoch: batches in an epoch of `fit`, after which it validates and saves; by
                default those of all rows. With fewer, training that stopped in the middle of a long
                epoch goes on there.

        Raises:
            ValueError: if there is no row, or a number is < 1.
        """
        index = tf.TensorSpec([None], tf.int32)
        columns = {"user_index": index, "item_index": index}
        if self.encoder.rating_column is not None:
            columns["label"] = tf.TensorSpec([None], tf.float32)
        stream = dataclasses.replace(self.stream, seed=self.stream.seed + seed)

        def epoch(number: int, row: int) -> Iterator[Arrays]:
            return stream.arrays(self.encoder, epoch=number, row=row, rows=self.rows)

        return of_epochs(
            epoch,
            columns,
            count=len(self),
            batch_size=batch_size,
            seed=seed,
            steps_per_epoch=steps_per_epoch,
        )

    def dataset(
        self, epoch: int = 0, *, row: int = 0, batch_size: int | None = None
    ) -> tf.data.Dataset:
        """The rows of one epoch for a model of your own: every column of the stream, in the form
        and the order of `Stream.dataset`, but of the rows that stay alone. What `hold_out` keeps
        for the evaluation is not among them.

        Args:
            epoch: its number, >= 0.
            row: how many of its rows were seen before, 0 <= row <= len(self).
            batch_size: rows of an element, the last one fewer; by default an element is one row.

        Raises:
            ValueError: if a number is out of range.
            tf.errors.OpError: as `Stream.dataset`.
        """
        if epoch < 0 or not 0 <= row <= len(self):
            raise ValueError(
                f"`epoch` should be >= 0 and `row` in 0..{len(self)}. Received: {epoch!r} and "
                f"{row!r}."
            )

        def rows_that_stay(table: pa.Table) -> Arrays:
            return as_arrays(table.filter(pa.array(self.encoder.stays(table))), self.stream.kinds)

        return self.stream.dataset_of(
            lambda: self.stream.arrays(rows_that_stay, epoch=epoch, row=row, rows=self.rows),
            batch_size,
        )

    def without(self, *others: Interactions) -> CountedInteractions:
        """These interactions without all rows of the pairs of others in the same vocabularies."""
        keys = [other.user_index.astype(np.int64) * self.num_items for other in others]
        keys = [key + other.item_index for key, other in zip(keys, others, strict=True)]
        withheld = np.unique(np.concatenate(keys))
        own = self.encoder
        return _counted(self.stream, self.ids, own.rating_column, own.required_time, withheld)

    def fingerprint(self) -> str:
        """SHA-256 over the ids, the shards and what is left out; the rows are not read for it."""
        digest = hashlib.sha256(self.stream.data_fingerprint.encode())
        for part in (self.ids.users, self.ids.items):
            digest.update(f"\x1d{part.name} {part} ".encode())
            digest.update(np.ascontiguousarray(part.counts).tobytes())
        withheld = self.encoder.withheld
        digest.update(b"-" if withheld is None else withheld.tobytes())
        return digest.hexdigest()

    @functools.cached_property
    def _held(self) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        begin = 0
        for table in self.stream.blocks():
            part = self.encoder(table)
            for name, values in part.items():
                if name not in found:
                    found[name] = np.empty(len(self), values.dtype)
                found[name][begin : begin + len(values)] = values
            begin += len(part["user_index"])
        return found

    @functools.cached_property
    def _user_items(self) -> UserItems:
        # 8 bytes a row at a time, then 4: no column is held.
        keys = np.empty(len(self), np.int64)
        begin = 0
        for users, items in self.pair_blocks():
            np.multiply(users, self.num_items, out=keys[begin : begin + len(users)], dtype=np.int64)
            keys[begin : begin + len(users)] += items
            begin += len(users)
        keys.sort()
        counts = np.zeros(self.num_users, np.int64)
        seen = np.empty(len(keys), np.int32)
        count, last = 0, -1
        for start in range(0, len(keys), 2**20):
            part = keys[start : start + 2**20]
            part = part[np.diff(part, prepend=last) != 0]
            if not len(part):
                continue
            last = part[-1]
            users, items = np.divmod(part, self.num_items)
            counts += np.bincount(users, minlength=self.num_users)
            seen[count : count + len(part)] = items
            count += len(part)
        splits = np.concatenate([[0], np.cumsum(counts)])
        return UserItems(items=seen[:count], row_splits=splits, num_items=self.num_items)


def counted(
    stream: Stream,
    ids: CountedIds,
    *,
    rating_column: str | None = None,
    time_column: str | None = None,
) -> CountedInteractions:
    """The interactions of a stream in given vocabularies, counted and not held.

    Reads the stream once where it is another than the one that was counted, or ids were left out of
    the vocabularies. Rows with an id that is not in them are left out and counted
    (`CountedInteractions.left_out`); ids that are new are said in a warning.

    Args:
        stream: with columns of the same names as those that were counted.
        ids: the vocabularies, by `count_ids` or `load_ids`.
        rating_column: what batches have as `label`; None for nothing.
        time_column: rows without a value of it are left out and counted; None for no such column.

    Raises:
        MissingColumnError: if the stream lacks a column.
        DataError: if the ratings or times are text, or the times no such column, as
            `encoding.require_times` says.
        ValueError: if fewer than half of the rows have known ids: the vocabularies are those of
            other data.
    """
    return _counted(stream, ids, rating_column, time_column, None)


def _counted(
    stream: Stream,
    ids: CountedIds,
    rating_column: str | None,
    required_time: str | None,
    withheld: np.ndarray | None,
) -> CountedInteractions:
    """`counted`, without the pairs `withheld`; see `Encoder`."""
    find_columns(stream.shards[0].path, list(stream.kinds), [ids.users.name, ids.items.name])
    require_numbers(stream, rating_column)
    require_times(stream, ids, required_time)
    encoder = Encoder(ids, stream.kinds, rating_column, withheld, required_time=required_time)
    own = stream.data_fingerprint == ids.data_fingerprint
    if own and ids.keeps_all_rows and withheld is None and required_time is None:
        counts = (ids.users.counts, ids.items.counts)
        return CountedInteractions(stream, encoder, stream.rows, counts, {})
    rows: list[int] = []
    left_out: dict[str, int] = {}
    new: dict[str, IdCounter] = {}
    totals = {
        part.name: np.zeros(len(part.vocabulary), np.int64) for part in (ids.users, ids.items)
    }
    for table in stream.blocks():
        found = encoder(table)
        rows.append(len(found["user_index"]))
        for part, index in ((ids.users, "user_index"), (ids.items, "item_index")):
            totals[part.name] += np.bincount(found[index], minlength=len(part.vocabulary))
            count_unknown(encoder, table, part, left_out, new)
        if timeless := int(encoder.without_time(table).sum()):
            why = f"without {required_time}"
            left_out[why] = left_out.get(why, 0) + timeless
    counts = (totals[ids.users.name], totals[ids.items.name])
    kept = CountedInteractions(stream, encoder, np.array(rows, np.int64), counts, left_out)
    if not own:
        _say_new(stream, kept, new)
    return kept


def _say_new(stream: Stream, kept: CountedInteractions, new: dict[str, IdCounter]) -> None:
    """Warn of new ids; ValueError where most rows have some."""
    said = []
    for name, counter in new.items():
        ids, counts = counter.counts()
        examples = ", ".join(repr(one) for one in ids[:3].tolist())
        said.append(
            f"{len(ids):,} new ids in {name!r} with {counts.sum():,} rows (such as {examples})"
        )
    if len(kept) < LEAST_KNOWN * len(stream):
        raise ValueError(
            f"`ids` should be the vocabularies of {stream.shards[0].path} and the shards beside "
            f"it, or of like data. Received ones that know both ids of {len(kept):,} of "
            f"{len(stream):,} rows: {'; '.join(said) or 'no ids'}."
        )
    if said:
        warnings.warn(
            f"{stream.shards[0].path} and the shards beside it: {'; '.join(said)}; "
            f"{len(stream) - len(kept):,} of {len(stream):,} rows are left out. `count_ids` of "
            "these shards takes them in.",
            stacklevel=4,
        )
