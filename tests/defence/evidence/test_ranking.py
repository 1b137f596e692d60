import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.defence.chain import Chain
from advrec_tf.defence.defences import DefendedData, RemoveSuspicious
from advrec_tf.defence.evidence.ranking import EvidenceRanking, RankByEvidence
from advrec_tf.defence.fitting import fit_defended
from advrec_tf.models.base import MatrixRecommender
from advrec_tf.models.baselines import EASE
from tests.worlds import interactions_of


def test_the_bound_is_the_score_less_doubt_in_units_of_the_spread():
    data = interactions_of([(0, 0)], 1, 2)
    model = MatrixRecommender(scores=np.array([[3.0, 1.0]], np.float32), interactions=data)
    ranking = EvidenceRanking(model=model, effective=np.array([0.0, 3.0]), strength=2.0)
    # A spread of 1: 3 - 2 / sqrt 1 and 1 - 2 / sqrt 4.
    np.testing.assert_allclose(ranking.score(tf.constant([0])), [[1.0, 0.0]], atol=1e-6)
    assert ranking.interactions is data
    plain = dataclasses.replace(ranking, strength=0.0).frozen()
    np.testing.assert_allclose(plain.score(tf.constant([0])), model.scores)
    with pytest.raises(ValueError, match="`strength` should be >= 0"):
        dataclasses.replace(ranking, strength=-1.0)
    with pytest.raises(ValueError, match="`effective` should hold 2 numbers"):
        dataclasses.replace(ranking, effective=np.ones(3))


def copies_and_a_niche():
    """Forty users of two tastes over 20 items, and ten copies of one user who all have item 20."""
    rng = np.random.default_rng(0)
    own = rng.random((40, 20)) < np.where((np.arange(40)[:, None] + np.arange(20)) % 2, 0.7, 0.1)
    pairs = [*np.argwhere(own).tolist()]
    template = np.flatnonzero(own[0]).tolist()
    pairs += [(40 + u, i) for u in range(10) for i in (*template, 20)]
    return interactions_of(pairs, 50, 21)


def test_an_item_that_copies_of_one_user_push_falls_behind_honest_ones():
    data = copies_and_a_niche()
    users = tf.range(1, 40)

    def place(model):
        scores = np.asarray(model.score(users))
        return (scores > scores[:, [20]]).sum(axis=1).mean()

    plain = fit_defended(EASE(5.0).fit, data, RankByEvidence(strengths=(0.0,)))
    bounded = fit_defended(EASE(5.0).fit, data, RankByEvidence(strengths=(8.0,)))
    assert place(bounded) > 18 > place(plain)


def test_validation_takes_the_strongest_bound_that_costs_nothing():
    data = copies_and_a_niche()
    trained = []

    def train(given):
        trained.append(len(given.interactions))
        return EASE(5.0).fit(given.interactions, weight=given.weight)

    whole = DefendedData(interactions=data, weight=np.ones(len(data), np.float32))
    defence = RankByEvidence(strengths=(0.0, 0.01, 1e6), tolerance=0.0)
    model = defence.trained(train, whole, seed=0)
    assert trained[0] < len(data) == trained[1]
    assert model.strength in (0.0, 0.01)  # 1e6 ranks by the number of raters alone
    free = dataclasses.replace(defence, strengths=(0.0, 1e-9)).trained(train, whole, seed=0)
    assert free.strength == 1e-9
    with pytest.raises(ValueError, match="`strengths` should hold a number"):
        RankByEvidence(strengths=())
    with pytest.raises(ValueError, match="`tolerance`"):
        RankByEvidence(tolerance=1.0)


def test_users_with_one_item_leave_nothing_to_choose_by():
    data = interactions_of([(0, 0), (1, 1)], 2, 3)
    model = fit_defended(EASE(5.0).fit, data, RankByEvidence(strengths=(0.0, 2.0)))
    assert model.strength == 2.0


class FirstUser:
    """A detector that suspects user 0."""

    def fit(self, interactions, is_fake=None):
        return self

    def score(self, interactions):
        return (np.arange(interactions.num_users) == 0).astype(float)


def test_in_a_chain_the_ranking_counts_what_others_have_left():
    data = Interactions(
        user_index=np.array([0, 1, 2], np.int32),
        item_index=np.array([0, 0, 1], np.int32),
        users=Vocabulary(np.arange(3)),
        items=Vocabulary(np.arange(2)),
    )
    remove = RemoveSuspicious(detector=lambda seed: FirstUser(), max_fraction=0.4)
    defence = Chain(defences=(remove, RankByEvidence(strengths=(1.0,))))
    model = fit_defended(EASE(5.0).fit, data, defence)
    assert isinstance(model, EvidenceRanking)
    assert model.effective.tolist() == [1.0, 1.0]
