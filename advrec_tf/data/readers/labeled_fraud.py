"""Readers of rating sets whose fake users are labeled: the detection sets of SDLib.

`amazon` has reviewers whom people judged spammers (Xu et al. 2013, CIKM), `averageattack`
FilmTrust with an injected average attack, `filmtrust` FilmTrust without an attack and so
without labels. Only reading; the files are found as those of `benchmarks`.
"""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.readers import columns, records, tables
from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.published_splits import data_root
from advrec_tf.data.vocabulary import Vocabulary

SPAM_SETS = {
    "amazon": ("profiles.txt.gz", "labels.txt.gz"),
    "averageattack": ("ratings.txt.gz", "labels.txt.gz"),
    "filmtrust": ("ratings.txt.gz", None),
}
"""Name -> the file of ratings and the file of labels, in the folder sdlib/NAME."""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class LabeledUsers:
    """Interactions with the truth about their users.

    Attributes:
        interactions: every user has a row.
        is_fake: [num_users] bool, or None where the set has no labels.
        labels_without_rows: labeled users left out, as no row is theirs.
    """

    interactions: Interactions
    is_fake: np.ndarray | None
    labels_without_rows: int


def load_spam(name: str, root: str | os.PathLike | None = None) -> LabeledUsers:
    """The set `name`, one of `SPAM_SETS`; repeated pairs of a user and an item keep the first row.

    Raises:
        ValueError: if there is no such set.
        FileNotFoundError: if the root or a file of the set is absent.
        DataError: if a file is not as published, or a user with rows has no label.
    """
    if name not in SPAM_SETS:
        raise ValueError(f"`name` should be one of {', '.join(SPAM_SETS)}. Received: {name!r}.")
    ratings, labels = SPAM_SETS[name]
    folder = data_root(root) / "sdlib" / name
    interactions = tables.read_table(
        folder / ratings,
        user_column="user",
        item_column="item",
        rating_column="rating",
        column_names=("user", "item", "rating"),
        separator=" ",
    ).interactions
    interactions = _first_of_pairs(interactions)
    if labels is None:
        return LabeledUsers(interactions=interactions, is_fake=None, labels_without_rows=0)
    is_fake, spare = read_labels(folder / labels, interactions.users)
    return LabeledUsers(interactions=interactions, is_fake=is_fake, labels_without_rows=spare)


def read_labels(
    path: str | os.PathLike, users: Vocabulary, *, complete: bool = True
) -> tuple[np.ndarray, int]:
    """Lines "user label", 1 for a fake and 0 for an honest user.

    Returns:
        [num_users] bool, or float of 0, 1 and NaN (no label) where they need not be `complete`;
        and how many labels are of users that are not in `users`.

    White space or a comma separates the two. A first line of names is passed over; it is one
    where its first field is no user of `users` and its second no number.

    Raises:
        FileNotFoundError: if there is no such file.
        DataError: if a label is neither 0 nor 1, a user has two, or (where they should
            be complete) one of `users` has none; with the line.
    """
    source, rows = str(path), []
    for line, fields in records.read_lines(path, _split):
        if len(fields) != 2:
            raise DataError(
                f'{source}, line {line}: expected "user label". Received {len(fields)} fields: '
                f"{fields[:6]!r}."
            )
        rows.append((line, *fields))
    index = users.index_of([user for _, user, _ in rows])
    if rows and index[0] < 0 and rows[0][2] not in ("0", "1") and not _is_number(rows[0][2]):
        rows, index = rows[1:], index[1:]  # the names of the columns
    if not rows:
        raise DataError(f'{source}: expected lines "user label". Received none.')
    fake, first_line = np.full(len(users), np.nan), {}
    for (line, user, label), known in zip(rows, index.tolist(), strict=True):
        if label not in ("0", "1"):
            raise DataError(
                f"{source}, line {line}: expected the label 0 or 1 of user {user!r}. "
                f"Received: {label!r}."
            )
        key = known if known >= 0 else user
        if key in first_line:
            raise DataError(
                f"{source}, line {line}: expected one label a user. Received a second one of "
                f"{user!r}, whose first is in line {first_line[key]}."
            )
        first_line[key] = line
        if known >= 0:
            fake[known] = float(label)
    missing = np.isnan(fake)
    spare = len(rows) - int((~missing).sum())
    if missing.any() and complete:
        raise DataError(
            f"{source}: expected a label of every user. {missing.sum()} have none, among them "
            f"{users.ids.tolist()[missing.argmax()]!r}."
        )
    return (fake.astype(bool) if complete else fake), spare


def _split(line: str) -> list[str]:
    return line.replace(",", " ").split()


def _is_number(text: str) -> bool:
    try:
        columns.number(text)
    except ValueError:
        return False
    return True


def _first_of_pairs(rows: Interactions) -> Interactions:
    keys = rows.user_index.astype(np.int64) * rows.num_items + rows.item_index
    _, first = np.unique(keys, return_index=True)
    return rows.select(np.sort(first))
