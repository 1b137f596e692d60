"""A supervised forest without labels: it simulates attacks on the data and learns to detect them.

Where nothing is labeled and nothing trusted, attacks of many kinds on random targets are injected
into the data, a forest learns to tell their profiles from the data's users, and every user is
scored by a forest that was not fitted on that user. The profiles of a real campaign resemble each
other, and a forest trained with some of them as honest would score the others as honest too: so
users are held out by clusters of similar profiles, and a second round leaves the users that the
first one suspects out of the honest class. It finds what resembles known heuristic attacks, not
every kind of fraud.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from advrec_tf.attacks import heuristic
from advrec_tf.attacks.injection import Poisoned, inject
from advrec_tf.attacks.rating_statistics import above_zero
from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.detectors.base import TransductiveDetector
from advrec_tf.defence.features import FeatureTable, ProfileFeatures
from advrec_tf.ops.extras import require_sklearn

Builder = Callable[[int, int], heuristic.Attack]
"""(number of profiles, number of fillers) -> an attack."""


def _builder(attack, **settings) -> Builder:
    return lambda profiles, fillers: attack(num_profiles=profiles, num_fillers=fillers, **settings)


SIMULATED: tuple[Builder, ...] = (
    _builder(heuristic.RandomAttack),
    _builder(heuristic.AverageAttack),
    _builder(heuristic.AverageAttack, pool=0.2),
    _builder(heuristic.BandwagonAttack),
    _builder(heuristic.SegmentAttack),
    _builder(heuristic.SegmentAttack, pool=0.2),
    _builder(heuristic.LoveHateAttack),
    _builder(heuristic.PopularAttack),
)
LENGTH_FEATURES = ("length", "length_var", "wda")
"""Features by which a forest would identify one campaign, whose profiles all have one length."""
_FOLDS = 5
_CLUSTERS = 25


def simulate_attacks(
    interactions: Interactions,
    *,
    attacks: tuple[Builder, ...] = SIMULATED,
    fraction: float = 0.3,
    campaign_size: int = 5,
    seed: int = 0,
) -> Poisoned:
    """`interactions` with campaigns of `campaign_size` profiles, each on a random target.

    The attacks take turns, each with as many fillers as a random user has items beside the target,
    until there are `fraction` times as many fakes as users.

    Raises:
        ValueError: if `fraction` or `campaign_size` is not positive.
    """
    if not fraction > 0 or campaign_size < 1:
        raise ValueError(
            f"`fraction` should be > 0 and `campaign_size` >= 1. "
            f"Received: {fraction!r} and {campaign_size!r}."
        )
    rng = np.random.default_rng(seed)
    interactions, shift = above_zero(interactions)
    lengths = interactions.user_counts()
    lengths = lengths[lengths > 0]
    max_fillers = max(1, interactions.num_items // 6)  # fewer than the most rated fifth
    rated = np.flatnonzero(interactions.item_counts() > 0)
    campaigns = max(4 * len(attacks), round(fraction * len(lengths) / campaign_size))
    poisoned: Interactions | Poisoned = interactions
    for number in range(campaigns):
        fillers = int(np.clip(rng.choice(lengths) - 1, 1, max_fillers))
        attack = attacks[number % len(attacks)](campaign_size, fillers)
        target = rng.choice(rated, 1)
        profiles = attack.profiles(interactions, target, rng=rng)
        poisoned = inject(poisoned, profiles, targets=target, attack="simulated", rng=rng)
    if shift:
        shifted = poisoned.interactions
        shifted = dataclasses.replace(shifted, rating=shifted.rating - np.float32(shift))
        poisoned = dataclasses.replace(poisoned, interactions=shifted)
    return dataclasses.replace(poisoned, attack="simulated")  # instead of one name a campaign


class SimulatedAttackForest(TransductiveDetector):
    """A random forest on the data's users and simulated fakes; see the module's text.

    The score is the mean over the trees of the fraction of fakes in the leaf, both classes weighted
    equally: from .5 on a user resembles the simulated fakes more than the other users. Labels are
    not read. Needs the extra `analysis`.

    Args:
        attacks, fraction, campaign_size: of `simulate_attacks`.
        num_trees, min_leaf_size: of the forests, both >= 1.
        columns: names of the features to read; by default all but `LENGTH_FEATURES`, by which a
            forest would learn that profiles of exactly the length of a real campaign are honest.
        seed: of attacks, features, clusters and forests.
        **settings: of `ProfileFeatures`.

    Attributes:
        forest: fitted on all users, for profiles that are not in the data.
        features: measured against the data with the simulated fakes in it.
        table: `FeatureTable` of the data's users.
    """

    def __init__(
        self,
        *,
        attacks: tuple[Builder, ...] = SIMULATED,
        fraction: float = 0.3,
        campaign_size: int = 5,
        num_trees: int = 200,
        min_leaf_size: int = 5,
        columns: tuple[str, ...] | None = None,
        seed: int = 0,
        **settings,
    ):
        self.attacks, self.fraction, self.campaign_size = attacks, fraction, campaign_size
        self.num_trees, self.min_leaf_size = num_trees, min_leaf_size
        self.columns = columns
        self.seed = seed
        self.settings = settings

    def fitted_scores(self, interactions, is_fake):
        poisoned = simulate_attacks(
            interactions,
            attacks=self.attacks,
            fraction=self.fraction,
            campaign_size=self.campaign_size,
            seed=self.seed,
        )
        self.features = ProfileFeatures(seed=self.seed, **self.settings).fit(poisoned.interactions)
        table = self.features(poisoned.interactions)
        columns = self.columns
        if columns is None:
            columns = tuple(name for name in table.names if name not in LENGTH_FEATURES)
        table = table.only(columns)
        users = np.flatnonzero(table.measured)
        values, fake = table.values[users], poisoned.is_fake[users]
        real = users[~fake]
        fold = self._folds(values)
        scores, suspected = np.zeros(len(users)), np.zeros(len(users), bool)
        for _ in range(2):
            for number in range(_FOLDS):
                held_out = (fold == number) & ~fake
                trained_on = ~held_out & ~suspected
                if held_out.any() and (trained_on & ~fake).any():
                    forest = self._forest().fit(values[trained_on], fake[trained_on])
                    scores[held_out] = forest.predict_proba(values[held_out])[:, 1]
            suspected = ~fake & (scores >= 0.5)
        self._training = (
            FeatureTable(names=table.names, values=values[~suspected]),
            fake[~suspected],
        )
        self.forest = self._forest().fit(values[~suspected], fake[~suspected])
        own = np.full((interactions.num_users, len(table.names)), np.nan)
        own[real] = table.values[real]
        self.table = FeatureTable(names=table.names, values=own)
        result = np.zeros(interactions.num_users)
        result[real] = scores[~fake]
        return result

    def forest_on(self, columns: tuple[str, ...]):
        """A forest like `forest` that reads only these columns, in this order."""
        table, fake = self._training
        return self._forest().fit(table.only(columns).values, fake)

    def _folds(self, values: np.ndarray) -> np.ndarray:
        """[users] int: whole clusters of similar profiles in one fold."""
        number = max(1, min(_CLUSTERS, len(values) // 4))
        spread = np.maximum(values.std(axis=0), 1e-12)
        scaled = np.clip((values - values.mean(axis=0)) / spread, -5.0, 5.0)
        clusters = require_sklearn("This detector needs").cluster.KMeans(
            number, n_init=1, random_state=self.seed
        )
        cluster = clusters.fit_predict(scaled)
        # The largest first, each to the fold with the fewest users so far.
        sizes, fold_of, filled = np.bincount(cluster), np.zeros(number, int), np.zeros(_FOLDS)
        for one in np.argsort(-sizes, kind="stable"):
            fold_of[one] = np.argmin(filled)
            filled[fold_of[one]] += sizes[one]
        return fold_of[cluster]

    def _forest(self):
        return require_sklearn("This detector needs").ensemble.RandomForestClassifier(
            n_estimators=self.num_trees,
            min_samples_leaf=self.min_leaf_size,
            class_weight="balanced",
            random_state=self.seed,
        )
