import dataclasses

import numpy as np
import pytest

from advrec_tf.attacks.copies import CopyAttack
from advrec_tf.attacks.heuristic import AverageAttack, PopularAttack
from advrec_tf.attacks.injection import inject
from advrec_tf.data.interactions import Vocabulary
from advrec_tf.defence.detectors.joined import ForestAndOverlap
from advrec_tf.defence.detectors.overlap import SIGNS, OverlapDetector, accomplices
from advrec_tf.defence.null_model import NullModel, _nearest, overlaps
from advrec_tf.evaluation.classification import area_under_curve


def test_the_null_model_keeps_the_numbers_of_items_and_users():
    rng = np.random.default_rng(0)
    table = rng.random((60, 40)) < rng.random((60, 1)) * rng.random((1, 40))
    table[0, :30], table[:50, 0] = True, True
    table = table[table.any(axis=1)][:, table.any(axis=0)]
    users, items = table.sum(axis=1), table.sum(axis=0)
    null = NullModel.of(users, items)
    assert ((null.chance > 0) & (null.chance < 1)).all()
    chance = null.chance[np.searchsorted(null.lengths, users)]
    chance = chance[:, np.searchsorted(null.degrees, items)]
    np.testing.assert_allclose(chance.sum(axis=1), users, rtol=1e-3)
    np.testing.assert_allclose(chance.sum(axis=0), items, rtol=1e-3)


def test_deviations_vary_by_taste_and_by_little_more_than_chance_without_it(rows_of, world):
    rng = np.random.default_rng(0)
    chance = np.outer(rng.uniform(0.1, 0.6, 150), rng.uniform(0.2, 1.0, 600))
    user, item = np.nonzero(rng.random(chance.shape) < chance)
    rows = rows_of([(u, i, 1.0) for u, i in zip(user, item, strict=True)], items=600)
    found = overlaps(rows, rows, max_users=1000, seed=0)
    assert found.users.tolist() == list(range(150))
    # A little below 1: the counts that the model keeps on average are fixed in the data.
    assert 0.6 < found.variance.mean() < 1.1
    tasteful = overlaps(world, world, max_users=1000, seed=0)
    assert tasteful.variance.mean() > 1.3


def test_nearest_by_hand():
    # Of 21 others one is 9 deviations away and has half of the user's items, one is 4 away and has
    # all; the third shares nothing. The quantiles are over the others, not over oneself.
    deviation = np.concatenate([[np.nan], np.linspace(-3.0, 3.0, 19), [4.0, 9.0]])[None, :]
    fraction = np.concatenate([[1.0], np.zeros(19), [1.0, 0.5]])[None, :]
    middle, tail = np.quantile(deviation[0, 1:], (0.5, 0.9))
    nearest, closest = _nearest(deviation, fraction)
    (first, third) = nearest[0]
    assert closest.tolist() == [21]
    assert first == pytest.approx(0.5 * (9.0 - tail) / (tail - middle))
    assert third == 0.0  # c = 0: near by chance, and nothing in common
    second = (4.0 - tail) / (tail - middle)
    assert second < first


def test_a_user_known_and_judged_is_one_user(world):
    alone = overlaps(world, world.select(np.zeros(len(world), bool)), max_users=1000, seed=0)
    both = overlaps(world, world, max_users=1000, seed=0)
    np.testing.assert_allclose(both.nearest, alone.nearest)
    np.testing.assert_allclose(both.variance, alone.variance)


def test_a_pair_that_a_log_repeats_is_one_item_shared(world):
    again = world.select(np.concatenate([np.arange(len(world)), np.arange(0, len(world), 2)]))
    once = overlaps(world, world, max_users=1000, seed=0)
    twice = overlaps(again, again, max_users=1000, seed=0)
    assert (twice.common <= twice.length).all()
    np.testing.assert_array_equal(twice.common, once.common)
    np.testing.assert_allclose(twice.nearest, once.nearest)


def test_users_of_the_reference_are_others_too(world):
    half = world.user_index < 60
    rows, known = world.select(half), world.select(~half)
    # Vocabularies of the two need not be in the same order.
    turned = dataclasses.replace(
        known,
        users=Vocabulary(known.users.ids[::-1].copy()),
        user_index=(known.num_users - 1 - known.user_index).astype(np.int32),
    )
    apart = overlaps(rows, turned, max_users=1000, seed=0)
    whole = overlaps(world, world, max_users=1000, seed=0)
    np.testing.assert_allclose(apart.nearest, whole.nearest[:60])
    np.testing.assert_allclose(apart.variance, whole.variance[:60])
    assert (apart.closest == whole.closest[:60]).all()


def test_a_copy_is_told_whom_it_is_of(world):
    profile = np.zeros((1, 80), np.float32)
    own = world.item_index[world.user_index == 7]
    profile[0, own[:12]] = 4.0
    rng = np.random.default_rng(0)
    copied = inject(world, profile, targets=np.array([70]), attack="copy", rng=rng)
    found = overlaps(copied.interactions, world, max_users=1000, seed=0)
    fake = int(np.flatnonzero(copied.is_fake)[0])
    assert found.closest[fake] == 7 and found.common[fake] == len(np.unique(own[:12]))
    assert 0 < found.expected[fake] < found.common[fake]


