import dataclasses

import numpy as np
import pytest

from advrec_tf.attacks import gan
from advrec_tf.attacks.gan import ProfileGANAttack, aush, legup
from advrec_tf.attacks.rating_statistics import ratings_by_user
from advrec_tf.data.interactions import Interactions, Vocabulary

BUDGET = {"num_profiles": 5, "num_fillers": 10}


def write(attack, data, targets=(0,), seed=0):
    return attack.profiles(data, np.array(targets), rng=np.random.default_rng(seed))


@pytest.fixture(scope="module")
def written(ratings):
    return {kind: write(kind(**BUDGET, epochs=1), ratings, [0, 7]) for kind in (aush, legup)}


@pytest.mark.parametrize("kind", [aush, legup])
def test_profiles_hold_their_budget_and_rate_every_target_at_the_top(kind, written):
    profiles = written[kind]
    assert profiles.shape == (5, 40) and set(np.unique(profiles)) <= {0, 1, 2, 3, 4, 5}
    assert (profiles[:, [0, 7]] == 5).all()
    fillers = np.count_nonzero(np.delete(profiles, [0, 7], 1), 1)
    assert (fillers <= 10).all() and (fillers >= 8).all()


def test_fillers_of_aush_are_the_ratings_of_a_real_user(written, ratings):
    known = np.zeros((60, 40), np.float32)
    known[ratings.user_index, ratings.item_index] = ratings.rating
    for profile in written[aush]:
        rated = np.flatnonzero(profile)
        shared = [(known[user, rated] == profile[rated]).sum() for user in range(60)]
        assert max(shared) >= len(rated) - 2 - 3  # all but two targets and three selected items


def test_what_a_generator_cannot_do_is_refused(ratings, implicit):
    with pytest.raises(ValueError, match="should have ratings"):
        write(aush(**BUDGET), implicit)
    for settings in ({"aim": "fame"}, {"epochs": 0}, {"rate": 0.0}, {"loss": "x"}):
        with pytest.raises(ValueError, match=next(iter(settings))):
            ProfileGANAttack(**BUDGET, **settings)
    with pytest.raises(ValueError, match=r"\('push',\)"):
        aush(**BUDGET, goal="nuke")


def test_rows_without_a_rating_are_no_template(ratings):
    rating = ratings.rating.copy()
    rating[ratings.user_index % 2 == 0] = np.nan
    profiles = write(aush(**BUDGET, epochs=1), dataclasses.replace(ratings, rating=rating))
    assert set(np.unique(profiles)) <= {0, 1, 2, 3, 4, 5}


def test_the_last_rating_of_a_repeated_row_stands():
    data = Interactions(
        user_index=np.array([1, 0, 1, 1], np.int32),
        item_index=np.array([2, 0, 1, 2], np.int32),
        users=Vocabulary([0, 1]),
        items=Vocabulary([0, 1, 2]),
        rating=np.array([1.0, np.nan, 2.0, 3.0], np.float32),
    )
    assert ratings_by_user(data).tolist() == [0.0, 2.0, 3.0]


def test_a_surrogate_may_rank_for_some_of_the_users(ratings, written, monkeypatch):
    monkeypatch.setattr(gan, "USERS_ASKED", 60)
    assert np.array_equal(write(legup(**BUDGET, epochs=1), ratings, [0, 7]), written[legup])
    monkeypatch.setattr(gan, "USERS_ASKED", 20)
    fewer = write(legup(**BUDGET, epochs=1), ratings, [0, 7])
    assert fewer.shape == (5, 40) and (fewer[:, [0, 7]] == 5).all()
    assert not np.array_equal(fewer, written[legup])
