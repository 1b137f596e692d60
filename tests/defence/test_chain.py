import pytest

from advrec_tf.defence.chain import Chain
from advrec_tf.defence.defences import LeastTrimmedSquares, RemoveSuspicious
from advrec_tf.defence.registry import DEFENCES, simulated_attack_forest
from tests.defence.altering import DropFirst, Halve


def test_a_chain_hands_on_data_multiplies_weights_and_keeps_the_first_suspicion(world):
    chain = Chain(defences=(DropFirst(), Halve(told=1.0), Halve(told=2.0)))
    found = chain.training_data(world, seed=0)
    assert len(found.interactions) == int((world.user_index > 0).sum())
    assert (found.weight == 0.25).all() and (found.suspicion == 1.0).all()
    assert chain.needs == {"ratings"} and chain.detector is None
    assert (
        Chain(defences=(RemoveSuspicious(detector=simulated_attack_forest),)).detector
        is simulated_attack_forest
    )


def test_a_chain_cannot_remove_interactions_after_they_were_weighed(world):
    with pytest.raises(ValueError, match="Received: DropFirst after weights"):
        Chain(defences=(Halve(), DropFirst())).training_data(world, seed=0)


@pytest.mark.parametrize("defences", [(), (LeastTrimmedSquares(),), (DEFENCES["apr"],)])
def test_a_chain_only_alters_data(defences):
    with pytest.raises(ValueError, match="`defences` should only alter data or ranking"):
        Chain(defences=defences)
