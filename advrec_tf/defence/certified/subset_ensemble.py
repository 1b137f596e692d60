"""A recommender of many base models, each trained on a random subset of a few users.

The base models score any user by that user's own history and learn from their subset alone:
`subset_ease` and `subset_svd` never form a matrix of items x items, since a subset of s users has
rank s at most. What is certified is said in `bounds` and measured by `certificate`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.models.base import ClosedForm
from advrec_tf.models.gram import profiles_of

Base = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(profiles of all users [users, items], rows of the subset [s, items]), 0 and 1 float32, of the
items that somebody in the subset has -> scores [users, items]. Only the subset may be learned from;
the profiles are what users are scored by."""


class SubsetEnsemble(ClosedForm):
    """The number of base models that have an item among their N' best: bagging of users.

    Each base model learns from `subset_size` random users, ranks the unseen items of *every* user
    and votes for the first `votes_each` that score above 0, for fewer where several are equal at
    the border and never for what nobody in the subset has. The score of an item is its number of
    votes, and among equals its popularity. One user among many is in few subsets, so it moves few
    votes: `certificate` says what e users cannot change.

    Args:
        base: how a base model scores, by default `subset_ease()`.
        subset_size: users that a model learns from, s >= 1; few are robust, many are accurate.
        num_models: subsets that are drawn, >= 1; more make the bounds tighter.
        votes_each: N' >= 1.
        seed: of the subsets.

    Attributes:
        votes: after `fit`, [num_users, num_items] int32; 0 for items that the user has.

    Raises:
        ValueError: if a number is below 1.

    Examples:
        >>> import advrec_tf as ar
        >>> split = ar.data.load("synthetic", num_users=60, num_items=30).split("last_item")
        >>> ensemble = ar.defence.SubsetEnsemble(subset_size=5, num_models=50, votes_each=5)
        >>> tuple(ensemble.fit(split.train).score([0, 1]).shape)
        (2, 30)
    """

    def __init__(
        self,
        base: Base | None = None,
        *,
        subset_size: int = 10,
        num_models: int = 1_000,
        votes_each: int = 25,
        seed: int = 0,
    ):
        if min(subset_size, num_models, votes_each) < 1:
            raise ValueError(
                "`subset_size`, `num_models` and `votes_each` should be >= 1. "
                f"Received: {subset_size!r}, {num_models!r}, {votes_each!r}."
            )
        self.base = subset_ease() if base is None else base
        self.subset_size, self.num_models = subset_size, num_models
        self.votes_each, self.seed = votes_each, seed

    def fit(self, interactions: Interactions) -> SubsetEnsemble:
        """Draw subsets, train on them and count votes.

        Raises:
            ValueError: if there are fewer users than a subset holds.
        """
        users = interactions.num_users
        if users < self.subset_size:
            raise ValueError(
                f"`interactions` should hold at least {self.subset_size} users, the size of a "
                f"subset. Received: {users}."
            )
        self.interactions = interactions
        profiles = profiles_of(interactions).astype(np.float32).toarray()
        rng = np.random.default_rng(self.seed)
        self.votes = np.zeros(profiles.shape, np.int32)
        for _ in range(self.num_models):
            subset = rng.choice(users, self.subset_size, replace=False)
            known = np.flatnonzero(profiles[subset].any(axis=0))
            own = profiles[:, known]
            scores = np.where(own > 0, -np.inf, self.base(own, own[subset]))
            self.votes[:, known] += _first(scores, self.votes_each)
        popularity = interactions.item_counts()
        self._tie_break = tf.constant(popularity / (popularity.max(initial=0) + 1.0), tf.float32)
        return self

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        return tf.cast(tf.gather(self.votes, user_index), tf.float32) + self._tie_break


def _first(scores: np.ndarray, count: int) -> np.ndarray:
    """[users, items] bool: items of positive score above all but the `count` highest of their row,
    so at most `count`; where several are equal at the border none of them is."""
    if count >= scores.shape[1]:
        return scores > 0
    place = scores.shape[1] - count - 1
    return scores > np.maximum(np.partition(scores, place, axis=1)[:, [place]], 0)


def subset_ease(l2: float = 40.0) -> Base:
    """EASE on the rows Y of a subset: for a profile x the scores x Y'KY / (1 - q) of unseen items,
    K = (YY' + l2 I)^-1 and q_j = y_j'K y_j (the Woodbury identity; see `models.EASE`).

    Takes the inverse of s x s and users x s x items multiplications.

    Args:
        l2: > 0, as EASE's; few users need less of it than all.

    Raises:
        ValueError: if it is not positive.
    """
    if not l2 > 0:
        raise ValueError(f"`l2` should be > 0. Received: {l2!r}.")

    def scores(profiles: np.ndarray, rows: np.ndarray) -> np.ndarray:
        kernel = rows @ rows.T
        kernel[np.diag_indices(len(kernel))] += l2
        smoothed = np.linalg.solve(kernel, rows)
        explained = np.einsum("ij,ij->j", rows, smoothed)
        return (profiles @ rows.T) @ (smoothed / (1.0 - explained))

    return scores


def subset_svd(dim: int = 8) -> Base:
    """Factorization of the rows of a subset: x VV', V their `dim` leading right singular vectors
    (PureSVD; Cremonesi et al. 2010, doi:10.1145/1864708.1864721).

    Raises:
        ValueError: if `dim` is below 1.
    """
    if dim < 1:
        raise ValueError(f"`dim` should be >= 1. Received: {dim!r}.")

    def scores(profiles: np.ndarray, rows: np.ndarray) -> np.ndarray:
        vectors = np.linalg.svd(rows, full_matrices=False)[2][:dim]
        return (profiles @ vectors.T) @ vectors

    return scores
