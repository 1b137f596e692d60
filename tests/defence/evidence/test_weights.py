import numpy as np
import pytest

from advrec_tf.defence.evidence import weights
from advrec_tf.defence.evidence.coherence import Coherence
from advrec_tf.defence.evidence.weights import (
    CapContributions,
    CoherenceWeights,
    IndependenceWeights,
    crowd_sizes,
)
from advrec_tf.models.baselines import EASE
from tests.worlds import interactions_of


def test_copies_of_a_profile_weigh_as_much_as_one_and_a_stranger_one():
    # Users 0-3 are one profile, user 4 has other items.
    data = interactions_of([(u, i) for u in range(4) for i in (0, 1)] + [(4, 2), (4, 3)], 5, 4)
    np.testing.assert_allclose(crowd_sizes(data, alike=0.5), [4, 4, 4, 4, 1])
    found = IndependenceWeights().training_data(data, seed=0)
    np.testing.assert_allclose(found.weight, [0.25] * 8 + [1, 1])
    np.testing.assert_allclose(found.suspicion, [0.75] * 4 + [0])
    with pytest.raises(ValueError, match="`alike` should be in"):
        IndependenceWeights(alike=1.0)


def test_users_half_alike_count_by_how_far_they_are_above_the_threshold():
    # Each item has two users, so cosines are plain: items {0, 1, 2, 3} and {0, 1, 2, 4}: 3/4.
    pairs = [(0, i) for i in (0, 1, 2, 3)] + [(1, i) for i in (0, 1, 2, 4)] + [(2, 3), (2, 4)]
    sizes = crowd_sizes(interactions_of(pairs, 3, 5), alike=0.5)
    # (3/4 - 1/2) / (1 - 1/2) = 1/2; user 2 shares one of its two items: 1 / sqrt 8 < 1/2.
    np.testing.assert_allclose(sizes, [1.5, 1.5, 1.0])


def test_weighted_copies_teach_ease_what_one_of_them_would():
    honest = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 0), (2, 2)]
    once = interactions_of([*honest, (3, 2), (3, 3)], 4, 4)
    copied = interactions_of([*honest, *[(3 + u, i) for u in range(5) for i in (2, 3)]], 8, 4)
    weight = np.where(copied.user_index >= 3, 1 / 5, 1.0)
    np.testing.assert_allclose(
        EASE(2.0).fit(copied, weight=weight).weights, EASE(2.0).fit(once).weights, atol=1e-6
    )


def test_a_long_profile_weighs_as_much_as_the_median_one():
    # 1, 2 and 8 items: the median is 2, so each of the eight weighs a quarter.
    data = interactions_of([(0, 0), (1, 0), (1, 1), *[(2, i) for i in range(8)]], 3, 8)
    found = CapContributions().training_data(data, seed=0)
    np.testing.assert_allclose(found.weight, [1, 1, 1] + [0.25] * 8)
    with pytest.raises(ValueError, match="`quantile` should be in"):
        CapContributions(quantile=0.0)


def test_an_interaction_weighs_what_its_user_does_times_what_its_item_does(monkeypatch):
    asked = {}

    def found(interactions, **settings):
        asked.update(settings)
        return Coherence(
            users=np.array([[0.0, 0.1], [-1.0, 0.0]]),
            items=np.array([0.5, -1.5, -3.0, 0.0]),
            groups=np.array([0.0, 0.0, -9.0, -9.0]),
            user_weight=np.array([1.0, 0.5]),
        )

    monkeypatch.setattr(weights, "coherence", found)
    data = interactions_of([(0, 0), (0, 1), (1, 1), (1, 2), (0, 3), (1, 3)], 2, 4)
    defence = CoherenceWeights(strangers=(1.0, 2.0), rounds=3)
    defended = defence.training_data(data, seed=4)
    # Item 2 is of strangers; in the group of item 3 only the user of usual coherence counts.
    np.testing.assert_allclose(defended.weight, [1.0, 0.5, 0.25, 0.0, 1.0, 0.0])
    np.testing.assert_allclose(defended.suspicion, [0.0, 0.5])
    assert defended.interactions is data and (asked["rounds"], asked["seed"]) == (3, 4)
    with pytest.raises(ValueError, match="`too_much` should be two rising numbers > 0"):
        CoherenceWeights(too_much=(2.0, 2.0))
    with pytest.raises(ValueError, match="`rounds` should be >= 1"):
        CoherenceWeights(rounds=0)
