"""What certificates of all kinds count: held-out interactions that no attack removes from lists."""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.data.filters import pair_keys
from advrec_tf.data.interactions import Interactions


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kept:
    """What holds for every attack that a certificate is about.

    Attributes:
        hits: held-out interactions that the lists hold on clean data.
        kept: of `hits`, those that no attack removes from its list.
        barred: mean over users of the fraction of unlisted items that no attack brings into the
            list.
        precision, recall, ndcg: of lists of k after the worst attack, at least; hits that are kept
            are counted at the end of the list. Means over users with held-out interactions.
    """

    hits: int
    kept: int
    barred: float
    precision: float
    recall: float
    ndcg: float

    @property
    def kept_share(self) -> float:
        """`kept` over `hits`, 0 without a hit."""
        return self.kept / self.hits if self.hits else 0.0


def kept_measures(rows: np.ndarray, k: int) -> dict:
    """The attributes of `Kept`.

    Args:
        rows: [users, 4]: hits, kept hits, held-out items, the fraction of items that is barred.
        k: length of the lists.
    """
    hits, kept, items, barred = rows.T
    gain = 1.0 / np.log2(np.arange(k) + 2.0)
    ideal = np.append(0.0, np.cumsum(gain))[np.minimum(items, k).astype(int)]
    at_the_end = np.append(0.0, np.cumsum(gain[::-1]))[kept.astype(int)]
    return {
        "hits": int(hits.sum()),
        "kept": int(kept.sum()),
        "barred": float(barred.mean()),
        "precision": float((kept / k).mean()),
        "recall": float((kept / items).mean()),
        "ndcg": float((at_the_end / ideal).mean()),
    }


def require_test(train: Interactions, test: Interactions, k: int) -> None:
    """Refuse held-out interactions that are none of the users and items.

    Raises:
        ValueError: if users or items differ, `k` < 1, or nothing is held out that is not among the
            training interactions of its user.
    """
    sizes = (train.num_users, train.num_items)
    if (test.num_users, test.num_items) != sizes or not len(test) or k < 1:
        raise ValueError(
            f"`test` should hold interactions of {sizes[0]} users and {sizes[1]} items, and `k` "
            f"be >= 1. Received: {test!r}, {k!r}."
        )
    if np.isin(pair_keys(test), pair_keys(train)).all():
        raise ValueError(
            "`test` should hold items that their users do not have in training. Received "
            f"{test!r}, all of whose pairs are training interactions."
        )
