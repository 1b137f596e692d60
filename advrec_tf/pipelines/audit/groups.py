"""Groups of users by their columns, and by how much they have: for fairness and privacy."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd

from advrec_tf.data.interactions import Interactions

MOST_VALUES = 10
LEAST_USERS = 10
"""Users below which a group is left out."""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Grouping:
    """Users of one column in groups.

    Attributes:
        column: its name.
        names: of the groups.
        group: [num_users] int, the group of each user; -1 where it is not known.
    """

    column: str
    names: tuple[str, ...]
    group: np.ndarray

    def of(self, users: np.ndarray) -> Grouping:
        """The groups of some users, `group` [users]; small groups are left out (-1)."""
        group = self.group[users]
        sizes = np.bincount(group[group >= 0], minlength=len(self.names))
        kept = np.flatnonzero(sizes >= LEAST_USERS)
        new = np.full(len(self.names) + 1, -1)
        new[kept] = np.arange(len(kept))
        return Grouping(
            column=self.column,
            names=tuple(self.names[place] for place in kept),
            group=new[group],
        )


def attributes(interactions: Interactions, columns: Sequence[str] = ()) -> list[Grouping]:
    """The columns of users as groups.

    Args:
        columns: their names; by default all with 2 to `MOST_VALUES` values, and numbers.

    Raises:
        ValueError: if a named column is not there.
    """
    table = interactions.user_features
    names = [] if table is None else [str(name) for name in table.columns]
    for name in columns:
        if name not in names:
            raise ValueError(
                "`--group-column` should name columns of users: "
                f"{', '.join(names) or 'there are none; --user-table gives them'}. "
                f"Received: {name}."
            )
    found = [_grouping(table[name], name, named=bool(columns)) for name in columns or names]
    return [grouping for grouping in found if grouping is not None]


def activity(interactions: Interactions) -> Grouping:
    """Users with fewer interactions than the median, and the others."""
    counts = interactions.user_counts()
    middle = np.median(counts[counts > 0])
    return Grouping(
        column="history length",
        names=(f"up to {middle:.0f} interactions", f"over {middle:.0f}"),
        group=(counts > middle).astype(int),
    )


def _grouping(values: pd.Series, name: str, *, named: bool) -> Grouping | None:
    numbers = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if numbers and values.nunique() > MOST_VALUES:
        middle = float(values.median())
        group = np.where(values.isna(), -1, (values > middle).astype(int))
        return Grouping(column=name, names=(f"up to {middle:g}", f"over {middle:g}"), group=group)
    if not all(value is None or np.isscalar(value) for value in values.head(100)):
        return None  # lists and vectors
    codes, categories = pd.factorize(values.astype(object), sort=False)
    if len(categories) < 2 or (len(categories) > MOST_VALUES and not named):
        return None
    return Grouping(column=name, names=tuple(map(str, categories)), group=codes)
