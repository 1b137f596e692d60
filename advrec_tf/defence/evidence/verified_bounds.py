"""Scores that stay near those of a model that learned from verified users alone.

What accounts can do to a model that never saw their interactions is nothing, but a model of the
verified users alone is less accurate. `BoundedRanking` lets the model of all users move each score
away from that of the verified ones, the anchor, as far as two halves of the verified users disagree
about such a score, times a width: less than that, verified users could have said themselves.
`VerifiedBounds` is the defence, which chooses the width on interactions it holds out itself. What
no account can change in the lists is counted in `certified.bounded`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

import numpy as np
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.defences import Defence, DefendedData, Train
from advrec_tf.defence.evidence.ranking import most_allowed
from advrec_tf.defence.evidence.verified import ids_of_verified, known_users
from advrec_tf.models.base import Recommender
from advrec_tf.ops.checks import is_number

WIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, math.inf)
_BLOCK = 1024  # users scored at once


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class BoundedRanking(Recommender):
    """score(u, i) of a model, but no further than width s_u s_i from that of the anchor.

    Attributes:
        model: of all users.
        anchor: of verified users alone, of the same users and items.
        user_scale: [num_users] float32 >= 0, s_u, without a unit.
        item_scale: [num_items] float32 >= 0, s_i, in units of scores.
        width: >= 0; 0 ranks as the anchor does, infinity as the model.

    Raises:
        ValueError: if the width is negative.
    """

    model: Recommender
    anchor: Recommender
    user_scale: np.ndarray
    item_scale: np.ndarray
    width: float

    def __post_init__(self):
        if not _is_width(self.width):
            raise ValueError(f"`width` should be >= 0. Received: {self.width!r}.")

    def __repr__(self) -> str:
        return (
            f"BoundedRanking(model={type(self.model).__name__}, "
            f"anchor={type(self.anchor).__name__}, width={self.width:g})"
        )

    @property
    def interactions(self) -> Interactions:
        return self.model.interactions

    def bounds(self, user_index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The least and the highest score that anything could give, each [batch, num_items]."""
        anchor = tf.cast(self.anchor.score(user_index), tf.float32)
        if math.isinf(self.width):
            unbounded = tf.fill(tf.shape(anchor), math.inf)
            return -unbounded, unbounded
        room = tf.gather(tf.constant(self.user_scale, tf.float32), user_index)[:, None]
        room *= tf.constant(self.width * self.item_scale, tf.float32)[None, :]
        return anchor - room, anchor + room

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        least, highest = self.bounds(user_index)
        scores = tf.cast(self.model.score(user_index), tf.float32)
        return tf.clip_by_value(scores, least, highest)

    def frozen(self) -> BoundedRanking:
        return dataclasses.replace(self, model=self.model.frozen(), anchor=self.anchor.frozen())


