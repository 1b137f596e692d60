import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.data.sequences import NONE
from advrec_tf.models.sequential.item_rows import CandidateRows, ItemRows


def test_no_item_has_a_vector_of_zeros_that_does_not_move():
    rows = ItemRows(5, 3)
    found = rows(tf.constant([[NONE, 2]]))
    assert (found.numpy()[0, 0] == 0).all() and (found.numpy()[0, 1] != 0).all()
    assert rows.perturbable(tf.constant([[NONE, 2]])).numpy().tolist() == [[[0] * 3, [1] * 3]]


def test_candidates_are_the_vectors_that_are_read_without_the_hidden_one():
    rows = ItemRows(5, 3)
    rows.build(None)
    rows.start_from(np.arange(15).reshape(5, 3))
    candidates = CandidateRows(rows)
    np.testing.assert_array_equal(candidates(None), np.arange(15).reshape(5, 3))
    np.testing.assert_array_equal(candidates(tf.constant([4, 0])), [[12, 13, 14], [0, 1, 2]])
    with pytest.raises(ValueError, match=r"finite numbers in the shape \(5, 3\)"):
        rows.start_from(np.zeros((6, 3)))
