"""Which lists are right: the rules of `models.base` in NumPy, and served lists held against them.

A list may differ from that of the model in memory only where scores are tied: served items must
be candidates, without repeats, each with its own score, and at each rank the score must be the
best left. A user nobody knows must get the popular items.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.models.base import log_popularity
from advrec_tf.serving.module import ExportCheckError, largest_difference

LOWEST = float(np.finfo(np.float32).min)
"""The score of a place in a list that holds no item; unlike infinity it is valid JSON."""

NO_ITEM = ""
"""The id in a place that holds no item, and what pads a list of ids in a request."""

SAMPLE = 256
"""Users checked where the caller names none, spread evenly over the vocabulary."""

ENOUGH = 32
"""Lists from which a mean recall says something."""


class Reference:
    """What the model in memory says about a sample of users and about an unknown one.

    Args:
        score: [n] int32 user indices -> [n, num_items], the model's scores.
        unknown_scores: [num_items], those of an unknown user.
        interactions: the training interactions.
        user_ids: external ids, known or not; by default `most` of the known, evenly spread.
        most: so many users at most.

    Attributes:
        names: the users asked for, as text, an unknown one last.
        index: [names] int, their user index; num_users where unknown.
        user_ids: all users as text.
        item_ids: the catalog as text; `item_index` leads back.
        unknown_item: a text that is no item's id.
        recall: None where lists are exact; else the least mean recall of lists of a length, and
            that length, as `Lists` has it.
    """

    def __init__(
        self,
        score: Callable[[np.ndarray], np.ndarray],
        unknown_scores: np.ndarray,
        interactions: Interactions,
        *,
        user_ids: Sequence | None = None,
        most: int = SAMPLE,
    ):
        data = interactions
        self.recall: tuple[float, int] | None = None
        self.num_users, self.num_items = data.num_users, data.num_items
        self.seen = data.by_user()
        self.popularity = log_popularity(data)
        self.item_ids = [str(item) for item in data.items.ids]
        self.item_index = {item: index for index, item in enumerate(self.item_ids)}
        self.user_ids = [str(user) for user in data.users.ids]
        user_index = {user: index for index, user in enumerate(self.user_ids)}
        if user_ids is None:
            places = np.linspace(0, self.num_users - 1, max(min(most, self.num_users), 1))
            user_ids = data.users.ids[places.astype(int)]
        self.names = [*map(str, user_ids), _new_name(user_index)]
        self.unknown_item = _new_name(self.item_index)
        self.index = np.array([user_index.get(name, self.num_users) for name in self.names])
        known = self.index < self.num_users
        scores = np.tile(np.asarray(unknown_scores, np.float32), (len(self.names), 1))
        if known.any():
            scores[known] = score(self.index[known].astype(np.int32))
        self.scores = np.maximum(scores, LOWEST)

    def lists(
        self,
        users: Sequence[int] | None = None,
        *,
        k: int | Sequence[int],
        exclude: Sequence[Sequence[str]] | None = None,
        allow: Sequence[Sequence[str]] | None = None,
    ) -> Lists:
        """The lists of the users at these places of `names`, by default of all.

        Args:
            k: length of a list, one for all or one for each.
            exclude, allow: ids for each user, as a request has them.
        """
        users = np.arange(len(self.names)) if users is None else np.asarray(users)
        candidates = self.scores[users].copy()
        for row, user in enumerate(self.index[users]):
            if user < self.num_users:
                candidates[row, self.seen[user]] = LOWEST
            if exclude is not None:
                candidates[row, self.items(exclude[row])] = LOWEST
            if allow is not None and any(allow[row]):
                closed = np.ones(self.num_items, bool)
                closed[self.items(allow[row])] = False
                candidates[row, closed] = LOWEST
        return self.of(
            candidates, k, popular=self.index[users] == self.num_users, names=self._named(users)
        )

    def of(
        self,
        candidates: np.ndarray,
        k: int | Sequence[int],
        *,
        popular: np.ndarray | None = None,
        names: Sequence[str] | None = None,
    ) -> Lists:
        """Lists from scores [n, num_items], LOWEST where an item may not be served."""
        popular = np.zeros(len(candidates), bool) if popular is None else popular
        names = [f"request {row}" for row in range(len(candidates))] if names is None else names
        return Lists(
            candidates,
            np.broadcast_to(np.asarray(k, int), [len(candidates)]),
            self.item_ids,
            self.item_index,
            names=names,
            popularity=np.where(popular[:, None], self.popularity, np.nan),
            recall=self.recall,
        )

    def items(self, ids: Sequence[str]) -> np.ndarray:
        """Item ids as text -> the indices of those that are known."""
        return np.array([self.item_index[i] for i in ids if i in self.item_index], int)

    def _named(self, users) -> list[str]:
        return [f"user {self.names[user]!r}" for user in users]


def _new_name(taken: Mapping[str, int]) -> str:
    name = "unknown"
    while name in taken:
        name += "?"
    return name


class Lists:
    """What lists of items should be; an `Expected` of a case.

    Args:
        candidates: [lists, num_items] float32, LOWEST where an item may not stand.
        k: [lists] int, items in each; the lists are as wide as the longest.
        item_ids, item_index: the catalog as text, and back.
        names: [lists], whose list it is, for error messages.
        popularity: [lists, num_items], where the list must be the popular one the popularity of
            each item, else NaN.
        recall: None where each place should hold the best item that is left. Else lists are those
            of an index: in order, and those of the second number as their length, where there are
            `ENOUGH` of them, have on average at least the share given first of the best items.
    """

    def __init__(self, candidates, k, item_ids, item_index, *, names, popularity, recall=None):
        self.candidates, self.k = candidates, k
        self.item_ids, self.item_index = item_ids, item_index
        self.names, self.popularity, self.recall = names, popularity, recall
        self.size = len(candidates)

    def difference(self, where: str, outputs: Mapping, tolerance: float) -> float:
        width = int(self.k.max(initial=1))
        items = self._items(where, outputs)
        if self.size == 0:
            return 0.0
        if items.shape != (self.size, width):
            raise ExportCheckError(
                f"{where}: lists should have shape {(self.size, width)}. Served: {items.shape}."
            )
        beyond = np.arange(width)[None, :] >= self.k[:, None]
        candidates = np.pad(self.candidates, [(0, 0), (0, width)], constant_values=LOWEST)
        none = candidates.shape[1] - 1  # one of the padded places
        own = np.take_along_axis(candidates, np.where(items >= 0, items, none), axis=1)
        for message, wrong in (
            ("stands beyond the end of the list", (items >= 0) & beyond),
            ("was seen, excluded or not allowed", (items >= 0) & (own == LOWEST)),
            ("is there twice", _repeats(items)),
        ):
            if wrong.any():
                row, rank = np.argwhere(wrong)[0]
                raise ExportCheckError(
                    f"{where}, {self.names[row]}, rank {rank + 1}: item "
                    f"{self.item_ids[items[row, rank]]!r} {message}."
                )

        def name_of(place):
            return f"{self.names[place[0]]}, rank {place[1] + 1}"

        best = np.where(beyond, LOWEST, -np.sort(-candidates, axis=1)[:, :width])
        self._compare_popularity(where, items)
        if self.recall is None:
            largest_difference(f"{where}, order", own, best, tolerance, name_of)
        else:
            in_order = -np.sort(-own, axis=1)
            largest_difference(f"{where}, order", own, in_order, tolerance, name_of)
            self._compare_recall(where, own, best)
        return largest_difference(where, outputs["score"], own, tolerance, name_of)

    def _compare_recall(self, where: str, own: np.ndarray, best: np.ndarray) -> None:
        least, length = self.recall
        if self.size < ENOUGH or not (self.k == length).all():
            return
        there = best > LOWEST
        last = np.where(there, best, np.inf).min(axis=1, keepdims=True)
        found = ((own >= last) & (own > LOWEST)).sum(axis=1)
        recall = float(np.mean(np.minimum(found / np.maximum(there.sum(axis=1), 1), 1)))
        if recall < least:
            raise ExportCheckError(
                f"{where}: lists of {length} should have {least:.3f} of the best items. "
                f"Served: {recall:.3f}."
            )

    def _items(self, where: str, outputs: Mapping) -> np.ndarray:
        """[lists, width] item index, -1 for none."""
        if "item_index" in outputs:
            return np.array(outputs["item_index"], int)
        named = {**self.item_index, NO_ITEM: -1}
        strangers = [item for row in outputs["item_id"] for item in row if item not in named]
        if strangers:
            raise ExportCheckError(f"{where}: {strangers[0]!r} is no item of the catalog.")
        return np.array([[named[item] for item in row] for row in outputs["item_id"]], int)

    def _compare_popularity(self, where: str, items: np.ndarray) -> None:
        for row in np.flatnonzero(~np.isnan(self.popularity).all(axis=1)):
            open_items = self.candidates[row] > LOWEST
            best = -np.sort(-self.popularity[row][open_items])[: self.k[row]]
            served = self.popularity[row][items[row][items[row] >= 0]]
            wrong = np.flatnonzero(~np.isclose(served, best[: len(served)], rtol=1e-6))
            if len(wrong):
                rank = wrong[0]
                raise ExportCheckError(
                    f"{where}, {self.names[row]}, rank {rank + 1}: an unknown user should be "
                    f"served the popular items. Item {self.item_ids[items[row, rank]]!r} has "
                    f"{np.exp(served[rank]) - 0.5:.0f} interactions where one has "
                    f"{np.exp(best[rank]) - 0.5:.0f}."
                )


def _repeats(items: np.ndarray) -> np.ndarray:
    """[lists, k] item or -1 -> same shape, bool: the item stands earlier in the list too."""
    order = np.argsort(items, axis=1, kind="stable")
    ordered = np.take_along_axis(items, order, axis=1)
    repeated = np.zeros(items.shape, bool)
    same = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    np.put_along_axis(repeated, order[:, 1:], same, axis=1)
    return repeated