@dataclasses.dataclass(frozen=True, kw_only=True)
class VerifiedBounds(Defence):
    """Rank by `BoundedRanking`, as narrowly as validation allows.

    Four models are trained: of all data as defences before this one left them, of the verified
    users, and of either half of these. The halves say how far a score of an item with so many
    raters can be off (`scales`). Unless one width alone is given, all four are trained once more
    without a tenth of each user's interactions, and the narrowest width is taken that keeps NDCG@10
    on these within `tolerance` of the best.

    For a given width it holds whatever the accounts do, however many they are, as long as none of
    them is verified (`certify_bounded` counts what): they can only choose among scores within the
    bounds. It holds behind defences that weigh; one that removes users may be led to remove
    verified ones. That the width is chosen on the interactions of everybody leaves an attacker a
    say in it, so a promise needs one width. Items that no verified user has can hardly be
    recommended at narrow widths, so where verified users have few of the items, validation takes a
    wide one or infinity, which bounds nothing.

    Args:
        verified: as `VerifiedCounts` takes it; at least two of them have interactions.
        widths: that are tried, >= 0, in units of the disagreement of the halves; one alone is taken
            as it is.
        tolerance: fraction of the best NDCG@10 that may be lost, in [0, 1).

    Warns:
        UserWarning: as `VerifiedCounts` does.

    Raises:
        ValueError: if an argument is out of range; in training if fewer than two verified users
            have interactions, or the model gives no scores to users whose interactions weigh 0.

    Examples:
        >>> import advrec_tf as ar
        >>> split = ar.data.load("synthetic", num_users=60, num_items=30).split("last_item")
        >>> verified = split.train.users.ids[:24]
        >>> defence = ar.defence.VerifiedBounds(verified=verified, widths=[1.0])
        >>> def fit(rows, weight):
        ...     return ar.models.EASE(l2=20.0).fit(rows, weight=weight)
        >>> model = ar.defence.fit_defended(fit, split.train, defence, weighted=True)
        >>> (found,) = ar.defence.certify_bounded(model, split.test, widths=[1.0])
        >>> 0 <= found.kept <= found.hits
        True
    """

    verified: Iterable[int | str] = ()
    widths: Sequence[float] = WIDTHS
    tolerance: float = 0.01

    needs: ClassVar[frozenset[str]] = frozenset({"profiles"})

    def __post_init__(self):
        object.__setattr__(self, "verified", ids_of_verified(self.verified))
        object.__setattr__(self, "widths", checked_widths(self.widths))
        if not (is_number(self.tolerance) and 0 <= self.tolerance < 1):
            raise ValueError(f"`tolerance` should be in [0, 1). Received: {self.tolerance!r}.")

    def knowing(self, verified):
        return dataclasses.replace(self, verified=tuple(verified))

    def trained(self, train, data, *, seed):
        """See `Defence.trained`.

        Raises:
            ValueError: as the class says.
        """
        known = np.flatnonzero(known_users(data.interactions, self.verified))
        if len(known) < 2:
            raise ValueError(
                "`verified` should hold ids of two users with interactions at least, since halves "
                f"of them are compared. Received one: {self.verified!r}."
            )
        halves = np.array_split(np.random.default_rng(seed).permutation(known), 2)

        def bounded(data: DefendedData) -> BoundedRanking:
            return _bounded(train, data, known, halves)

        widest_first = sorted(self.widths, reverse=True)
        width = most_allowed(
            bounded, data, widest_first, _of_width, tolerance=self.tolerance, seed=seed
        )
        return _of_width(bounded(data), data, width)


def checked_widths(widths: Sequence[float]) -> tuple[float, ...]:
    """Widths of bounds.

    Raises:
        ValueError: if they are not one number >= 0 at least, of which infinity is one.
    """
    given = tuple(widths) if isinstance(widths, Iterable) else ()
    if not given or not all(_is_width(width) for width in given):
        raise ValueError(
            f"`widths` should be a list of numbers >= 0, one at least. Received: {widths!r}."
        )
    return tuple(float(width) for width in given)


def _is_width(width: object) -> bool:
    return width == math.inf or (is_number(width) and width >= 0)


def _of_width(ranking: BoundedRanking, data: DefendedData, width: float) -> BoundedRanking:
    return dataclasses.replace(ranking, width=width)


def _bounded(
    train: Train, data: DefendedData, known: np.ndarray, halves: Sequence[np.ndarray]
) -> BoundedRanking:
    """The ranking of width 1: the model of all data, and the anchor with its scales.

    Args:
        known: [n] int, verified users; `halves` their indices in two parts.
    """
    model = train(data)
    anchor, *parts = (_of_users(train, data, users) for users in (known, *halves))
    if any(model is other for other in (anchor, *parts)):
        raise ValueError(
            "`train` should give a new model each time it is called. Received the same one twice."
        )
    raters = [_raters(data, users) for users in (known, *halves)]
    user_scale, item_scale = scales(parts, data.interactions, known, raters)
    return BoundedRanking(
        model=model, anchor=anchor, user_scale=user_scale, item_scale=item_scale, width=1.0
    )


