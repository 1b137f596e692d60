import numpy as np
import pytest

from advrec_tf.defence.detectors.neighborhood_forest import ItemGuilt, NeighborhoodForest
from advrec_tf.evaluation.classification import area_under_curve

pytest.importorskip("sklearn")


def auc(detector, poisoned):
    return area_under_curve(poisoned.is_fake, detector.score(poisoned.interactions))


def test_item_guilt_equals_the_values_worked_by_hand(rows_of):
    # Unrated, so edges weigh 1. Item 0: a fake and an honest rater; item 1: a fake; item 2: none.
    rows = rows_of([(0, 0, 0), (0, 1, 0), (1, 0, 0)], users=2, rated=False)
    guilt = ItemGuilt(rows, np.array([True, False]))
    stranger = rows_of([(0, 0, 0), (0, 1, 0), (0, 2, 0)], rated=False)
    # prior 1/2: (1 + .5) / (2 + 1), (1 + .5) / (1 + 1), .5 / 1
    found = guilt.features(stranger)[0]
    assert found[0] == pytest.approx((0.5 + 0.75 + 0.5) / 3)
    assert found[1] == pytest.approx(0.75)
    assert found[2] == pytest.approx(np.log(0.75 / 0.25))
    assert found[3] == pytest.approx((2 + 1 + 0) / 3)


def test_guilt_by_association_finds_users_of_the_items_that_known_fakes_rate(rows_of):
    # Profiles differ in nothing but their items: fakes share ten of the sixty.
    rng = np.random.default_rng(0)
    rows = [(u, i, 3.0) for u in range(60) for i in rng.choice(50, 5, replace=False)]
    rows += [(60 + u, i, 3.0) for u in range(30) for i in 50 + rng.choice(10, 5, replace=False)]
    data, truth = rows_of(rows, items=60), np.arange(90) >= 60
    known = np.arange(90) % 2 == 0
    detector = NeighborhoodForest(seed=0).fit(data.select(known[data.user_index]), truth)
    scores = detector.score(data.select(~known[data.user_index]))
    assert area_under_curve(truth[~known], scores[~known]) > 0.95


def test_guilt_by_association_does_not_hurt_where_labeled_and_scored_users_share_no_items(
    attacked, strangers
):
    detector = NeighborhoodForest(seed=0).fit(attacked.interactions, attacked.is_fake)
    assert auc(detector, strangers) > 0.9
