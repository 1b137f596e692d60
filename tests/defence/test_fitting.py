import numpy as np
import pytest

from advrec_tf.defence.chain import Chain
from advrec_tf.defence.defences import Defence, LeastTrimmedSquares
from advrec_tf.defence.evidence.leveling import LevelCounts, LeveledRanking
from advrec_tf.defence.evidence.weights import CoherenceWeights
from advrec_tf.defence.fitting import fit_defended
from advrec_tf.defence.registry import DEFENCES
from advrec_tf.models.baselines import EASE
from tests.defence.altering import DropFirst, Halve


def test_a_fitting_function_gets_the_data_that_a_defence_leaves(world):
    def length(interactions):
        return len(interactions)

    assert fit_defended(length, world, Defence()) == len(world)
    assert fit_defended(length, world, DropFirst()) == int((world.user_index > 0).sum())
    # Each interaction weighs half, so about half are kept.
    assert fit_defended(length, world, Halve()) == pytest.approx(len(world) / 2, rel=0.15)
    with pytest.raises(ValueError, match="cannot be wrapped"):
        fit_defended(length, world, DEFENCES["apr"])
    with pytest.raises(ValueError, match="should only alter data or ranking"):
        fit_defended(length, world, LeastTrimmedSquares())


def test_the_default_weighs_by_coherence_and_levels_counts_where_the_model_says_how(world):
    chain = Chain(defences=(CoherenceWeights(), LevelCounts()))
    users = np.arange(world.num_users)
    found, named = (fit_defended(EASE(50.0).fit, world, *given) for given in ((), (chain,)))
    assert isinstance(found, LeveledRanking)
    np.testing.assert_array_equal(found.score(users), named.score(users))


def test_by_default_a_model_that_does_not_say_is_ranked_by_as_it_is(world):
    class Own:
        """No model of the package."""

    calls = []

    def fit(interactions):
        calls.append(len(interactions))
        return Own()

    with pytest.warns(UserWarning, match="Own does not say in its `count_law`"):
        assert isinstance(fit_defended(fit, world), Own)
    assert len(calls) == 1  # nothing is trained to choose a reach that no ranking has
    with pytest.raises(ValueError, match="Received: Own"):
        fit_defended(fit, world, LevelCounts())
