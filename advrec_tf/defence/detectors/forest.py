"""A random forest on labeled profiles; Breiman 2001. Needs the extra `analysis`."""

from __future__ import annotations

import warnings

from advrec_tf.defence.detectors.feature_detector import FeatureDetector
from advrec_tf.ops.extras import require_sklearn


class ForestDetector(FeatureDetector):
    """Supervised. The score is the mean over the trees of the fraction of fakes in the leaf, both
    classes weighted equally.

    Args:
        num_trees: >= 1.
        min_leaf_size: training users in a leaf, >= 1.
        **settings: of `FeatureDetector`.

    Attributes:
        honest_scores: [honest] float64, out-of-bag scores of the honest training users: each by the
            trees it was not drawn for, as an unknown honest user would be scored.
    """

    needs_labels = True

    def __init__(self, *, num_trees: int = 300, min_leaf_size: int = 2, **settings):
        super().__init__(**settings)
        self.num_trees = num_trees
        self.min_leaf_size = min_leaf_size

    def fit_table(self, table, is_fake):
        self.forest = require_sklearn("This detector needs").ensemble.RandomForestClassifier(
            n_estimators=self.num_trees,
            min_samples_leaf=self.min_leaf_size,
            class_weight="balanced",
            oob_score=True,
            random_state=self.seed,
        )
        with warnings.catch_warnings():
            # A fake may be drawn for every tree; out-of-bag scores of fakes are not used.
            warnings.filterwarnings("ignore", "Some inputs do not have OOB scores")
            self.forest.fit(table.values, is_fake)
        self.honest_scores = self.forest.oob_decision_function_[~is_fake, 1]

    def score_table(self, table):
        return self.forest.predict_proba(table.values)[:, 1]
