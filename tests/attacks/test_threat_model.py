import numpy as np
import pytest

from advrec_tf.attacks.gradient import pga
from advrec_tf.attacks.heuristic import AverageAttack
from advrec_tf.attacks.threat_model import PartialKnowledge, informed, known_interactions

BUDGET = {"num_profiles": 4, "num_fillers": 8}


def test_known_are_all_interactions_of_some_users_over_all_items(ratings):
    known = known_interactions(ratings, 0.25, rng=np.random.default_rng(0))
    assert known.num_users == 15 and known.num_items == 40  # a quarter of 60
    for index, user in enumerate(known.users.ids):
        mine, theirs = known.user_index == index, ratings.user_index == user
        assert np.array_equal(known.item_index[mine], ratings.item_index[theirs])
        assert np.array_equal(known.rating[mine], ratings.rating[theirs])


def test_users_without_interactions_are_not_known(ratings):
    silent = ratings.select(ratings.user_index != 3)
    assert 3 not in known_interactions(silent, 1.0, rng=np.random.default_rng(0)).users.ids


def test_the_attack_gets_the_known_interactions_only(ratings):
    class Looking:
        num_profiles, num_fillers = 2, 3

        def profiles(self, data, targets, *, rng):
            self.users = data.num_users
            return np.ones((2, data.num_items), np.float32)

    looking = Looking()
    attack = PartialKnowledge(attack=looking, fraction=0.5)
    profiles = attack.profiles(ratings, np.array([0]), rng=np.random.default_rng(0))
    assert looking.users == 30 and profiles.shape == (2, 40)
    assert (attack.num_profiles, attack.num_fillers) == (2, 3)


def test_a_surrogate_is_of_the_victims_kind_except_in_a_black_box():
    kinds = {
        level: informed(pga(**BUDGET), level, victim_kind="ratings").attack.surrogate.kind
        for level in ("white", "gray", "black")
    }
    assert kinds == {"white": "ratings", "gray": "ratings", "black": "implicit"}
    rule = informed(AverageAttack(**BUDGET), "black", victim_kind="ratings")
    assert rule.attack == AverageAttack(**BUDGET) and rule.fraction == 0.2


def test_unknown_levels_and_kinds_and_fractions_out_of_range_are_refused():
    with pytest.raises(ValueError, match="`level` should be one of white, gray, black"):
        informed(pga(**BUDGET), "pink", victim_kind="ratings")
    with pytest.raises(ValueError, match="`victim_kind` should be one of"):
        informed(pga(**BUDGET), "white", victim_kind="trees")
    with pytest.raises(ValueError, match="`fraction` should be in"):
        PartialKnowledge(attack=AverageAttack(**BUDGET), fraction=0.0)


def test_at_least_ten_users_are_known(ratings):
    assert known_interactions(ratings, 0.01, rng=np.random.default_rng(0)).num_users == 10
