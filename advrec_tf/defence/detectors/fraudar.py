"""FRAUDAR: dense blocks of the bipartite graph of users and items; Hooi et al. 2016 (KDD)."""

from __future__ import annotations

import dataclasses
import heapq

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.detectors.base import TransductiveDetector
from advrec_tf.defence.item_statistics import has_ratings


class Fraudar(TransductiveDetector):
    """Unsupervised: the density of the densest block that a user belongs to.

    An edge to an item of degree n weighs 1 / log(n + 5), so that edges to popular items are poor
    camouflage. Nodes are removed one at a time, always the one with the least weight of remaining
    edges. After each removal the remaining nodes have a density, total edge weight divided by the
    number of nodes; a user's score is the highest density of a set that still held the user. Where
    users share it, the one removed later scores higher.

    Args:
        highest_only: with ratings, keep only the edges of each user's highest rating, which is
            what pushed items get.
    """

    def __init__(self, *, highest_only: bool = False):
        self.highest_only = highest_only

    def fitted_scores(self, interactions, is_fake):
        if self.highest_only and has_ratings(interactions):
            highest = np.full(interactions.num_users, -np.inf)
            ratings = np.nan_to_num(interactions.rating, nan=-np.inf)
            np.maximum.at(highest, interactions.user_index, ratings)
            interactions = interactions.select(
                interactions.rating >= highest[interactions.user_index]
            )
        return peeling_densities(interactions)


def peeling_densities(interactions: Interactions) -> np.ndarray:
    """[num_users] float64, each user's score by greedy peeling; see `Fraudar`."""
    users, items = interactions.num_users, interactions.num_items
    pairs = interactions.by_user()
    user, item = pairs.users().astype(np.int64), pairs.items.astype(np.int64)
    weight = 1.0 / np.log(np.bincount(item, minlength=items)[item] + 5.0)
    # Nodes 0..users-1 are users, the rest items; each edge is listed at both of its ends.
    ends = np.concatenate([user, users + item])
    neighbors = np.concatenate([users + item, user])
    order = np.argsort(ends, kind="stable")
    neighbors, edge_weight = neighbors[order].tolist(), np.tile(weight, 2)[order].tolist()
    splits = np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=users + items))]).tolist()
    remaining = np.bincount(ends, np.tile(weight, 2), minlength=users + items)
    present = np.diff(splits) > 0
    total, nodes = float(weight.sum()), int(present.sum())
    heap = [(remaining[node], node) for node in np.flatnonzero(present).tolist()]
    heapq.heapify(heap)
    remaining, alive = remaining.tolist(), present.tolist()
    removed, density = [], []
    while heap:
        value, node = heapq.heappop(heap)
        if not alive[node] or value > remaining[node] + 1e-12:
            continue  # an entry from before a neighbor was removed
        density.append(total / nodes)
        removed.append(node)
        alive[node] = False
        total, nodes = total - remaining[node], nodes - 1
        for edge in range(splits[node], splits[node + 1]):
            neighbor = neighbors[edge]
            if alive[neighbor]:
                remaining[neighbor] -= edge_weight[edge]
                heapq.heappush(heap, (remaining[neighbor], neighbor))
    best = np.maximum.accumulate(np.array(density)) if density else np.zeros(0)
    scores = np.zeros(users)
    removed = np.array(removed, np.int64)
    is_user = removed < users
    # The order of removal breaks ties without changing the order of different densities.
    tie = 1e-9 * np.arange(len(removed)) / max(len(removed), 1)
    scores[removed[is_user]] = (best + tie)[is_user]
    return scores


class FraudarExcess(TransductiveDetector):
    """Unsupervised: how much denser a user's block is than the blocks of random graphs, in [0, 1).

    The score is 1 - d_0 / d, with d the density of the user's block (`Fraudar` on the highest
    ratings) and d_0 the highest density found after the items were shuffled over the interactions,
    so that only the degrees of users and items are kept; 0 where d is below d_0. Groups of users
    with one taste make blocks too: an excess under a third is ordinary.

    Args:
        num_shuffles: >= 1; the densest block of all shuffles counts.
        seed: of the shuffles.
    """

    def __init__(self, *, num_shuffles: int = 3, seed: int = 0):
        if num_shuffles < 1:
            raise ValueError(f"`num_shuffles` should be >= 1. Received: {num_shuffles!r}.")
        self.num_shuffles = num_shuffles
        self.seed = seed

    def fitted_scores(self, interactions, is_fake):
        rng = np.random.default_rng(self.seed)
        density = Fraudar(highest_only=True).fit(interactions).score(interactions)
        by_chance = 0.0
        for _ in range(self.num_shuffles):
            shuffled = dataclasses.replace(
                interactions, item_index=rng.permutation(interactions.item_index)
            )
            found = Fraudar(highest_only=True).fit(shuffled).score(shuffled)
            by_chance = max(by_chance, float(found.max()))
        return 1.0 - by_chance / np.maximum(np.maximum(density, by_chance), 1e-12)
