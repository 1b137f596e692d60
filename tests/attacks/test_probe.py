import numpy as np
import pytest

from advrec_tf.attacks.heuristic import RandomAttack
from advrec_tf.attacks.probe import ProbeAttack


def write(attack, interactions, targets, seed=0):
    return attack.profiles(interactions, targets, rng=np.random.default_rng(seed))


def test_a_probe_is_answered_with_the_items_of_its_own_taste(ratings):
    # Items 20.. are of the second taste; users of that taste answer a seed of theirs rated 4-5.
    profiles = write(ProbeAttack(num_profiles=20, num_fillers=15, rounds=7), ratings, [0])[:, 1:]
    random = write(RandomAttack(num_profiles=20, num_fillers=15), ratings, [0])[:, 1:]

    def taste(profiles):  # how far the ratings of a profile are of one taste
        side = np.arange(1, 40) < 20
        high = profiles >= 4
        return np.abs((high & side).sum(1) - (high & ~side).sum(1)).mean()

    assert taste(profiles) > 2 * taste(random)


def test_no_query_is_refused():
    with pytest.raises(ValueError, match="`rounds` should be >= 1. Received: 0"):
        ProbeAttack(num_profiles=1, num_fillers=1, rounds=0)
