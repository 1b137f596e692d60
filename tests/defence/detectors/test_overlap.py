import dataclasses

import numpy as np
import pytest

from advrec_tf.attacks.copies import CopyAttack
from advrec_tf.attacks.heuristic import AverageAttack, PopularAttack
from advrec_tf.attacks.injection import inject
from advrec_tf.defence.detectors.overlap import SIGNALS, OverlapDetector, common_targets
from advrec_tf.evaluation.classification import area_under_curve


def test_the_deviation_of_a_group_equals_the_value_worked_by_hand(rows_of):
    # Ratings of one length all: suspicion is the uniform rank. Users 0..3 gave item 0 a 5, user 4
    # a 1, and each rated an item of its own.
    rows = rows_of(
        [(u, 0, 5.0 if u < 4 else 1.0) for u in range(5)] + [(u, 1 + u, 3.0) for u in range(5)],
        items=6,
    )
    suspicion = np.array([4.0, 3.0, 2.0, 1.0, 0.0])
    rank = (np.array([4, 3, 2, 1, 0]) + 0.5) / 5 - 0.5
    score = rank * np.sqrt(12)
    score -= score.mean()
    expected = [max(0.0, (score[:4].sum() - score[u]) / np.sqrt(3)) for u in range(4)] + [0.0]
    found = common_targets(rows, np.arange(5), suspicion)
    np.testing.assert_allclose(found.deviation, expected, atol=1e-9)
    assert found.deviation[3] > found.deviation[1] > 0
    assert found.size.tolist() == [0, 3, 3, 3, 0] and found.item[1:4].tolist() == [0, 0, 0]
    # A row that is written twice is one opinion.
    twice = rows.select(np.concatenate([np.arange(len(rows)), [0]]))
    twice = dataclasses.replace(twice, rating=twice.rating.copy())
    assert common_targets(twice, np.arange(5), suspicion).deviation[4] == 0.0


@pytest.mark.parametrize(
    ("attack", "sign"),
    [
        (CopyAttack(num_profiles=6, num_fillers=15), "copy"),
        (PopularAttack(num_profiles=6, num_fillers=20), "near_neighbors"),
        (AverageAttack(num_profiles=6, num_fillers=24), "low_variance"),
    ],
)
def test_each_signal_finds_its_kind_of_attack_without_labels(world, attack, sign):
    targets = np.array([70])
    rng = np.random.default_rng(3)
    profiles = attack.profiles(world, targets, rng=rng)
    poisoned = inject(world, profiles, targets=targets, attack=sign, rng=rng)
    detector = OverlapDetector(seed=0).fit(poisoned.interactions)
    scores = detector.score(poisoned.interactions)
    fake = poisoned.is_fake
    assert area_under_curve(fake.astype(int), detector.signals[:, SIGNALS.index(sign)]) > 0.9
    assert area_under_curve(fake.astype(int), scores) > 0.9


def test_a_common_target_adds_to_low_variance(world):
    targets, rng = np.array([70]), np.random.default_rng(3)
    attack = AverageAttack(num_profiles=8, num_fillers=12)
    profiles = attack.profiles(world, targets, rng=rng)
    poisoned = inject(world, profiles, targets=targets, attack="average", rng=rng)
    detector = OverlapDetector(seed=0).fit(poisoned.interactions)
    detector.score(poisoned.interactions)
    fake = poisoned.is_fake.astype(int)
    alone = area_under_curve(fake, detector.signals[:, SIGNALS.index("low_variance")])
    together = area_under_curve(fake, detector.signals[:, SIGNALS.index("common_target")])
    assert together > alone


def test_overlap_needs_neither_ratings_nor_timestamps(world):
    plain = dataclasses.replace(world, rating=None)
    scores = OverlapDetector(seed=0).fit(plain).score(plain)
    assert np.isfinite(scores).all()


def test_too_few_users_or_items_are_refused(rows_of, world):
    short = rows_of([(u, (u + i) % 30, 3.0) for u in range(40) for i in range(4)], items=30)
    with pytest.raises(ValueError, match="20 users with 5 items to compare. Received 0"):
        OverlapDetector().fit(short)
    few = rows_of([(u, i, 3.0) for u in range(5) for i in range(3)])
    with pytest.raises(ValueError, match="should hold 20 users to compare. Received 5"):
        OverlapDetector().fit(few)
    with pytest.raises(ValueError, match="`max_users` should be >= 20. Received: 3"):
        OverlapDetector(max_users=3)
    nobody = world.select(np.zeros(len(world), bool))
    assert (OverlapDetector().fit(world).score(nobody) == -np.inf).all()


def test_known_fakes_are_left_out_of_the_calibration(attacked):
    labeled = OverlapDetector(seed=0).fit(attacked.interactions, attacked.is_fake)
    honest = attacked.interactions.select(~attacked.is_fake[attacked.interactions.user_index])
    without = OverlapDetector(seed=0).fit(honest)
    np.testing.assert_allclose(labeled.honest_scores, without.honest_scores)


def test_a_user_with_few_items_scores_0(world):
    one = np.zeros((1, 80), np.float32)
    one[0, 3] = 4.0
    rng = np.random.default_rng(0)
    added = inject(world, one, targets=np.array([5]), attack="short", rng=rng)
    scores = OverlapDetector(seed=0).fit(added.interactions).score(added.interactions)
    assert scores[np.flatnonzero(added.is_fake)] == [0.0]
