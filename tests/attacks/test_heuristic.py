import dataclasses

import numpy as np
import pytest

from advrec_tf.attacks import heuristic
from advrec_tf.attacks.copies import CopyAttack
from advrec_tf.attacks.heuristic import (
    AverageAttack,
    BandwagonAttack,
    LoveHateAttack,
    PopularAttack,
    RandomAttack,
    ReverseBandwagonAttack,
    SegmentAttack,
)
from advrec_tf.attacks.obfuscation import MixedAttack, NoiseInjection, UserShifting
from advrec_tf.attacks.probe import ProbeAttack
from advrec_tf.attacks.rating_statistics import RatingStatistics
from tests.worlds import interactions_of

TARGETS = np.array([0, 7])
BUDGET = {"num_profiles": 6, "num_fillers": 12}
PUSH = [
    RandomAttack(**BUDGET),
    AverageAttack(**BUDGET),
    AverageAttack(**BUDGET, pool=0.5),
    BandwagonAttack(**BUDGET),
    SegmentAttack(**BUDGET),
    SegmentAttack(**BUDGET, segment=(3, 7, 9)),  # a segment item that is a target stays a target
    LoveHateAttack(**BUDGET),
    PopularAttack(**BUDGET),
    CopyAttack(**BUDGET),
    CopyAttack(**BUDGET, num_sources=3),
    CopyAttack(**BUDGET, num_sources=2, num_power_users=4),
    ProbeAttack(**BUDGET),
    NoiseInjection(attack=AverageAttack(**BUDGET)),
    UserShifting(attack=AverageAttack(**BUDGET)),
    MixedAttack(attacks=(RandomAttack(**BUDGET), SegmentAttack(**BUDGET))),
]
NUKE = [
    dataclasses.replace(attack, goal="nuke")
    for attack in PUSH
    if isinstance(attack, heuristic.ShillingAttack)
] + [ReverseBandwagonAttack(**BUDGET)]


def named(attack):
    return type(attack).__name__


