import numpy as np

from advrec_tf.defence.certified.subset_votes import SubsetVotes
from advrec_tf.defence.defences import DefendedData
from tests.worlds import interactions_of


def test_the_ensemble_takes_the_place_of_the_victim():
    pairs = np.argwhere(np.random.default_rng(0).random((20, 10)) < 0.4)
    data = interactions_of(pairs, 20, 10)
    defence = SubsetVotes(subset_size=4, num_models=15, votes_each=3)
    model = defence.trained(None, DefendedData(interactions=data), seed=2)
    same = defence.ensemble(seed=2).fit(data)
    assert np.array_equal(model.votes, same.votes) and model.num_models == 15
    assert defence.needs == {"subsets"}
