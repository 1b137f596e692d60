import numpy as np
import pytest
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.attacks.copies import CopyAttack
from advrec_tf.attacks.injection import inject
from advrec_tf.data import batches
from advrec_tf.defence.defences import (
    DefendedData,
    DownWeight,
    RemoveSuspicious,
    rating_consistency_weights,
)
from advrec_tf.defence.registry import DEFENCES
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from tests.defence.detectors_by_rule import by_length

pytest.importorskip("sklearn")


def test_only_the_interactions_of_flagged_users_are_removed(world):
    before = world.fingerprint()
    rows = RemoveSuspicious(detector=by_length, threshold=0.9, max_fraction=0.2).training_data(
        world, seed=0
    )
    counts = world.user_counts()
    gone = counts >= 0.9 * counts.max()
    assert gone.any() and rows.interactions.num_users == world.num_users
    np.testing.assert_array_equal(rows.interactions.user_counts(), np.where(gone, 0, counts))
    assert world.fingerprint() == before


def test_an_interaction_weighs_what_its_user_is_trusted(rows_of):
    # Lengths 2 and 1: suspicion 1 and 1/2, trust 0 and (1/2)^2.
    rows = rows_of([(0, 0, 3.0), (0, 1, 3.0), (1, 0, 3.0)])
    found = DownWeight(detector=by_length, power=2.0).training_data(rows, seed=0)
    assert found.weight.tolist() == [0.0, 0.0, 0.25]
    assert found.interactions is rows


def test_weights_fall_in_a_line_from_what_is_trusted_to_what_is_not(rows_of):
    # Suspicion 1, 1/2 and 1/4: beyond, halfway between .75 and .25, and trusted.
    rows = rows_of([(u, i, 3.0) for u, length in enumerate((4, 2, 1)) for i in range(length)])
    weigh = DownWeight(detector=by_length, trusted=0.25, distrusted=0.75, power=1.0)
    assert weigh.training_data(rows, seed=0).weight.tolist() == [0.0] * 4 + [0.5] * 2 + [1.0]
    with pytest.raises(ValueError, match="`distrusted` should be > `trusted`"):
        DownWeight(detector=by_length, trusted=1.0)


def test_ratings_that_habits_do_not_explain_weigh_less(rows_of):
    # Users 0-3 rate item 0 with 5 and item 1 with 1; user 4 rates item 1 with 1 as well.
    rows = rows_of(
        [(u, 0, 5.0) for u in range(4)] + [(u, 1, 1.0) for u in range(4)] + [(4, 1, 1.0)]
    )
    # Of all 9 rows 4 are fives. A rater's other row is a 1, one row of smoothing joins: the share
    # of fives expected at item 0 is (0 + 4/9) / 2 of four raters each: 8/9 in all, given are 4.
    assert rating_consistency_weights(rows, slack=0.0)[:4].tolist() == pytest.approx(
        [(8 / 9) / 4] * 4
    )
    # with one Poisson deviation more
    allowed = 8 / 9 + np.sqrt(8 / 9)
    assert rating_consistency_weights(rows, slack=1.0)[0] == pytest.approx(allowed / 4)


def test_a_pushed_items_top_ratings_weigh_less_than_others(attacked):
    rows = attacked.interactions
    weight = rating_consistency_weights(rows, slack=1.0)
    pushed = attacked.fake_interactions() & (rows.item_index == 70)
    assert weight[pushed].mean() < 0.8 * weight[~attacked.fake_interactions()].mean()


def test_wrapping_trains_the_same_weights_and_scores_alike(world):
    model = MatrixFactorization(world, dim=4)
    wrapped = DEFENCES["apr"].wrap(model, DefendedData(interactions=world), seed=0)
    assert wrapped.model is model
    np.testing.assert_array_equal(wrapped.score(tf.range(3)), model.score(tf.range(3)))
    assert DEFENCES["none"].wrap(model, None, seed=0) is model


@pytest.mark.parametrize(
    "name",
    [
        "apr",
        "vulnerability-aware",
        pytest.param("pgd", marks=pytest.mark.slow),
        pytest.param("noise", marks=pytest.mark.slow),
    ],
)
def test_adversarial_defences_train_in_blocks_with_weights(name, world):
    model = DEFENCES[name].wrap(MatrixFactorization(world, dim=4), None, seed=0)
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    weight = (world.user_index != 0).astype(np.float32)
    data = batches.in_blocks(
        batches.of_pairs(world, batch_size=256, seed=0, sample_weight=weight), steps=4
    )
    before = model.user_vectors().copy()
    model.fit(data.dataset(0), steps_per_epoch=data.steps_per_epoch, epochs=1, verbose=0)
    moved = np.abs(model.user_vectors() - before).max(axis=1)
    # A user of weight 0 does not move, the others do.
    assert moved[0] == 0.0 and (moved[1:] > 0).mean() > 0.9


def test_removal_by_overlap_removes_copies_and_keeps_nearly_all_honest_users(large_world):
    world = large_world
    rng, targets = np.random.default_rng(2), np.array([70])
    profiles = CopyAttack(num_profiles=6, num_fillers=20).profiles(world, targets, rng=rng)
    poisoned = inject(world, profiles, targets=targets, attack="copy", rng=rng)
    found = DEFENCES["remove-suspicious-by-overlap"].training_data(poisoned.interactions, seed=0)
    left = found.interactions.user_counts() > 0
    assert left[~poisoned.is_fake].mean() > 0.95
    assert left[poisoned.is_fake].mean() <= 0.17
