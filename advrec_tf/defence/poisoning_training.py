"""Adversarial poisoning training (APT): added users that lower the empirical risk.

Wu et al. 2021 (SIGIR, "Fight Fire with Fire"): while the attacker's profiles raise the risk, the
defender adds profiles (ERM users) that lower it, retrains, and chooses them again. The effect of a
rating of item i by a new user on the risk is given by an influence function. Here the model is a
biased factorization by least squares, whose item blocks are solved exactly, so that the inverse
Hessian of an item is exact.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.attacks.injection import inject
from advrec_tf.attacks.rating_statistics import RatingStatistics
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.factorization.rating_factorization import BiasedFactorization

_DIM = 16


def item_influence(
    model: BiasedFactorization,
    interactions: Interactions,
    user: np.ndarray,
    rating: np.ndarray,
) -> np.ndarray:
    """[num_items] float64: change of the risk sum (r - r_hat)^2 if a user rates each item.

    With f_v = (p_v, 1) of the item's raters v and residuals e_v, the item's Hessian is
    H = sum f_v f_v' + l2 I; a rating by a user f with residual e moves the item's vector by
    H^-1 f e, and the risk by -2 (sum e_v f_v)' H^-1 f e, to first order (Koh & Liang 2017).

    Args:
        model: fitted.
        interactions: whose risk is measured, with the model's users and items.
        user: [dim + 1], the new user's factors and bias.
        rating: [num_items], the new user's rating of each item.
    """
    features = np.concatenate([model.users[:, :-1], np.ones((len(model.users), 1))], axis=1)
    residual = interactions.rating - model.predict(interactions)
    items, dim = interactions.num_items, features.shape[1]
    of_rater = features[interactions.user_index]
    pull = np.stack(
        [
            np.bincount(interactions.item_index, residual * of_rater[:, d], items)
            for d in range(dim)
        ],
        axis=1,
    )
    hessian = np.zeros((items, dim, dim))
    for i in range(dim):
        for j in range(i, dim):
            total = np.bincount(interactions.item_index, of_rater[:, i] * of_rater[:, j], items)
            hessian[:, i, j] = hessian[:, j, i] = total
    hessian[:, np.arange(dim), np.arange(dim)] += model.l2
    new = np.append(user[:-1], 1.0)
    error = rating - (model.mean + model.items @ new + user[-1])
    moved = np.linalg.solve(hessian, np.broadcast_to(new, (items, dim))[:, :, None])[:, :, 0]
    return -2.0 * np.sum(pull * moved, axis=1) * error


def erm_users(
    interactions: Interactions,
    *,
    num_users: int,
    rounds: int = 3,
    num_items: int | None = None,
    boost: float = 1.0,
    temperature: float = 0.1,
    seed: int = 0,
) -> Interactions:
    """`interactions` with `num_users` ERM users after all others.

    Each round fits a model on the data with the ERM users of the last round, takes the mean user as
    the new one, rates items `boost` levels above their mean (in the authors' code a fifth of the
    scale) where that lowers the risk, and draws each ERM user's items by
    softmax(-influence / (temperature * the largest decrease)). Ratings are normal about that level
    with the standard deviation of all ratings, rounded to the scale.

    Args:
        interactions: all with a rating.
        num_users, rounds: >= 1.
        num_items: items that an ERM user rates; by default the mean number of a user.
        boost: in levels of the rating scale.

    Raises:
        ValueError: if an argument is out of range or a rating is missing.
    """
    if num_users < 1 or rounds < 1 or not temperature > 0:
        raise ValueError(
            "`num_users` and `rounds` should be >= 1 and `temperature` > 0. "
            f"Received: {num_users!r}, {rounds!r}, {temperature!r}."
        )
    rng = np.random.default_rng(seed)
    statistics = RatingStatistics.of(interactions)
    if num_items is None:
        num_items = int(round(len(interactions) / max((interactions.user_counts() > 0).sum(), 1)))
    step = float(np.median(np.diff(statistics.levels))) if len(statistics.levels) > 1 else 0.0
    level = np.clip(statistics.item_mean + boost * step, statistics.low, statistics.high)
    data, model = interactions, None
    for _ in range(rounds):
        start = None if model is None or model.interactions.num_users > data.num_users else model
        model = BiasedFactorization(dim=_DIM, epochs=4, seed=seed).fit(data, start=start)
        mean_user = model.users[: interactions.num_users].mean(axis=0)
        influence = item_influence(model, interactions, mean_user, level)
        helpful = np.flatnonzero((influence < 0) & (interactions.item_counts() > 0))
        if not len(helpful):
            return data
        fall = -influence[helpful]
        weight = np.exp((fall - fall.max()) / (temperature * fall.max()))
        # A floor, so that as many items as asked have a chance.
        weight = weight / weight.sum() + 1e-9
        chance = weight / weight.sum()
        count = min(num_items, len(helpful))
        profiles = np.zeros((num_users, interactions.num_items), np.float32)
        for profile in profiles:
            chosen = rng.choice(helpful, count, replace=False, p=chance)
            profile[chosen] = statistics.on_scale(rng.normal(level[chosen], statistics.std))
        data = inject(
            interactions, profiles, targets=helpful[:1], attack="ERM users", rng=rng
        ).interactions
    return data
