import dataclasses

import numpy as np
import pytest

from advrec_tf.attacks.heuristic import AverageAttack, RandomAttack
from advrec_tf.defence.adaptive import BestResponse, EvadingAttack
from advrec_tf.defence.defences import Defence, RemoveSuspicious
from advrec_tf.models.base import MatrixRecommender
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
    told = []
    profiles, option, rates = attack.choose(
        world, np.array([70]), rng=rng, told=lambda rates: told.append(list(rates))
    )
    assert [len(one) for one in told] == [1, 2, 3, 4] and told[-1] == rates
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


def test_the_search_goes_on_from_what_works_better_until_nothing_does(world):
    @dataclasses.dataclass(frozen=True)
    class Copies:
        """`number` of at most nine profiles of the target and one other item."""

        number: int
        num_profiles: int = 9
        num_fillers: int = 1

        def profiles(self, data, targets, *, rng):
            found = np.zeros((self.number, data.num_items), np.float32)
            found[:, [*targets, 0]] = 1.0
            return found

    asked = []

    def turns(attack):
        asked.append(attack.number)
        return [Copies(n) for n in (attack.number - 1, attack.number + 1) if 1 <= n <= 9]

    def surrogate(rows, defence, seed):  # a model that likes five fakes best
        score = 10.0 - abs(rows.interactions.num_users - world.num_users - 5)
        scores = np.zeros((world.num_users, world.num_items), np.float32)
        scores[:, :40], scores[:, 70] = 6.0 + np.arange(40) / 10, score
        return MatrixRecommender(scores=scores, interactions=world)

    settings = {"candidates": (Copies(2),), "defence": Defence(), "surrogate": surrogate}
    attack = BestResponse(**settings, num_evading=0, turns=turns, num_tries=20)
    profiles, found, rates = attack.choose(world, np.array([70]), rng=np.random.default_rng(0))
    assert found.number == len(profiles) == 5 and max(rates) == 1.0
    assert asked[0] == 2 and set(asked) == {2, 3, 4, 5}
    short = dataclasses.replace(attack, num_tries=1)
    assert len(short.choose(world, np.array([70]), rng=np.random.default_rng(0))[2]) == 2
    with pytest.raises(ValueError, match="`num_tries` should be >= 0"):
        dataclasses.replace(attack, num_tries=-1)


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
