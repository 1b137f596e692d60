"""DegreeSAD: a decision tree on the degrees of a profile's items; Li & Gao 2016, SDLib."""

from __future__ import annotations

from advrec_tf.defence.detectors.feature_detector import FeatureDetector
from advrec_tf.ops.extras import require_sklearn

FEATURES = ("mud", "rud", "qud")


class DegreeSAD(FeatureDetector):
    """Supervised: a decision tree (entropy) on mean, range and lower quartile of the items'
    degrees. Needs the extra `analysis`.

    Args:
        **settings: of `FeatureDetector`, without `columns`.
    """

    needs_labels = True

    def __init__(self, **settings):
        super().__init__(columns=FEATURES, **settings)

    def fit_table(self, table, is_fake):
        self.tree = require_sklearn("This detector needs").tree.DecisionTreeClassifier(
            criterion="entropy", random_state=self.seed
        )
        self.tree.fit(table.values, is_fake)

    def score_table(self, table):
        return self.tree.predict_proba(table.values)[:, 1]
