import dataclasses

import numpy as np
import pytest

from advrec_tf.defence.detectors.simulated_attack_forest import (
    SimulatedAttackForest,
    simulate_attacks,
)
from advrec_tf.evaluation.classification import area_under_curve

pytest.importorskip("sklearn")


def auc(detector, poisoned):
    return area_under_curve(poisoned.is_fake, detector.score(poisoned.interactions))


def test_simulated_campaigns_leave_the_interactions_as_they_are(world):
    poisoned = simulate_attacks(world, seed=0)
    real = len(world)
    np.testing.assert_array_equal(poisoned.interactions.item_index[:real], world.item_index)
    assert poisoned.is_fake.sum() >= 4 * 8 * 5  # four campaigns of five for each of eight attacks


def test_the_forest_finds_a_campaign_without_labels(attacked):
    detector = SimulatedAttackForest(seed=0, num_trees=60).fit(attacked.interactions)
    assert auc(detector, attacked) > 0.9
    assert detector.transductive
    with pytest.raises(ValueError, match="should be those"):
        detector.score(attacked.interactions.select(np.arange(50)))


def test_labels_are_not_read(attacked):
    rows = attacked.interactions
    without = SimulatedAttackForest(seed=0, num_trees=20).fit(rows).score(rows)
    given = SimulatedAttackForest(seed=0, num_trees=20).fit(rows, attacked.is_fake).score(rows)
    np.testing.assert_array_equal(without, given)


def test_a_scale_from_zero_or_below_is_attacked_as_any_other(world):
    low = dataclasses.replace(world, rating=world.rating - 6)
    plain, moved = simulate_attacks(world, seed=1), simulate_attacks(low, seed=1)
    assert len(plain.interactions) == len(moved.interactions)
    np.testing.assert_allclose(moved.interactions.rating, plain.interactions.rating - 6)
