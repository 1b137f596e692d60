"""Detectors on the bipartite graph of users and items: dense blocks, and propagated guilt.

`Fraudar` needs no label; `FAP` starts from known fakes. Both rank the
profiles of one graph, so both are transductive.
"""

from __future__ import annotations

import dataclasses
import heapq

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.detectors.base import Detector, checked_labels
from advrec_tf.defence.item_statistics import has_ratings


class Fraudar(Detector):
    """FRAUDAR: users that fill a block of the graph more densely than honest ones would.

    Hooi et al. 2016 (KDD): an edge to an item of degree n weighs 1 / log(n + 5), so edges to
    popular items are poor camouflage; nodes are taken away one at a time, always the one with
    the least weight of edges left, and what is left at each moment has a density, weight over
    nodes. A user's score is the highest density of a set that still held it; where users
    share it, the one taken away later scores higher.

    Args:
        extreme_only: with ratings, keep the edges of each user's highest rating alone, as
            pushed items get it.
    """

    transductive = True

    def __init__(self, *, extreme_only: bool = False):
        self.extreme_only = extreme_only

    def fit(self, interactions: Interactions, is_fake: np.ndarray | None = None) -> Fraudar:
        self._fingerprint = interactions.fingerprint()
        rows = interactions
        if self.extreme_only and has_ratings(rows):
            peak = np.full(rows.num_users, -np.inf)
            np.maximum.at(peak, rows.user_index, np.nan_to_num(rows.rating, nan=-np.inf))
            rows = rows.select(rows.rating >= peak[rows.user_index])
        self._density = peeled(rows)
        return self

    def scores_of(self, interactions: Interactions) -> np.ndarray:
        _require_same(self._fingerprint, interactions)
        return self._density


def peeled(rows: Interactions) -> np.ndarray:
    """[num_users] float64: each user's score by greedy peeling; see `Fraudar`."""
    users, items = rows.num_users, rows.num_items
    pairs = rows.by_user()
    user, item = pairs.users().astype(np.int64), pairs.items.astype(np.int64)
    weight = 1.0 / np.log(np.bincount(item, minlength=items)[item] + 5.0)
    ends = np.concatenate([user, users + item])
    others = np.concatenate([users + item, user])
    order = np.argsort(ends, kind="stable")
    others, edge_weight = others[order].tolist(), np.tile(weight, 2)[order].tolist()
    splits = np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=users + items))]).tolist()
    left = np.bincount(ends, np.tile(weight, 2), minlength=users + items)
    present = np.diff(splits) > 0
    total, nodes = float(weight.sum()), int(present.sum())
    heap = [(left[node], node) for node in np.flatnonzero(present).tolist()]
    heapq.heapify(heap)
    left, alive = left.tolist(), present.tolist()
    taken, density = [], []
    while heap:
        value, node = heapq.heappop(heap)
        if not alive[node] or value > left[node] + 1e-12:
            continue  # an entry from before a neighbor went
        density.append(total / nodes)
        taken.append(node)
        alive[node] = False
        total, nodes = total - left[node], nodes - 1
        for edge in range(splits[node], splits[node + 1]):
            other = others[edge]
            if alive[other]:
                left[other] -= edge_weight[edge]
                heapq.heappush(heap, (left[other], other))
    best = np.maximum.accumulate(np.array(density)) if density else np.zeros(0)
    scores = np.zeros(users)
    taken = np.array(taken, np.int64)
    is_user = taken < users
    # The order of taking away breaks ties without ever changing a rank of densities.
    tie = 1e-9 * np.arange(len(taken)) / max(len(taken), 1)
    scores[taken[is_user]] = (best + tie)[is_user]
    return scores


