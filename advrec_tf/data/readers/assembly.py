"""Parsed columns put together into `Interactions`: which stay, and what the report says.

The last step of every table reader, in one place so that a file and a frame with the same
content give the same data, the same counts and the same errors.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from advrec_tf.data.findings import findings
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.readers.cells import ColumnTypes
from advrec_tf.data.readers.columns import MISSING
from advrec_tf.data.readers.files import DataError, fault
from advrec_tf.data.readers.ids import Ids, integer_like
from advrec_tf.data.readers.report import Count, Loaded, ReadReport
from advrec_tf.data.time_units import dates_as_seconds
from advrec_tf.data.vocabulary import Vocabulary

_LARGEST = float(np.finfo(np.float32).max)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableSettings:
    """What the readers of tables are asked for, beside the file itself.

    Attributes:
        user_column, item_column, rating_column, time_column, item_text_column: names in the
            header; None leaves the column unread. Times are numbers in any unit, or ISO dates,
            which become seconds since 1970. The text is a title or description of the item;
            the first one met for an item is kept.
        rating_range: lowest and highest rating allowed, both included.
        unrated: a rating that means that there is none, such as 0; it becomes NaN.
        on_missing: "count" leaves out interactions with a missing id or time and counts them,
            and keeps those with a missing rating (NaN), counted too; "raise" refuses them.
        missing: the marks that mean a missing value, beside the empty field.
        context_columns: names of columns that describe the interaction itself, such as its hour or
            its device.
        users, items: tables with a row for each user or item: a frame, an Arrow table, or the path
            of a CSV or Parquet file; None for none.
        user_table_id, item_table_id: the columns of the ids in them; by default called as in the
            interactions.
        kinds: name -> kind (`data.features.KINDS`) of columns of users, items or the context that
            are not what they look like.
        readings: name -> one of `notations.spelling.READINGS`, where values have two readings.
        keep_missing: whether ids and texts that look like such a mark are values of their own
            (a user called "null"), so that there the empty field alone is missing.

    Raises:
        ValueError: if a setting is out of its range, or user and item are one column.
    """

    user_column: str = "user_id"
    item_column: str = "item_id"
    rating_column: str | None = None
    time_column: str | None = None
    item_text_column: str | None = None
    rating_range: tuple[float, float] | None = None
    unrated: float | None = None
    on_missing: str = "count"
    missing: Collection[str] = MISSING
    keep_missing: bool = False
    context_columns: Sequence[str] = ()
    users: object = None
    items: object = None
    user_table_id: str | None = None
    item_table_id: str | None = None
    kinds: Mapping[str, str] | None = None
    readings: Mapping[str, str] | None = None

    def __post_init__(self):
        if self.user_column == self.item_column:
            raise ValueError(
                "`user_column` and `item_column` should be two columns. "
                f"Received: {self.user_column!r} for both."
            )
        if self.time_column in (self.user_column, self.item_column):
            raise ValueError(
                "`time_column` should be another column than those of the ids, which say nothing "
                f"of an order. Received: {self.time_column!r}."
            )
        if self.on_missing not in ("count", "raise"):
            raise ValueError(
                f"`on_missing` should be 'count' or 'raise'. Received: {self.on_missing!r}."
            )
        if isinstance(self.missing, str):
            raise ValueError(f"`missing` should hold marks. Received the text {self.missing!r}.")
        taken = {self.user_column, self.item_column}
        if isinstance(self.context_columns, str) or taken & set(self.context_columns):
            raise ValueError(
                "`context_columns` should hold names of columns other than those of the ids. "
                f"Received: {self.context_columns!r}."
            )
        if self.rating_range is not None:
            low, high = self.rating_range
            if not low < high:
                raise ValueError(
                    f"`rating_range` should be (lowest, highest). Received: {self.rating_range}."
                )

    @property
    def wanted(self) -> tuple[str | None, ...]:
        """The columns of user, item, rating, time and text, then those of the context."""
        names = (self.user_column, self.item_column, self.rating_column, self.time_column)
        return (*names, self.item_text_column, *self.context_columns)

    @property
    def types(self) -> ColumnTypes:
        """How the columns of the context and of side tables are typed."""
        return ColumnTypes(
            kinds=self.kinds,
            readings=self.readings,
            missing=self.missing,
            keep_missing=self.keep_missing,
        )

    @property
    def id_marks(self) -> frozenset[str]:
        """The marks of a missing id or text."""
        return frozenset() if self.keep_missing else frozenset(self.missing)


def table_settings(settings: dict) -> TableSettings:
    """The settings as a record; ValueError names the one that there is not."""
    known = TableSettings.__dataclass_fields__
    unknown = [name for name in settings if name not in known]
    if unknown:
        raise ValueError(
            f"The settings of a table should be among {', '.join(known)}. "
            f"Received: {', '.join(unknown)}."
        )
    return TableSettings(**settings)


class ItemTexts:
    """The first text of each item code, and the codes that came with another one later."""

    def __init__(self, missing: Collection[str] = MISSING):
        self.missing = missing
        self.first: dict[int, str] = {}
        self.changed: set[int] = set()

    def add(self, codes: np.ndarray, texts: Sequence[str]) -> None:
        """Codes [n] and texts [n]; a missing text says nothing."""
        for code, text in zip(codes.tolist(), texts, strict=True):
            plain = text.strip()
            if plain and plain not in self.missing and self.first.setdefault(code, text) != text:
                self.changed.add(code)

    def moved(self, codes: Sequence[int]) -> ItemTexts:
        """The same texts after item code i has become `codes[i]`: still the first of each."""
        moved = ItemTexts(self.missing)
        for code, text in self.first.items():
            if moved.first.setdefault(int(codes[code]), text) != text:
                moved.changed.add(int(codes[code]))
        moved.changed.update(int(codes[code]) for code in self.changed)
        return moved


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Parsed:
    """The columns of a table, of equal length, missing values as -1 or NaN.

    Attributes:
        source, place: for messages: the file or frame, and "line" or "row".
        positions: [rows] int, the line or row number of each.
        users, items: the ids.
        ratings, times: [rows] float64, or None.
        texts: of the item codes, or None.
        context: a frame of the columns of the context, or None.
        noticed: oddities that were counted on the way; zeros are dropped.
        header_lines: lines left out since they repeat the header.
        notes: sentences for the report.
    """

    source: str
    place: str
    positions: np.ndarray
    users: Ids
    items: Ids
    ratings: np.ndarray | None = None
    times: np.ndarray | None = None
    texts: ItemTexts | None = None
    context: pd.DataFrame | None = None
    noticed: dict[str, int] = dataclasses.field(default_factory=dict)
    header_lines: Sequence[int] = ()
    notes: Sequence[str] = ()


def assemble(parsed: Parsed, settings: TableSettings) -> Loaded:
    """Columns -> interactions and report.

    Raises:
        DataError: if a rating lies outside its range, a value is missing under
            on_missing="raise", or fewer than two users or two items stay.
    """
    parsed = _with_dates(parsed)
    source, place, positions = parsed.source, parsed.place, parsed.positions
    users, items, ratings, times = parsed.users, parsed.items, parsed.ratings, parsed.times
    if ratings is not None:
        if settings.unrated is not None:
            ratings = np.where(ratings == settings.unrated, np.nan, ratings)
        low, high = settings.rating_range or (-_LARGEST, _LARGEST)
        outside = (ratings < low) | (ratings > high)
        if outside.any():
            where = f"{place} {_first(outside, positions)}"
            received = float(ratings[outside.argmax()])
            expected = f"a rating in {low}..{high}"
            raise fault(source, where, settings.rating_column, expected, received)

    keep, left_out = _present(parsed, ratings, settings)
    if not keep.any():
        counts = ", ".join(f"{reason}: {count.number}" for reason, count in left_out.items())
        raise DataError(f"{source}: expected a row with both ids. Received none ({counts}).")

    rows = slice(None) if keep.all() else keep
    kept = positions[rows]
    user_index, _, user_ids = _in_order(users, rows)
    item_index, item_codes, item_ids = _in_order(items, rows)
    named = (
        ("users", settings.user_column, user_ids),
        ("items", settings.item_column, item_ids),
    )
    for what, name, values in named:
        if len(values) < 2:
            raise DataError(
                f"{source}, column {name!r}: expected at least two {what} to recommend with. "
                f"Received one: {values[0]!r}."
            )

    counts = {what: Count(number) for what, number in parsed.noticed.items()}
    for what, ids in (("user", users), ("item", items)):
        for oddity, (number, row) in ids.changed.items():
            first = None if row is None else int(positions[row])
            counts[f"{what} {oddity}"] = Count(number, first)
    if ratings is not None:
        unrated = np.isnan(ratings[rows])
        first = _first(unrated, kept) if unrated.any() else None
        counts["missing rating, the row kept"] = Count(int(unrated.sum()), first)
    integers = {"user": integer_like(user_ids), "item": integer_like(item_ids)}
    for what, ids, index in (("user", user_ids, user_index), ("item", item_ids, item_index)):
        integer = integers[what]
        if len(ids) / 2 < integer.sum() < len(ids):
            first = _first(~integer[index], kept)
            oddity = f"{what} id that is no integer, where most are (all read as text)"
            counts[oddity] = Count(int((~integer).sum()), first)
    pairs = pd.Series(user_index.astype(np.int64) * len(item_ids) + item_index)
    repeated = pairs.duplicated().to_numpy()
    if repeated.any():
        counts["repeated user-item pair"] = Count(int(repeated.sum()), _first(repeated, kept))
    item_text = None
    if parsed.texts is not None:
        texts = parsed.texts
        item_text = np.array([texts.first.get(code, "") for code in item_codes], object)
        counts["item without text"] = Count(int((item_text == "").sum()))
        counts["item with more than one text, the first kept"] = Count(
            len(texts.changed.intersection(item_codes))
        )

    interactions = Interactions(
        user_index=user_index,
        item_index=item_index,
        users=_vocabulary(user_ids, integers["user"].all()),
        items=_vocabulary(item_ids, integers["item"].all()),
        rating=None if ratings is None else ratings[rows].astype(np.float32),
        timestamp=None if times is None else times[rows],
        item_text=item_text,
        context=None if parsed.context is None else parsed.context[keep].reset_index(drop=True),
    )
    report = ReadReport(
        source=source,
        place=place,
        rows_read=len(keep) + len(parsed.header_lines),
        rows_kept=len(interactions),
        num_users=interactions.num_users,
        num_items=interactions.num_items,
        left_out=left_out,
        noticed={what: count for what, count in counts.items() if count.number},
        notes=(*parsed.notes, *_marks(parsed), *findings(interactions, kept, place)),
    )
    return Loaded(interactions=interactions, report=report)


def _with_dates(parsed: Parsed) -> Parsed:
    """Times that are dates written as numbers become seconds, and a note says so."""
    if parsed.times is None or (seconds := dates_as_seconds(parsed.times)) is None:
        return parsed
    first = int(parsed.times[~np.isnan(parsed.times)][0])
    note = f"All times are dates written as numbers, such as {first}: read as days."
    return dataclasses.replace(parsed, times=seconds, notes=(*parsed.notes, note))


def _present(parsed: Parsed, ratings, settings) -> tuple[np.ndarray, dict[str, Count]]:
    """[rows] bool, the rows that stay; and reason -> count of those that do not."""
    positions, times = parsed.positions, parsed.times
    reasons = [
        ("missing user id", parsed.users.codes < 0),
        ("missing item id", parsed.items.codes < 0),
    ]
    reasons += [("missing time", np.isnan(times))] if times is not None else []
    if settings.on_missing == "raise" and ratings is not None:
        reasons.append(("missing rating", np.isnan(ratings)))
    keep, left_out = np.ones(len(positions), bool), {}
    for reason, missing in reasons:
        missing &= keep
        if missing.any():
            left_out[reason] = Count(int(missing.sum()), _first(missing, positions))
            keep &= ~missing
    if left_out and settings.on_missing == "raise":
        reason, count = min(left_out.items(), key=lambda entry: entry[1].first)
        raise DataError(
            f"{parsed.source}, {parsed.place} {count.first}: expected no missing value "
            f"(on_missing='raise'). Received a {reason}."
        )
    if parsed.header_lines:
        lines = parsed.header_lines
        left_out["line that repeats the header"] = Count(len(lines), int(lines[0]))
    return keep, left_out


def _marks(parsed: Parsed) -> list[str]:
    """A sentence for each column of ids in which a mark was taken for a missing id."""
    notes = []
    for what, ids in (("user", parsed.users), ("item", parsed.items)):
        words = ", ".join(f"{mark!r} {number:,}" for mark, number in ids.marks.items() if mark)
        if words:
            notes.append(
                f"Taken for a missing {what} id: {words}. If these are ids, say so by "
                "`keep_missing` or `missing`."
            )
    return notes


def _first(mask: np.ndarray, positions: np.ndarray) -> int:
    return int(positions[mask.argmax()])


def _in_order(ids: Ids, rows) -> tuple[np.ndarray, list[int], list]:
    """Index [rows] int32 in order of first appearance; the code and the id of each index."""
    index, codes = pd.factorize(ids.codes[rows])
    codes = codes.tolist()
    return index.astype(np.int32), codes, [ids.values[code] for code in codes]


def _vocabulary(ids: list, are_integers: bool) -> Vocabulary:
    if are_integers:
        return Vocabulary(np.array(list(map(int, ids)), np.int64))
    return Vocabulary(np.array([str(value) for value in ids], object))