def test_accomplices_by_hand(rows_of):
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
    found = accomplices(rows, np.arange(5), suspicion)
    np.testing.assert_allclose(found.deviation, expected, atol=1e-9)
    assert found.deviation[3] > found.deviation[1] > 0
    assert found.number.tolist() == [0, 3, 3, 3, 0] and found.item[1:4].tolist() == [0, 0, 0]
    # A row that is written twice is one opinion.
    twice = rows.select(np.concatenate([np.arange(len(rows)), [0]]))
    twice = dataclasses.replace(twice, rating=twice.rating.copy())
    assert accomplices(twice, np.arange(5), suspicion).deviation[4] == 0.0


@pytest.mark.parametrize(
    ("attack", "sign"),
    [
        (CopyAttack(num_profiles=6, num_fillers=15), "copied"),
        (PopularAttack(num_profiles=6, num_fillers=20), "company"),
        (AverageAttack(num_profiles=6, num_fillers=24), "tasteless"),
    ],
)
def test_each_sign_finds_its_kind_without_a_label(world, attack, sign):
    targets = np.array([70])
    rng = np.random.default_rng(3)
    profiles = attack.profiles(world, targets, rng=rng)
    poisoned = inject(world, profiles, targets=targets, attack=sign, rng=rng)
    detector = OverlapDetector(seed=0).fit(poisoned.interactions)
    scores = detector.score(poisoned.interactions)
    fake = poisoned.is_fake
    assert area_under_curve(fake.astype(int), detector.parts[:, SIGNS.index(sign)]) > 0.9
    assert area_under_curve(fake.astype(int), scores) > 0.9


def test_raters_of_a_target_betray_each_other(world):
    targets, rng = np.array([70]), np.random.default_rng(3)
    attack = AverageAttack(num_profiles=8, num_fillers=12)
    profiles = attack.profiles(world, targets, rng=rng)
    poisoned = inject(world, profiles, targets=targets, attack="average", rng=rng)
    detector = OverlapDetector(seed=0).fit(poisoned.interactions)
    detector.score(poisoned.interactions)
    fake = poisoned.is_fake.astype(int)
    alone = area_under_curve(fake, detector.parts[:, SIGNS.index("tasteless")])
    together = area_under_curve(fake, detector.parts[:, SIGNS.index("accomplices")])
    assert together > alone


def test_overlap_needs_neither_ratings_nor_timestamps(world):
    plain = dataclasses.replace(world, rating=None)
    scores = OverlapDetector(seed=0).fit(plain).score(plain)
    assert np.isfinite(scores).all()


def test_overlap_says_what_it_needs(rows_of, world):
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


def test_known_fakes_are_not_the_measure(attacked):
    labeled = OverlapDetector(seed=0).fit(attacked.interactions, attacked.is_fake)
    honest = attacked.interactions.select(~attacked.is_fake[attacked.interactions.user_index])
    without = OverlapDetector(seed=0).fit(honest)
    np.testing.assert_allclose(labeled.honest_scores, without.honest_scores)


def test_forest_and_overlap_finds_copies_that_no_label_showed(attacked, strangers):
    # Labels are of average profiles; what is judged are cut copies of users.
    pytest.importorskip("sklearn")
    rng, targets = np.random.default_rng(4), np.array([66])
    honest = strangers.interactions.select(~strangers.is_fake[strangers.interactions.user_index])
    profiles = CopyAttack(num_profiles=6, num_fillers=15).profiles(honest, targets, rng=rng)
    judged = inject(honest, profiles, targets=targets, attack="copy", rng=rng)
    present = judged.interactions.user_counts() > 0
    both = ForestAndOverlap(seed=0).fit(attacked.interactions, attacked.is_fake)
    scores = both.score(judged.interactions)
    fake = judged.is_fake[present].astype(int)
    forest = both.detectors[0].score(judged.interactions)[present]
    assert area_under_curve(fake, scores[present]) > 0.85
    assert area_under_curve(fake, scores[present]) > area_under_curve(fake, forest)
    with pytest.raises(ValueError, match="learns from labels"):
        ForestAndOverlap().fit(attacked.interactions)


def test_scores_are_joined_in_units_of_honest_strangers_the_forest_s_of_half_at_least(attacked):
    pytest.importorskip("sklearn")
    both = ForestAndOverlap(seed=0).fit(attacked.interactions, attacked.is_fake)
    forest, overlap = both.detectors
    rows = attacked.interactions
    parts = []
    for detector, least in ((forest, 0.5), (overlap, 0.0)):
        middle, last = np.quantile(detector.honest_scores, (0.5, 0.99))
        unit = max(last, least) - middle
        parts.append(np.maximum((detector.scores_of(rows) - middle) / unit, 0.0))
    np.testing.assert_allclose(both.scores_of(rows), np.hypot(*parts))
    # The overlap leaves out whom it doubted itself in its first round.
    assert 100 < len(overlap.honest_scores) <= len(forest.honest_scores) == 120


def test_of_a_user_with_a_few_items_nothing_is_said(world):
    one = np.zeros((1, 80), np.float32)
    one[0, 3] = 4.0
    rng = np.random.default_rng(0)
    added = inject(world, one, targets=np.array([5]), attack="short", rng=rng)
    scores = OverlapDetector(seed=0).fit(added.interactions).score(added.interactions)
    assert scores[np.flatnonzero(added.is_fake)] == [0.0]
