"""What is audited: a model in the terms of the file, with what is known about it.

A `Subject` scores users of the file over the items of the file, whatever order and ids the model
has. How models are opened is left to `opening`.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.splits import Split
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.evaluation.scorers import checked_scores, name_of
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.pipelines.audit.settings import AuditSettings

UNKNOWN_ITEM = -2
"""In a list: an item that the file does not have; -1 is no item."""
K = 10
_BLOCK_CELLS = 2**22


class NotPossible(Exception):
    """A section, or a part of one, that cannot be computed for this model or these data; the
    message is the sentence that the page shows."""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Subject:
    """A model as the audit sees it.

    Attributes:
        name: as it was given.
        kind: what it is, in words.
        scorer: has `score(user_index [batch]) -> [batch, num_items]`; -inf where it has no score.
        lists: users [n] -> [n, k] items of the lists that it serves, `UNKNOWN_ITEM` and -1 among
            them; None where it only scores.
        vectors: user and item vectors whose products are the scores; None where it has none.
        no_vectors: why, in a sentence.
        history_lists: items of each user -> [n, k], the lists it serves to a user with them; None
            where it takes no history.
        fit: interactions -> a model trained on them; None where it cannot be retrained.
        knows_test: whether it was trained on the test interactions; None where that is unknown.
        notes: sentences for the page.
    """

    name: str
    kind: str
    scorer: object
    lists: Callable[[np.ndarray], np.ndarray] | None = None
    vectors: VectorRecommender | None = None
    no_vectors: str = "The model is known by its scores alone."
    history_lists: Callable[[Sequence[np.ndarray]], np.ndarray] | None = None
    fit: Callable[[Interactions], object] | None = None
    knows_test: bool | None = None
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Case:
    """One subject on one split: what every section is given.

    Attributes:
        split: train, validation and test.
        settings: of the audit.
        users: [n] the users that are measured, sorted; each has a test interaction.
        subject: the model.
        scores: [n, num_items] float32 of `users`, -inf where the model has no score.
        lists: [n, K] the best items beside those of train and validation, -1 for none.
    """

    split: Split
    settings: AuditSettings
    users: np.ndarray
    subject: Subject
    scores: np.ndarray
    lists: np.ndarray

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        """The stored scores of measured users, so that evaluators ask the model once only."""
        return tf.gather(self.scores, np.searchsorted(self.users, np.asarray(user_index)))

    @functools.cached_property
    def evaluator(self) -> RankingEvaluator:
        """Ranks the test interactions of the measured users, with train and validation masked."""
        return self.evaluator_of(self.split.test)

    def evaluator_of(self, relevant: Interactions) -> RankingEvaluator:
        """The same for a part of the test interactions."""
        split = self.split
        return RankingEvaluator(
            split.train, relevant, also_seen=split.validation, ks=(K,), users=self.users
        )


def measured_users(split: Split, most: int, num_items: int, seed: int) -> np.ndarray:
    """The users with a test interaction, or a sample of them, sorted.

    Raises:
        ValueError: if there is none.
    """
    users = np.flatnonzero(split.test.user_counts() > 0)
    if not len(users):
        raise ValueError(
            f"The test part of the split {split.name!r} should have interactions. Received none: "
            "last_item needs users with two interactions, the other splits a larger share."
        )
    most = min(most, max(20, 2**27 // num_items))  # half a gigabyte of scores
    if len(users) > most:
        users = np.sort(np.random.default_rng(seed).choice(users, most, replace=False))
    return users


def case_of(subject: Subject, split: Split, settings: AuditSettings, users: np.ndarray) -> Case:
    """The scores of the users, asked once and checked, and their lists.

    Raises:
        ValueError: if a score is NaN, or the model scores other items than the file has.
    """
    data, block = split.train, max(1, _BLOCK_CELLS // split.train.num_items)
    parts = []
    for start in range(0, len(users), block):
        of_block = users[start : start + block]
        scores = np.asarray(checked_scores(subject.scorer, of_block, data.num_items))
        if np.isnan(scores).any():
            row, item = np.argwhere(np.isnan(scores))[0]
            raise ValueError(
                f"`score` of {name_of(subject.scorer)} should be numbers. Received "
                f"{np.isnan(scores).sum():,} NaN of {scores.size:,}, the first for user "
                f"{data.users.ids[of_block[row]]} and item {data.items.ids[item]}."
            )
        if (scores == np.inf).any():
            raise ValueError(
                f"`score` of {name_of(subject.scorer)} should be below infinity. Received infinity."
            )
        parts.append(scores)
    scores = np.concatenate(parts)
    return Case(
        split=split,
        settings=settings,
        users=users,
        subject=subject,
        scores=scores,
        lists=best_items(scores, seen_mask(split.trainval(), users)),
    )


def seen_mask(interactions: Interactions, users: np.ndarray) -> np.ndarray:
    """[users, num_items] bool: what each of them has."""
    seen, known = np.zeros((len(users), interactions.num_items), bool), interactions.by_user()
    counts = known.counts[users]
    rows = np.repeat(np.arange(len(users)), counts)
    seen[rows, np.concatenate([np.zeros(0, np.int32), *(known[user] for user in users)])] = True
    return seen


def best_items(scores: np.ndarray, hidden: np.ndarray, k: int = K) -> np.ndarray:
    """[users, k] the items with the highest scores that are not hidden, -1 for none."""
    found = tf.math.top_k(np.where(hidden, -np.inf, scores), min(k, scores.shape[1]))
    items = np.where(np.isfinite(found.values), found.indices, -1)
    return np.pad(items, [(0, 0), (0, k - items.shape[1])], constant_values=-1)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Mean fraction of a list of `other` [n, k] that stands in that of `one`; -1 is no item."""
    common = (one[:, :, None] == other[:, None, :]) & (other >= 0)[:, None, :]
    return float((common.sum((1, 2)) / np.maximum((other >= 0).sum(1), 1)).mean())
