"""Readers of rating sets whose fake users are labeled: the detection sets of SDLib.

`amazon` has reviewers whom people judged spammers (Xu et al. 2013, CIKM), `averageattack`
FilmTrust with an injected average attack, `filmtrust` FilmTrust without an attack and so
without labels. Only reading; the files are found as those of `benchmarks`.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pandas as pd

from advrec_tf.data.interactions import Interactions, Vocabulary
from advrec_tf.data.readers import tables
from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.published_splits import data_root

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

    Blanks, tabs or a comma separate; a first line of names is passed over.

    Raises:
        FileNotFoundError: if there is no such file.
        DataError: if a label is neither 0 nor 1, a user has two, or (where they should
            be complete) one of `users` has none.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"`path` should be an existing file of labels. Received: {path}.")
    try:
        table = pd.read_csv(path, sep=r"[\s,]+", header=None, engine="python", dtype=str)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f'{path}: expected lines "user label". Received: {error}.') from error
    if table.shape[1] != 2:
        raise DataError(f'{path}: expected lines "user label". Received {table.shape[1]} columns.')
    if len(table) and not table[1].iloc[0].lstrip("-").replace(".", "", 1).isdigit():
        table = table.iloc[1:]
    wrong = table[~table[1].isin(["0", "1"])]
    if len(wrong):
        line = int(wrong.index[0]) + 1
        raise DataError(f"{path}, line {line}: expected 0 or 1. Received: {wrong[1].iloc[0]!r}.")
    repeated = table[0][table[0].duplicated()]
    if len(repeated):
        raise DataError(f"{path}: expected one label a user. Received two of {repeated.iloc[0]!r}.")
    label = dict(zip(table[0], table[1] == "1", strict=True))
    names = [str(user) for user in users.ids]
    missing = [user for user in names if user not in label]
    if missing and complete:
        raise DataError(
            f"{path}: expected a label of every user. {len(missing)} have none, among them "
            f"{missing[0]!r}."
        )
    spare = len(label) - (len(names) - len(missing))
    if complete:
        return np.array([label[user] for user in names], bool), spare
    return np.array([float(label.get(user, np.nan)) for user in names]), spare


def _first_of_pairs(rows: Interactions) -> Interactions:
    keys = rows.user_index.astype(np.int64) * rows.num_items + rows.item_index
    _, first = np.unique(keys, return_index=True)
    return rows.select(np.sort(first))
