import numpy as np
import pytest

from advrec_tf.attacks.campaign import SETTINGS, CampaignAttack, turned

TARGETS = np.array([0])
BUDGET = {"num_profiles": 10, "num_fillers": 8}


def made(ratings, **settings):
    attack = CampaignAttack(**BUDGET, **settings)
    return attack.profiles(ratings, TARGETS, rng=np.random.default_rng(0))


def test_a_campaign_spends_the_share_of_its_budget_that_it_says(ratings):
    found = made(ratings, accounts=0.4, length=0.5)
    assert found.shape == (4, ratings.num_items) and (found[:, 0] == 5).all()
    assert ((found > 0).sum(axis=1) == 1 + 4).all()
    assert made(ratings).shape[0] == 10


def test_shared_fillers_are_in_all_profiles_and_the_budget_stays(ratings):
    apart, together = made(ratings, num_sources=2), made(ratings, num_sources=2, shared=0.5)
    for profiles, least in ((apart, 0), (together, 4)):
        assert ((profiles > 0).sum(axis=1) == 1 + 8).all()
        assert ((profiles[:, 1:] > 0).all(axis=0)).sum() >= least
    common = [(((one > 0).astype(int) @ (one > 0).T) - 1).mean() for one in (apart, together)]
    assert common[1] > common[0] + 1


def test_a_community_around_the_target_is_that_of_a_user_who_has_it(ratings):
    # Item 0 is of users 0 and 1, whose taste is the first half of the items; users 30 on like the
    # other half. Of 10 nearest users most fillers are theirs.
    attack = CampaignAttack(**BUDGET, community=10, num_sources=1, around_target=True)
    rng = np.random.default_rng(3)
    centers = {attack._center(ratings, TARGETS, rng) for _ in range(20)}
    assert centers == {0, 1}
    alone = CampaignAttack(**BUDGET, around_target=True)  # without a community there is no center
    assert alone._center(ratings, TARGETS, rng) is None
    assert attack.profiles(ratings, TARGETS, rng=rng).shape == (10, ratings.num_items)


def test_fillers_can_be_rated_by_their_mean(ratings):
    copied, mean = made(ratings), made(ratings, mean_ratings=True)
    np.testing.assert_array_equal(copied > 0, mean > 0)
    item = int(np.argmax((mean[:, 1:] > 0).sum(axis=0))) + 1
    own = ratings.rating[ratings.item_index == item].mean()
    nearest = min((1.0, 2.0, 4.0, 5.0), key=lambda level: abs(level - own))
    assert set(mean[mean[:, item] > 0, item]) == {nearest}


def test_a_setting_is_turned_one_step_and_what_makes_no_sense_is_left_out():
    start = CampaignAttack(**BUDGET, num_sources=1, community=25)
    found = turned(start)
    changed = {
        name: sorted(getattr(one, name) for one in found if getattr(one, name) != value)
        for name in SETTINGS
        if (value := getattr(start, name)) is not None
    }
    assert changed["accounts"] == [0.7] and changed["shared"] == [0.25]
    assert changed["community"] == [50] and changed["num_sources"] == [2]
    # Eight sources are more than a community of four would have; 25 has them.
    assert all(one.num_profiles == 10 for one in found) and len(found) == len(SETTINGS)
    with pytest.raises(ValueError, match="`accounts` and `length` should be in"):
        CampaignAttack(**BUDGET, accounts=0.0)
