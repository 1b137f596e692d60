"""What an exported version should answer, and whether an answer is that.

A list may differ from the model's in memory only where scores are tied: served items must be
candidates, without repeats, each with its own score, and at each rank the score must be the best
left. How the answers are had is the business of `check`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.serving.served import LOWEST, NO_ITEM

SAMPLE = 256
"""Users checked where the caller names none, spread evenly over the vocabulary."""

_INVALID_ARGUMENT = 3


class ExportCheckError(RuntimeError):
    """The export does not load, or answers differently from the model in memory."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One request of a check: `k` is the length of the lists it should bring, and `refused`
    says that it should bring InvalidArgument instead."""

    title: str
    signature: str
    inputs: dict
    k: int = 0
    repeat: int = 1
    refused: bool = False

    @property
    def size(self) -> int:
        """Users asked for."""
        return len(self.inputs.get("user_id", self.inputs.get("user_index")))


class Reference:
    """What the model in memory says: the rules of `models.recommender` in NumPy.

    Attributes:
        names: the users asked for, as text, an unknown one last.
        item_ids: the catalogue as text; `item_index` leads back.
        unknown_item: a text that is no item's id.
    """

    def __init__(self, recommender: VectorRecommender, user_ids: Sequence | None):
        data = recommender.interactions
        self.num_users, self.num_items = data.num_users, data.num_items
        self.vectors = np.concatenate([recommender.user_vectors, recommender.unknown_user[None]])
        self.item_vectors = recommender.item_vectors
        self.seen = data.by_user()
        self.item_ids = [str(item) for item in data.items.ids]
        self.item_index = {item: index for index, item in enumerate(self.item_ids)}
        self._user_index = {str(user): index for index, user in enumerate(data.users.ids)}
        if user_ids is None:
            places = np.linspace(0, self.num_users - 1, min(SAMPLE, self.num_users))
            user_ids = data.users.ids[places.astype(int)]
        self.names = [*map(str, user_ids), _new_name(self._user_index)]
        self.unknown_item = _new_name(self.item_index)

    def rows(self, inputs: Mapping) -> np.ndarray:
        """A request's users -> [users] row of `vectors`, the last where unknown."""
        if "user_index" in inputs:
            index = np.array(inputs["user_index"])
            return np.where((index >= 0) & (index < self.num_users), index, self.num_users)
        return np.array([self._user_index.get(name, self.num_users) for name in inputs["user_id"]])

    def items(self, ids: Sequence[str]) -> np.ndarray:
        """[n] text -> [n] index, -1 where unknown."""
        return np.array([self.item_index.get(item, -1) for item in ids], int)

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """[users] -> [users, num_items] float32, seen items too."""
        return self.vectors[rows] @ self.item_vectors.T

    def unseen_scores(self, rows: np.ndarray, excluded: Sequence[int] = ()) -> np.ndarray:
        """[users] -> [users, num_items] float32, -inf where seen or excluded."""
        scores = self.scores(rows)
        for place, row in enumerate(rows):
            if row < self.num_users:
                scores[place, self.seen[row]] = -np.inf
        scores[:, np.asarray(excluded, int)] = -np.inf
        return scores


def _new_name(taken: Mapping[str, int]) -> str:
    name = "unknown"
    while name in taken:
        name += "?"
    return name


def compare(reference: Reference, case: Case, answer: Mapping, *, tolerance: float) -> float:
    """The largest difference of a score in one answer.

    Raises:
        ExportCheckError: with the first difference that counts.
    """
    where = f"{case.signature} ({case.title})"
    error = answer.get("error")
    if case.refused:
        if error is None or error["code"] != _INVALID_ARGUMENT:
            raise ExportCheckError(f"{where} should refuse k = {case.k}. It answered: {answer}.")
        return 0.0
    if error is not None:
        raise ExportCheckError(f"{where} failed: {error['message']}")
    compare_outputs = _compare_scores if case.signature == "score" else _compare_lists
    return compare_outputs(where, reference, case, answer["outputs"], tolerance)


