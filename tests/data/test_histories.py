import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.data.histories import (
    Histories,
    PairTable,
    Profiles,
    distinct_rows,
    known_only,
    weighted_rows,
)
from tests.worlds import interactions_of

PAIRS = [(2, 0), (0, 3), (0, 1), (2, 4), (2, 2)]  # user 1 has nothing


def user_items(pairs=PAIRS):
    return interactions_of(pairs, 3, 5).by_user()


def test_pairs_name_the_row_of_the_batch_and_the_item():
    pairs = Histories(user_items()).pairs(tf.constant([2, 1, 0, 2]))
    expected = [[0, 0], [0, 2], [0, 4], [2, 1], [2, 3], [3, 0], [3, 2], [3, 4]]
    assert pairs.numpy().tolist() == expected


def test_dense_rows_hold_a_one_for_each_item():
    dense = Histories(user_items()).dense(tf.constant([0, 1, 2]))
    assert dense.numpy().tolist() == [[0, 1, 0, 1, 0], [0] * 5, [1, 0, 1, 0, 1]]


def test_dense_rows_hold_the_values_of_the_entries_where_there_are_any():
    values = tf.constant([1.0, 2.0, 3.0, 4.0, 5.0])  # of (0, 1), (0, 3), (2, 0), (2, 2), (2, 4)
    dense = Histories(user_items()).dense(tf.constant([2, 1, 0]), values)
    assert dense.numpy().tolist() == [[3, 0, 4, 0, 5], [0] * 5, [0, 1, 0, 2, 0]]


def test_padded_lists_are_as_long_as_the_longest_history():
    items, mask = Histories(user_items()).padded(tf.constant([0, 1, 2]))
    assert mask.numpy().tolist() == [[True, True, False], [False] * 3, [True] * 3]
    assert items.numpy()[mask].tolist() == [1, 3, 0, 2, 4]


@pytest.mark.parametrize("user", [3, 4, 2**31 - 1])
def test_an_unknown_user_has_an_empty_history(user):
    histories = Histories(user_items())
    index = tf.constant([user, 0])
    assert histories.pairs(index).numpy().tolist() == [[1, 1], [1, 3]]
    assert histories.dense(index).numpy()[0].sum() == 0
    items, mask = histories.padded(index)
    assert not mask.numpy()[0].any() and items.shape == (2, 3)


@pytest.mark.parametrize("user", [-1, 3, 99999])
def test_a_batch_to_train_on_holds_known_users_alone(user):
    profiles = Profiles(interactions_of(PAIRS, 3, 5))
    compiled = tf.function(profiles.of)
    assert compiled({"user_index": tf.constant([1, 0])})[1].numpy().tolist() == [0, 1, 0, 1, 0]
    for read in (profiles.of, compiled):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"hold indices in 0\.\.2"):
            read({"user_index": tf.constant([0, user])})
    assert known_only(tf.constant([], tf.int32), 3).shape == [0]


def test_data_without_a_row_has_empty_histories():
    histories = Histories(user_items([]))
    assert histories.pairs(tf.constant([0, 2])).shape == (0, 2)
    assert histories.dense(tf.constant([0, 2])).numpy().sum() == 0
    assert not histories.padded(tf.constant([0]))[1].numpy().any()


def test_histories_answer_inside_a_compiled_function_for_a_batch_of_any_size():
    histories = Histories(user_items())
    dense = tf.function(histories.dense, input_signature=[tf.TensorSpec([None], tf.int32)])
    assert dense(tf.constant([2])).numpy().tolist() == [[1, 0, 1, 0, 1]]
    assert dense(tf.constant([], tf.int32)).shape == (0, 5)


def test_the_pair_table_knows_every_pair_and_no_other():
    # 3 x 5 = 15 bits, so pairs lie across the edge of a byte
    data = user_items()
    known = PairTable(data).known(tf.range(3), tf.range(5))
    np.testing.assert_array_equal(known, data.dense() == 1)


def test_the_pair_table_answers_for_blocks_in_any_order():
    known = PairTable(user_items()).known(tf.constant([2, 0, 2]), tf.constant([3, 2, 2]))
    assert known.numpy().tolist() == [
        [False, True, True],
        [True, False, False],
        [False, True, True],
    ]


def test_the_pair_table_takes_a_bit_a_pair():
    assert PairTable.size_in_bytes(3, 5) == 2
    assert PairTable(user_items()).table.shape == (2,)
    assert PairTable.size_in_bytes(29_858, 40_981) == 29_858 * 40_981 // 8 + 1  # 153 MB


def test_pairs_of_their_own_are_answered_row_by_row():
    # user 2 has 0, 2, 4; user 0 has 1, 3; user 1 nothing
    table = PairTable(user_items())
    users, items = tf.constant([2, 0, 1]), tf.constant([[0, 1, 4], [0, 1, 4], [0, 1, 4]])
    expected = [[True, False, True], [False, True, False], [False, False, False]]
    assert table.known_pairs(users, items).numpy().tolist() == expected
    own = tf.constant([[3, 2], [3, 2], [3, 2]])
    assert table.known_pairs(users, own).numpy().tolist() == [
        [False, True],
        [True, False],
        [False, False],
    ]
    # one row of items serves all users
    assert table.known_pairs(users, items[:1]).numpy().tolist() == expected
    compiled = tf.function(table.known_pairs, jit_compile=True)
    assert compiled(users, items).numpy().tolist() == expected


def test_rows_of_histories_sum_the_weights_and_leave_out_what_is_no_item():
    histories = tf.constant([[-1, 2, 0], [1, 1, 3]])
    weights = tf.constant([[9.0, 0.5, 1.0], [1.0, 2.0, 9.0]])
    assert weighted_rows(histories, weights, 3).numpy().tolist() == [[1, 0, 0.5], [0, 3, 0]]
    assert distinct_rows(histories, 3).numpy().tolist() == [[1, 0, 1], [0, 1, 0]]
