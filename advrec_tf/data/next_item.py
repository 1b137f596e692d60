"""Questions of next-item recommendation: a history in order, and what came after it.

`queries_of` asks once a user, by a split; `queries_of_sessions` asks at every place of every
session. Histories are in the order of `order.ordered_by_user`. Scoring them is left to models,
ranking to `evaluation.next_item`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.order import ordered_by_user
from advrec_tf.data.sequences import NONE
from advrec_tf.data.split_parts import Split


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class NextItemQueries:
    """Histories and the items to be found after each.

    Attributes:
        items: [entries] int32, item indices in order; histories may share entries.
        starts, stops: [n] int64, the history of query q is `items[starts[q]:stops[q]]`.
        user_index: [n] int32, whose they are.
        target_query, target_item: [targets] int32, which query has which item to find; in the
            order of the queries, whatever order is given: where each has one target, `target_item`
            holds one for each query.
        num_items: size of the catalogue.

    Raises:
        ValueError: if the shapes do not fit, or a query has nothing to find.
    """

    items: np.ndarray
    starts: np.ndarray
    stops: np.ndarray
    user_index: np.ndarray
    target_query: np.ndarray
    target_item: np.ndarray
    num_items: int

    def __post_init__(self):
        shapes = {self.starts.shape, self.stops.shape, self.user_index.shape}
        if len(shapes) != 1 or self.target_query.shape != self.target_item.shape:
            raise ValueError(
                "`starts`, `stops` and `user_index` should be [n], `target_query` and "
                f"`target_item` [targets]. Received: {sorted(shapes)}, {self.target_query.shape} "
                f"and {self.target_item.shape}."
            )
        asked = np.bincount(self.target_query, minlength=len(self))
        if len(asked) != len(self) or not asked.all():
            raise ValueError(
                f"Each of the {len(self)} queries should have an item to find. Received "
                f"{int((asked[: len(self)] == 0).sum())} without."
            )
        if (np.diff(self.target_query) < 0).any():
            order = np.argsort(self.target_query, kind="stable")
            object.__setattr__(self, "target_query", self.target_query[order])
            object.__setattr__(self, "target_item", self.target_item[order])

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def lengths(self) -> np.ndarray:
        """[n] int64, items in each history."""
        return self.stops - self.starts

    def padded(self, chosen: np.ndarray, length: int) -> np.ndarray:
        """[len(chosen), length] int32: the last `length` items of each of these histories, with
        `NONE` on the left of shorter ones."""
        places = self.stops[chosen][:, None] - np.arange(length, 0, -1)[None, :]
        there = places >= self.starts[chosen][:, None]
        return np.where(there, self.items[np.maximum(places, 0)], NONE).astype(np.int32)

    def select(self, chosen: np.ndarray) -> NextItemQueries:
        """The queries at these indices, in that order."""
        place = np.full(len(self), -1, np.int32)
        place[chosen] = np.arange(len(chosen))
        kept = place[self.target_query] >= 0
        return dataclasses.replace(
            self,
            starts=self.starts[chosen],
            stops=self.stops[chosen],
            user_index=self.user_index[chosen],
            target_query=place[self.target_query[kept]],
            target_item=self.target_item[kept],
        )

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """The entries of all histories one after the other: their queries and items, [entries]."""
        query = np.repeat(np.arange(len(self)), self.lengths)
        offset = np.arange(len(query)) - np.repeat(
            np.cumsum(self.lengths) - self.lengths, self.lengths
        )
        return query.astype(np.int32), self.items[np.repeat(self.starts, self.lengths) + offset]


def queries_of(split: Split, part: str = "test") -> NextItemQueries:
    """A query a user of a part: the history is all that was before, the targets are the part.

    The history is train for "validation", and train and validation for "test". A user whose
    whole history lies in the part has an empty one.

    Args:
        split: of `splits.last_item`, `last_day`, `global_time` or another.
        part: "validation" or "test".

    Raises:
        ValueError: if there is no such part, or it is empty.
    """
    if part not in ("validation", "test"):
        raise ValueError(f"`part` should be validation or test. Received: {part!r}.")
    known = split.train if part == "validation" else split.trainval()
    targets = getattr(split, part)
    if not len(targets):
        raise ValueError(
            f"The {part} part of the split {split.name!r} should have interactions. Received none."
        )
    order, starts = ordered_by_user(known)
    users = np.unique(targets.user_index)
    return NextItemQueries(
        items=_items(known, order),
        starts=starts[users],
        stops=starts[users + 1],
        user_index=users.astype(np.int32),
        target_query=np.searchsorted(users, targets.user_index).astype(np.int32),
        target_item=targets.item_index,
        num_items=known.num_items,
    )


def queries_of_sessions(sessions: Interactions) -> NextItemQueries:
    """A query for every interaction of a user (a session) after the first: what came before is the
    history, the interaction the target.

    Raises:
        ValueError: if no user has two interactions.
    """
    order, starts = ordered_by_user(sessions)
    user = sessions.user_index[order]
    place = np.arange(len(order))
    asked = place[place > starts[user]]
    if not len(asked):
        raise ValueError(
            "`sessions` should hold a user with two interactions. Received "
            f"{len(sessions)} interactions of as many users."
        )
    items = _items(sessions, order)
    return NextItemQueries(
        items=items,
        starts=starts[user[asked]],
        stops=asked,
        user_index=user[asked],
        target_query=np.arange(len(asked), dtype=np.int32),
        target_item=items[asked],
        num_items=sessions.num_items,
    )


def _items(interactions: Interactions, order: np.ndarray) -> np.ndarray:
    """In that order, and one more so that an empty history at the end has a place."""
    return np.append(interactions.item_index[order], 0).astype(np.int32)
