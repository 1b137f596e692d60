"""How much any k users move an item's score: leave-group-out of EASE in closed form.

With G = X'X + l2 I and P = G^-1 the score of item t is on average over all users

    m_t = mean_u (x_u B)_t = mean(x)_t - (mean(x)' P)_t / P_tt

Without the rows Y of a group of k users, P becomes P + A (I - H)^-1 A' with A = PY' and H = YPY'
(Woodbury), so m_t changes by what needs two numbers of every user and a system of k x k: nothing is
trained again. Everybody stays in the mean, so the difference is what the group taught the model.
For gradient-trained models influence functions (Koh & Liang 2017) say the same to first order; EASE
stands for them where they recommend alike.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from advrec_tf.data.interactions import Interactions
from advrec_tf.models.gram import profiles_of

MEMORY_LIMIT = 4 * 2**30
"""Bytes that `UserInfluence` may take: four float64 matrices of users x items, two of users."""


class UserInfluence:
    """The influence of users on the mean score of every item by EASE.

    Args:
        interactions: the training interactions; solved over the users, so there may be many items.
        l2: of EASE, > 0.
        audience: [k] int, the users over whom scores are averaged; None for all.

    Attributes:
        mean_score: [num_items] float64, m_t.
        single: [num_users, num_items] float64, m_t less what it is without the user: positive where
            the user lifts the item.

    Raises:
        ValueError: if `l2` is not positive or the matrices need more than `MEMORY_LIMIT`.
    """

    def __init__(
        self, interactions: Interactions, *, l2: float = 200.0, audience: np.ndarray | None = None
    ):
        users, items = interactions.num_users, interactions.num_items
        if not l2 > 0 or not self.fits(interactions):
            raise ValueError(
                f"`l2` should be > 0 and the influence of {users} users on {items} items take at "
                f"most {MEMORY_LIMIT / 2**30:g} GiB. Received: {l2!r}, "
                f"{_bytes(interactions) / 2**30:.1f} GiB."
            )
        self.interactions = interactions
        profiles = profiles_of(interactions).toarray()
        kernel = profiles @ profiles.T
        kernel[np.diag_indices(users)] += l2
        inverse = np.linalg.inv(kernel)
        self._solved = inverse @ profiles  # rows are P x_u
        self._inner = np.eye(users) - l2 * inverse  # H of all users: XPX' = XX'K
        self._diagonal = (1.0 - (profiles * self._solved).sum(axis=0)) / l2
        asked = slice(None) if audience is None else audience
        self._mean = self._solved[asked].mean(axis=0)  # mean(x)' P
        self._along = profiles @ self._mean  # mean(x)' P x_u
        self._base = profiles[asked].mean(axis=0)
        self.mean_score = self._base - self._mean / self._diagonal
        left = 1.0 - np.diag(self._inner)[:, None]
        mean = self._mean + self._along[:, None] * self._solved / left
        self.single = self.mean_score - (
            self._base - mean / (self._diagonal + self._solved**2 / left)
        )

    @staticmethod
    def fits(interactions: Interactions) -> bool:
        """Whether the matrices need no more than `MEMORY_LIMIT` bytes."""
        return _bytes(interactions) <= MEMORY_LIMIT

    def of_group(self, users: np.ndarray) -> np.ndarray:
        """[num_items] float64: m less what it is without the users ([k] int, distinct); exact."""
        return self._without(users, slice(None))

    def lift_of(self, users: np.ndarray, item: int) -> float:
        """The same for one item, which costs no more than a system of k x k."""
        return float(self._without(users, [item])[0])

    def _without(self, users: np.ndarray, items) -> np.ndarray:
        left = np.eye(len(users)) - self._inner[np.ix_(users, users)]
        solved = self._solved[users][:, items]
        moved = np.linalg.solve(left, solved)
        mean = self._mean[items] + self._along[users] @ moved
        diagonal = self._diagonal[items] + (solved * moved).sum(axis=0)
        return self.mean_score[items] - (self._base[items] - mean / diagonal)

    def strongest(self, item: int, k: int) -> np.ndarray:
        """[<= k] int: the users who lift an item most, each by itself, with the strongest first."""
        order = np.argsort(-self.single[:, item], kind="stable")[:k]
        return order[self.single[order, item] > 0]

    def bound(self, k: int) -> np.ndarray:
        """[num_items] float64 >= 0: no group of k users lifts an item by more.

        With a_u = (P x_u)_t and g_u = mean(x)' P x_u, the numerator moves by g' (I - H)^-1 a, at
        most |g| |a| / (1 - h) for the k largest of each and h a bound of the largest eigenvalue of
        any k x k part of H (Gershgorin, and 1); the diagonal only grows.
        """
        k = min(k, len(self._along))
        rows = np.abs(self._inner)
        own = np.diag(rows).copy()
        np.fill_diagonal(rows, 0.0)
        others = np.sort(rows, axis=1)[:, len(own) - (k - 1) :].sum(axis=1) if k > 1 else 0.0
        largest = np.linalg.eigvalsh(self._inner)[-1]
        left = 1.0 - min(float((own + others).max()), float(largest))
        along = np.sqrt(np.sort(self._along**2)[-k:].sum())
        solved = np.sqrt(np.sort(self._solved**2, axis=0)[-k:].sum(axis=0))
        return along * solved / left / self._diagonal


def _bytes(interactions: Interactions) -> int:
    users, items = interactions.num_users, interactions.num_items
    return 8 * users * (4 * items + 2 * users)


def influence_table(interactions: Interactions, *, k: int = 10, l2: float = 200.0) -> pd.DataFrame:
    """One line an item that somebody has: how much of its score k users hold.

    Returns:
        `item_id`; `users`, those who have it; `mean_score` of EASE over all users; `lift`, by how
        much the k users who lift it most, each by itself, lift it together (exact for this group);
        `share`, the same over the mean score, clipped to [0, 1]; and `bound`, which no group of k
        users exceeds. The highest shares come first.

    Raises:
        ValueError: if `k` is below 1, or as `UserInfluence` does.
    """
    if k < 1:
        raise ValueError(f"`k` should be >= 1. Received: {k!r}.")
    influence = UserInfluence(interactions, l2=l2)
    counts = interactions.item_counts()
    items = np.flatnonzero(counts > 0)
    lift = np.array([influence.lift_of(influence.strongest(item, k), item) for item in items])
    score = influence.mean_score[items]
    share = np.clip(np.divide(lift, score, out=np.zeros_like(lift), where=score > 0), 0.0, 1.0)
    table = pd.DataFrame(
        {
            "item_id": interactions.items.ids[items],
            "users": counts[items],
            "mean_score": score,
            "lift": lift,
            "share": share,
            "bound": influence.bound(k)[items],
        }
    )
    return table.sort_values(["share", "lift"], ascending=False, kind="stable", ignore_index=True)
