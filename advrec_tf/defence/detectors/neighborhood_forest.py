"""Guilt by association: a random forest on features and on the labeled users of the same items.

Spammers for hire work on the same items, so labels say much about users who share items with
labeled ones (the idea of FAP, Zhang et al. 2015, as features, for users who were not in the
training graph). Against attacks on items that no labeled fake has it adds nothing.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.detectors.base import Detector, checked_labels
from advrec_tf.defence.detectors.fap import edge_weights
from advrec_tf.defence.detectors.feature_detector import FOLDS, stratified_folds
from advrec_tf.defence.detectors.forest import ForestDetector
from advrec_tf.defence.features import FeatureTable

FEATURES = ("item_guilt_mean", "item_guilt_max", "item_guilt_log_odds", "labeled_weight")


class ItemGuilt:
    """The fraction of fakes among the labeled users of each item, edges weighted as by FAP.

    g_i = (sum of w over fakes + p) / (sum of w over all labeled users + 1), with p the fraction of
    fakes among the labeled users: an item without a labeled user has g_i = p.

    Args:
        interactions: of labeled users.
        is_fake: [num_users] bool.
    """

    def __init__(self, interactions: Interactions, is_fake: np.ndarray):
        item, num_items = interactions.item_index, interactions.num_items
        weight = edge_weights(interactions)
        self.prior = float(is_fake[interactions.user_counts() > 0].mean())
        self.fake = np.bincount(item, weight * is_fake[interactions.user_index], num_items)
        self.labeled = np.bincount(item, weight, num_items)

    def features(self, interactions: Interactions) -> np.ndarray:
        """[num_users, 4], the `FEATURES` of users who were not among the labeled ones.

        Over a user's items: the mean and the highest g_i, the sum of ln(g_i / (1 - g_i)), and the
        mean weight of labeled users.
        """
        user, item, num_users = (
            interactions.user_index,
            interactions.item_index,
            interactions.num_users,
        )
        labeled, fake = self.labeled[item], self.fake[item]
        guilt = np.clip((fake + self.prior) / (labeled + 1.0), 1e-6, 1 - 1e-6)
        count = np.maximum(interactions.user_counts(), 1)
        highest = np.zeros(num_users)
        np.maximum.at(highest, user, guilt)
        return np.stack(
            [
                np.bincount(user, guilt, num_users) / count,
                highest,
                np.bincount(user, np.log(guilt / (1.0 - guilt)), num_users),
                np.bincount(user, labeled, num_users) / count,
            ],
            axis=1,
        )


class NeighborhoodForest(ForestDetector):
    """A random forest over the features of profiles and `ItemGuilt`.

    Training users are measured by the labels of the other folds. Leaving out only the user's own
    label would not do: among users of the same items the fakes would then have slightly less
    guilty items than the honest users.

    Args:
        **settings: of `ForestDetector`.
    """

    def fit(self, interactions: Interactions, is_fake: np.ndarray | None = None) -> Detector:
        is_fake = checked_labels(interactions, is_fake, needed=True)
        users = np.flatnonzero(interactions.user_counts() > 0)
        classes = (users[~is_fake[users]], users[is_fake[users]])
        fold = stratified_folds(classes, interactions.num_users, folds=FOLDS, seed=self.seed)
        self._training_features = np.zeros((interactions.num_users, len(FEATURES)))
        for number in range(FOLDS):
            in_fold = fold[interactions.user_index] == number
            guilt = ItemGuilt(interactions.select(~in_fold), is_fake)
            measured = guilt.features(interactions.select(in_fold))
            self._training_features[fold == number] = measured[fold == number]
        self._guilt = ItemGuilt(interactions, is_fake)
        return super().fit(interactions, is_fake)

    def completed(self, table, interactions, *, training):
        table = super().completed(table, interactions, training=training)
        added = self._training_features if training else self._guilt.features(interactions)
        values = np.concatenate([table.values, added], axis=1)
        return FeatureTable(names=table.names + FEATURES, values=values)
