"""`Interactions`: who touched what, as arrays of indices, with the way back to the data's ids.

Everything downstream works on indices 0..n-1; external ids live only here, in the readers
and in the serving signatures. Readers, splits and generators all return this one type.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from advrec_tf.data.features import Id
from advrec_tf.data.schema import Schema, columns_of
from advrec_tf.data.ties import TieRule
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.ops import html
from advrec_tf.ops.files import atomic_file


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class UserItems:
    """Items of each user as compressed sparse rows (the items of user u are
    `items[row_splits[u]:row_splits[u + 1]]`, sorted and without repeats)."""

    items: np.ndarray  # [nnz] int32
    row_splits: np.ndarray  # [num_users + 1] int64
    num_items: int

    @property
    def num_users(self) -> int:
        return len(self.row_splits) - 1

    @property
    def counts(self) -> np.ndarray:
        """[num_users] int64, items per user."""
        return np.diff(self.row_splits)

    def __getitem__(self, user_index: int) -> np.ndarray:
        return self.items[self.row_splits[user_index] : self.row_splits[user_index + 1]]

    def users(self) -> np.ndarray:
        """[nnz] int32, the user of each entry of `items`."""
        return np.repeat(np.arange(self.num_users, dtype=np.int32), self.counts)

    def pair_blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """All pairs as users [n] and items [n], a block at a time."""
        yield self.users(), self.items

    def dense(self) -> np.ndarray:
        """[num_users, num_items] float32 of zeros and ones."""
        matrix = np.zeros((self.num_users, self.num_items), np.float32)
        matrix[self.users(), self.items] = 1.0
        return matrix


class RatingSummary(NamedTuple):
    """Of all ratings but NaN: their mean, that of their squares, and their range."""

    mean: float
    mean_square: float
    lowest: float
    highest: float


def summarize_ratings(parts: Iterable[np.ndarray]) -> RatingSummary | None:
    """The summary of ratings in several arrays; None where all are NaN."""
    count, total, squares, lowest, highest = 0, 0.0, 0.0, np.inf, -np.inf
    for part in parts:
        known = part[~np.isnan(part)].astype(np.float64)
        count += len(known)
        total += known.sum()
        squares += np.square(known).sum()
        lowest = min(lowest, known.min(initial=np.inf))
        highest = max(highest, known.max(initial=-np.inf))
    if not count:
        return None
    return RatingSummary(total / count, squares / count, float(lowest), float(highest))


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Interactions:
    """Interactions of users with items, perhaps rated and timed, in file order; both vocabularies.

    Attributes:
        user_index, item_index: [n] int32, into `users` and `items`.
        users, items: the vocabularies; they may hold ids without an interaction (after a split).
        rating: [n] float32 on the data's own scale, NaN where an interaction has none; or None.
        timestamp: [n] float64, any unit that grows with time, or None.
        user_features, item_features: tables whose row i describes index i, or None.
        item_text: [num_items] str, a title or description per item, or None.
        context: a table with a row for each interaction, such as its hour and device, or None.
        kinds: name -> kind (`data.features.KINDS`) of columns of the three tables that are not
            what they look like, or None.
        ties: what orders interactions of one user at one time; splits and selections keep it.

    Raises:
        ValueError: if the columns differ in length, an index lies outside its vocabulary,
            or a side table does not have one row per index.
    """

    user_index: np.ndarray
    item_index: np.ndarray
    users: Vocabulary
    items: Vocabulary
    rating: np.ndarray | None = None
    timestamp: np.ndarray | None = None
    user_features: pd.DataFrame | None = None
    item_features: pd.DataFrame | None = None
    item_text: np.ndarray | None = None
    context: pd.DataFrame | None = None
    kinds: Mapping[str, str] | None = None
    ties: TieRule = dataclasses.field(default_factory=TieRule)

    def __post_init__(self):
        count = len(self.user_index)
        for name, vocabulary in (("user_index", self.users), ("item_index", self.items)):
            index = getattr(self, name)
            if len(index) != count:
                raise ValueError(f"`{name}` should have {count} entries. Received {len(index)}.")
            if count and not (index.min() >= 0 and index.max() < len(vocabulary)):
                raise ValueError(
                    f"`{name}` should lie in 0..{len(vocabulary) - 1}. "
                    f"Received {index.min()}..{index.max()}."
                )
        for name in ("rating", "timestamp"):
            column = getattr(self, name)
            if column is not None and len(column) != count:
                raise ValueError(f"`{name}` should have {count} entries. Received {len(column)}.")
        for name, size in (
            ("user_features", self.num_users),
            ("item_features", self.num_items),
            ("item_text", self.num_items),
            ("context", count),
        ):
            table = getattr(self, name)
            if table is not None and len(table) != size:
                raise ValueError(f"`{name}` should have {size} rows. Received {len(table)}.")

    def __repr__(self) -> str:
        return (
            f"Interactions({len(self.user_index):,} of {len(self.users):,} users and "
            f"{len(self.items):,} items)"
        )

    def _repr_html_(self) -> str:
        rows: list[tuple] = [("interactions", len(self)), ("users", self.num_users)]
        rows.append(("items", self.num_items))
        for name in ("rating", "timestamp"):
            values = getattr(self, name)
            if values is not None and len(values):
                rows.append((name, f"{np.nanmin(values):g} to {np.nanmax(values):g}"))
        for name in ("user_features", "item_features", "context"):
            columns = getattr(self, name)
            if columns is not None:
                rows.append((name.replace("_", " "), ", ".join(map(str, columns.columns))))
        return html.table("Interactions", rows)

    def __len__(self) -> int:
        return len(self.user_index)

    @property
    def num_users(self) -> int:
        return len(self.users)

    @property
    def num_items(self) -> int:
        return len(self.items)

    @property
    def has_features(self) -> bool:
        """Whether there is a column of users or items."""
        tables = (self.user_features, self.item_features)
        return any(table is not None and table.shape[1] for table in tables)

    @functools.cached_property
    def schema(self) -> Schema:
        """The columns of the three tables; those of a part of a split are those of the whole, so
        that codes mean the same in all parts."""
        user_id, item_id = (
            Id(name=name, categories=tuple(map(str, ids.tolist())))
            for name, ids in (("user_id", self.users.ids), ("item_id", self.items.ids))
        )
        user, item, context = (
            columns_of(table, self.kinds)
            for table in (self.user_features, self.item_features, self.context)
        )
        return Schema(user_id=user_id, item_id=item_id, user=user, item=item, context=context)

    def with_columns(self, **parts: Any) -> Interactions:
        """Itself, its `user`, `item` or `context` columns, a tuple each, as they were fitted
        before."""
        self.__dict__["schema"] = dataclasses.replace(self.schema, **parts)
        return self

    def with_schema_of(self, whole: Interactions) -> Interactions:
        """Itself, its context coded as that of `whole`, which has the same columns."""
        if whole.context is not None:
            if self.users is whole.users and self.items is whole.items:
                self.__dict__["schema"] = whole.schema
            else:
                self.with_columns(context=whole.schema.context)
        return self

    def with_ties(self, name: str, *, seed: int = 0) -> Interactions:
        """The same interactions, ties in time ordered by another rule, see `data.ties.TieRule`.

        Raises:
            ValueError: if there is no such rule.
        """
        return dataclasses.replace(self, ties=TieRule(name, seed)).with_schema_of(self)

    def user_counts(self) -> np.ndarray:
        """[num_users] int64, interactions per user."""
        return np.bincount(self.user_index, minlength=self.num_users)

    def item_counts(self) -> np.ndarray:
        """[num_items] int64, interactions per item."""
        return np.bincount(self.item_index, minlength=self.num_items)

    @functools.cached_property
    def rating_summary(self) -> RatingSummary | None:
        """Of the ratings that are there; None where there are none."""
        return None if self.rating is None else summarize_ratings([self.rating])

    def pair_blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """All pairs as users [n] and items [n], a block at a time; perhaps repeated."""
        yield self.user_index, self.item_index

    def by_user(self) -> UserItems:
        """The distinct items of each user; computed once."""
        return self._user_items

    @functools.cached_property
    def _user_items(self) -> UserItems:
        keys = self.user_index.astype(np.int64) * self.num_items + self.item_index
        keys = np.unique(keys)
        users, items = np.divmod(keys, self.num_items)
        splits = np.zeros(self.num_users + 1, np.int64)
        np.cumsum(np.bincount(users, minlength=self.num_users), out=splits[1:])
        return UserItems(items=items.astype(np.int32), row_splits=splits, num_items=self.num_items)

    def select(self, chosen: np.ndarray) -> Interactions:
        """The interactions at `chosen` (positions or a mask), in that order, vocabularies whole."""
        return dataclasses.replace(
            self,
            user_index=self.user_index[chosen],
            item_index=self.item_index[chosen],
            rating=None if self.rating is None else self.rating[chosen],
            timestamp=None if self.timestamp is None else self.timestamp[chosen],
            context=None
            if self.context is None
            else self.context.iloc[_positions(chosen)].reset_index(drop=True),
        ).with_schema_of(self)

    def compacted(self) -> Interactions:
        """The same interactions; ids without any are taken out of both vocabularies."""
        kept_users = np.unique(self.user_index)
        kept_items = np.unique(self.item_index)

        def rows_of(table, kept):
            return None if table is None else table.iloc[kept].reset_index(drop=True)

        return dataclasses.replace(
            self,
            user_index=np.searchsorted(kept_users, self.user_index).astype(np.int32),
            item_index=np.searchsorted(kept_items, self.item_index).astype(np.int32),
            users=Vocabulary(self.users.ids[kept_users]),
            items=Vocabulary(self.items.ids[kept_items]),
            user_features=rows_of(self.user_features, kept_users),
            item_features=rows_of(self.item_features, kept_items),
            item_text=None if self.item_text is None else self.item_text[kept_items],
        )

    def to_parquet(self, path: str | os.PathLike, *, overwrite: bool = False) -> None:
        """Write the interactions to a Parquet file that `load` reads back.

        The columns are user_id and item_id with the external ids, and where the data have them
        rating (null for NaN), timestamp, item_text and the context. The order stays; ids without an
        interaction and the tables of features are not part of the file.

        Raises:
            FileExistsError: if there is such a file and `overwrite` is False.
        """
        import pyarrow as pa  # only here: most runs never need it
        from pyarrow import parquet

        columns = {
            "user_id": pa.array(self.users.ids).take(pa.array(self.user_index)),
            "item_id": pa.array(self.items.ids).take(pa.array(self.item_index)),
        }
        for name in ("rating", "timestamp"):
            values = getattr(self, name)
            if values is not None:
                columns[name] = pa.array(values, mask=np.isnan(values))
        if self.item_text is not None:
            columns["item_text"] = pa.array(self.item_text).take(pa.array(self.item_index))
        if self.context is not None:
            for name in self.context.columns:
                columns[str(name)] = pa.Array.from_pandas(self.context[name])
        with atomic_file(path, overwrite=overwrite) as unfinished:
            parquet.write_table(pa.table(columns), unfinished)

    def fingerprint(self) -> str:
        """SHA-256 over ids, indices, ratings and times: equal data, equal hash, on any machine."""
        digest = hashlib.sha256()
        for ids in (self.users.ids, self.items.ids):
            digest.update("\x1f".join(map(str, ids)).encode())
        columns = [self.user_index, self.item_index, self.rating, self.timestamp]
        for column in columns:
            digest.update(b"-" if column is None else np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()

    def fingerprint_of_features(self) -> str:
        """SHA-256 over the side tables and the context, by the text of their values."""
        digest = hashlib.sha256(repr(sorted((self.kinds or {}).items())).encode())
        for table in (self.user_features, self.item_features, self.context):
            for name, values in () if table is None else table.items():
                digest.update(f"\x1e{name}\x1f".encode())
                digest.update("\x1f".join(map(str, values)).encode())
            digest.update(b"\x1d")
        return digest.hexdigest()


def _positions(chosen: np.ndarray) -> np.ndarray:
    chosen = np.asarray(chosen)
    return np.flatnonzero(chosen) if chosen.dtype == bool else chosen
