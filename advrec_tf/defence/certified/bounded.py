"""What no number of accounts can change in lists whose scores are bounded by verified users."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.certified.kept import Kept, kept_measures, require_test
from advrec_tf.defence.evidence.verified_bounds import (
    WIDTHS,
    BoundedRanking,
    checked_widths,
)

_BLOCK = 1024  # users scored at once


@dataclasses.dataclass(frozen=True, kw_only=True)
class BoundedCertificate(Kept):
    """What holds for every attack by accounts that are not verified, however many they are.

    Attributes:
        width: of the bounds.
    """

    width: float


def certify_bounded(
    ranking: BoundedRanking,
    test: Interactions,
    *,
    widths: Sequence[float] = WIDTHS,
    k: int = 10,
) -> list[BoundedCertificate]:
    """A certificate for each width.

    A hit is kept where fewer than k other items have a highest score as high as its least one, an
    item barred where k others have a least score above its highest one. It is no sample and has no
    confidence; it holds for users whose own interactions stay as they are, as long as no account of
    the attacker is verified and the width is not chosen on interactions that an attacker can add
    to. Nothing is promised of equal scores: where verified users say nothing of many items, as few
    of them do, these are all equal at width 0.

    Args:
        ranking: what `VerifiedBounds` ranks by, trained on clean data; its own width is not used.
        test: held-out interactions of the same users and items.
        widths: each >= 0.
        k: length of the lists, >= 1.

    Raises:
        ValueError: if `ranking` has no bounds, the users or items differ, nothing is held out that
            users do not have, or a number is out of range.
    """
    if not isinstance(ranking, BoundedRanking):
        raise ValueError(
            "`ranking` should be what `VerifiedBounds` ranks by, as `fit_defended` gives it. "
            f"Received: {type(ranking).__name__}."
        )
    widths, train = checked_widths(widths), ranking.interactions
    require_test(train, test, k)
    ranking = ranking.frozen()
    return [
        BoundedCertificate(
            width=width,
            **kept_measures(_rows(dataclasses.replace(ranking, width=width), test, k), k),
        )
        for width in widths
    ]


def _rows(ranking: BoundedRanking, test: Interactions, k: int) -> np.ndarray:
    """[users with new held-out items, 4]: hits, kept hits, held-out items, the fraction barred."""
    seen, wanted = ranking.interactions.by_user(), test.by_user()
    users = np.flatnonzero(wanted.counts > 0).astype(np.int32)
    rows = []
    for start in range(0, len(users), _BLOCK):
        block = users[start : start + _BLOCK]
        least, highest = (np.array(bound) for bound in ranking.bounds(block))
        scores = np.array(ranking.score(block))
        for place, user in enumerate(block):
            items = np.setdiff1d(wanted[user], seen[user])
            if not len(items):
                continue
            for values in (least, highest, scores):
                values[place, seen[user]] = -np.inf
            listed = np.argsort(-scores[place], kind="stable")[:k]
            hits = np.intersect1d(listed, items)
            others = np.setdiff1d(np.arange(len(scores[place])), [*listed, *seen[user]])
            kept = least[place, hits] > _place(highest[place], k + 1)
            barred = highest[place, others] < _place(least[place], k)
            rows.append((len(hits), kept.sum(), len(items), barred.mean() if len(others) else 1.0))
    return np.array(rows, float).reshape(-1, 4)


def _place(values: np.ndarray, place: int) -> float:
    """The value at a place counted from the highest, which is the first; -infinity past the end."""
    if place > len(values):
        return -np.inf
    return np.partition(values, len(values) - place)[len(values) - place]
