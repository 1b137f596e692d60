"""The base of detectors that read the table of profile features (`defence.features`).

Features are measured against a reference. By default it is the training interactions of honest
users, and training users are measured cross-fitted, against the interactions of other training
users: a training user is then as unknown to the reference as a user scored later. With
`reference="own"` profiles are measured against the very interactions they come from, for data in
which no part is trusted: a profile's own interactions then count in its reference, both in
training and in scoring.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.detectors.base import Detector, checked_labels
from advrec_tf.defence.features import FeatureTable, ProfileFeatures

FOLDS = 5
REFERENCES = ("trusted", "own")


def stratified_folds(
    classes: tuple[np.ndarray, ...], num_users: int, *, folds: int, seed: int
) -> np.ndarray:
    """[num_users] int, the fold of each user; -1 for a user of none of the `classes`.

    Args:
        classes: arrays of user indices; each is dealt evenly into the folds.
    """
    fold = np.full(num_users, -1)
    rng = np.random.default_rng(seed)
    for users in classes:
        fold[rng.permutation(users)] = np.arange(len(users)) % folds
    return fold


def cross_fitted(
    interactions: Interactions,
    is_fake: np.ndarray,
    *,
    folds: int = FOLDS,
    seed: int = 0,
    **settings,
) -> tuple[FeatureTable, ProfileFeatures]:
    """Features of training users against the other folds, and the reference for later users.

    The users of one fold are measured against the honest users of all other folds. The
    `ProfileFeatures` returned with the table are fitted on all honest users.

    Args:
        **settings: of `ProfileFeatures`.

    Raises:
        ValueError: if there are fewer honest users with interactions than folds.
    """
    users = np.flatnonzero(interactions.user_counts() > 0)
    honest = users[~is_fake[users]]
    if len(honest) < folds:
        raise ValueError(
            f"`interactions` should hold {folds} honest users with interactions. "
            f"Received {len(honest)}."
        )
    classes = (honest, users[is_fake[users]])
    fold = stratified_folds(classes, interactions.num_users, folds=folds, seed=seed)
    interaction_fold = fold[interactions.user_index]
    is_honest = ~is_fake[interactions.user_index]
    features = ProfileFeatures(seed=seed, **settings).fit(interactions.select(is_honest))
    values = np.full((interactions.num_users, len(features.names)), np.nan)
    for number in range(folds):
        reference = interactions.select((interaction_fold != number) & is_honest)
        measure = ProfileFeatures(seed=seed, **settings).fit(reference)
        measured = measure(interactions.select(interaction_fold == number))
        values[fold == number] = measured.values[fold == number]
    return FeatureTable(names=features.names, values=values), features


class FeatureDetector(Detector):
    """A detector over the feature table; a subclass implements `fit_table` and `score_table`.

    Args:
        columns: names of the features to read; all of them by default.
        reference: "trusted" or "own"; see the module's text.
        seed: of the folds and of what the subclass draws.
        **settings: of `ProfileFeatures`.
    """

    def __init__(
        self,
        *,
        columns: tuple[str, ...] | None = None,
        reference: str = "trusted",
        seed: int = 0,
        **settings,
    ):
        if reference not in REFERENCES:
            raise ValueError(f"`reference` should be one of {REFERENCES}. Received: {reference!r}.")
        self.columns = columns
        self.reference = reference
        self.seed = seed
        self.settings = settings

    def fit_table(self, table: FeatureTable, is_fake: np.ndarray) -> None:
        """Learn from the users with interactions: values [n, features], labels [n] bool."""
        raise NotImplementedError(f"{type(self).__name__} does not define `fit_table`.")

    def score_table(self, table: FeatureTable) -> np.ndarray:
        """values [n, features] -> [n] float64."""
        raise NotImplementedError(f"{type(self).__name__} does not define `score_table`.")

    def completed(
        self, table: FeatureTable, interactions: Interactions, *, training: bool
    ) -> FeatureTable:
        """The columns to read; a subclass may add its own.

        Args:
            training: whether `interactions` are those of the present `fit`.
        """
        return table if self.columns is None else table.only(self.columns)

    def fit(self, interactions: Interactions, is_fake: np.ndarray | None = None) -> Detector:
        is_fake = checked_labels(interactions, is_fake, needed=self.needs_labels)
        if self.reference == "own":
            table = self.measure(interactions)
        else:
            table, self.features = cross_fitted(
                interactions, is_fake, seed=self.seed, **self.settings
            )
        table = self.completed(table, interactions, training=True)
        measured = table.measured
        self.fit_table(
            FeatureTable(names=table.names, values=table.values[measured]), is_fake[measured]
        )
        return self

    def scores_of(self, interactions: Interactions) -> np.ndarray:
        table = self.completed(self.measure(interactions), interactions, training=False)
        measured = table.measured
        scores = np.zeros(interactions.num_users)
        if measured.any():
            values = table.values[measured]
            scores[measured] = self.score_table(FeatureTable(names=table.names, values=values))
        return scores

    def measure(self, interactions: Interactions) -> FeatureTable:
        """The features of every user, against the reference of `fit`."""
        if self.reference == "own":
            self.features = ProfileFeatures(seed=self.seed, **self.settings).fit(interactions)
        return self.features(interactions)
