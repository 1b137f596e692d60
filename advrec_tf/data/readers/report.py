"""`ReadReport`: what a reader found, kept and left out, and `Loaded`, the report beside the
data. Holds the counts only; the readers do the counting."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from advrec_tf.data import filters, splits
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.splits import Split
from advrec_tf.ops import html

_NAMED_UNREAD = 8


def note_of_unread(names: Iterable[str], read: Collection[str | None]) -> list[str]:
    """The sentence on columns of a table that nobody named, or none.

    Args:
        names: of all columns.
        read: the names of those that are read.
    """
    unread = [str(name) for name in names if name not in read]
    if not unread:
        return []
    more = len(unread) - _NAMED_UNREAD
    shown = ", ".join(unread[:_NAMED_UNREAD]) + (f" and {more} more" if more > 0 else "")
    return [
        f"Columns that are not read: {shown}. A column of times, of ratings or of the context is "
        "read where its name is given."
    ]


class Count(NamedTuple):
    """How often something was met, and where first (line of the file, or row of the frame)."""

    number: int
    first: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReadReport:
    """Every row read is either kept or counted in `left_out` under one reason.

    Attributes:
        source: the file, folder or frame read.
        place: what `Count.first` counts: "line" (the header is line 1) or "row" (from 0).
        rows_read, rows_kept: rows met and rows in the interactions.
        num_users, num_items: distinct ids among the rows kept.
        left_out: reason -> rows left out for it; a row counts under its first reason only.
        noticed: oddity -> how many were met; these rows were kept.
        notes: sentences about what the reader decided, or doubts.
    """

    source: str
    place: str
    rows_read: int
    rows_kept: int
    num_users: int
    num_items: int
    left_out: Mapping[str, Count]
    noticed: Mapping[str, Count]
    notes: Sequence[str] = ()

    @property
    def duplicate_pairs(self) -> int:
        """Rows whose (user, item) pair stood in an earlier row."""
        return self.noticed.get("repeated user-item pair", Count(0)).number

    def as_dict(self) -> dict:
        """Plain types, ready for JSON."""
        record = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        for name in ("left_out", "noticed"):
            record[name] = {what: count._asdict() for what, count in record[name].items()}
        record["notes"] = list(self.notes)
        return record

    def _repr_html_(self) -> str:
        rows: list[tuple] = [
            ("rows kept", self.rows_kept),
            ("rows read", self.rows_read),
            ("users", self.num_users),
            ("items", self.num_items),
        ]
        for heading, counts in (("left out", self.left_out), ("noticed", self.noticed)):
            rows += [(f"{heading}: {what}", count.number) for what, count in counts.items()]
        rows += [("note", note) for note in self.notes]
        return html.table(self.source, rows)

    def __str__(self) -> str:
        lines = [
            f"{self.source}: {self.rows_kept:,} of {self.rows_read:,} rows kept, "
            f"{self.num_users:,} users, {self.num_items:,} items"
        ]
        for heading, counts in (("left out", self.left_out), ("noticed", self.noticed)):
            for what, count in counts.items():
                first = "" if count.first is None else f" (first in {self.place} {count.first})"
                lines.append(f"  {heading}: {what}: {count.number:,}{first}")
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Loaded:
    """What a reader returns: the data, and the report of how they were read.

    Invented data also has `best_scores` [num_users, num_items]: the truth that the last item
    of each user was drawn from, which no model can be expected to outrank.
    """

    interactions: Interactions
    report: ReadReport
    best_scores: np.ndarray | None = None

    def _repr_html_(self) -> str:
        return self.report._repr_html_()

    def split(self, name: str, *, repeats: str | None = None, **settings) -> Split:
        """The interactions split by the strategy `name` of `splits.SPLITS`; see `splits.make`.

        Args:
            repeats: "last" keeps the last interaction of each (user, item) pair, as the commands
                do (`filters.without_repeats`). By default a pair that is repeated is refused.

        Raises:
            ValueError: if `repeats` is neither, or as `splits.make` says.
        """
        if repeats not in (None, "last"):
            raise ValueError(f'`repeats` should be "last" or None. Received: {repeats!r}.')
        interactions = self.interactions
        if repeats is not None:
            interactions = filters.without_repeats(interactions).interactions
        return splits.make(name, interactions, **settings)


def report_of(interactions: Interactions, source: str) -> ReadReport:
    """The report of data that were made in memory, where nothing can be left out."""
    return ReadReport(
        source=source,
        place="row",
        rows_read=len(interactions),
        rows_kept=len(interactions),
        num_users=interactions.num_users,
        num_items=interactions.num_items,
        left_out={},
        noticed={},
    )
