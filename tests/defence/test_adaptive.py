import dataclasses

import numpy as np
import pytest

from advrec_tf.attacks.heuristic import AverageAttack, RandomAttack
from advrec_tf.defence.adaptive import BestResponse, EvadingAttack
from advrec_tf.defence.defences import Defence, RemoveSuspicious
from advrec_tf.models.factorization.rating_factorization import BiasedFactorization
from tests.defence.detectors_by_rule import by_length


def test_an_evading_attack_keeps_the_least_suspicious_within_its_budget(world):
    @dataclasses.dataclass(frozen=True)
    class Growing:
        """Profile j of n rates j + 1 items."""

        num_profiles: int
        num_fillers: int = 5

        def resized(self, *, num_profiles, num_fillers):
            return Growing(num_profiles)

        def profiles(self, data, targets, *, rng):
            return np.tril(np.ones((self.num_profiles, data.num_items), np.float32))[::-1].copy()

    attack = EvadingAttack(attack=Growing(3), detector=by_length, pool=4)
    found = attack.profiles(world, np.array([0]), rng=np.random.default_rng(0))
    assert found.sum(axis=1).tolist() == [1, 2, 3]  # of 12, the detector suspects the long


def test_the_best_response_is_the_candidate_that_works_against_the_defence(world):
    # A defence that takes out profiles of more than 20 rows leaves the short attack alone.
    defence = RemoveSuspicious(detector=by_length, threshold=0.9, max_fraction=1.0)
    longest = int(world.user_counts().max())
    long = RandomAttack(num_profiles=8, num_fillers=longest)
    short = AverageAttack(num_profiles=8, num_fillers=10)

    def surrogate(rows, defence, seed):
        return BiasedFactorization(dim=2, epochs=3, seed=seed).fit(
            rows.interactions, weight=rows.weight
        )

    attack = BestResponse(candidates=(long, short), defence=defence, surrogate=surrogate, pool=2)
    rng = np.random.default_rng(0)
    profiles, option, rates = attack.choose(world, np.array([70]), rng=rng)
    assert len(rates) == 4 and profiles.shape == (8, 80)
    inner = option.attack if isinstance(option, EvadingAttack) else option
    assert inner is short and max(rates) > rates[0]


def test_only_the_best_candidates_are_tried_in_their_evading_form(world):
    defence = RemoveSuspicious(detector=by_length, threshold=np.inf)
    candidates = tuple(RandomAttack(num_profiles=4, num_fillers=n) for n in (5, 10, 15))

    def surrogate(rows, defence, seed):
        return BiasedFactorization(dim=2, epochs=1, seed=seed).fit(rows.interactions)

    for num_evading, tried in ((0, 3), (1, 4)):
        attack = BestResponse(
            candidates=candidates,
            defence=defence,
            surrogate=surrogate,
            num_evading=num_evading,
            pool=2,
        )
        _, _, rates = attack.choose(world, np.array([70]), rng=np.random.default_rng(0))
        assert len(rates) == tried
    with pytest.raises(ValueError, match="`num_evading` should be >= 0"):
        dataclasses.replace(attack, num_evading=-1)


def test_candidates_of_different_budgets_are_refused():
    with pytest.raises(ValueError, match="one number of profiles"):
        BestResponse(
            candidates=(
                RandomAttack(num_profiles=2, num_fillers=3),
                RandomAttack(num_profiles=3, num_fillers=3),
            ),
            defence=Defence(),
            surrogate=None,
        )
