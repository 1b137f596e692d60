"""Parsed columns put together into `Interactions`: which rows stay, and what the report says.

The last step of every table reader, in one place so that a file and a frame with the same
content give the same data, the same counts and the same errors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from advrec_tf.data.interactions import Interactions, Vocabulary
from advrec_tf.data.readers.columns import MISSING, Ids, integer_like
from advrec_tf.data.readers.files import DataError, MissingColumnError, fault
from advrec_tf.data.readers.report import Count, Loaded, ReadReport

_LARGEST = float(np.finfo(np.float32).max)


class ItemTexts:
    """The first text of each item code, and the codes that came with another one later."""

    def __init__(self):
        self.first: dict[int, str] = {}
        self.changed: set[int] = set()

    def add(self, codes: np.ndarray, texts: Sequence[str]) -> None:
        """Codes [n] and texts [n]; a missing text says nothing."""
        for code, text in zip(codes.tolist(), texts, strict=True):
            if text.strip() not in MISSING and self.first.setdefault(code, text) != text:
                self.changed.add(code)


def check_settings(rating_range: tuple[float, float] | None, on_missing: str) -> None:
    """ValueError unless the two settings every reader shares make sense."""
    if on_missing not in ("count", "raise"):
        raise ValueError(f"`on_missing` should be 'count' or 'raise'. Received: {on_missing!r}.")
    if rating_range is not None:
        low, high = rating_range
        if not low < high:
            raise ValueError(
                f"`rating_range` should be (lowest, highest). Received: {rating_range}."
            )


def find_columns(
    source: str, names: Sequence[str], wanted: Sequence[str | None], hint: str = ""
) -> list[int | None]:
    """The position of each wanted column, None for None.

    Raises:
        DataError: if two columns share a name, or a wanted one is not there.
    """
    names = list(names)
    for name in names:
        if names.count(name) > 1:
            at = ", ".join(str(i + 1) for i, other in enumerate(names) if other == name)
            raise DataError(
                f"{source}, header: expected each column name once. "
                f"Received {name!r} as columns {at}."
            )
    for name in wanted:
        if name is not None and name not in names:
            raise MissingColumnError(
                f"{source}, header: expected a column {name!r}. "
                f"Received the columns {', '.join(map(repr, names))}{hint}."
            )
    return [None if name is None else names.index(name) for name in wanted]


def assemble(
    *,
    source: str,
    place: str,
    positions: np.ndarray,
    users: Ids,
    items: Ids,
    ratings: np.ndarray | None,
    times: np.ndarray | None,
    texts: ItemTexts | None,
    names: Sequence[str | None],
    rating_range: tuple[float, float] | None,
    on_missing: str,
    noticed: dict[str, int],
) -> Loaded:
    """Columns of equal length, missing values as -1 or NaN -> interactions and report.

    Args:
        source, place: for messages: the file or frame, and "line" or "row".
        positions: [rows] int, the line or row number of each.
        names: the columns of user, item, rating and time.
        noticed: oddities the caller has counted; zeros are dropped.

    Raises:
        DataError: if a rating lies outside its range, a value is missing under
            on_missing="raise", or fewer than two users or two items stay.
    """
    if ratings is not None:
        low, high = rating_range or (-_LARGEST, _LARGEST)
        outside = (ratings < low) | (ratings > high)
        if outside.any():
            where = f"{place} {_first(outside, positions)}"
            received = float(ratings[outside.argmax()])
            raise fault(source, where, names[2], f"a rating in {low}..{high}", received)

    reasons = [("missing user id", users.codes < 0), ("missing item id", items.codes < 0)]
    reasons += [("missing time", np.isnan(times))] if times is not None else []
    if on_missing == "raise" and ratings is not None:
        reasons.append(("missing rating", np.isnan(ratings)))
    keep, left_out = np.ones(len(positions), bool), {}
    for reason, missing in reasons:
        missing &= keep
        if missing.any():
            left_out[reason] = Count(int(missing.sum()), _first(missing, positions))
            keep &= ~missing
    if left_out and on_missing == "raise":
        reason, count = min(left_out.items(), key=lambda entry: entry[1].first)
        raise DataError(
            f"{source}, {place} {count.first}: expected no missing value (on_missing='raise'). "
            f"Received a {reason}."
        )
    if not keep.any():
        counts = ", ".join(f"{reason}: {count.number}" for reason, count in left_out.items())
        raise DataError(f"{source}: expected a row with both ids. Received none ({counts}).")

    rows = slice(None) if keep.all() else keep
    positions = positions[rows]
    user_index, _, user_ids = _in_order(users, rows)
    item_index, item_codes, item_ids = _in_order(items, rows)
    for what, name, values in (("users", names[0], user_ids), ("items", names[1], item_ids)):
        if len(values) < 2:
            raise DataError(
                f"{source}, column {name!r}: expected at least two {what} to recommend with. "
                f"Received one: {values[0]!r}."
            )
    counts = {what: Count(number) for what, number in noticed.items()}
    if ratings is not None:
        unrated = np.isnan(ratings[rows])
        first = _first(unrated, positions) if unrated.any() else None
        counts["missing rating, the row kept"] = Count(int(unrated.sum()), first)
    for what, ids, index in (("user", user_ids, user_index), ("item", item_ids, item_index)):
        integer = integer_like(ids)
        if len(ids) / 2 < integer.sum() < len(ids):
            first = _first(~integer[index], positions)
            oddity = f"{what} id that is no integer, where most are (all read as text)"
            counts[oddity] = Count(int((~integer).sum()), first)

    pairs = pd.Series(user_index.astype(np.int64) * len(item_ids) + item_index)
    repeated = pairs.duplicated().to_numpy()
    if repeated.any():
        first = _first(repeated, positions)
        counts["repeated user-item pair"] = Count(int(repeated.sum()), first)
    item_text = None
    if texts is not None:
        item_text = np.array([texts.first.get(code, "") for code in item_codes], object)
        counts["item without text"] = Count(int((item_text == "").sum()))
        counts["item with more than one text, the first kept"] = Count(
            len(texts.changed.intersection(item_codes))
        )

    interactions = Interactions(
        user_index=user_index,
        item_index=item_index,
        users=_vocabulary(user_ids),
        items=_vocabulary(item_ids),
        rating=None if ratings is None else ratings[rows].astype(np.float32),
        timestamp=None if times is None else times[rows],
        item_text=item_text,
    )
    report = ReadReport(
        source=source,
        place=place,
        rows_read=len(keep),
        rows_kept=len(interactions),
        num_users=interactions.num_users,
        num_items=interactions.num_items,
        left_out=left_out,
        noticed={what: count for what, count in counts.items() if count.number},
    )
    return Loaded(interactions=interactions, report=report)


def _first(mask: np.ndarray, positions: np.ndarray) -> int:
    return int(positions[mask.argmax()])


def _in_order(ids: Ids, rows) -> tuple[np.ndarray, list[int], list]:
    """Index [rows] int32 in order of first appearance; the code and the id of each index."""
    index, codes = pd.factorize(ids.codes[rows])
    codes = codes.tolist()
    return index.astype(np.int32), codes, [ids.values[code] for code in codes]


def _vocabulary(ids: list) -> Vocabulary:
    if integer_like(ids).all():
        return Vocabulary(np.array([int(value) for value in ids], np.int64))
    return Vocabulary(np.array([str(value) for value in ids], object))