def write(attack, interactions, targets=TARGETS, seed=0):
    return attack.profiles(interactions, targets, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("attack", PUSH + NUKE, ids=named)
def test_budgets_hold_after_the_last_step_and_fillers_never_contain_a_target(attack, ratings):
    for seed in range(5):
        profiles = write(attack, ratings, seed=seed)
        assert profiles.shape == (attack.num_profiles, 40) and profiles.dtype == np.float32
        assert set(np.unique(profiles)) <= {0, 1, 2, 3, 4, 5}
        fillers = np.delete(profiles, TARGETS, axis=1)
        assert (np.count_nonzero(fillers, axis=1) == 12).all()
        extreme = 1 if getattr(attack, "goal", "push") == "nuke" else 5
        assert (profiles[:, TARGETS] == extreme).all()


@pytest.mark.parametrize("attack", PUSH + NUKE, ids=named)
def test_an_attack_repeats_for_a_seed_and_leaves_the_data_alone(attack, ratings):
    before = ratings.fingerprint()
    assert np.array_equal(write(attack, ratings), write(attack, ratings))
    assert ratings.fingerprint() == before


@pytest.mark.parametrize("attack", PUSH, ids=named)
def test_without_ratings_a_profile_is_a_set_of_items(attack, implicit):
    profiles = write(attack, implicit)
    assert set(np.unique(profiles)) == {0, 1}
    assert (np.count_nonzero(np.delete(profiles, TARGETS, axis=1), axis=1) == 12).all()


@pytest.mark.parametrize("attack", NUKE, ids=named)
def test_an_interaction_cannot_nuke(attack, implicit):
    with pytest.raises(ValueError, match="`goal` should be 'push' where all ratings are equal"):
        write(attack, implicit)


@pytest.mark.parametrize("attack", PUSH, ids=named)
def test_a_resized_attack_has_the_new_budget(attack, ratings):
    smaller = attack.resized(num_profiles=3, num_fillers=5)
    assert (smaller.num_profiles, smaller.num_fillers) == (3, 5)
    profiles = np.delete(write(smaller, ratings), TARGETS, axis=1)
    assert np.count_nonzero(profiles, axis=1).tolist() == [5, 5, 5]


def test_average_fillers_lie_about_the_mean_of_their_item_and_random_ones_do_not(ratings):
    statistics = RatingStatistics.of(ratings)
    distance = {}
    for attack in (AverageAttack, RandomAttack):
        profiles = write(attack(num_profiles=400, num_fillers=20), ratings)
        rated = (profiles > 0) & ~np.isin(np.arange(40), TARGETS)
        mean = np.array([profiles[rated[:, i], i].mean() for i in np.flatnonzero(rated.any(0))])
        distance[attack] = np.abs(mean - statistics.item_mean[rated.any(0)]).mean()
    # Tastes are halved, so an item's own mean is far from the global one only by noise of the
    # raters; the random attack keeps that distance, the average attack only rounding and clipping.
    assert distance[AverageAttack] < 0.5 * distance[RandomAttack]


def by_hand():
    """Counts 3, 2, 2, 1, 0; means 4, 5, 1.5, 2, -; global mean (12 + 10 + 3 + 2) / 8 = 3.375."""
    triples = [
        (0, 0, 4),
        (1, 0, 5),
        (2, 0, 3),
        (0, 1, 5),
        (1, 1, 5),
        (0, 2, 1),
        (1, 2, 2),
        (2, 3, 2),
    ]
    return interactions_of(triples, 3, 5)


@pytest.mark.parametrize(
    ("attack", "target", "profile"),
    [
        # popular items but the target 4: 0 and 1 have means above the global one
        (PopularAttack(num_profiles=1, num_fillers=4), 4, [2, 2, 1, 1, 5]),
        (PopularAttack(num_profiles=1, num_fillers=3, goal="nuke"), 1, [5, 1, 4, 4, 0]),
        (LoveHateAttack(num_profiles=1, num_fillers=4), 0, [5, 1, 1, 1, 1]),
        (LoveHateAttack(num_profiles=1, num_fillers=4, goal="nuke"), 0, [1, 5, 5, 5, 5]),
        # frequently rated (mean count 1.6): items 0, 1, 2, of which 2 has the lowest mean
        (ReverseBandwagonAttack(num_profiles=1, num_fillers=1, num_selected=1), 3, [0, 0, 1, 1, 0]),
        (BandwagonAttack(num_profiles=1, num_fillers=2, num_selected=2), 4, [5, 5, 0, 0, 5]),
        # users 0 and 1 rate item 1 above the mean, and both also item 0
        (SegmentAttack(num_profiles=1, num_fillers=4, num_selected=1), 1, [5, 5, 1, 1, 1]),
        (SegmentAttack(num_profiles=1, num_fillers=4, segment=(2, 3)), 1, [1, 5, 5, 5, 1]),
    ],
    ids=lambda value: named(value) if isinstance(value, heuristic.ShillingAttack) else None,
)
def test_selected_items_and_ratings_are_those_worked_by_hand(attack, target, profile):
    assert write(attack, by_hand(), [target]).tolist() == [profile]


def test_fillers_of_a_pool_are_popular_items(ratings):
    popular = RatingStatistics.of(ratings).by_popularity()[:20]
    profiles = write(AverageAttack(num_profiles=30, num_fillers=10, pool=0.5), ratings)
    rated = np.setdiff1d(np.flatnonzero(profiles.any(0)), TARGETS)
    assert set(rated) <= set(popular)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomAttack(num_profiles=0, num_fillers=1), "num_profiles"),
        (lambda: RandomAttack(num_profiles=1, num_fillers=-1), "num_fillers"),
        (lambda: RandomAttack(**BUDGET, goal="harm"), "'push', 'nuke'.*'harm'"),
        (lambda: ReverseBandwagonAttack(**BUDGET, goal="push"), r"\('nuke',\).*'push'"),
        (lambda: RandomAttack(**BUDGET, pool=0.0), "`pool`"),
    ],
)
def test_budgets_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("attack", [RandomAttack, PopularAttack, ProbeAttack, BandwagonAttack])
def test_more_fillers_than_there_are_items_are_refused(attack, ratings):
    with pytest.raises(ValueError, match="`num_fillers` should be at most 38"):
        write(attack(num_profiles=2, num_fillers=39), ratings)
    full = write(attack(num_profiles=2, num_fillers=38), ratings)
    assert np.count_nonzero(full, axis=1).tolist() == [40, 40]


def test_more_fillers_than_a_pool_holds_are_refused_with_the_pool(ratings):
    said = "at most [678], the number of the 8 most rated items, a pool of 0.2 of all, beside the"
    with pytest.raises(ValueError, match=said):
        write(AverageAttack(num_profiles=2, num_fillers=9, pool=0.2), ratings)


@pytest.mark.parametrize("targets", [[], [40], [-1], [1, 1], [0.5]])
def test_targets_that_are_not_item_indices_are_refused(targets, ratings):
    for attack in (RandomAttack(**BUDGET), ProbeAttack(**BUDGET)):
        with pytest.raises(ValueError, match="`targets` should be distinct items"):
            write(attack, ratings, targets)
