import itertools

import numpy as np
import pytest

from advrec_tf.defence.certified.bounds import (
    barred_items,
    clean_fraction,
    kept_items,
    least_models,
    vote_bounds,
)


def test_the_clean_fraction_is_that_of_the_binomial_coefficients():
    # C(5, 2) / C(7, 2) = 10 / 21
    assert clean_fraction(5, 2, 2) == pytest.approx(10 / 21)
    assert clean_fraction(5, 5, 1) == pytest.approx(1 / 6)
    assert clean_fraction(5, 3, 0) == 1.0
    for wrong in ((5, 6, 1), (5, 0, 1), (5, 2, -1)):
        with pytest.raises(ValueError, match="`subset_size` should be in"):
            clean_fraction(*wrong)


def test_bounds_of_votes_are_those_of_clopper_and_pearson():
    # Without a vote of n the upper bound u solves (1 - u)^n = side; with all, the lower l^n = side.
    low, high = vote_bounds(np.array([0, 10]), 10, confidence=0.9, comparisons=2)
    side = 0.1 / 4
    np.testing.assert_allclose(low, [0, side**0.1])
    np.testing.assert_allclose(high, [1 - side**0.1, 1])
    # Of one side alone the doubt is not shared.
    _, high = vote_bounds(np.array([0]), 10, confidence=0.9, comparisons=2, sides=1)
    np.testing.assert_allclose(high, [1 - 0.05**0.1])
    with pytest.raises(ValueError, match="`votes` should be in"):
        vote_bounds(np.array([11]), 10, confidence=0.9, comparisons=1)
    with pytest.raises(ValueError, match="`confidence` should be in"):
        vote_bounds(np.array([1]), 10, confidence=1.0, comparisons=1)


def test_a_bound_is_missed_as_rarely_as_it_says():
    # Without a correction for their number, at most 5 % of upper bounds lie below the truth .3.
    votes = np.random.default_rng(0).binomial(200, 0.3, 4000)
    low, high = vote_bounds(votes, 200, confidence=0.95, comparisons=1, sides=1)
    assert 0.02 < (high < 0.3).mean() < 0.06
    assert 0.02 < (low > 0.3).mean() < 0.06


@pytest.mark.parametrize("votes_each", [1, 5])
def test_the_least_models_are_those_with_which_a_bound_can_hold(votes_each):
    budget = {"clean": 0.8, "k": 3, "votes_each": votes_each}
    least = least_models(**budget, confidence=0.99, comparisons=(2, 6))

    def kept(models):  # one item has all votes and four have none
        votes = np.array([models, 0, 0, 0, 0])
        lower, _ = vote_bounds(votes, models, confidence=0.99, comparisons=2, sides=1)
        _, upper = vote_bounds(votes, models, confidence=0.99, comparisons=6, sides=1)
        return kept_items(lower, upper, np.array([0]), **budget)[0]

    assert kept(least) and not kept(least - 1)
    # With fewer than half of the subsets clean, the others can outvote all of them.
    hopeless = {"clean": 0.4, "k": 3, "votes_each": 5}
    assert least_models(**hopeless, confidence=0.99, comparisons=(2, 6)) is None


def test_an_item_is_kept_where_the_gains_of_others_are_out_of_reach():
    votes = np.array([0.9, 0.6, 0.5, 0.0])
    everything = np.arange(4)

    def kept(clean, k, each):
        return kept_items(votes, votes, everything, clean=clean, k=k, votes_each=each).tolist()

    # A tenth corrupted, lists of one: item 1 needs .3 * .9 > .1 to pass item 0, which is kept.
    assert kept(0.9, 1, 1) == [True, False, False, False]
    # Lists of two: to push out item 0 both others must pass it. To push out item 1 (.54) item 2
    # needs .1 * .9 = .09 <= .1, item 0 nothing.
    assert kept(0.9, 2, 2) == [True, False, False, False]
    # A twentieth corrupted: .1 * .95 > .05.
    assert kept(0.95, 2, 2) == [True, True, False, False]


def test_what_one_model_votes_for_limits_what_several_items_gain_together():
    # Two others at 0 need .1 * .9 = .09 each, corrupted .1: one item alone can, both only if a
    # model votes for two.
    votes = np.array([0.1, 0.0, 0.0])
    for each, expected in ((1, True), (2, False)):
        found = kept_items(votes, votes, np.array([0]), clean=0.9, k=2, votes_each=each)
        assert found.tolist() == [expected]


def test_items_a_user_has_are_no_others():
    votes = np.array([0.5, 0.5, np.nan])
    # One other item cannot fill a list of two.
    assert kept_items(votes, votes, np.array([0]), clean=0.5, k=2, votes_each=2).tolist() == [True]


def test_an_item_is_barred_where_the_list_keeps_more_than_it_can_get():
    votes = np.array([0.9, 0.8, 0.3, 0.6, np.nan])
    # A fifth corrupted: item 1 keeps .64; items 2 and 3 get at most .24 + .2 and .48 + .2.
    found = barred_items(votes, votes, listed=np.array([0, 1]), clean=0.8, k=2)
    assert found.tolist() == [False, False, True, False, True]
    few = barred_items(votes, votes, listed=np.array([0]), clean=0.8, k=2)
    assert few.tolist() == [False, False, False, False, True]


def by_counts(rows, profile, each):
    """The items that most of the rows that share an item with the profile have."""
    scores = (rows * (rows @ profile)[:, None]).sum(axis=0) - 1e9 * profile
    order = np.argsort(-scores, kind="stable")
    return [item for item in order[:each] if scores[item] > 0]


def votes_of_all_subsets(real, fakes, size, each):
    """[real users, items]: the fraction of the subsets whose model votes for an item."""
    rows = np.vstack([real, *fakes]) if len(fakes) else real
    subsets = [*itertools.combinations(range(len(rows)), size)]
    votes = np.zeros(real.shape)
    for subset in subsets:
        for user, profile in enumerate(real):
            votes[user, by_counts(rows[list(subset)], profile, each)] += 1
    return votes / len(subsets)


REAL = np.array(
    [[1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 1, 0], [1, 1, 1, 0], [1, 0, 0, 1]]
)


@pytest.mark.parametrize(("k", "each", "size"), [(1, 1, 2), (2, 1, 2), (2, 2, 2), (1, 1, 1)])
def test_no_attack_of_all_breaks_a_certificate(k, each, size):
    # Every profile that one fake can have, and every pair of profiles of two.
    clean_votes = votes_of_all_subsets(REAL, [], size, each)
    bounds = np.where(REAL > 0, np.nan, clean_votes)
    profiles = [np.array(p) for p in itertools.product((0, 1), repeat=4) if any(p)]
    held = 0
    for count in (1, 2):
        clean = clean_fraction(len(REAL), size, count)
        promised = []
        for user, votes in enumerate(bounds):
            items = np.flatnonzero(REAL[user] == 0)
            listed = items[np.argsort(-votes[items], kind="stable")[:k]]
            kept = kept_items(votes, votes, items, clean=clean, k=k, votes_each=each)
            barred = barred_items(votes, votes, listed=listed, clean=clean, k=k)[items]
            promised.append((items, items[kept], items[barred]))
            held += kept.sum() + barred.sum()
        for fakes in itertools.combinations_with_replacement(profiles, count):
            after = votes_of_all_subsets(REAL, list(fakes), size, each)
            for own, (items, kept, barred) in zip(after, promised, strict=True):
                for item in kept:  # with ties against it
                    assert (own[items] >= own[item]).sum() <= k
                for item in barred:  # with ties for it
                    assert (own[items] > own[item]).sum() >= k
    assert held > 0
