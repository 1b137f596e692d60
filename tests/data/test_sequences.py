import numpy as np
import pytest

from advrec_tf.data.sequences import NONE, Sequences, last_items, sequences_of
from tests.worlds import interactions_of


@pytest.fixture
def data():
    """In time user 0 did 3, 1, 4, 5, 0; user 1 did 2 and 1 at one time; user 2 nothing."""
    pairs = [(0, 1), (0, 3), (1, 2), (0, 4), (1, 1), (0, 5), (0, 0)]
    return interactions_of(pairs, 3, 6, timestamp=[2, 1, 7, 3, 7, 4, 5]).with_ties("file")


def test_pieces_are_cut_from_the_last_item_backwards(data):
    found = sequences_of(data, length=3)
    assert found.items.tolist() == [[4, 5, 0], [3, 1, NONE], [2, 1, NONE]]
    assert found.user_index.tolist() == [0, 0, 1]


def test_what_is_left_over_needs_the_asked_for_length(data):
    assert sequences_of(data, length=3, least=3).items.tolist() == [[4, 5, 0]]
    with pytest.raises(ValueError, match="which leaves none"):
        sequences_of(data, length=6, least=6)


def test_without_times_the_order_is_that_of_the_file(data):
    untimed = interactions_of([(0, 1), (0, 3), (1, 2), (0, 4)], 3, 6)
    assert sequences_of(untimed, length=3).items.tolist() == [[1, 3, 4]]


def test_last_items_are_in_order_and_empty_for_who_has_none(data):
    assert last_items(data, 2).tolist() == [[5, 0], [2, 1], [NONE, NONE]]
    assert last_items(data, 3)[1].tolist() == [2, 1, NONE]


def test_shares_and_pairs_count_what_is_there():
    found = Sequences(
        items=np.array([[0, 1, 0], [1, NONE, NONE]], np.int32),
        user_index=np.zeros(2, np.int32),
        num_items=3,
    )
    assert found.item_shares().tolist() == [0.5, 0.5, 0.0]
    assert found.pairs().tolist() == [0 * 3 + 1, 1 * 3 + 0]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([[NONE, 1]], "empty or has a gap"),
        ([[1, NONE, 2]], "empty or has a gap"),
        ([[1, 6]], r"should lie in 0..5, or be -1. Received: 1..6"),
    ],
)
def test_rows_that_are_no_sequences_are_refused(items, message):
    with pytest.raises(ValueError, match=message):
        Sequences(items=np.array(items), user_index=np.zeros(1, np.int32), num_items=6)


def test_lengths_out_of_range_are_refused(data):
    with pytest.raises(ValueError, match="`length` should be >= 2"):
        sequences_of(data, length=1)
