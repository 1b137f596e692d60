"""A supervised detector without labels: it attacks the file itself and learns the difference.

Where nothing is labeled and nothing trusted, attacks of many kinds on random targets are
injected into the file, a forest learns to tell their profiles from the file's users, and every
user is scored by a forest that was not fitted on that user. The profiles of a real campaign are
alike, and a forest told that some of them are honest would take the others for honest too: so
users are held out by clusters of similar profiles, and a second round leaves out of the honest
class whom the first one suspects. It finds what resembles attacks known by rule, not every
fraud.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from advrec_tf.attacks import heuristic
from advrec_tf.attacks.injection import Poisoned, inject
from advrec_tf.attacks.rating_statistics import above_zero
from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.detectors.base import Detector, require_sklearn
from advrec_tf.defence.features import FeatureTable, ProfileFeatures

Builder = Callable[[int, int], heuristic.Attack]
"""(profiles, fillers) -> an attack."""


def _plain(record, **settings) -> Builder:
    return lambda profiles, fillers: record(num_profiles=profiles, num_fillers=fillers, **settings)


SIMULATED: tuple[Builder, ...] = (
    _plain(heuristic.RandomAttack),
    _plain(heuristic.AverageAttack),
    _plain(heuristic.AverageAttack, pool=0.2),
    _plain(heuristic.BandwagonAttack),
    _plain(heuristic.SegmentAttack),
    _plain(heuristic.SegmentAttack, pool=0.2),
    _plain(heuristic.LoveHateAttack),
    _plain(heuristic.PopularAttack),
)
EXACT = ("length", "length_var", "wda")
"""Features that a forest could know one campaign by: all its profiles have one length."""
_FOLDS = 5
_CLUSTERS = 25


def simulated(
    rows: Interactions,
    *,
    attacks: tuple[Builder, ...] = SIMULATED,
    fraction: float = 0.3,
    campaign: int = 5,
    seed: int = 0,
) -> Poisoned:
    """`rows` with campaigns of `campaign` profiles each on a random target.

    Attacks take turns, with fillers as many as the items of a user drawn at random less one,
    until there are `fraction` of the users in fakes.

    Raises:
        ValueError: if `fraction` or `campaign` is not positive.
    """
    if not fraction > 0 or campaign < 1:
        raise ValueError(
            f"`fraction` should be > 0 and `campaign` >= 1. Received: {fraction!r} and "
            f"{campaign!r}."
        )
    rng = np.random.default_rng(seed)
    rows, shift = above_zero(rows)
    lengths = rows.user_counts()
    lengths = lengths[lengths > 0]
    most = max(1, rows.num_items // 6)  # the most rated fifth has to hold them
    rated = np.flatnonzero(rows.item_counts() > 0)
    campaigns = max(4 * len(attacks), round(fraction * len(lengths) / campaign))
    data: Interactions | Poisoned = rows
    for number in range(campaigns):
        fillers = int(np.clip(rng.choice(lengths) - 1, 1, most))
        attack = attacks[number % len(attacks)](campaign, fillers)
        target = rng.choice(rated, 1)
        profiles = attack.profiles(rows, target, rng=rng)
        data = inject(data, profiles, targets=target, attack="simulated", rng=rng)
    if shift:
        own = data.interactions
        own = dataclasses.replace(own, rating=own.rating - np.float32(shift))
        data = dataclasses.replace(data, interactions=own)
    return dataclasses.replace(data, attack="simulated")  # once, not joined by as many pluses


class SimulatedAttackForest(Detector):
    """A random forest on the file's users and simulated fakes; see the module's text.

    The score is the share of fakes in the leaves, classes weighted equally: from .5 on a user is
    rather like the simulated fakes. Labels are not read. The features in `EXACT` are not either: by
    them a forest would learn that the profiles of a real campaign, which it is told are honest,
    are those of just that length. Needs the extra `analysis`.

    Args:
        attacks, fraction, campaign: of `simulated`.
        trees, fewest_leaf: of the forests.
        **settings: of `ProfileFeatures`.

    Attributes:
        forest: fitted on everybody, for profiles that are not in the file.
        features: measured against the file with the simulated fakes in it.
        table: `FeatureTable` of the file's users.
    """

    transductive = True

    def __init__(
        self,
        *,
        attacks: tuple[Builder, ...] = SIMULATED,
        fraction: float = 0.3,
        campaign: int = 5,
        trees: int = 200,
        fewest_leaf: int = 5,
        columns: tuple[str, ...] | None = None,
        seed: int = 0,
        **settings,
    ):
        self.attacks, self.fraction, self.campaign = attacks, fraction, campaign
        self.trees, self.fewest_leaf = trees, fewest_leaf
        self.columns = columns
        self.seed = seed
        self.settings = settings

    def fit(
        self, interactions: Interactions, is_fake: np.ndarray | None = None
    ) -> SimulatedAttackForest:
        self._fingerprint = interactions.fingerprint()
        poisoned = simulated(
            interactions,
            attacks=self.attacks,
            fraction=self.fraction,
            campaign=self.campaign,
            seed=self.seed,
        )
        self.features = ProfileFeatures(seed=self.seed, **self.settings).fit(poisoned.interactions)
        table = self.features(poisoned.interactions)
        chosen = self.columns
        if chosen is None:
            chosen = tuple(name for name in table.names if name not in EXACT)
        table = table.only(chosen)
        users = np.flatnonzero(table.judged)
        values, fake = table.values[users], poisoned.is_fake[users]
        real = users[~fake]
        fold = self._folds(values)
        scores, doubted = np.zeros(len(users)), np.zeros(len(users), bool)
        for _ in range(2):
            for number in range(_FOLDS):
                mine = (fold == number) & ~fake
                taught = ~mine & ~doubted
                if mine.any() and (taught & ~fake).any():
                    forest = self._forest().fit(values[taught], fake[taught])
                    scores[mine] = forest.predict_proba(values[mine])[:, 1]
            doubted = ~fake & (scores >= 0.5)
        self._taught = FeatureTable(names=table.names, values=values[~doubted]), fake[~doubted]
        self.forest = self._forest().fit(values[~doubted], fake[~doubted])
        self._scores = np.zeros(interactions.num_users)
        self._scores[real] = scores[~fake]
        own = np.full((interactions.num_users, len(table.names)), np.nan)
        own[real] = table.values[real]
        self.table = FeatureTable(names=table.names, values=own)
        return self

    def forest_on(self, columns: tuple[str, ...]):
        """A forest like `forest` that reads these columns alone, in this order."""
        table, fake = self._taught
        return self._forest().fit(table.only(columns).values, fake)

    def _folds(self, values: np.ndarray) -> np.ndarray:
        """[users] int: whole clusters of similar profiles in one fold."""
        number = max(1, min(_CLUSTERS, len(values) // 4))
        spread = np.maximum(values.std(axis=0), 1e-12)
        scaled = np.clip((values - values.mean(axis=0)) / spread, -5.0, 5.0)
        clusters = require_sklearn().cluster.KMeans(number, n_init=1, random_state=self.seed)
        cluster = clusters.fit_predict(scaled)
        # The largest first, each to the fold with the fewest users so far.
        sizes, fold_of, filled = np.bincount(cluster), np.zeros(number, int), np.zeros(_FOLDS)
        for one in np.argsort(-sizes, kind="stable"):
            fold_of[one] = np.argmin(filled)
            filled[fold_of[one]] += sizes[one]
        return fold_of[cluster]

    def _forest(self):
        return require_sklearn().ensemble.RandomForestClassifier(
            n_estimators=self.trees,
            min_samples_leaf=self.fewest_leaf,
            class_weight="balanced",
            random_state=self.seed,
        )

    def scores_of(self, interactions: Interactions) -> np.ndarray:
        """Raises:
        ValueError: for other interactions than it was fitted on.
        """
        if interactions.fingerprint() != self._fingerprint:
            raise ValueError(
                "`interactions` should be those that a transductive detector was fitted on. "
                f"Received others: {interactions!r}."
            )
        return self._scores
