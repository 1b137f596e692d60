import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.models import retrieval
from advrec_tf.models.autoencoder import ProfileAutoencoder
from advrec_tf.models.baselines import EASE, ItemKNN, Popularity, RandomWalk
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from advrec_tf.models.factorization.negatives import DNS, InBatch
from advrec_tf.models.objectives import BPR, SampledSoftmax
from advrec_tf.models.rater_counts import LogOfCount, PowerOfCount
from tests.worlds import interactions_of

DATA = interactions_of([(u, i) for u in range(4) for i in range(3)], 4, 3)


def test_a_power_of_the_count_scales_positive_scores():
    scores = tf.constant([[8.0, -8.0, 1.0]])
    ratio = np.array([0.25, 0.25, 1.0])
    np.testing.assert_allclose(PowerOfCount().rescaled(scores, ratio), [[2, -8, 1]])
    np.testing.assert_allclose(PowerOfCount(exponent=0.5).rescaled(scores, ratio), [[4, -8, 1]])


def test_a_logarithm_of_the_count_is_taken_from_all_scores():
    scores = tf.constant([[8.0, -8.0, 1.0]])
    ratio = np.exp([-2.0, -1.0, 0.0])
    np.testing.assert_allclose(LogOfCount().rescaled(scores, ratio), [[6, -9, 1]], rtol=1e-6)
    np.testing.assert_allclose(
        LogOfCount(unit=0.5).rescaled(scores, ratio), [[7, -8.5, 1]], rtol=1e-6
    )


def test_the_law_of_a_walk_makes_items_alike_that_differ_in_their_number_alone():
    # Item 0 is with all of ten users, item 1 with four of them, item 2 with one: user 9 is as near
    # to both, and the scores are sqrt(4 / 10) and sqrt(1 / 10).
    pairs = [(u, 0) for u in range(10)] + [(u, 1) for u in range(4)] + [(4, 2)]
    model = ItemKNN().fit(interactions_of(pairs, 10, 3))
    scores = model.score(tf.constant([9]))
    np.testing.assert_allclose(scores[0, 1:], np.sqrt([0.4, 0.1]), rtol=1e-6)
    found = model.count_law.rescaled(scores, np.array([1.0, 1 / 4, 1.0]))
    assert float(found[0, 1]) == pytest.approx(float(found[0, 2]))
    assert RandomWalk(target=0.2).count_law.exponent == pytest.approx(0.8)


def test_models_say_how_their_objective_makes_scores_hold_the_count():
    assert EASE(1.0).count_law == PowerOfCount(of_weight=0.5)
    assert Popularity.count_law is None
    assert ProfileAutoencoder.count_law == LogOfCount()
    cosines = SampledSoftmax(InBatch(), temperature=0.2, cosine=True)
    for objective, law in (
        (cosines, LogOfCount(unit=0.2)),
        (BPR(), LogOfCount()),
        (BPR(DNS()), None),
        (BPR(InBatch()), None),
    ):
        assert MatrixFactorization(DATA, dim=2, objective=objective).count_law == law
    tower = retrieval.two_tower(DATA, embedding_dim=2)
    assert tower.count_law == LogOfCount()
    assert retrieval.two_tower(DATA, embedding_dim=2, logq=False).count_law is None
