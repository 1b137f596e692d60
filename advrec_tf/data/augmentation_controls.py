"""Augmentation without a generator, the controls of augmentation with one.

Interactions that are left out (`drop_interactions`), items replaced by a similar one
(`swap_items`), items taken over from another user (`mix_profiles`, the mixup of Zhang et al.
2018, arXiv:1710.09412, on profiles), and Gaussian noise on the numbers of a side table
(`add_noise_to_numbers`). Each is a function of its arguments and an `rng`, and alters nothing.
Noise on embeddings during training is `perturbations.Perturbation(direction="random")`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from advrec_tf.data.filters import pair_keys
from advrec_tf.data.interactions import Interactions
from advrec_tf.ops.rng import RNG

Pairs = tuple[np.ndarray, np.ndarray]
"""(user_index, item_index), each [n] int32."""


def _check_fraction(fraction: float, name: str = "fraction") -> None:
    if not 0 <= fraction < 1:
        raise ValueError(f"`{name}` should lie in [0, 1). Received: {fraction!r}.")


def drop_interactions(interactions: Interactions, fraction: float, *, rng: RNG) -> Interactions:
    """The interactions without a random fraction of them; every user keeps at least one.

    Raises:
        ValueError: if `fraction` lies outside [0, 1).
    """
    rng = np.random.default_rng(rng)
    _check_fraction(fraction)
    draw = rng.random(len(interactions))
    keep = draw >= fraction
    # The interaction with a user's largest draw stays whatever the fraction.
    order = np.lexsort((draw, interactions.user_index))
    users = interactions.user_index[order]
    last = np.append(users[1:] != users[:-1], True) if len(users) else np.zeros(0, bool)
    keep[order[last]] = True
    return interactions.select(keep)


def swap_items(
    interactions: Interactions, neighbors: np.ndarray, fraction: float, *, rng: RNG
) -> Pairs:
    """New interactions in which the items of a random fraction are replaced by a neighbor.

    Args:
        neighbors: [num_items, n] int, the items most like each; one of the n is drawn.
        fraction: of the interactions, in [0, 1).

    Returns:
        (user_index, item_index), [n] int32 each, none of which a user has already; a swap
        into what a user has is left out.

    Raises:
        ValueError: if `fraction` lies outside [0, 1) or `neighbors` is not [num_items, n].
    """
    rng = np.random.default_rng(rng)
    _check_fraction(fraction)
    if neighbors.ndim != 2 or len(neighbors) != interactions.num_items:
        raise ValueError(
            f"`neighbors` should be [{interactions.num_items}, n]. "
            f"Received shape: {neighbors.shape}."
        )
    chosen = np.flatnonzero(rng.random(len(interactions)) < fraction)
    column = rng.integers(neighbors.shape[1], size=len(chosen))
    items = neighbors[interactions.item_index[chosen], column].astype(np.int32)
    return _new(interactions, interactions.user_index[chosen], items)


def mix_profiles(
    interactions: Interactions,
    alpha: float,
    *,
    rng: RNG,
    users: np.ndarray | None = None,
) -> Pairs:
    """New interactions of each user with some items of a random partner.

    The partner's items are taken each with probability 1 - lambda, lambda = max(b, 1 - b) with b
    from Beta(alpha, alpha): a user stays closer to itself than to its partner.

    Args:
        alpha: > 0.
        users: the user indices that get interactions, by default all; every user with
            interactions can be a partner.

    Returns:
        (user_index, item_index), [n] int32 each, none of which a user has already.

    Raises:
        ValueError: if `alpha` is not positive or there are not two users with interactions.
    """
    rng = np.random.default_rng(rng)
    if not alpha > 0:
        raise ValueError(f"`alpha` should be > 0. Received: {alpha!r}.")
    profiles = interactions.by_user()
    donors = np.flatnonzero(profiles.counts)
    if len(donors) < 2:
        raise ValueError(
            f"`interactions` should have two users with interactions. Received: {len(donors)}."
        )
    users = donors if users is None else np.asarray(users)
    user_rows, item_rows = [], []
    for user in users:
        partner = user
        while partner == user:
            partner = rng.choice(donors)
        b = rng.beta(alpha, alpha)
        own = profiles[int(partner)]
        taken = own[rng.random(len(own)) < 1 - max(b, 1 - b)]
        user_rows.append(np.full(len(taken), user, np.int32))
        item_rows.append(taken)
    return _new(interactions, np.concatenate(user_rows), np.concatenate(item_rows))


def add_noise_to_numbers(table: pd.DataFrame, scale: float, *, rng: RNG) -> pd.DataFrame:
    """A side table with normal noise of `scale` deviations of the column on every number.

    Columns with at most two values (flags) and those that hold no numbers are as they were.

    Raises:
        ValueError: if `scale` is negative.
    """
    rng = np.random.default_rng(rng)
    if scale < 0:
        raise ValueError(f"`scale` should be >= 0. Received: {scale!r}.")
    noisy = table.copy()
    for name in table:
        column = table[name]
        if pd.api.types.is_numeric_dtype(column) and column.nunique() > 2:
            deviation = float(column.std(ddof=0))
            noisy[name] = column + rng.normal(0.0, scale * deviation, len(column))
    return noisy


def _new(interactions: Interactions, users: np.ndarray, items: np.ndarray) -> Pairs:
    """The distinct pairs among those given that the user does not have."""
    keys = np.unique(users.astype(np.int64) * interactions.num_items + items)
    keys = keys[~np.isin(keys, pair_keys(interactions))]
    users, items = np.divmod(keys, interactions.num_items)
    return users.astype(np.int32), items.astype(np.int32)
