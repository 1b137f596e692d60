"""Judged by the company one keeps: how guilty the known raters of one's items are.

Spammers for hire work the same items, so labels say much about users who share items with
labeled ones (the idea of FAP, Zhang et al. 2015, as features and for users who were not in
the graph). Against attacks on other items than the known ones it says nothing: there the
detectors of `detectors` stand alone.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.detectors.base import FOLDS, ForestDetector, checked_labels
from advrec_tf.defence.detectors.graph import edge_weights
from advrec_tf.defence.features import FeatureTable

COMPANY = ("guilt_mean", "guilt_max", "guilt_odds", "known_raters")


class ItemGuilt:
    """The share of fakes among the labeled raters of each item, edges weighted as by FAP.

    g_i = (sum of w over fakes + p) / (sum of w over all labeled + 1), p the share of fakes
    among the labeled: an item nobody labeled has rated has g_i = p.

    Args:
        interactions: rows of labeled users.
        is_fake: [num_users] bool.
    """

    def __init__(self, interactions: Interactions, is_fake: np.ndarray):
        rows, items = interactions, interactions.num_items
        labeled = rows.user_counts() > 0
        weight = edge_weights(rows)
        self.prior = float(is_fake[labeled].mean())
        self.fake = np.bincount(rows.item_index, weight * is_fake[rows.user_index], items)
        self.known = np.bincount(rows.item_index, weight, items)

    def columns(self, rows: Interactions) -> np.ndarray:
        """[num_users, 4] of `COMPANY` for users other than the labeled: over a user's items the
        mean and the highest g_i, the sum of ln(g_i / (1 - g_i)), and the mean weight of labeled
        raters."""
        user, item, number = rows.user_index, rows.item_index, rows.num_users
        known, fake = self.known[item], self.fake[item]
        guilt = np.clip((fake + self.prior) / (known + 1.0), 1e-6, 1 - 1e-6)
        count = np.maximum(rows.user_counts(), 1)
        highest = np.zeros(number)
        np.maximum.at(highest, user, guilt)
        return np.stack(
            [
                np.bincount(user, guilt, number) / count,
                highest,
                np.bincount(user, np.log(guilt / (1.0 - guilt)), number),
                np.bincount(user, known, number) / count,
            ],
            axis=1,
        )


class NeighborhoodForest(ForestDetector):
    """A random forest over the features of profiles and of their company.

    Training users are measured by the labels of others, in `FOLDS` folds. Leaving out a user's own
    label alone would not do: among users of the same items the fakes would keep slightly less
    guilty company than the honest.
    """

    def fit(
        self, interactions: Interactions, is_fake: np.ndarray | None = None
    ) -> NeighborhoodForest:
        is_fake = checked_labels(interactions, is_fake, needed=True)
        users = np.flatnonzero(interactions.user_counts() > 0)
        fold = np.full(interactions.num_users, -1)
        rng = np.random.default_rng(self.seed)
        for kind in (False, True):
            members = users[is_fake[users] == kind]
            fold[rng.permutation(members)] = np.arange(len(members)) % FOLDS
        fold_of_row = fold[interactions.user_index]
        self._taught = np.zeros((interactions.num_users, len(COMPANY)))
        for number in range(FOLDS):
            others = ItemGuilt(interactions.select(fold_of_row != number), is_fake)
            mine = others.columns(interactions.select(fold_of_row == number))
            self._taught[fold == number] = mine[fold == number]
        self._guilt = ItemGuilt(interactions, is_fake)
        self._fitting = True
        super().fit(interactions, is_fake)
        self._fitting = False
        return self

    def completed(self, table, interactions):
        table = super().completed(table, interactions)
        company = self._taught if self._fitting else self._guilt.columns(interactions)
        values = np.concatenate([table.values, company], axis=1)
        return FeatureTable(names=table.names + COMPANY, values=values)
