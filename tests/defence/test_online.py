import numpy as np
import pytest
import tensorflow as tf

pytest.importorskip("sklearn")

from advrec_tf.defence.detectors.forest import ForestDetector
from advrec_tf.defence.features import PROFILE_FEATURES, RATING_FEATURES, ProfileFeatures
from advrec_tf.defence.online import FeatureGraph, ForestGraph, OnlineScorer
from advrec_tf.serving.fraud import profile_inputs

ALL = RATING_FEATURES + PROFILE_FEATURES


def entries(rows, users):
    """Users' profiles as ids and ratings."""
    return [
        (
            [str(i) for i in rows.items.ids[rows.item_index[rows.user_index == u]]],
            rows.rating[rows.user_index == u].tolist(),
        )
        for u in users
    ]


@pytest.fixture(scope="module")
def detector(attacked):
    return ForestDetector(columns=ALL, num_trees=30, seed=0).fit(
        attacked.interactions, attacked.is_fake
    )


@pytest.fixture(scope="module")
def scorer(attacked, detector):
    return OnlineScorer(
        attacked.interactions.items, detector.features.statistics, ALL, detector.forest
    )


def test_the_graph_measures_what_numpy_measures(attacked, scorer):
    rows = attacked.interactions
    users = [0, 5, 125, 131]
    expected = ProfileFeatures().fit(rows.select(~attacked.fake_interactions()))(rows).only(ALL)
    inputs = profile_inputs(entries(rows, users))
    found = scorer.score(**{k: tf.constant(v) for k, v in inputs.items()})["features"].numpy()
    np.testing.assert_allclose(found, expected.values[users], rtol=2e-4, atol=2e-5)


def test_the_graph_walks_the_trees_as_scikit_learn_does(detector, strangers):
    table = detector.measure(strangers.interactions).only(ALL)
    graph = ForestGraph(detector.forest)
    found = graph(tf.constant(table.values, tf.float32)).numpy()
    np.testing.assert_allclose(found, detector.forest.predict_proba(table.values)[:, 1], atol=1e-6)


def test_entries_may_come_in_any_order(attacked, scorer):
    inputs = profile_inputs(entries(attacked.interactions, [3, 126]))
    order = np.random.default_rng(0).permutation(len(inputs["profile"]))
    mixed = {k: tf.constant([v[i] for i in order]) for k, v in inputs.items()}
    straight = {k: tf.constant(v) for k, v in inputs.items()}
    one, other = scorer.score(**mixed), scorer.score(**straight)
    np.testing.assert_allclose(one["features"], other["features"], rtol=1e-5)


def test_an_unknown_item_counts_as_new(scorer):
    found = scorer.score(
        profile=tf.constant([0, 0]),
        item_id=tf.constant(["0", "no such item"]),
        rating=tf.constant([4.0, 4.0]),
    )
    assert found["features"].numpy()[0, ALL.index("new_share")] == pytest.approx(0.5)


def test_a_profile_without_an_entry_is_refused(scorer):
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="should number profiles 0..n-1, each used"
    ):
        scorer.score(
            profile=tf.constant([1]), item_id=tf.constant(["0"]), rating=tf.constant([4.0])
        )


def test_features_that_need_neighbors_are_refused_online(detector):
    with pytest.raises(ValueError, match="Received: degsim"):
        FeatureGraph(detector.features.statistics, ("rdma", "degsim"))
