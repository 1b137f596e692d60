import numpy as np
import pytest

from advrec_tf.defence.detectors.fap import FAP, edge_weights
from advrec_tf.evaluation.classification import area_under_curve


def test_edge_weights_equal_the_value_worked_by_hand(rows_of):
    # Ratings 2 and 4 by one user on two items: m = m_u = 3, item means are the ratings.
    rows = rows_of([(0, 0, 2.0), (0, 1, 4.0)])
    assert edge_weights(rows).tolist() == pytest.approx([1 + 1 / 3 + 1 / 3] * 2)


def test_suspicion_reaches_users_who_share_items_with_known_fakes(block_and_chance):
    rows, is_block = block_and_chance
    seeds = np.zeros(46, bool)
    seeds[40] = True
    scores = FAP(max_iterations=3, tolerance=0.0).fit(rows, seeds).score(rows)
    assert scores[40] == np.inf
    assert area_under_curve(is_block[~seeds], scores[~seeds]) == 1.0
