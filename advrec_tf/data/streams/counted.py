"""`CountedInteractions`: the interactions of a stream, whose counts are held and not the rows.

Models are built from it and trained on its batches as on other interactions. What needs the rows
themselves reads the stream once, and then holds 4 bytes a row (`by_user`: what users have seen, for
lists and evaluation) or 8 (`user_index` and `item_index`).
"""

from __future__ import annotations

import functools
import hashlib
import warnings
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from advrec_tf.data.batches import Batches
from advrec_tf.data.interactions import Interactions, UserItems
from advrec_tf.data.readers.records import find_columns
from advrec_tf.data.streams.batches import of_counted
from advrec_tf.data.streams.ids import IdCounter, as_values, distinct_ids
from advrec_tf.data.streams.stream import Arrays, Stream
from advrec_tf.data.streams.values import as_array
from advrec_tf.data.streams.vocabularies import CountedColumn, CountedIds
from advrec_tf.data.ties import TieRule

LEAST_KNOWN = 0.5
"""The share of rows with known ids below which vocabularies are taken for those of other data."""


class Encoder:
    """Rows of a block -> `user_index`, `item_index` [n] int32 and perhaps `label` [n] float32, of
    the rows that stay: both ids known, and the pair not withheld.

    Args:
        ids: the vocabularies.
        kinds: of the columns of the stream.
        rating_column: what becomes the label; or None.
        withheld: sorted keys, user * items + item, of pairs that are left out; or None.
    """

    def __init__(self, ids: CountedIds, kinds, rating_column: str | None, withheld=None):
        self.ids, self.kinds = ids, kinds
        self.rating_column, self.withheld = rating_column, withheld

    def __call__(self, table: pa.Table) -> Arrays:
        users = self.index(table, self.ids.users)
        items = self.index(table, self.ids.items)
        keep = (users >= 0) & (items >= 0)
        if self.withheld is not None:
            keep &= ~self._is_withheld(users, items)
        found = {"user_index": users[keep], "item_index": items[keep]}
        if self.rating_column is not None:
            kind = self.kinds[self.rating_column]
            ratings = table[self.rating_column]
            if kind in ("int", "bool"):
                ratings, kind = ratings.cast(pa.float64()), "float"
            values = as_array(ratings, self.rating_column, kind)
            found["label"] = values[keep].astype(np.float32)
        return found

    def index(self, table: pa.Table, column: CountedColumn) -> np.ndarray:
        """[n] int32, -1 where an id is missing or unknown."""
        codes, values = distinct_ids(table[column.name], column.name, self.kinds[column.name])
        found = column.vocabulary.index_of(as_values(values)) if len(values) else codes[:0]
        return np.append(found, np.int32(-1)).astype(np.int32)[codes]

    def _is_withheld(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        keys = users.astype(np.int64) * len(self.ids.items.vocabulary) + items
        place = np.searchsorted(self.withheld, keys)
        place[place == len(self.withheld)] = 0
        return (self.withheld[place] == keys) if len(self.withheld) else np.zeros(len(keys), bool)


class CountedInteractions(Interactions):
    """See the module; `CountedIds.of` makes one.

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
        # A frozen record sets nothing, and the columns of this one are read when they are asked for.
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
        """Batches for any trainer of pairs, read as they are needed; see `batches.of_counted`."""
        return of_counted(self, batch_size=batch_size, seed=seed, steps_per_epoch=steps_per_epoch)

    def without(self, other: Interactions) -> CountedInteractions:
        """These interactions without the pairs of others in the same vocabularies."""
        keys = other.user_index.astype(np.int64) * self.num_items + other.item_index
        return counted(
            self.stream,
            self.ids,
            rating_column=self.encoder.rating_column,
            withheld=np.unique(keys),
        )

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
    withheld: np.ndarray | None = None,
) -> CountedInteractions:
    """The interactions of a stream in given vocabularies; see `CountedIds.of`.

    Args:
        stream: the rows.
        ids: the vocabularies.
        rating_column: what batches have as `label`.
        withheld: sorted keys of pairs that are left out, see `Encoder`.
    """
    columns = [ids.users.name, ids.items.name, rating_column]
    find_columns(stream.shards[0].path, list(stream.kinds), columns)
    encoder = Encoder(ids, stream.kinds, rating_column, withheld)
    own = stream.data_fingerprint == ids.data_fingerprint
    if own and ids.keeps_all_rows and withheld is None:
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
            _count_unknown(encoder, table, part, left_out, new)
    counts = (totals[ids.users.name], totals[ids.items.name])
    kept = CountedInteractions(stream, encoder, np.array(rows, np.int64), counts, left_out)
    if not own:
        _say_new(stream, kept, new)
    return kept


def _count_unknown(encoder: Encoder, table: pa.Table, part: CountedColumn, left_out, new) -> None:
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
