"""How many of a user's items stay in a list whatever e fake users do: bounds on subset votes.

Every base model of an ensemble is trained on a random subset of s of n users, and votes for the N'
items it ranks highest for a user; the list holds the N items with the most votes. With e fake users
added, a subset of s of n + e users is free of them with the probability `clean_fraction`, and is
then a subset of the real users. So an item keeps at least the votes p (1 - d), d the fraction of
subsets that may be corrupted, and those can give k items together at most d min(k, N') more. Jia et
al. 2023 (PORE, arXiv:2303.14601, theorem 1; bagging against poisoning is Jia et al. 2021,
arXiv:2008.04495); here the vote is about every real user, whether in the subset or not.

Votes are bounded from samples by Clopper and Pearson 1934. All is NumPy; ensembles are in
`subset_ensemble`.
"""

from __future__ import annotations

import numpy as np
from scipy import stats


def clean_fraction(num_users: int, subset_size: int, num_fakes: int) -> float:
    """C(n, s) / C(n + e, s), in (0, 1]: the subsets of n + e users that hold none of e fakes.

    Raises:
        ValueError: unless 1 <= `subset_size` <= `num_users` and `num_fakes` >= 0.
    """
    if not 1 <= subset_size <= num_users or num_fakes < 0:
        raise ValueError(
            "`subset_size` should be in 1..`num_users` and `num_fakes` >= 0. "
            f"Received: {subset_size!r}, {num_users!r}, {num_fakes!r}."
        )
    taken = np.arange(subset_size)
    return float(np.prod((num_users - taken) / (num_users + num_fakes - taken)))


def vote_bounds(
    votes: np.ndarray, num_models: int, *, confidence: float, comparisons: int, sides: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds on probabilities that were sampled, which all hold together with `confidence`.

    Clopper-Pearson at 1 - (1 - confidence) / (sides comparisons) each (Bonferroni).

    Args:
        votes: [...] int, 0 <= votes <= num_models.
        num_models: samples, >= 1.
        confidence: that all bounds hold, in (0, 1).
        comparisons: how many probabilities are bounded together, >= 1.
        sides: 2 if both bounds of each are relied on, 1 if only the lower or only the upper.

    Returns:
        Lower and upper bounds, each [...] float64 in [0, 1].

    Raises:
        ValueError: if an argument is out of range.
    """
    votes = np.asarray(votes)
    if num_models < 1 or not ((votes >= 0) & (votes <= num_models)).all():
        raise ValueError(
            f"`votes` should be in 0..`num_models`, at least 1. Received: {votes.min(initial=0)}.."
            f"{votes.max(initial=0)} of {num_models!r}."
        )
    if not 0 < confidence < 1 or comparisons < 1:
        raise ValueError(
            "`confidence` should be in (0, 1) and `comparisons` >= 1. "
            f"Received: {confidence!r}, {comparisons!r}."
        )
    side = (1.0 - confidence) / (sides * comparisons)
    # Far fewer numbers of votes occur than items and users.
    counts, place = np.unique(votes, return_inverse=True)
    others = num_models - counts.astype(np.float64)
    low = np.where(counts > 0, stats.beta.ppf(side, counts, others + 1), 0.0)
    high = np.where(others > 0, stats.beta.isf(side, counts + 1, others), 1.0)
    return low[place].reshape(votes.shape), high[place].reshape(votes.shape)


def least_models(
    *,
    clean: float,
    k: int,
    votes_each: int,
    confidence: float,
    comparisons: tuple[int, int],
    most: int = 10**9,
) -> int | None:
    """With how many models an item can be kept at all, see `kept_items`; None if with no number.

    The best case: every model votes for the item and none for `k` of the others.

    Args:
        clean, k, votes_each: as of `kept_items`.
        confidence: of either bound, in (0, 1).
        comparisons: of the lower and of the upper bounds, see `vote_bounds` with one side.
        most: the largest number that is tried.
    """
    doubts = [(1.0 - confidence) / count for count in comparisons]

    def possible(models: int) -> bool:
        lower, upper = doubts[0] ** (1.0 / models), 1.0 - doubts[1] ** (1.0 / models)
        gain = max(lower - upper, 0.0) * clean
        return gain * k > (1.0 - clean) * min(k, votes_each)

    if not possible(most):
        return None
    low, high = 0, most  # impossible, possible
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if possible(middle) else (middle, high)
    return high


def kept_items(
    lower: np.ndarray,
    upper: np.ndarray,
    items: np.ndarray,
    *,
    clean: float,
    k: int,
    votes_each: int,
) -> np.ndarray:
    """Which of `items` stay in a user's list of `k`, whatever the corrupted subsets vote for.

    Item i keeps at least lower_i clean votes and leaves the list only if k others reach it. Another
    item j has at most upper_j clean, so it needs a gain of (lower_i - upper_j) clean from the
    1 - clean corrupted subsets. Each of these votes for an item at most once and for `votes_each`
    items, so gains of several items are possible only if any m of them sum to at most
    (1 - clean) min(m, votes_each). A tie counts as lost. Every item that is kept is in every list
    that the fakes can cause, so all kept items are in it together.

    Args:
        lower, upper: [num_items] float64, bounds on the votes of one user on clean data; NaN for
            items that are never listed, since the user has them.
        items: [n] int, none of them NaN.
        clean: fraction of the subsets without a fake, see `clean_fraction`.
        k: length of the list, >= 1.
        votes_each: N', items that one model votes for, >= 1.

    Returns:
        [n] bool.
    """
    allowed = (1.0 - clean) * np.minimum(np.arange(1, k + 1), votes_each)
    open_items = np.flatnonzero(~np.isnan(upper))
    # The k others that are easiest to lift, and one more in case the item itself is among them.
    easiest = open_items[np.argsort(-upper[open_items], kind="stable")[: k + 1]]
    kept = np.zeros(len(items), bool)
    for place, item in enumerate(items):
        others = upper[easiest[easiest != item][:k]]
        # The largest gain first; the others that are above the item already need none.
        gains = np.maximum(lower[item] - others, 0.0)[::-1] * clean
        possible = len(others) == k and (np.cumsum(gains) <= allowed).all()
        kept[place] = not possible
    return kept


def barred_items(
    lower: np.ndarray, upper: np.ndarray, *, listed: np.ndarray, clean: float, k: int
) -> np.ndarray:
    """[num_items] bool: the items that no corrupted subset can bring into a user's list of `k`.

    An item has at most upper clean + 1 - clean votes; it is barred where k of the `listed` items
    ([k] int) keep more than that. Items that are never listed are barred, listed ones never. The
    other arguments are those of `kept_items`.
    """
    barred = np.isnan(upper)
    if len(listed) >= k:
        barred = barred | (upper * clean + 1.0 - clean < lower[listed].min() * clean)
    barred[listed] = False
    return barred
