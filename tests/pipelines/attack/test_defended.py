import numpy as np

from advrec_tf.defence.defences import DefendedData
from advrec_tf.defence.registry import DEFENCES
from advrec_tf.pipelines.attack.defended import train_defended
from tests.worlds import tiny_world


def test_the_weights_of_a_defence_reach_the_training():
    world = tiny_world(30, 12, density=0.4)
    weight = np.ones(len(world), np.float32)
    defence = DEFENCES["independence-weights"]
    rows = (DefendedData(interactions=world), DefendedData(interactions=world, weight=weight / 9))
    plain, weighted = (train_defended("ease", row, defence, seed=0) for row in rows)
    users = np.arange(30)
    assert not np.allclose(plain.score(users), weighted.score(users))
