"""The section `lists`: what the lists look like, and how easily they change.

Coverage, long tail, concentration (Gini) and overlap between users are of the audit's own lists:
the best items beside those of train and validation. What a model serves itself is asked for
separately, to see whether it lists items that the user has. Stability is the overlap of a list with
the list after noise, and after one item was taken out of the history, where the model takes one.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.order import ordered_by_user
from advrec_tf.evaluation.ranking import HEAD_FRACTION
from advrec_tf.evaluation.robustness import KINDS, attack_vectors
from advrec_tf.pipelines.audit.subject import (
    UNKNOWN_ITEM,
    Case,
    K,
    best_items,
    overlap,
    seen_mask,
)

NOISE = 0.05
"""The size of the noise: of each vector's norm, or of the spread of a user's scores."""
_PAIRS = 2000
_HISTORIES = 200


def measure(case: Case) -> dict:
    """Figures of lists of `K` items."""
    train, lists = case.split.train, case.lists
    listed = lists[lists >= 0]
    exposure = np.bincount(listed, minlength=train.num_items)
    return {
        "coverage": float((exposure > 0).mean()),
        "long_tail_share": float(tail_of(train.item_counts())[listed].mean()),
        "gini": gini(exposure),
        "between_users": between_users(lists, case.settings.seed),
        **served(case),
        "noise": NOISE,
        **under_noise(case),
        **without_one_item(case),
        "exposure": _curve(exposure),
    }


def tail_of(counts: np.ndarray) -> np.ndarray:
    """[num_items] bool, False for the most popular `HEAD_FRACTION` of the items."""
    tail = np.ones(len(counts), bool)
    order = np.argsort(-counts, kind="stable")
    tail[order[: int(np.ceil(HEAD_FRACTION * len(counts)))]] = False
    return tail


def gini(exposure: np.ndarray) -> float:
    """Gini coefficient of how often items are listed: 0 for all alike, near 1 for one item alone.

    sum_i (2 i - n - 1) x_i / (n sum x) over ascending x, as in Fleder & Hosanagar 2009.
    """
    ordered = np.sort(exposure).astype(np.float64)
    count, total = len(ordered), ordered.sum()
    if not total:
        return 0.0
    return float(((2 * np.arange(1, count + 1) - count - 1) * ordered).sum() / (count * total))


def between_users(lists: np.ndarray, seed: int = 0) -> float:
    """Mean overlap of the lists of two users, over random pairs; 1 where all get the same."""
    if len(lists) < 2:
        return 1.0
    rng = np.random.default_rng(seed)
    one = rng.integers(len(lists), size=_PAIRS)
    other = (one + rng.integers(1, len(lists), size=_PAIRS)) % len(lists)
    return overlap(lists[one], lists[other])


def served(case: Case) -> dict:
    """What the model's own lists hold: shares of items that the user has, and of unknown items."""
    has = seen_mask(case.split.train, case.users)
    raw = best_items(case.scores, np.zeros_like(has))
    rows = np.arange(len(raw))[:, None]
    alone = float(has[rows, raw][raw >= 0].mean())
    if case.subject.lists is None:
        why = "The model only scores: what is listed is up to whoever serves it."
        return {
            "serves_lists": False,
            "seen": None,
            "no_seen": why,
            "seen_by_scores": alone,
            "unknown": None,
            "no_unknown": why,
        }
    own = case.subject.lists(case.users)
    there, known = own != -1, own >= 0
    return {
        "serves_lists": True,
        "seen": float((has[rows, np.maximum(own, 0)] & known).sum() / max(there.sum(), 1)),
        "seen_by_scores": alone,
        "unknown": float((own == UNKNOWN_ITEM).sum() / max(there.sum(), 1)),
        "shorter": float((there.sum(1) < min(K, case.split.train.num_items)).mean()),
    }


def under_noise(case: Case) -> dict:
    """Overlap of the lists before and after random noise of the size `NOISE`."""
    hidden, seed = seen_mask(case.split.trainval(), case.users), case.settings.seed
    vectors = case.subject.vectors
    if vectors is None:
        rng = np.random.default_rng(seed)
        finite = np.isfinite(case.scores)
        spread = np.where(finite, case.scores, 0.0).std(axis=1, keepdims=True)
        scores = case.scores + NOISE * spread * rng.standard_normal(case.scores.shape)
        return {
            "noise_on": "scores",
            "noise_overlap": overlap(best_items(scores, hidden), case.lists),
        }
    moved = attack_vectors(
        vectors.user_vectors,
        vectors.item_vectors,
        case.split.train,
        KINDS["random"](NOISE, relative=True),
        seed=seed,
    )
    scores = moved.user_vectors[case.users] @ moved.item_vectors.T
    scores[~np.isfinite(case.scores)] = -np.inf
    return {"noise_on": "vectors", "noise_overlap": overlap(best_items(scores, hidden), case.lists)}


def without_one_item(case: Case) -> dict:
    """Overlap of the list for a history with the list for the same without one item of it.

    The item that was taken out may be listed again, which is right: it counts in neither list.
    """
    subject, train = case.subject, case.split.train
    if subject.history_lists is None:
        return {
            "removal_overlap": None,
            "no_removal_overlap": "The model takes no history at request time, so one item "
            "less means to train it again.",
        }
    rng, known = np.random.default_rng(case.settings.seed), train.by_user()
    users = case.users[known.counts[case.users] >= 2][:_HISTORIES]
    if not len(users):
        return {"removal_overlap": None, "no_removal_overlap": "No user has two interactions."}
    gone = np.array([rng.choice(known[user]) for user in users])
    whole = _in_order(train, users)
    less = [items[items != item] for items, item in zip(whole, gone, strict=True)]
    before, after = subject.history_lists(whole), subject.history_lists(less)
    after = np.where(after == gone[:, None], -1, after)
    return {"removal_overlap": overlap(after, before), "removal_users": len(users)}


def _in_order(train: Interactions, users: np.ndarray) -> list[np.ndarray]:
    """The items of each user in order of time, which next-item models read, each where it came
    last."""
    if train.timestamp is not None and np.isnan(train.timestamp).any():
        train = dataclasses.replace(train, timestamp=None)  # the file's order stands for time's
    order, starts = ordered_by_user(train)
    items = train.item_index[order]
    found = []
    for user in users:
        backwards = items[starts[user] : starts[user + 1]][::-1]
        _, first = np.unique(backwards, return_index=True)
        found.append(backwards[np.sort(first)][::-1])
    return found


def _curve(exposure: np.ndarray) -> list[float]:
    """21 points: the share of all places that the most listed 0, 5, ... 100 % of the items take."""
    ordered = np.cumsum(np.sort(exposure)[::-1])
    places = np.linspace(0, len(ordered), 21).round().astype(int)
    return [float(ordered[place - 1] / ordered[-1]) if place else 0.0 for place in places]