def _compare_scores(where, reference, case, outputs, tolerance) -> float:
    items = reference.items(case.inputs["item_id"])
    known = items >= 0
    expected = reference.scores(reference.rows(case.inputs))[np.arange(len(items)), items]
    expected = np.where(known, expected, 0.0)
    if outputs["known_item"] != known.tolist():
        raise ExportCheckError(
            f"{where}: `known_item` should be {known.tolist()}. Served: {outputs['known_item']}."
        )
    return _largest_difference(where, case, outputs["score"], expected, tolerance)


def _compare_lists(where, reference, case, outputs, tolerance) -> float:
    """Served items must be candidates, without repeats, with their own scores, and at each
    rank the score must be the best left: so lists may differ only where scores are tied."""
    candidates = reference.unseen_scores(
        reference.rows(case.inputs),
        [i for i in reference.items(case.inputs.get("exclude_item_id", ())) if i >= 0],
    )
    candidates = np.where(np.isfinite(candidates), candidates, LOWEST)
    candidates = np.pad(candidates, [(0, 0), (0, case.k)], constant_values=LOWEST)
    none = candidates.shape[1] - 1  # one of the padded places
    if "item_index" in outputs:
        items = np.array(outputs["item_index"])
    else:
        named = {**reference.item_index, NO_ITEM: -1}
        strangers = [item for row in outputs["item_id"] for item in row if item not in named]
        if strangers:
            raise ExportCheckError(f"{where}: {strangers[0]!r} is no item of the catalogue.")
        items = np.array([[named[item] for item in row] for row in outputs["item_id"]])
    if items.shape != (case.size, case.k):
        raise ExportCheckError(
            f"{where}: lists should have shape {(case.size, case.k)}. Served: {items.shape}."
        )
    own = np.take_along_axis(candidates, np.where(items >= 0, items, none), axis=1)
    for message, wrong in (
        ("was seen or excluded", (items >= 0) & (own == LOWEST)),
        ("is there twice", _repeats(items)),
    ):
        if wrong.any():
            row, rank = np.argwhere(wrong)[0]
            item = reference.item_ids[items[row, rank]]
            raise ExportCheckError(
                f"{where}, {_user(case, row)}, rank {rank + 1}: item {item!r} {message}."
            )
    best = -np.sort(-candidates, axis=1)[:, : case.k]
    _largest_difference(f"{where}, order", case, own, best, tolerance)
    return _largest_difference(where, case, outputs["score"], own, tolerance)


def _repeats(items: np.ndarray) -> np.ndarray:
    """[lists, k] item or -1 -> same shape, bool: the item stands earlier in the list too."""
    order = np.argsort(items, axis=1, kind="stable")
    ordered = np.take_along_axis(items, order, axis=1)
    repeated = np.zeros(items.shape, bool)
    same = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    np.put_along_axis(repeated, order[:, 1:], same, axis=1)
    return repeated


def _largest_difference(where, case, served, expected, tolerance) -> float:
    served, expected = np.asarray(served, np.float64), np.asarray(expected, np.float64)
    difference = np.abs(served - expected) / np.maximum(1.0, np.abs(expected))
    wrong = np.argwhere(~(difference <= tolerance))
    if len(wrong):
        place = tuple(wrong[0])
        rank = f", rank {place[1] + 1}" if len(place) > 1 else ""
        raise ExportCheckError(
            f"{where}, {_user(case, place[0])}{rank}: the score should be "
            f"{expected[place]:.7g}. Served: {served[place]:.7g}."
        )
    return float(difference.max(initial=0.0))


def _user(case: Case, place: int) -> str:
    if "user_index" in case.inputs:
        return f"user_index {case.inputs['user_index'][place]}"
    return f"user_id {case.inputs['user_id'][place]!r}"
