import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.defence.chain import Chain
from advrec_tf.defence.defences import DefendedData
from advrec_tf.defence.evidence.leveling import (
    LevelCounts,
    LeveledRanking,
    leveled_counts,
    weighted_counts,
)
from advrec_tf.defence.evidence.weights import IndependenceWeights
from advrec_tf.defence.fitting import fit_defended
from advrec_tf.models.base import MatrixRecommender
from advrec_tf.models.baselines import EASE, ItemKNN, Popularity
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from tests.worlds import interactions_of


def test_numbers_are_worth_one_up_to_the_reach_and_all_from_twice_of_it_on():
    found = leveled_counts(np.array([0.0, 0.5, 1.0, 7.0, 10.0, 15.0, 19.9, 20.0, 90.0]), 10.0)
    # In the middle between 10 and 20 raters the line from 1 to 20 is at 10.5.
    np.testing.assert_allclose(found, [0, 0.5, 1, 1, 1, 10.5, 1 + 19 * 0.99, 20, 90])
    assert leveled_counts(np.array([3.0]), 0.0) == [3.0]
    # With a small reach the line starts above the numbers, which are never exceeded.
    np.testing.assert_allclose(leveled_counts(np.array([0.5, 0.9, 2.0]), 0.7), [0.5, 0.9, 2.0])


def test_positive_scores_are_those_of_the_leveled_number_and_others_stay():
    data = interactions_of([(0, 0)], 1, 4)
    model = MatrixRecommender(
        scores=np.array([[0.6, 0.9, -1.0, 2.0]], np.float32), interactions=data
    )
    ranking = LeveledRanking(model=model, raters=np.array([3.0, 30.0, 3.0, 0.0]), reach=5.0)
    np.testing.assert_allclose(ranking.score(tf.constant([0])), [[0.2, 0.9, -1.0, 2.0]], rtol=1e-6)
    assert ranking.interactions is data
    plain = dataclasses.replace(ranking, reach=0.0).frozen()
    np.testing.assert_allclose(plain.score(tf.constant([0])), model.scores)
    with pytest.raises(ValueError, match="`reach` should be >= 0"):
        dataclasses.replace(ranking, reach=-1.0)
    with pytest.raises(ValueError, match="`raters` should hold 4 numbers"):
        dataclasses.replace(ranking, raters=np.ones(3))


def test_raters_count_by_the_roots_of_their_weights_and_a_repeated_pair_once():
    data = interactions_of([(0, 0), (1, 0), (1, 0), (1, 1)], 2, 3)
    assert weighted_counts(data, None).tolist() == [2, 1, 0]
    np.testing.assert_allclose(weighted_counts(data, np.array([0.25, 0.04, 0.09, 1])), [0.8, 1, 0])


def popular_and_pushed():
    """Sixty users who have most of five items and two of forty others, of which each is had by
    three; ten accounts with the five and item 45."""
    rng = np.random.default_rng(0)
    others = 5 + rng.permutation(np.tile(np.arange(40), 3)).reshape(60, 2)
    pairs = [(u, i) for u in range(60) for i in range(5) if rng.random() < 0.9]
    pairs += [(u, int(i)) for u in range(60) for i in np.unique(others[u])]
    return interactions_of(pairs + [(60 + u, i) for u in range(10) for i in (*range(5), 45)])


def place_of_target(model):
    """Mean number of the forty others above item 45 for the sixty."""
    scores = np.asarray(model.score(tf.range(60)))
    return (scores[:, 5:45] > scores[:, [45]]).sum(axis=1).mean()


def test_accounts_cannot_make_an_item_the_first_of_those_that_few_have():
    data = popular_and_pushed()
    plain = fit_defended(EASE(5.0).fit, data, LevelCounts(reaches=(0.0,)))
    leveled = fit_defended(EASE(5.0).fit, data, LevelCounts(reaches=(0.3,)))
    assert leveled.reach == pytest.approx(21.0)  # of seventy users
    assert place_of_target(plain) < 5  # below the own two and those of users who share them
    assert place_of_target(leveled) > 10


def test_validation_takes_the_longest_reach_that_costs_nothing():
    data, trained = popular_and_pushed(), []

    def train(given):
        trained.append(len(given.interactions))
        return EASE(5.0).fit(given.interactions)

    defence = LevelCounts(reaches=(0.0, 0.001, 0.002), tolerance=0.0)
    model = defence.trained(train, DefendedData(interactions=data), seed=0)
    assert trained[1] < len(data) == trained[0]
    assert model.reach == pytest.approx(0.14)  # of these no reach levels anything
    for settings in ({"reaches": ()}, {"reaches": (1.5,)}, {"tolerance": 1.0}):
        with pytest.raises(ValueError, match="`reaches` should hold numbers in"):
            LevelCounts(**settings)


def test_a_model_trained_on_a_sample_has_the_raters_of_the_sample():
    data = interactions_of([(u, i) for u in range(4) for i in (0, 1)], 4, 2)
    kept = data.select(np.array([True] * 5 + [False] * 3))  # of users 0, 1, and 2 with item 0
    defence = LevelCounts(reaches=(1.0,))
    given = DefendedData(interactions=data, weight=np.full(len(data), 0.5, np.float32))
    model = defence.trained(lambda _: ItemKNN().fit(kept), given, seed=0)
    assert model.raters.tolist() == [3, 2] and model.law.exponent == 0.5
    weighted = defence.trained(lambda d: EASE(5.0).fit(d.interactions), given, seed=0)
    np.testing.assert_allclose(weighted.raters, [4 * 0.5**0.5] * 2, rtol=1e-6)


def test_a_factorization_is_leveled_by_logarithms_and_as_its_vectors_alike():
    data = popular_and_pushed()

    def train(given):
        return MatrixFactorization(given.interactions, dim=2, initial_scale=0.001)

    defence = LevelCounts(reaches=(0.3,))
    model = defence.trained(train, DefendedData(interactions=data), seed=0)
    assert model.reach == pytest.approx(21.0)
    scores, plain = model.score(tf.constant([0])), model.model.score(tf.constant([0]))
    taken = np.log(data.item_counts()[5:])  # what all but the five popular ones are worth
    assert taken[-1] == pytest.approx(np.log(10))
    np.testing.assert_allclose((plain - scores)[0, 5:], taken, atol=1e-4)
    np.testing.assert_allclose(model.frozen().score(tf.constant([0])), scores, atol=1e-6)


def test_a_model_whose_scores_hold_the_count_in_no_known_form_is_refused():
    defence = LevelCounts(reaches=(0.1,))
    with pytest.raises(ValueError, match="its `count_law` .* Received: Popularity"):
        fit_defended(Popularity().fit, popular_and_pushed(), defence)


def test_in_a_chain_raters_count_by_what_others_have_left_of_them():
    # Four copies weigh a quarter each, of which the roots are a half.
    data = interactions_of([(u, i) for u in range(4) for i in (0, 1, 2)] + [(4, 3), (4, 4)], 5, 5)
    defence = Chain(defences=(IndependenceWeights(), LevelCounts(reaches=(0.5,))))
    whole = defence.training_data(data, seed=0)
    model = defence.trained(lambda given: EASE(5.0).fit(given.interactions), whole, seed=0)
    np.testing.assert_allclose(model.raters, [2, 2, 2, 1, 1], rtol=1e-6)
