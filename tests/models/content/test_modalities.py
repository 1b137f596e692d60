import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.models.content.modalities import HistoryVectors, Modality, coded_attributes


def rows_of(pairs, num_users=3, num_items=4):
    users, items = np.array(pairs, np.int32).T
    return Interactions(
        user_index=users,
        item_index=items,
        users=Vocabulary(np.arange(num_users)),
        items=Vocabulary(np.arange(num_items)),
    )


def test_a_history_is_the_mean_of_its_vectors_without_the_item_left_out():
    items = Modality(
        name="text",
        vectors=np.array([[1, 0], [0, 1], [5, 5], [9, 9]], np.float32),
        present=np.array([True, True, True, False]),
    )
    # user 0 has items 0, 1, 3 (3 has no vector); user 1 has item 2; user 2 has nothing
    history = HistoryVectors(rows_of([(0, 0), (0, 1), (0, 3), (1, 2)]), items)
    index = tf.constant([0, 1, 2])
    means, counts = history(index)
    np.testing.assert_allclose(means, [[0.5, 0.5], [5, 5], [0, 0]])
    assert counts.numpy()[:, 0].tolist() == [2, 1, 0]
    means, counts = history(index, left_out=tf.constant([1, 2, -1]))
    np.testing.assert_allclose(means, [[1, 0], [0, 0], [0, 0]])
    assert counts.numpy()[:, 0].tolist() == [1, 0, 0]
    # leaving out an item that has no vector takes nothing away
    means, _ = history(index, left_out=tf.constant([3, -1, -1]))
    np.testing.assert_allclose(means[0], [0.5, 0.5])


def test_attributes_are_coded_by_hand():
    table = pd.DataFrame({"kind": ["a", "b", "a", None], "year": [1990.0, 2000.0, 1995.0, np.nan]})
    coded = coded_attributes(table)
    # kind: a, b, missing one-hot; year: mean 1995, deviation sqrt(50 / 3), the flag of missing
    one = 5 / np.sqrt(50 / 3)
    expected = [[1, 0, 0, -one, 0], [0, 1, 0, one, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]]
    np.testing.assert_allclose(coded.vectors, expected, rtol=1e-6)
    assert coded.present.tolist() == [True, True, True, False]


def refusals():
    vectors = np.zeros([4, 2], np.float32)
    yield "name", lambda: Modality(name="id", vectors=vectors)
    yield "present", lambda: Modality(name="text", vectors=vectors, present=np.ones(3, bool))
    yield "finite", lambda: Modality(name="text", vectors=vectors + np.nan)
    table = pd.DataFrame({"zip": [f"z{i}" for i in range(9)]})
    yield "8 categories", lambda: coded_attributes(table, max_categories=8)


@pytest.mark.parametrize("place", range(4))
def test_bad_arguments_are_named(place):
    word, call = list(refusals())[place]
    with pytest.raises(ValueError, match=f"(?s){word}.*Received"):
        call()