class Rings(Detector):
    """Users in blocks denser than chance makes them, in [0, 1).

    The score is 1 - d_0 / d, d the density of the user's block (`Fraudar` on the highest
    ratings) and d_0 the highest density found when the items are dealt anew over the rows, so that
    users and items keep their numbers of rows and nothing else; 0 where d is below d_0. Tastes
    make blocks too: an excess under a third is ordinary (see docs/results/fraud-detection.md).

    Args:
        draws: how often chance is tried, >= 1; the densest counts.
    """

    transductive = True

    def __init__(self, *, draws: int = 3, seed: int = 0):
        if draws < 1:
            raise ValueError(f"`draws` should be >= 1. Received: {draws!r}.")
        self.draws = draws
        self.seed = seed

    def fit(self, interactions: Interactions, is_fake: np.ndarray | None = None) -> Rings:
        self._fingerprint = interactions.fingerprint()
        rng = np.random.default_rng(self.seed)
        density = Fraudar(extreme_only=True).fit(interactions).score(interactions)
        chance = 0.0
        for _ in range(self.draws):
            dealt = rng.permutation(interactions.item_index)
            rewired = dataclasses.replace(interactions, item_index=dealt)
            found = Fraudar(extreme_only=True).fit(rewired).score(rewired)
            chance = max(chance, float(found.max()))
        above = np.maximum(density, chance)
        self._excess = 1.0 - chance / np.maximum(above, 1e-12)
        return self

    def scores_of(self, interactions: Interactions) -> np.ndarray:
        _require_same(self._fingerprint, interactions)
        return self._excess


class FAP(Detector):
    """FAP: guilt spreads from known fakes over the graph and back.

    Zhang et al. 2015 (IJCAI, "Catch the Black Sheep"): an edge weighs 1 + the relative
    deviations of the rating from the means of user, item and data; item and user
    probabilities are by turns the weighted means of their neighbors', and the seeds stay at 1.

    `fit` takes labels as seeds (`is_fake`); those users score infinity, so they should not be
    judged. With labels of honest users known, `score` is for the others. Without ratings all
    edges weigh 1.

    Args:
        rounds: at most so many; stops earlier once no user moves by `tolerance`.
    """

    transductive = True
    needs_labels = True

    def __init__(self, *, rounds: int = 100, tolerance: float = 0.01, seed: int = 0):
        self.rounds = rounds
        self.tolerance = tolerance
        self.seed = seed

    def fit(self, interactions: Interactions, is_fake: np.ndarray | None = None):
        seeds = checked_labels(interactions, is_fake, needed=True)
        self._fingerprint = interactions.fingerprint()
        rows = interactions
        user, item = rows.user_index, rows.item_index
        weight = edge_weights(rows)
        of_user = np.maximum(np.bincount(user, weight, minlength=rows.num_users), 1e-12)
        of_item = np.maximum(np.bincount(item, weight, minlength=rows.num_items), 1e-12)
        guilt = np.random.default_rng(self.seed).random(rows.num_users)
        for _ in range(self.rounds):
            guilt[seeds] = 1.0
            item_guilt = np.bincount(item, weight * guilt[user], rows.num_items) / of_item
            after = np.bincount(user, weight * item_guilt[item], rows.num_users) / of_user
            moved = np.abs(after - guilt)[~seeds].max(initial=0.0)
            guilt = after
            if moved <= self.tolerance:
                break
        guilt[seeds] = np.inf
        self._guilt = guilt
        return self

    def scores_of(self, interactions: Interactions) -> np.ndarray:
        _require_same(self._fingerprint, interactions)
        return self._guilt


def edge_weights(rows: Interactions) -> np.ndarray:
    """[rows] float64 >= 1: 1 + |r - m_u| / m_u + |r - m_i| / m_i + |r - m| / m."""
    if not has_ratings(rows):
        return np.ones(len(rows))
    rating = np.where(np.isnan(rows.rating), np.nanmean(rows.rating), rows.rating)
    rating = rating.astype(np.float64)
    weight = 1.0 + np.abs(rating / rating.mean() - 1.0)
    for index, size in ((rows.user_index, rows.num_users), (rows.item_index, rows.num_items)):
        mean = np.bincount(index, rating, minlength=size) / np.maximum(
            np.bincount(index, minlength=size), 1
        )
        weight += np.abs(rating / mean[index] - 1.0)
    return weight


def _require_same(fingerprint: str, interactions: Interactions) -> None:
    if interactions.fingerprint() != fingerprint:
        raise ValueError(
            "`interactions` should be those that a transductive detector was fitted on. "
            f"Received others: {interactions!r}."
        )
