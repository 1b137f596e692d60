import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import advrec_tf as ar
from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.models.own_towers import TowerRecommender


def interactions(users=("ann", "bob", "cem"), items=("tea", "jam")):
    return Interactions(
        user_index=np.array([0, 1, 2], np.int32),
        item_index=np.array([0, 1, 0], np.int32),
        users=Vocabulary(np.array(users)),
        items=Vocabulary(np.array(items)),
    )


def of_ids(ids, rows):
    """A tower of text ids whose vectors are these."""
    lookup = keras.layers.StringLookup(vocabulary=list(ids))
    table = keras.layers.Embedding(len(ids) + 1, len(rows[0]))
    tower = keras.Sequential([lookup, table])
    tower(tf.constant(list(ids)))
    table.set_weights([np.array([[0.0] * len(rows[0]), *rows], np.float32)])
    return tower


ITEMS = [[1.0, 0.0], [0.0, 1.0]]
USERS = [[1.0, 2.0], [3.0, 4.0], [-1.0, 0.5]]


def test_scores_are_the_products_of_both_towers():
    data = interactions()
    towers = of_ids(data.users.ids, USERS), of_ids(data.items.ids, ITEMS)
    found = TowerRecommender(*towers, data, batch_size=2)
    np.testing.assert_array_equal(found.score(tf.constant([2, 0])), [[-1.0, 0.5], [1.0, 2.0]])
    np.testing.assert_array_equal(found.user_vectors(), USERS)
    assert found.recommend(["ann"], k=2).item_id.tolist() == ["jam"]  # the other one is seen


def test_it_follows_the_weights_and_what_is_frozen_does_not():
    data = interactions()
    query = of_ids(data.users.ids, USERS)
    found = TowerRecommender(query, of_ids(data.items.ids, ITEMS), data)
    before = found.frozen()
    query.set_weights([2 * query.get_weights()[0]])
    np.testing.assert_array_equal(found.score(tf.constant([0])), [[2.0, 4.0]])
    np.testing.assert_array_equal(before.score(tf.constant([0])), [[1.0, 2.0]])


def test_columns_reach_the_tower_by_name_with_a_row_for_each_user():
    def query(columns):
        assert sorted(columns) == ["age", "job"]
        first = tf.cast(columns["job"] == "cook", tf.float32)
        return tf.stack([first, tf.cast(columns["age"], tf.float32)], axis=1)

    data = interactions()
    users = pd.DataFrame({"job": ["cook", "nurse", "cook"], "age": [1, 2, 3]})
    found = TowerRecommender(query, of_ids(data.items.ids, ITEMS), data, users=users)
    np.testing.assert_array_equal(found.user_vectors(), [[1, 1], [0, 2], [1, 3]])


def test_numbers_as_ids_and_arrays_of_vectors():
    data = interactions(users=(7, 8, 9))
    vectors = np.array([[0.5, 1.0], [2.0, 0.0]], np.float32)
    found = TowerRecommender(
        lambda ids: tf.cast(tf.stack([ids, ids], axis=1), tf.float64),
        lambda given: given,
        data,
        items=vectors,
    )
    np.testing.assert_array_equal(found.score(tf.constant([1])), [[12.0, 16.0]])


def test_a_model_whose_call_takes_no_training_is_called():
    class Query(keras.Model):
        def call(self, ids):
            return tf.one_hot(tf.strings.length(ids), 2, dtype=tf.float32)

    data = interactions()
    found = TowerRecommender(Query(), of_ids(data.items.ids, ITEMS), data)
    assert found.user_vectors().shape == (3, 2)


class TestWhatIsRefused:
    def refuse(self, words, query=None, candidate=None, **given):
        data = interactions()
        query = query or of_ids(data.users.ids, USERS)
        candidate = candidate or of_ids(data.items.ids, ITEMS)
        with pytest.raises(ValueError, match=words):
            TowerRecommender(query, candidate, data, **given)

    def test_inputs_of_another_length(self):
        self.refuse("row for each of the 3 ids.*Received: 2 rows", users=np.array(["a", "b"]))
        self.refuse("column 'age' of `users`.*Received: 2 rows", users={"age": [1, 2]})

    def test_rows_of_different_length(self):
        self.refuse("lists padded to one length", users={"tags": [["a"], ["b", "c"], []]})

    def test_inputs_that_the_tower_does_not_take(self):
        self.refuse("`query_model` should take `users`", users=np.zeros((3, 2), np.float32))

    def test_what_is_no_vector_for_each_row(self):
        self.refuse("return one vector for each row", query=lambda ids: tf.zeros([len(ids)]))
        self.refuse("return one vector for each row", query=lambda ids: None)

    def test_vectors_of_different_length(self):
        self.refuse(
            "vectors of one length. Received: 2 and 3",
            candidate=lambda ids: tf.zeros([len(ids), 3]),
        )

    def test_what_cannot_be_called(self):
        self.refuse("callable. Received: 3", query=3)


def test_fake_profiles_are_defended_with_towers_of_ones_own():
    """`fit_defended` asks of a victim no more than what this is."""
    data = ar.data.load("synthetic", num_users=40, num_items=30).interactions

    def fit(train):
        vectors = tf.random.stateless_normal([max(train.num_users, train.num_items), 4], [1, 2])
        rows = [np.arange(size) for size in (train.num_users, train.num_items)]
        of_row = lambda index: tf.gather(vectors, index)  # noqa: E731
        law = ar.models.LogOfCount()
        return TowerRecommender(of_row, of_row, train, users=rows[0], items=rows[1], count_law=law)

    model = ar.defence.fit_defended(fit, data)
    assert model.score(tf.constant([0])).shape == (1, 30)
