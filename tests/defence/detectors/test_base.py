import dataclasses

import numpy as np
import pytest

pytest.importorskip("sklearn")

from advrec_tf.defence.detectors import base, outliers
from advrec_tf.defence.detectors.base import crossfitted
from advrec_tf.defence.detectors.neighborhood_forest import ItemGuilt, NeighborhoodForest
from advrec_tf.defence.detectors.semi_sad import SemiSAD, naive_bayes
from advrec_tf.defence.detectors.simulated_attack_forest import SimulatedAttackForest, simulated
from advrec_tf.defence.detectors.stacked import doubles
from advrec_tf.defence.features import FeatureTable, ProfileFeatures
from advrec_tf.evaluation.classification import area_under_curve


def auc(detector, judged):
    return area_under_curve(judged.is_fake, detector.score(judged.interactions))


@pytest.mark.parametrize(
    ("build", "least"),
    [
        (base.ForestDetector, 0.95),
        (SemiSAD, 0.9),
        (outliers.IsolationForestDetector, 0.7),
        (outliers.MahalanobisDetector, 0.7),
    ],
)
def test_a_detector_finds_an_attack_on_users_it_has_not_seen(build, least, attacked, strangers):
    detector = build(seed=0).fit(attacked.interactions, attacked.is_fake)
    assert auc(detector, strangers) >= least


def test_a_user_without_rows_has_the_lowest_score(attacked, strangers):
    detector = outliers.ECOD().fit(attacked.interactions, attacked.is_fake)
    rows = strangers.interactions.select(strangers.interactions.user_index != 3)
    scores = detector.score(rows)
    assert scores[3] == -np.inf and np.isfinite(np.delete(scores, 3)).all()


def test_training_users_are_measured_as_strangers(rows_of):
    # Item 2 is user 3's alone: against the others it is new, as it would be for a stranger.
    rows = rows_of([(u, i, 3.0) for u in range(10) for i in (0, 1)] + [(3, 2, 4.0)])
    table, features = crossfitted(rows, np.zeros(10, bool))
    assert table.column("new_share").tolist() == pytest.approx(
        [1 / 3 if u == 3 else 0 for u in range(10)]
    )
    # Against all users, itself among them, nothing is new.
    assert not features(rows).column("new_share").any()


def test_the_reference_holds_no_known_fake(attacked):
    _, features = crossfitted(attacked.interactions, attacked.is_fake)
    honest = attacked.interactions.select(~attacked.fake_rows())
    expected = ProfileFeatures().fit(honest).statistics.degree
    np.testing.assert_array_equal(features.statistics.degree, expected)


def test_labels_are_asked_for_and_checked(attacked):
    with pytest.raises(ValueError, match="`is_fake` should say"):
        base.ForestDetector().fit(attacked.interactions)
    with pytest.raises(ValueError, match="Received 0 fakes"):
        base.ForestDetector().fit(
            attacked.interactions, np.zeros(attacked.interactions.num_users, bool)
        )
    with pytest.raises(ValueError, match=r"`is_fake` should be \[132\]"):
        base.ForestDetector().fit(attacked.interactions, np.zeros(3, bool))
    with pytest.raises(ValueError, match="`reference` should be one of"):
        base.ForestDetector(reference="nobody")


def test_ecod_costs_equal_the_values_worked_by_hand():
    # Known 0, 1, 2, 3; value 3: left (4 + 1) / 5 -> 0, right (4 - 3 + 1) / 5 -> -ln .4.
    detector = outliers.ECOD()
    known = FeatureTable(names=("a",), values=np.array([[0.0], [1.0], [2.0], [3.0]]))
    detector.fit_table(known, np.zeros(4, bool))
    found = detector.score_table(FeatureTable(names=("a",), values=np.array([[3.0], [9.0]])))
    assert found.tolist() == pytest.approx([-np.log(2 / 5), -np.log(1 / 5)])


def test_naive_bayes_moments_equal_the_values_worked_by_hand():
    values = np.array([[0.0], [2.0], [10.0], [14.0]])
    mean, variance, log_prior = naive_bayes(
        values, np.array([0.0, 0.0, 1.0, 1.0]), np.array([1.0, 1.0, 1.0, 1.0])
    )
    assert mean[:, 0].tolist() == [1.0, 12.0] and variance[:, 0].tolist() == [1.0, 4.0]
    assert np.exp(log_prior).tolist() == pytest.approx([0.5, 0.5])  # (2 + 1) / (4 + 2)


def test_unlabeled_profiles_move_the_classes_by_their_weight():
    # Labels at 0 and 10 alone; an unlabeled crowd about 12 pulls the fake class there.
    values = np.array([[0.0], [0.5], [10.0], [10.5]] + [[12.0]] * 20)
    is_fake = values[:, 0] > 5
    table = FeatureTable(names=("a",), values=values)

    def mean_of(weight):
        detector = SemiSAD(labeled=0.1, unlabeled_weight=weight, columns=("a",))
        detector.fit_table(table, is_fake)
        return detector._mean[1, 0] * detector._scale[0] + detector._center[0]

    assert abs(mean_of(1.0) - 12.0) < 0.3
    assert mean_of(0.0) != pytest.approx(mean_of(1.0))


