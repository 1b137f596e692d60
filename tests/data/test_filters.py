import numpy as np
import pytest

from advrec_tf.data import filters
from tests.worlds import interactions_of, interactions_of_ids


def pairs_of(data):
    users, items = data.users.ids[data.user_index], data.items.ids[data.item_index]
    return list(zip(users.tolist(), items.tolist(), strict=True))


def test_minimum_rating_keeps_the_threshold_and_drops_ids_without_rows():
    data = interactions_of_ids([("a", "x"), ("b", "y"), ("b", "x")], rating=[4, 3, 5])
    kept, removed = filters.minimum_rating(data, 4)
    assert pairs_of(kept) == [("a", "x"), ("b", "x")] and removed == 1
    assert kept.items.ids.tolist() == ["x"] and kept.rating.tolist() == [4, 5]
    assert data.num_items == 2


def test_minimum_rating_refuses_what_leaves_nothing_or_has_no_ratings():
    with pytest.raises(ValueError, match=r"The minimum rating should be at most 4\.0.*5"):
        filters.minimum_rating(interactions_of_ids([("a", "x")], rating=[4]), 5)
    with pytest.raises(ValueError, match="should have ratings"):
        filters.minimum_rating(interactions_of_ids([("a", "x")]), 4)


def test_k_core_goes_on_to_the_fixed_point():
    # Core: a and b with x and y. c has two items, but z falls to one user once d is gone (d
    # has a single item), then c has one item left and goes as well.
    core = [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]
    kept, removed = filters.k_core(
        interactions_of_ids([*core, ("c", "x"), ("c", "z"), ("d", "z")]), users=2, items=2
    )
    assert pairs_of(kept) == core and removed == 3
    assert kept.users.ids.tolist() == ["a", "b"] and kept.items.ids.tolist() == ["x", "y"]
    again, removed = filters.k_core(kept, users=2, items=2)
    assert pairs_of(again) == core and removed == 0


def test_k_core_counts_distinct_pairs():
    data = interactions_of_ids(
        [("a", "x"), ("a", "x"), ("b", "x"), ("b", "y"), ("c", "x"), ("c", "y")]
    )
    kept, removed = filters.k_core(data, users=2, items=2)
    assert kept.users.ids.tolist() == ["b", "c"] and removed == 2  # a has one item, twice


def test_k_core_tells_users_from_items():
    data = interactions_of_ids([("a", "x"), ("a", "y"), ("b", "x")])
    assert pairs_of(filters.k_core(data, users=2, items=1)[0]) == [("a", "x"), ("a", "y")]
    assert pairs_of(filters.k_core(data, users=1, items=2)[0]) == [("a", "x"), ("b", "x")]


def test_k_core_refuses_an_empty_core_and_a_minimum_below_one():
    data = interactions_of_ids([("a", "x"), ("b", "y")])
    with pytest.raises(ValueError, match=r"\(2, 2\), which leaves none"):
        filters.k_core(data, users=2, items=2)
    with pytest.raises(ValueError, match="at least 1.*0"):
        filters.k_core(data, users=0, items=1)


def test_without_repeats_keeps_the_last_in_time_and_the_order_of_the_file():
    pairs = [("a", "x"), ("b", "y"), ("a", "x"), ("a", "x")]
    kept, removed = filters.without_repeats(
        interactions_of_ids(pairs, rating=[1, 2, 3, 4], timestamp=[9, 5, 9, 7])
    )
    assert kept.rating.tolist() == [2, 3] and removed == 2  # of the equal nines the later row
    kept, removed = filters.without_repeats(interactions_of_ids(pairs, rating=[1, 2, 3, 4]))
    assert kept.rating.tolist() == [2, 4] and removed == 2


def test_of_a_pair_an_interaction_without_a_time_stays_only_where_none_has_one():
    pairs = [("a", "x"), ("a", "x"), ("b", "y"), ("b", "y")]
    times = [3, np.nan, np.nan, np.nan]
    kept, removed = filters.without_repeats(
        interactions_of_ids(pairs, rating=[1, 2, 3, 4], timestamp=times)
    )
    assert kept.rating.tolist() == [1, 4] and removed == 2


def test_without_repeats_leaves_distinct_rows_alone():
    data = interactions_of_ids([("a", "x"), ("a", "y")])
    kept, removed = filters.without_repeats(data)
    assert kept is data and removed == 0


def test_a_click_that_happened_twice_stays_and_one_written_twice_goes():
    data = interactions_of_ids([("u", "i")] * 3, timestamp=[1.0, 2.0, 2.0])
    kept, removed = filters.without_same_moments(data)
    assert kept.timestamp.tolist() == [1.0, 2.0] and removed == 1


def test_interactions_without_a_time_go_or_all_of_their_users():
    data = interactions_of([(0, 0), (0, 1), (1, 0), (1, 2)], timestamp=[1, np.nan, 3, 4])
    kept, removed = filters.with_times(data)
    assert removed == 1 and pairs_of(kept) == [(0, 0), (1, 0), (1, 2)]
    assert kept.items.ids.tolist() == [0, 2]  # item 1 is gone
    kept, removed = filters.with_times(data, whole_users=True)
    assert removed == 2 and kept.users.ids.tolist() == [1] and kept.items.ids.tolist() == [0, 2]
    with pytest.raises(ValueError, match="should have times"):
        filters.with_times(interactions_of([(0, 0)]))