def _of_users(train: Train, data: DefendedData, users: np.ndarray) -> Recommender:
    """What is trained on the interactions of some users, whose weights are 1, and of nobody else.

    Raises:
        ValueError: if it does not have the others' interactions to score them by.
    """
    weight = np.isin(data.interactions.user_index, users).astype(np.float32)
    model = train(dataclasses.replace(data, weight=weight))
    if len(model.interactions) < len(data.interactions):
        raise ValueError(
            "`train` should weigh interactions and score users by their own ones, whatever these "
            "weigh, as `EASE().fit(rows, weight=weight)` does (`fit_defended(..., weighted=True)`)."
            f" Received {type(model).__name__}, which has {len(model.interactions):,} of "
            f"{len(data.interactions):,} interactions."
        )
    return model


def _raters(data: DefendedData, users: np.ndarray) -> np.ndarray:
    """[num_items] int, interactions of some users with each item."""
    chosen = np.isin(data.interactions.user_index, users)
    return np.bincount(data.interactions.item_index[chosen], minlength=data.interactions.num_items)


def scales(
    halves: Sequence[Recommender],
    interactions: Interactions,
    known: np.ndarray,
    raters: Sequence[np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """How far two models of half of the verified users each disagree, by user and by item.

    The scale of an item is the root mean square of the differences between both, over verified
    users who do not have it and over items that either half has as often as the verified users have
    this one (within a factor of the root of two). The scale of a user is that over the items the
    user does not have, as a multiple of the one of verified users. So neither depends on what
    others have, but a user's on the user's own items.

    Args:
        halves: two models.
        interactions: of the users who are scored.
        known: [n] int, verified users.
        raters: [num_items] int each: of the verified users, and of the two halves.

    Returns:
        [num_users] and [num_items] float32.
    """
    of_user = np.zeros(interactions.num_users)
    of_item, times = np.zeros(interactions.num_items), np.zeros(interactions.num_items)
    verified = np.isin(np.arange(interactions.num_users), known)
    for users, square, new in _differences(halves, interactions):
        of_user[users] = square.sum(axis=1) / np.maximum(new.sum(axis=1), 1)
        of_item += square[verified[users]].sum(axis=0)
        times += new[verified[users]].sum(axis=0)
    mean = of_user[known].mean()
    relative = np.sqrt(of_user / mean) if mean > 0 else np.zeros(len(of_user))
    whole, *parts = (_steps(counts) for counts in raters)
    size = 1 + max(int(steps.max(initial=0)) for steps in (whole, *parts))
    total, number = np.zeros(size), np.zeros(size)
    for steps in parts:
        total += np.bincount(steps, of_item, minlength=size)
        number += np.bincount(steps, times, minlength=size)
    met = np.flatnonzero(number)
    by_step = np.interp(np.arange(size), met, np.sqrt(total[met] / number[met]))
    return relative.astype(np.float32), by_step[whole].astype(np.float32)


def _differences(
    halves: Sequence[Recommender], interactions: Interactions
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Blocks of users: their indices [b], squared differences [b, num_items], 0 for items they
    have, and which items they do not have [b, num_items] bool."""
    one, other = (half.frozen() for half in halves)
    seen = interactions.by_user()
    for start in range(0, interactions.num_users, _BLOCK):
        users = np.arange(start, min(start + _BLOCK, interactions.num_users), dtype=np.int32)
        square = np.square(np.asarray(one.score(users)) - np.asarray(other.score(users)))
        first, last = seen.row_splits[[users[0], users[-1] + 1]]
        new = np.ones(square.shape, bool)
        new[seen.users()[first:last] - start, seen.items[first:last]] = False
        yield users, square * new, new


def _steps(raters: np.ndarray) -> np.ndarray:
    """[items] int, numbers of raters in steps of the root of two."""
    return np.rint(2.0 * np.log2(raters + 1.0)).astype(np.int64)
