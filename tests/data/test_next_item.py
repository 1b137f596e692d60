import numpy as np
import pytest

from advrec_tf.data import splits
from advrec_tf.data.next_item import NextItemQueries, queries_of, queries_of_sessions
from tests.worlds import interactions_of


@pytest.fixture(scope="module")
def split():
    """User 0: 3, 1 | 4 | 5; user 1: 2 | 0, without validation; user 2 trains alone."""
    pairs = [(1, 2), (0, 3), (0, 1), (2, 1), (0, 4), (1, 0), (0, 5)]
    return splits.last_item(interactions_of(pairs, 3, 6, timestamp=[1, 2, 3, 4, 5, 6, 7]))


def test_a_query_a_user_has_all_that_was_before_the_part(split):
    test = queries_of(split)
    assert test.user_index.tolist() == [0, 1]
    assert test.padded(np.array([0, 1]), 4).tolist() == [[-1, 3, 1, 4], [-1, -1, -1, 2]]
    # In the file user 1 comes first; targets stand in the order of the queries.
    assert test.target_query.tolist() == [0, 1] and test.target_item.tolist() == [5, 0]
    validation = queries_of(split, "validation")
    assert validation.user_index.tolist() == [0]
    assert validation.padded(np.array([0]), 2).tolist() == [[3, 1]]
    assert validation.target_item.tolist() == [4]


def test_histories_are_cut_to_their_last_items(split):
    assert queries_of(split).padded(np.array([1, 0]), 1).tolist() == [[2], [4]]


def test_selected_queries_keep_their_targets():
    days = 1e9 + 86_400 * np.array([1, 2, 2, 1, 2, 1, 2])
    pairs = [(0, 0), (0, 1), (0, 2), (1, 3), (1, 4), (2, 1), (2, 0)]
    queries = queries_of(splits.last_day(interactions_of(pairs, timestamp=days)))
    chosen = queries.select(np.array([2, 0]))
    assert chosen.user_index.tolist() == [2, 0]
    assert chosen.padded(np.array([0, 1]), 1).tolist() == [[1], [0]]
    assert chosen.target_query.tolist() == [0, 1, 1] and chosen.target_item.tolist() == [0, 1, 2]


def test_a_user_without_a_history_has_an_empty_one():
    data = interactions_of([(0, 0), (0, 1), (1, 2)], 2, 3, timestamp=[1, 2, 9])
    queries = queries_of(splits.global_time(data, validation=0, test=0.3))
    assert queries.lengths.tolist() == [0]
    assert queries.padded(np.array([0]), 2).tolist() == [[-1, -1]]
    assert [part.tolist() for part in queries.pairs()] == [[], []]


def test_sessions_ask_at_every_place_after_the_first():
    data = interactions_of([(0, 3), (1, 1), (0, 3), (0, 2), (2, 0)], timestamp=[1, 1, 2, 3, 1])
    queries = queries_of_sessions(data)
    assert queries.padded(np.arange(len(queries)), 3).tolist() == [[-1, -1, 3], [-1, 3, 3]]
    assert queries.target_item.tolist() == [3, 2] and queries.user_index.tolist() == [0, 0]
    assert [part.tolist() for part in queries.pairs()] == [[0, 1, 1], [3, 3, 3]]


def test_what_cannot_be_asked_is_refused(split):
    with pytest.raises(ValueError, match="`part` should be validation or test. Received: 'train'"):
        queries_of(split, "train")
    nothing = splits.last_item(interactions_of([(0, 0), (1, 1)], timestamp=[1, 2]))
    with pytest.raises(ValueError, match="The test part of the split 'last_item' should have"):
        queries_of(nothing)
    with pytest.raises(ValueError, match="hold a user with two interactions. Received 2"):
        queries_of_sessions(interactions_of([(0, 0), (1, 1)]))
    one = np.zeros(1, np.int32)
    with pytest.raises(ValueError, match="Each of the 1 queries should have an item to find"):
        NextItemQueries(
            items=one,
            starts=one,
            stops=one,
            user_index=one,
            target_query=one[:0],
            target_item=one[:0],
            num_items=3,
        )
