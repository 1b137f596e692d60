"""Profiles steered to rare items, with a cap on how far popularity drifts.

A generator gives p(i | u). Steered by gamma it becomes

    p_gamma(i | u)  proportional to  p(i | u) * n_i^-gamma,      n_i the interactions of item i + .5
    drift(gamma) = mean over users of E_{p_gamma}[log n_i] - mean over real interactions of log n_i

in nats: -0.7 means interactions with items half as popular as real ones. `steer` takes the gamma at
which drift = -cap. Of all distributions with that mean log-popularity p_gamma is the one
closest to p in Kullback-Leibler divergence (exponential tilting; Csiszar 1975), so taste is
given up no more than the cap asks for. drift falls in gamma: its derivative is minus the
variance of log n_i. A source that gives rarer items than the cap allows gets gamma < 0: at
one cap all sources give equally rare items, and differ in taste alone.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.models.base import log_popularity
from advrec_tf.ops.checks import as_number

WIDEST = 64.0
"""The largest |gamma| that is tried."""


@dataclasses.dataclass(frozen=True, eq=False)
class Steered:
    """What `steer` found.

    Attributes:
        logits: [users, num_items] float32, of p_gamma; -inf at items a user has.
        gamma: the exponent.
        drift: what it drifts by, nats; above -cap only if no |gamma| up to `WIDEST` gets there.
    """

    logits: np.ndarray
    gamma: float
    drift: float


def mean_log_popularity(interactions: Interactions) -> float:
    """Mean over the interactions of log(interactions of the item + .5)."""
    return float(log_popularity(interactions)[interactions.item_index].mean(dtype=np.float64))


def steer(
    logits: np.ndarray, users: np.ndarray, interactions: Interactions, *, cap: float
) -> Steered:
    """The given users' logits at the gamma whose drift is -cap.

    Args:
        logits: [len(users), num_items], log p(i | u) up to a constant a user.
        users: their indices; what they have is left out.
        cap: nats >= 0; 0 gives items as popular as those of real interactions.

    Raises:
        ValueError: if shapes do not fit, a logit is NaN, `cap` is negative, or there is no user.
    """
    expected = (len(users), interactions.num_items)
    if logits.shape != expected or not len(users):
        raise ValueError(f"`logits` should have shape {expected}. Received: {logits.shape}.")
    if np.isnan(logits).any():
        raise ValueError("`logits` should be numbers. Received NaN.")
    if not as_number(cap) >= 0:
        raise ValueError(f"`cap` should be >= 0. Received: {cap!r}.")
    popularity = log_popularity(interactions)
    logits = logits.astype(np.float32)
    seen = interactions.by_user()
    for place, user in enumerate(users):
        logits[place, seen[user]] = -np.inf
    target = mean_log_popularity(interactions) - cap

    def mean_at(gamma: float) -> float:
        tilted = logits - np.float32(gamma) * popularity
        tilted = np.exp(tilted - tilted.max(axis=1, keepdims=True))
        means = (tilted @ popularity) / tilted.sum(axis=1)
        return float(means.mean(dtype=np.float64))

    low, high = -1.0, 1.0
    while mean_at(low) < target and low > -WIDEST:
        low *= 2.0
    while mean_at(high) > target and high < WIDEST:
        high *= 2.0
    for _ in range(30):
        middle = 0.5 * (low + high)
        if mean_at(middle) > target:
            low = middle
        else:
            high = middle
    gamma = 0.5 * (low + high)
    return Steered(
        logits=logits - np.float32(gamma) * popularity,
        gamma=gamma,
        drift=mean_at(gamma) - mean_log_popularity(interactions),
    )
