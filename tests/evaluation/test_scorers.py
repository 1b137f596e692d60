import numpy as np
import pytest
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf._tfrs import tfrs
from advrec_tf.evaluation.scorers import as_scorer, checked_scores
from advrec_tf.models.base import MatrixRecommender
from tests.worlds import interactions_of

PAIRS = [(0, 0), (1, 2)]
DATA = interactions_of(PAIRS, users=["ann", "bob"], items=["x", "y", "z"])
USERS = np.array([[1.0, 0.0], [0.0, 2.0]], np.float32)
ITEMS = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]], np.float32)
SCORES = USERS @ ITEMS.T


def scores_of(model, user_index=(1, 0), **settings):
    scorer = as_scorer(model, DATA, **settings)
    return checked_scores(scorer, np.array(user_index), DATA.num_items).numpy()


def test_a_model_is_its_own_scorer_as_it_stands():
    class Model(MatrixRecommender):
        def frozen(self):
            return "as it stands"

    assert as_scorer(Model(scores=SCORES, interactions=DATA), DATA) == "as it stands"


def test_a_callable_of_users_scores():
    np.testing.assert_array_equal(scores_of(lambda users: tf.gather(SCORES, users)), SCORES[::-1])


def test_a_retrieval_index_scores_by_its_identifiers_whatever_their_order():
    order = [2, 0, 1]
    queries = {"ann": 0, "bob": 1}
    index = tfrs.layers.factorized_top_k.BruteForce(k=2)
    index.index(ITEMS[order], np.array(["x", "y", "z"])[order])
    found = scores_of(index, query=lambda ids: tf.constant([USERS[queries[i]] for i in ids]))
    np.testing.assert_allclose(found, SCORES[::-1])


def test_a_retrieval_index_with_a_query_model_takes_external_ids():
    lookup = keras.layers.StringLookup(vocabulary=["ann", "bob"], num_oov_indices=0)
    embedding = keras.layers.Embedding(2, 2, weights=[USERS])
    index = tfrs.layers.factorized_top_k.BruteForce(keras.Sequential([lookup, embedding]))
    index.index(ITEMS, np.array(["x", "y", "z"]))
    np.testing.assert_allclose(scores_of(index), SCORES[::-1])


def test_an_index_of_fewer_items_than_the_catalogue_is_refused():
    index = tfrs.layers.factorized_top_k.BruteForce(k=2)
    index.index(ITEMS[:2], np.array(["x", "y"]))
    with pytest.raises(ValueError, match="an index of all 3 items"):
        scores_of(index, query=lambda ids: tf.constant(USERS))


class Served(tf.Module):
    """The signature `score` of an exported model: external ids of pairs -> scores."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)] * 2)
    def score(self, user_id, item_id):
        user = tf.cast(user_id == "bob", tf.int32)
        item = tf.argmax(
            tf.cast(item_id[:, None] == tf.constant(["x", "y", "z"])[None, :], tf.int32), axis=1
        )
        scores = tf.gather_nd(SCORES, tf.stack([user, tf.cast(item, tf.int32)], axis=1))
        return {"score": scores, "known_item": tf.ones_like(scores, tf.bool)}


def test_an_exported_model_scores_through_its_signature(tmp_path):
    module = Served()
    tf.saved_model.save(module, str(tmp_path), signatures={"score": module.score})
    np.testing.assert_allclose(scores_of(tf.saved_model.load(str(tmp_path))), SCORES[::-1])


def test_an_exported_model_is_asked_for_as_many_pairs_as_it_takes(tmp_path):
    inner, spec = Served(), tf.TensorSpec([None], tf.string)

    def limited(user_id, item_id):
        tf.debugging.assert_less_equal(tf.size(user_id), 4)
        return inner.score(user_id, item_id)

    module = tf.Module()
    module.score = tf.function(limited, input_signature=[spec, spec])
    tf.saved_model.save(module, str(tmp_path), signatures={"score": module.score})
    np.testing.assert_allclose(scores_of(tmp_path, [0, 1, 1]), SCORES[[0, 1, 1]])


def test_the_folder_of_an_exported_model_scores_by_its_latest_version(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path / "1"))
    module = Served()
    tf.saved_model.save(module, str(tmp_path / "2"), signatures={"score": module.score})
    for folder in (tmp_path, str(tmp_path / "2")):
        np.testing.assert_allclose(scores_of(folder), SCORES[::-1])
    with pytest.raises(FileNotFoundError, match="should hold numbered versions"):
        as_scorer(tmp_path / "nothing", DATA)


def test_a_saved_model_that_scores_by_more_than_ids_is_refused(tmp_path):
    module = tf.Module()
    spec = [tf.TensorSpec([None], tf.string, name) for name in ("user_id", "item_id", "hour")]
    score = tf.function(lambda user_id, item_id, hour: {"score": tf.zeros(1)}, spec)
    tf.saved_model.save(module, str(tmp_path), signatures={"score": score})
    with pytest.raises(ValueError, match="whose `score` takes hour, item_id, user_id"):
        as_scorer(tmp_path, DATA)


def test_what_cannot_score_is_refused(tmp_path):
    with pytest.raises(ValueError, match="Received: 3"):
        as_scorer(3, DATA)
    tf.saved_model.save(tf.Module(), str(tmp_path))
    with pytest.raises(ValueError, match="should have the signature 'score'.*with: none"):
        as_scorer(tf.saved_model.load(str(tmp_path)), DATA)
    with pytest.raises(ValueError, match=r"should return \[2, 3\]. Received: \(2, 2\)"):
        scores_of(lambda users: np.zeros((2, 2)))
