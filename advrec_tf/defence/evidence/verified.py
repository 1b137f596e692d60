"""Raters of an item beyond what verified users make believable count for little.

Where an item has three raters, fifty accounts are the majority, and if each of them looks like a
user, nothing in the interactions tells which are which. What does is a part of the users who are
known to be real, by a payment, an age of the account or a check by hand: how many of them have an
item says how many of the others can be expected to. `VerifiedCounts` is the defence,
`believable_counts` the statistics behind it.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Sequence

import numpy as np
from scipy import optimize, stats

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.defences import Defence, DefendedData
from advrec_tf.models.gram import profiles_of
from advrec_tf.ops.checks import is_number

_FEW = 20  # verified users below which their numbers of raters say little
_SHAPES = (1e-3, 1e4)  # of the prior: from all items in a few hands to all alike


@dataclasses.dataclass(frozen=True, kw_only=True)
class VerifiedCounts(Defence):
    """Let no item count for more raters than its verified raters make believable.

    An item with v verified raters is expected to have others in proportion, give or take what
    chance does (`believable_counts`). Where it has u of them, more than the bound b, an interaction
    of these with it weighs (b / u)^2, so that the roots of the weights, which weighted EASE sums,
    add up to b; where a model sums the weights themselves, they add up to less. Interactions of
    verified users weigh 1. It bounds what accounts can add to one item, however they look, as long
    as none of them is verified. The bound is tight where few have an item and loose where many do.
    It is in proportion to all interactions of users who are not verified: accounts that doubled
    those would double it.

    The verified users should have the taste of the others: where a kind of user is not among them,
    its items are capped as if they were pushed.

    Args:
        verified: ids of users who are known to be real, as the interactions have them. Those that
            the interactions do not have count for nothing, with a warning that tells how many.
            Blanks around an id and its Unicode form do not matter.
        chance: that an item of real users alone exceeds its bound, in (0, 1).

    Warns:
        UserWarning: in training, if fewer than twenty are verified, or some have no interactions.

    Raises:
        ValueError: if an argument is out of range; in training if there is no verified user with an
            interaction.
    """

    verified: Iterable[int | str] = ()
    chance: float = 0.001

    def __post_init__(self):
        if not (is_number(self.chance) and 0 < self.chance < 1):
            raise ValueError(f"`chance` should be in (0, 1). Received: {self.chance!r}.")
        object.__setattr__(self, "verified", ids_of_verified(self.verified))

    def knowing(self, verified):
        return dataclasses.replace(self, verified=tuple(verified))

    def training_data(self, interactions, *, seed):
        known = known_users(interactions, self.verified)
        weight = _item_weights(interactions, known, self.chance)
        own = known[interactions.user_index]
        return DefendedData(
            interactions=interactions,
            weight=np.where(own, 1.0, weight[interactions.item_index]).astype(np.float32),
        )


def ids_of_verified(ids: Iterable[int | str]) -> tuple[int | str, ...]:
    """Ids of users, each once.

    Raises:
        ValueError: if they are no collection, or one text.
    """
    if isinstance(ids, (str, bytes)) or not isinstance(ids, Iterable):
        raise ValueError(f"`verified` should hold ids of users. Received: {ids!r}.")
    return tuple(dict.fromkeys(ids))


def known_users(interactions: Interactions, ids: Sequence[int | str]) -> np.ndarray:
    """[num_users] bool: users with interactions that have one of the ids.

    Warns:
        UserWarning: if some of them have no interactions, or they are fewer than twenty.

    Raises:
        ValueError: if none of them has interactions.
    """
    index = interactions.users.index_of_asked(ids)
    known = np.zeros(interactions.num_users, bool)
    known[index[index >= 0]] = True
    known &= interactions.user_counts() > 0
    if not known.any():
        raise ValueError(
            f"`verified` should hold ids of users with interactions. Received {len(ids)} ids, none "
            "of which has one."
        )
    absent = [one for one, place in zip(ids, index, strict=True) if place < 0 or not known[place]]
    if absent:
        warnings.warn(
            f"{len(absent)} of {len(ids)} ids in `verified` are no users with interactions, such "
            f"as {absent[0]!r}.",
            stacklevel=3,
        )
    if known.sum() < min(_FEW, (interactions.user_counts() > 0).sum()):
        warnings.warn(
            f"Verified users with interactions are {int(known.sum())}, fewer than {_FEW}: they say "
            "little about the items of the others, which may be held for pushed.",
            stacklevel=3,
        )
    return known


def _item_weights(interactions: Interactions, known: np.ndarray, chance: float) -> np.ndarray:
    """[num_items] float64, what an interaction of a user who is not verified weighs."""
    profiles = profiles_of(interactions)
    verified = np.asarray(profiles[known].sum(axis=0))
    others = np.asarray(profiles[~known].sum(axis=0))
    there = verified + others > 0
    bound = np.full(len(there), np.inf)
    ratio = others.sum() / verified.sum()
    bound[there] = believable_counts(verified[there], ratio, chance=chance)
    return np.minimum(1.0, bound / np.maximum(others, 1.0)) ** 2


def believable_counts(verified: np.ndarray, ratio: float, *, chance: float) -> np.ndarray:
    """The numbers of other raters that items exceed by chance alone with a given probability.

    Numbers of raters are Poisson draws around a rate of each item, and the rates of all items a
    gamma distribution, which is fitted to the verified raters alone. Given v of these, the number
    of others is a negative binomial variable (Robbins 1956, empirical Bayes; Gelman et al. 2013,
    Bayesian Data Analysis, ch. 2.7).

    Args:
        verified: [items] int >= 0, verified raters of each item.
        ratio: interactions of the others for each one of verified users, >= 0.
        chance: in (0, 1).

    Returns:
        [items] float64, whole numbers.
    """
    shape, mean = gamma_prior(verified)
    rate = shape / mean
    return stats.nbinom.ppf(1.0 - chance, shape + verified, (rate + 1.0) / (rate + 1.0 + ratio))


def gamma_prior(counts: np.ndarray) -> tuple[float, float]:
    """(shape, mean) of the gamma distribution of rates that makes Poisson counts most likely.

    Args:
        counts: [items] int >= 0, at least one of them positive.
    """
    value, times = np.unique(np.asarray(counts, np.int64), return_counts=True)
    mean = float(np.average(value, weights=times))

    def against(log_shape: float) -> float:
        shape = np.exp(log_shape)
        return -float(times @ stats.nbinom.logpmf(value, shape, shape / (shape + mean)))

    found = optimize.minimize_scalar(against, bounds=np.log(_SHAPES), method="bounded")
    return float(np.exp(found.x)), mean
