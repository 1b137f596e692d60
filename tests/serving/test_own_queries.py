import numpy as np
import pytest
import tensorflow as tf

import advrec_tf as ar
from advrec_tf._keras import keras
from advrec_tf.models.own_towers import TowerRecommender
from advrec_tf.serving.own_queries import ServedQueries

USERS = {"user_id": "id", "k": 0, "age (years)": 0.0, "tags": ["", ""]}


class Query(keras.Model):
    """The number of the user's tags that are "a", age and k."""

    def __init__(self, ids):
        super().__init__()
        self.lookup = keras.layers.StringLookup(vocabulary=ids)

    def call(self, columns):
        known = tf.cast(self.lookup(columns["user_id"]) > 0, tf.float32)
        tagged = tf.reduce_sum(tf.cast(columns["tags"] == "a", tf.float32), axis=1)
        return tf.stack(
            [known + tagged, columns["age (years)"], tf.cast(columns["k"], tf.float32)], axis=1
        )


@pytest.fixture(scope="module")
def recommender():
    train = ar.data.load("synthetic", num_users=12, num_items=9).interactions
    size = train.num_users
    users = {
        "user_id": train.users.ids.astype(str),
        "k": np.arange(size, dtype=np.int64),
        "age (years)": np.linspace(-1, 1, size).astype(np.float32),
        "tags": np.array([["a", "b"]] * size),
    }
    items = np.random.default_rng(0).normal(size=(train.num_items, 3)).astype(np.float32)
    query = Query(train.users.ids.tolist())
    return TowerRecommender(query, lambda rows: rows, train, users=users, items=items)


def test_columns_are_inputs_by_names_that_a_request_can_have(recommender):
    served = ServedQueries(recommender, 4)
    assert {name: (*spec.shape[1:], spec.dtype.name) for name, spec in served.inputs().items()} == {
        "user_id": ("string",),
        "user_k": ("int64",),
        "age__years_": ("float32",),
        "tags": (2, "string"),
    }
    assert [note["name"] for note in served.notes()] == ["user_id", "k", "age (years)", "tags"]


def test_a_query_is_what_the_model_makes_of_the_columns(recommender):
    served = ServedQueries(recommender, 4)
    queries, known, strange = served(
        {
            "user_id": tf.constant([recommender.interactions.users.ids[0], "nobody"]),
            "user_k": tf.constant([5, 6], tf.int64),
            "age__years_": tf.constant([0.5, np.nan]),
            "tags": tf.constant([["a", "a"], ["b", "a"]]),
        }
    )
    np.testing.assert_array_equal(queries, [[3.0, 0.5, 5.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    assert known.numpy().tolist() == [True, False] and strange == {}


def test_ids_alone_are_no_columns(recommender):
    assert ServedQueries.possible(recommender)
    ids = TowerRecommender(
        lambda given: tf.zeros([len(given), 3]),
        recommender.candidate_model,
        recommender.interactions,
        items=np.zeros((9, 3), np.float32),
    )
    assert not ServedQueries.possible(ids)


def test_an_export_answers_as_the_towers_do(recommender, tmp_path):
    ar.serving.export(recommender, tmp_path / "mine")
    client = ar.serving.SavedModelClient(tmp_path / "mine")
    train = recommender.interactions
    columns = {"user_id": ["nobody"], "user_k": [3], "age__years_": [0.25], "tags": ["a|b"]}
    found = client.recommend_from_features(columns, k=9)
    scores = recommender.item_vectors() @ np.array([1.0, 0.25, 3.0], np.float32)
    assert found.item_id.tolist() == train.items.ids[np.argsort(-scores)].tolist()
    np.testing.assert_allclose(found.score, np.sort(scores)[::-1], rtol=1e-5)
    with pytest.raises(ValueError, match="'user_k'.*whole numbers that int64 can hold.*left out"):
        client.recommend_from_features({"user_id": ["nobody"]})
    lists = client.recommend([train.users.ids[1]], k=3)
    assert lists.item_id.tolist() == recommender.recommend([train.users.ids[1]], 3).item_id.tolist()