def test_item_guilt_equals_the_values_worked_by_hand(rows_of):
    # Unrated, so edges weigh 1. Item 0: a fake and an honest rater; item 1: a fake; item 2: none.
    rows = rows_of([(0, 0, 0), (0, 1, 0), (1, 0, 0)], users=2, rated=False)
    guilt = ItemGuilt(rows, np.array([True, False]))
    stranger = rows_of([(0, 0, 0), (0, 1, 0), (0, 2, 0)], rated=False)
    # prior 1/2: (1 + .5) / (2 + 1), (1 + .5) / (1 + 1), .5 / 1
    found = guilt.columns(stranger)[0]
    assert found[0] == pytest.approx((0.5 + 0.75 + 0.5) / 3)
    assert found[1] == pytest.approx(0.75)
    assert found[2] == pytest.approx(np.log(0.75 / 0.25))
    assert found[3] == pytest.approx((2 + 1 + 0) / 3)


def test_company_finds_users_of_the_items_that_known_fakes_rate(rows_of):
    # Profiles differ in nothing but their items: fakes share ten of the sixty.
    rng = np.random.default_rng(0)
    rows = [(u, i, 3.0) for u in range(60) for i in rng.choice(50, 5, replace=False)]
    rows += [(60 + u, i, 3.0) for u in range(30) for i in 50 + rng.choice(10, 5, replace=False)]
    data, truth = rows_of(rows, items=60), np.arange(90) >= 60
    known = np.arange(90) % 2 == 0
    detector = NeighborhoodForest(seed=0).fit(data.select(known[data.user_index]), truth)
    scores = detector.score(data.select(~known[data.user_index]))
    assert area_under_curve(truth[~known], scores[~known]) > 0.95


def test_company_does_not_hurt_where_the_known_share_nothing_with_the_judged(attacked, strangers):
    detector = NeighborhoodForest(seed=0).fit(attacked.interactions, attacked.is_fake)
    assert auc(detector, strangers) > 0.9


def test_doubles_are_measured_by_jaccard_and_by_containment(rows_of):
    rows = rows_of([(0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 1), (1, 2, 1), (1, 3, 1), (2, 3, 1)])
    nobody = rows.select(np.zeros(0, np.int64))
    found = doubles(rows, nobody)
    # {0, 1} in {0, 1, 2, 3}: 2/4 and 2/2; the larger one: 2/4 and 2/4; {3} in it: 1/4 and 1/1.
    assert found.tolist() == [[0.5, 1.0], [0.5, 0.5], [0.25, 1.0]]
    alone = rows.select(rows.user_index == 0)
    assert doubles(alone, nobody)[0].tolist() == [0.0, 0.0]
    assert doubles(alone, rows)[0].tolist() == [0.5, 1.0]  # itself in `known` does not count


def test_the_simulated_campaigns_leave_the_file_as_it_is(world):
    poisoned = simulated(world, seed=0)
    real = len(world)
    np.testing.assert_array_equal(poisoned.interactions.item_index[:real], world.item_index)
    assert poisoned.is_fake.sum() >= 4 * 8 * 5  # four campaigns of five for each of eight attacks


def test_the_self_taught_forest_finds_a_campaign_nobody_told_it_of(attacked):
    detector = SimulatedAttackForest(seed=0, trees=60).fit(attacked.interactions)
    assert auc(detector, attacked) > 0.9
    assert detector.transductive
    with pytest.raises(ValueError, match="should be those"):
        detector.score(attacked.interactions.select(np.arange(50)))


def test_labels_do_not_enter_the_self_taught_forest(attacked):
    rows = attacked.interactions
    without = SimulatedAttackForest(seed=0, trees=20).fit(rows).score(rows)
    given = SimulatedAttackForest(seed=0, trees=20).fit(rows, attacked.is_fake).score(rows)
    np.testing.assert_array_equal(without, given)


def test_degree_sad_tells_profiles_of_rare_items_from_those_of_popular_ones(rows_of):
    # Forty users on the two popular items 0 and 1, four fakes on items of one or two raters.
    honest = [(u, i, 3.0) for u in range(40) for i in (0, 1)]
    fakes = [(40 + f, 2 + f // 2 * 2 + i, 3.0) for f in range(4) for i in (0, 1)]
    rows, truth = rows_of(honest + fakes, items=8), np.arange(44) >= 40
    detector = base.DegreeSAD(seed=0).fit(rows, truth)
    new = rows_of([(0, 0, 3.0), (0, 1, 3.0), (1, 6, 3.0), (1, 7, 3.0)], items=8)
    assert detector.score(new).tolist() == [0.0, 1.0]


def test_a_scale_from_zero_or_below_is_attacked_as_any_other(world):
    low = dataclasses.replace(world, rating=world.rating - 6)
    plain, moved = simulated(world, seed=1), simulated(low, seed=1)
    assert len(plain.interactions) == len(moved.interactions)
    np.testing.assert_allclose(moved.interactions.rating, plain.interactions.rating - 6)
