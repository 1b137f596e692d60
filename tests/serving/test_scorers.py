"""Scores in the graph, by hand."""

import numpy as np
import tensorflow as tf

from advrec_tf.serving.lists import LOWEST
from advrec_tf.serving.recommender import served_histories
from advrec_tf.serving.scorers import ItemWeightScorer, ScoreTable, VectorScorer
from tests.worlds import interactions_of

PROFILE = np.array([[1, 1, 0], [0, 0, 0]], np.float32)


def test_vectors_score_by_their_products_and_histories_by_the_mapped_mean():
    items = np.array([[1.0, 0.0], [3.0, 2.0], [0.0, 1.0]], np.float32)
    turn = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
    scorer = VectorScorer(np.array([[1.0, 2.0], [5.0, 0.0]], np.float32), items, turn)
    assert scorer.scores(tf.constant([1, 0])).numpy().tolist() == [[5, 15, 0], [1, 7, 2]]
    pairs = scorer.pair_scores(tf.constant([0, 1]), tf.constant([1, 0]))
    assert pairs.numpy().tolist() == [7, 5]
    # the mean of (1, 0) and (3, 2) is (2, 1), turned (1, 2)
    expected = [[1, 7, 2], [0, 0, 0]]
    assert scorer.history_scores(tf.constant(PROFILE)).numpy().tolist() == expected
    assert scorer.expected_history_scores(PROFILE).tolist() == expected


def test_item_weights_score_by_the_sum_over_the_history():
    weights = np.array([[0, 1, 2], [3, 0, 4], [5, 6, 0]], np.float32)
    histories = served_histories(interactions_of([(0, 0), (0, 2), (1, 1)], 2, 3))
    scorer = ItemWeightScorer(weights, np.array([9.0, 8.0, 7.0], np.float32), histories)
    scores = scorer.scores(tf.constant([0, 1, 2])).numpy()
    assert scores.tolist() == [[5, 7, 2], [3, 0, 4], [9, 8, 7]]
    assert scorer.pair_scores(tf.constant([0, 2]), tf.constant([1, 2])).numpy().tolist() == [7, 7]
    expected = [[3, 1, 6], [0, 0, 0]]
    assert scorer.history_scores(tf.constant(PROFILE)).numpy().tolist() == expected
    assert scorer.expected_history_scores(PROFILE).tolist() == expected


def test_a_table_holds_the_lowest_score_in_the_place_of_minus_infinity():
    scorer = ScoreTable(np.array([[1.0, -np.inf], [3.0, 4.0]], np.float32))
    assert scorer.scores(tf.constant([0])).numpy().tolist() == [[1, LOWEST]]
    assert scorer.pair_scores(tf.constant([1, 0]), tf.constant([1, 0])).numpy().tolist() == [4, 1]
