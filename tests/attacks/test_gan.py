import dataclasses

import numpy as np
import pytest

from advrec_tf.attacks import gan
from advrec_tf.attacks.gan import Aim, GANTraining, aush, legup
from advrec_tf.attacks.rating_statistics import ratings_by_user
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary

BUDGET = {"num_profiles": 5, "num_fillers": 10}
ONE_EPOCH = GANTraining(epochs=1, learning_rate=0.005)


def profiles_of(attack, data, targets=(0,), seed=0):
    return attack.profiles(data, np.array(targets), rng=np.random.default_rng(seed))


@pytest.fixture(scope="module")
def generated(ratings):
    return {
        kind: profiles_of(kind(**BUDGET, training=ONE_EPOCH), ratings, [0, 7])
        for kind in (aush, legup)
    }


@pytest.mark.parametrize("kind", [aush, legup])
def test_profiles_hold_their_budget_and_rate_every_target_at_the_top(kind, generated):
    profiles = generated[kind]
    assert profiles.shape == (5, 40) and set(np.unique(profiles)) <= {0, 1, 2, 3, 4, 5}
    assert (profiles[:, [0, 7]] == 5).all()
    fillers = np.count_nonzero(np.delete(profiles, [0, 7], 1), 1)
    assert (fillers <= 10).all() and (fillers >= 8).all()


def test_fillers_of_aush_are_the_ratings_of_a_real_user(generated, ratings):
    known = np.zeros((60, 40), np.float32)
    known[ratings.user_index, ratings.item_index] = ratings.rating
    for profile in generated[aush]:
        rated = np.flatnonzero(profile)
        shared = [(known[user, rated] == profile[rated]).sum() for user in range(60)]
        assert max(shared) >= len(rated) - 2 - 3  # all but two targets and three selected items


def test_what_a_generator_cannot_do_is_refused(ratings, implicit):
    with pytest.raises(ValueError, match="should have ratings"):
        profiles_of(aush(**BUDGET), implicit)
    for settings in ({"epochs": 0}, {"hidden": 0}, {"learning_rate": 0.0}):
        with pytest.raises(ValueError, match=next(iter(settings))):
            GANTraining(**settings)
    with pytest.raises(ValueError, match="should be one of"):
        GANTraining(loss="x")
    with pytest.raises(ValueError, match="`kind` of the aim should be one of"):
        Aim(kind="fame")
    with pytest.raises(ValueError, match=r"\('push',\)"):
        aush(**BUDGET, goal="nuke")


def test_interactions_without_a_rating_are_no_template(ratings):
    rating = ratings.rating.copy()
    rating[ratings.user_index % 2 == 0] = np.nan
    profiles = profiles_of(
        aush(**BUDGET, training=ONE_EPOCH), dataclasses.replace(ratings, rating=rating)
    )
    assert set(np.unique(profiles)) <= {0, 1, 2, 3, 4, 5}


def test_the_last_rating_of_a_repeated_interaction_stands():
    data = Interactions(
        user_index=np.array([1, 0, 1, 1], np.int32),
        item_index=np.array([2, 0, 1, 2], np.int32),
        users=Vocabulary([0, 1]),
        items=Vocabulary([0, 1, 2]),
        rating=np.array([1.0, np.nan, 2.0, 3.0], np.float32),
    )
    assert ratings_by_user(data).tolist() == [0.0, 2.0, 3.0]


def test_a_surrogate_may_rank_for_some_of_the_users(ratings, generated, monkeypatch):
    monkeypatch.setattr(gan, "USERS_ASKED", 60)
    assert np.array_equal(
        profiles_of(legup(**BUDGET, training=ONE_EPOCH), ratings, [0, 7]), generated[legup]
    )
    monkeypatch.setattr(gan, "USERS_ASKED", 20)
    fewer = profiles_of(legup(**BUDGET, training=ONE_EPOCH), ratings, [0, 7])
    assert fewer.shape == (5, 40) and (fewer[:, [0, 7]] == 5).all()
    assert not np.array_equal(fewer, generated[legup])
