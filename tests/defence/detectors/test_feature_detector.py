import numpy as np
import pytest

from advrec_tf.defence.detectors.feature_detector import cross_fitted
from advrec_tf.defence.detectors.forest import ForestDetector
from advrec_tf.defence.detectors.outliers import ECOD, IsolationForestDetector, MahalanobisDetector
from advrec_tf.defence.detectors.semi_sad import SemiSAD
from advrec_tf.defence.features import ProfileFeatures
from advrec_tf.evaluation.classification import area_under_curve

pytest.importorskip("sklearn")


def auc(detector, poisoned):
    return area_under_curve(poisoned.is_fake, detector.score(poisoned.interactions))


@pytest.mark.parametrize(
    ("build", "least"),
    [
        (ForestDetector, 0.95),
        (SemiSAD, 0.9),
        (IsolationForestDetector, 0.7),
        (MahalanobisDetector, 0.7),
    ],
)
def test_a_detector_finds_an_attack_on_users_it_has_not_seen(build, least, attacked, strangers):
    detector = build(seed=0).fit(attacked.interactions, attacked.is_fake)
    assert auc(detector, strangers) >= least


def test_a_user_without_rows_has_the_lowest_score(attacked, strangers):
    detector = ECOD().fit(attacked.interactions, attacked.is_fake)
    rows = strangers.interactions.select(strangers.interactions.user_index != 3)
    scores = detector.score(rows)
    assert scores[3] == -np.inf and np.isfinite(np.delete(scores, 3)).all()


def test_training_users_are_measured_like_unknown_users(rows_of):
    # Item 2 is user 3's alone: against the others it is new, as it would be for a stranger.
    rows = rows_of([(u, i, 3.0) for u in range(10) for i in (0, 1)] + [(3, 2, 4.0)])
    table, features = cross_fitted(rows, np.zeros(10, bool))
    assert table.column("new_share").tolist() == pytest.approx(
        [1 / 3 if u == 3 else 0 for u in range(10)]
    )
    # Against all users, itself among them, nothing is new.
    assert not features(rows).column("new_share").any()


def test_the_reference_holds_no_known_fake(attacked):
    _, features = cross_fitted(attacked.interactions, attacked.is_fake)
    honest = attacked.interactions.select(~attacked.fake_interactions())
    expected = ProfileFeatures().fit(honest).statistics.degree
    np.testing.assert_array_equal(features.statistics.degree, expected)
