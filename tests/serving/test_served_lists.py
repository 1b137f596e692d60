"""Parts of lists in the graph, by hand."""

import pytest
import tensorflow as tf

from advrec_tf.serving.forms import served_form
from advrec_tf.serving.lists import LOWEST
from advrec_tf.serving.served_lists import list_lengths, longest, names_some


def test_the_longest_list_has_a_place_even_where_nobody_asks():
    assert longest(tf.constant([2, 5])).numpy() == 5
    assert longest(tf.constant([], tf.int32)).numpy() == 1


def test_the_lengths_of_lists_are_those_asked_for_or_10_and_the_size_of_the_catalogue():
    assert list_lengths(None, 7, 5) == (7, 7)  # no longer than the longest
    assert list_lengths(None, 100, 5) == (10, 100)
    assert list_lengths(3, 7, 5) == (3, 7)
    with pytest.warns(UserWarning, match="cut to 250, as there are 250 items. Received: max_k=300"):
        assert list_lengths(3, 300, 250) == (3, 250)
    with pytest.warns(UserWarning, match="cut to 150"):
        assert list_lengths(150, 300, 5) == (150, 150)  # as long as the default of a request
    for k in (0, 8):
        with pytest.raises(ValueError, match=f"in 1..max_k. Received: k={k}, max_k=7"):
            list_lengths(k, 7, 5)


def test_padding_names_nothing():
    rows = tf.constant([["", "zebra"], ["", ""]])
    assert names_some(rows).numpy().tolist() == [True, False]


def test_limits_close_items_of_scores(recommender):
    served = served_form(recommender, k=3, max_k=7)
    scores = tf.constant([[5.0, 4, 3, 2, 1]] * 3)
    found = served._restricted(
        scores,
        tf.constant([2, 3, 1]),
        tf.constant([["a", "zebra"], ["", ""], ["a", "b"]]),
        tf.constant([["", ""], ["e", "b"], ["a", "zebra"]]),
    )
    lists = ["".join(item.decode() or "-" for item in row) for row in found["item_id"].numpy()]
    assert lists == ["bc-", "be-", "---"]
    assert found["score"].numpy().tolist()[1] == [4, 1, LOWEST]


def test_candidates_have_their_scores_and_unknown_ones_none(recommender):
    served = served_form(recommender)
    found = served._of_candidates(tf.constant([[5.0, 4, 3, 2, 1]]), tf.constant([["e", "?", "a"]]))
    assert found["score"].numpy().tolist() == [[1, 0, 5]]
    assert found["known_candidate"].numpy().tolist() == [[True, False, True]]
