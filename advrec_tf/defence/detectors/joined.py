"""A forest that knows attacks from labels, joined with overlaps that no attack was needed for.

What a forest has learned from labeled attacks says little of attacks of another kind, and the
signs of `overlap` hardly read ratings: each finds what the other cannot.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.detectors.base import Detector, checked_labels
from advrec_tf.defence.detectors.overlap import OverlapDetector
from advrec_tf.defence.detectors.stacked import StackedForest

HALF_THE_LEAVES = 0.5


class ForestAndOverlap(Detector):
    """`StackedForest` and `OverlapDetector`, each in units of honest strangers' scores.

    With the quantiles q of a detector's scores of the honest training users (the forest's by trees
    that were grown without them) a score s is worth max(0, (s - q50) / (q99 - q50)); the result is
    the root of the sum of both squares. From 1 on a user stands out as one honest user of a hundred
    does. For the forest q99 is 1/2 at least: where few honest users were like the attacks it was
    taught, less than half of its leaves would outweigh any overlap. Needs the extra `analysis`.
    """

    needs_labels = True

    def __init__(self, *, seed: int = 0):
        self.detectors = (StackedForest(seed=seed), OverlapDetector(seed=seed))

    def fit(self, interactions: Interactions, is_fake: np.ndarray | None = None):
        is_fake = checked_labels(interactions, is_fake, needed=True)
        self._quantiles = []
        for detector, least in zip(self.detectors, (HALF_THE_LEAVES, 0.0), strict=True):
            detector.fit(interactions, is_fake)
            middle, last = np.quantile(detector.honest_scores, (0.5, 0.99))
            self._quantiles.append((middle, max(last, least)))
        return self

    def scores_of(self, interactions: Interactions) -> np.ndarray:
        total = np.zeros(interactions.num_users)
        for detector, (middle, last) in zip(self.detectors, self._quantiles, strict=True):
            above = (detector.scores_of(interactions) - middle) / max(last - middle, 1e-9)
            total += np.maximum(above, 0.0) ** 2
        return np.sqrt(total)
