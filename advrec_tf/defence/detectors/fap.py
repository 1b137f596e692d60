"""FAP: suspicion propagates over the graph of users and items from known fakes.

Zhang et al. 2015 (IJCAI, "Catch the Black Sheep").
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.detectors.base import TransductiveDetector, checked_labels
from advrec_tf.defence.item_statistics import has_ratings


class FAP(TransductiveDetector):
    """Semi-supervised label propagation, from users to items and back.

    The fraud probabilities of items are the weighted means of those of their users, and the other
    way round in turn; the probability of the seeds stays at 1. Edges weigh `edge_weights`.

    `fit` takes the labels as seeds (`is_fake`). Seeds score infinity, so they should not be
    evaluated.

    Args:
        max_iterations: of the propagation.
        tolerance: it stops once no user's probability changes by more than this.
        seed: of the initial probabilities.
    """

    needs_labels = True

    def __init__(self, *, max_iterations: int = 100, tolerance: float = 0.01, seed: int = 0):
        self.max_iterations = max_iterations
        self.tolerance = tolerance
        self.seed = seed

    def fitted_scores(self, interactions, is_fake):
        seeds = checked_labels(interactions, is_fake, needed=True)
        user, item = interactions.user_index, interactions.item_index
        num_users, num_items = interactions.num_users, interactions.num_items
        weight = edge_weights(interactions)
        user_weight = np.maximum(np.bincount(user, weight, minlength=num_users), 1e-12)
        item_weight = np.maximum(np.bincount(item, weight, minlength=num_items), 1e-12)
        probability = np.random.default_rng(self.seed).random(num_users)
        for _ in range(self.max_iterations):
            probability[seeds] = 1.0
            of_item = np.bincount(item, weight * probability[user], num_items) / item_weight
            after = np.bincount(user, weight * of_item[item], num_users) / user_weight
            change = np.abs(after - probability)[~seeds].max(initial=0.0)
            probability = after
            if change <= self.tolerance:
                break
        probability[seeds] = np.inf
        return probability


def edge_weights(interactions: Interactions) -> np.ndarray:
    """[interactions] float64 >= 1: 1 + |r - m_u| / m_u + |r - m_i| / m_i + |r - m| / m.

    m_u, m_i and m are the mean ratings of the user, of the item and of all. Without ratings every
    edge weighs 1.
    """
    if not has_ratings(interactions):
        return np.ones(len(interactions))
    rating = interactions.rating
    rating = np.where(np.isnan(rating), np.nanmean(rating), rating).astype(np.float64)
    weight = 1.0 + np.abs(rating / rating.mean() - 1.0)
    for index, size in (
        (interactions.user_index, interactions.num_users),
        (interactions.item_index, interactions.num_items),
    ):
        mean = np.bincount(index, rating, minlength=size) / np.maximum(
            np.bincount(index, minlength=size), 1
        )
        weight += np.abs(rating / mean[index] - 1.0)
    return weight
