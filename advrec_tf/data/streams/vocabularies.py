"""The vocabularies of a stream, counted in one pass, and kept in a file beside the model.

`count_ids` makes them; `counted.counted` joins them with a stream, the one they were counted in or
another with the same ids, to what models are built from.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np

from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.records import find_columns
from advrec_tf.data.streams.hashed import BucketCounter, Collisions, HashedVocabulary
from advrec_tf.data.streams.ids import MAX_IDS, IdCounter, distinct_ids
from advrec_tf.data.streams.stream import Stream
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.ops.files import atomic_file
from advrec_tf.ops.stored import DamagedFileError, pack_ids, read_arrays, unpack_ids

AnyVocabulary = Vocabulary | HashedVocabulary


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class CountedColumn:
    """One column of ids.

    Attributes:
        name: of the column.
        vocabulary: its ids in ascending order, or buckets.
        counts: [len(vocabulary)] int64, rows of each.
        missing: rows without an id.
        rare: ids that were met too seldom, and so are not in the vocabulary.
        rare_rows: the rows of these.
        collisions: of hashed ids; None where ids were counted exactly.
    """

    name: str
    vocabulary: AnyVocabulary
    counts: np.ndarray
    missing: int = 0
    rare: int = 0
    rare_rows: int = 0
    collisions: Collisions | None = None

    def __str__(self) -> str:
        if self.collisions is not None:
            said = f"{self.name}: {self.collisions}"
        else:
            said = f"{self.name}: {len(self.vocabulary):,} ids"
        if self.rare:
            said += f"; {self.rare:,} rare ids with {self.rare_rows:,} rows left out"
        return said + (f"; {self.missing:,} rows without an id" if self.missing else "")


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class CountedIds:
    """The users and items of a stream.

    Attributes:
        users, items: the two columns.
        rows: rows that were counted.
        data_fingerprint: `Stream.data_fingerprint` of what was counted.
    """

    users: CountedColumn
    items: CountedColumn
    rows: int
    data_fingerprint: str

    def __repr__(self) -> str:
        return f"CountedIds({self.rows:,} rows; {self.users}; {self.items})"

    @property
    def keeps_all_rows(self) -> bool:
        """Whether each row that was counted has both its ids in the vocabularies."""
        return not any(part.missing or part.rare for part in (self.users, self.items))

    def save(self, path: str | os.PathLike, *, overwrite: bool = False) -> None:
        """Write the vocabularies to one .npz file, beside the model that was trained with them.

        Raises:
            FileExistsError: if there is such a file and `overwrite` is False.
        """
        arrays: dict[str, Any] = {
            "texts": np.array([self.users.name, self.items.name, self.data_fingerprint])
        }
        arrays["rows"] = np.array(self.rows)
        for name, part in (("users", self.users), ("items", self.items)):
            arrays[f"{name}_counts"] = part.counts
            arrays[f"{name}_left_out"] = np.array([part.missing, part.rare, part.rare_rows])
            if part.collisions is None:
                arrays |= pack_ids(f"{name}_ids", part.vocabulary.ids)
            else:
                arrays[f"{name}_hashed"] = np.array(dataclasses.astuple(part.collisions))
        with atomic_file(path, overwrite=overwrite) as unfinished, open(unfinished, "wb") as file:
            np.savez_compressed(file, **arrays)


def load_ids(path: str | os.PathLike) -> CountedIds:
    """What `CountedIds.save` wrote.

    Raises:
        FileNotFoundError: if there is no such file.
        DamagedFileError: if it is not as it was written.
    """
    cure = "Count the ids of the stream again by `count_ids`."
    stored = read_arrays(path, cure=cure)
    try:
        user_column, item_column, fingerprint = stored["texts"].tolist()
        users, items = (
            _stored_column(stored, kind, name)
            for kind, name in (("users", user_column), ("items", item_column))
        )
        return CountedIds(
            users=users, items=items, rows=int(stored["rows"]), data_fingerprint=fingerprint
        )
    except (KeyError, ValueError) as error:
        raise DamagedFileError(path, f"it holds no vocabularies ({error})", cure) from None


def _stored_column(stored: dict[str, np.ndarray], kind: str, name: str) -> CountedColumn:
    missing, rare, rare_rows = stored[f"{kind}_left_out"].tolist()
    collisions = None
    vocabulary: AnyVocabulary
    if f"{kind}_hashed" in stored:
        buckets, used, shared, *shares = stored[f"{kind}_hashed"].tolist()
        fields = ("rows_in_shared", "ids", "expected")
        collisions = Collisions(
            buckets=int(buckets),
            used=int(used),
            shared=int(shared),
            **dict(zip(fields, shares, strict=True)),
        )
        vocabulary = HashedVocabulary(int(buckets))
    else:
        vocabulary = Vocabulary(unpack_ids(f"{kind}_ids", stored))
    return CountedColumn(
        name=name,
        vocabulary=vocabulary,
        counts=stored[f"{kind}_counts"],
        missing=missing,
        rare=rare,
        rare_rows=rare_rows,
        collisions=collisions,
    )


def count_ids(
    stream: Stream,
    *,
    user_column: str = "user_id",
    item_column: str = "item_id",
    user_min_count: int = 1,
    item_min_count: int = 1,
    user_buckets: int | None = None,
    item_buckets: int | None = None,
    max_ids: int = MAX_IDS,
) -> CountedIds:
    """The vocabularies of users and items, by one pass over the stream.

    Exact vocabularies hold the ids in ascending order; memory grows with the distinct ids alone.
    With buckets there is no list of ids, and the share that collides is counted.

    Args:
        stream: with the two columns of ids, integers or text.
        user_column, item_column: their names.
        user_min_count, item_min_count: ids with fewer rows are left out, >= 1.
        user_buckets, item_buckets: hash the ids into so many buckets, >= 2; None counts exactly.
        max_ids: distinct ids of a column that may be held.

    Raises:
        MissingColumnError: if the stream lacks a column.
        DataError: if the values of a column are no ids, or nothing is left of one.
        ValueError: if a number is out of its range, or there are more ids than `max_ids`.
    """
    settings = (
        (user_column, user_min_count, user_buckets, "user"),
        (item_column, item_min_count, item_buckets, "item"),
    )
    find_columns(stream.shards[0].path, list(stream.kinds), [user_column, item_column])
    counters: list[IdCounter | BucketCounter] = []
    for name, least, buckets, what in settings:
        if least < 1 or (buckets is not None and least > 1):
            raise ValueError(
                f"`{what}_min_count` should be >= 1, and 1 beside `{what}_buckets`, which know no "
                f"single ids. Received: {least!r}."
            )
        hashed = None if buckets is None else HashedVocabulary(buckets)
        counters.append(IdCounter(name, max_ids) if hashed is None else BucketCounter(hashed))
    for table in stream.blocks():
        for (name, *_), counter in zip(settings, counters, strict=True):
            counter.add(*distinct_ids(table[name], name, stream.kinds[name]))
    users, items = (
        _column(name, counter, least)
        for (name, least, *_), counter in zip(settings, counters, strict=True)
    )
    return CountedIds(
        users=users, items=items, rows=len(stream), data_fingerprint=stream.data_fingerprint
    )


def _column(name: str, counter: IdCounter | BucketCounter, least: int) -> CountedColumn:
    if isinstance(counter, BucketCounter):
        return CountedColumn(
            name=name,
            vocabulary=counter.vocabulary,
            counts=counter.counts,
            missing=counter.missing,
            collisions=counter.collisions(),
        )
    ids, counts = counter.counts()
    kept = counts >= least
    if kept.sum() < 2:
        raise DataError(
            f"Column {name!r}: expected at least two ids with {least} rows or more. Received "
            f"{int(kept.sum())}, of {len(ids):,} ids."
        )
    return CountedColumn(
        name=name,
        vocabulary=Vocabulary(ids[kept]),
        counts=counts[kept],
        missing=counter.missing,
        rare=int((~kept).sum()),
        rare_rows=int(counts[~kept].sum()),
    )
