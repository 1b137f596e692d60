import dataclasses

import numpy as np
import pytest

from advrec_tf.data import splits
from advrec_tf.data.readers import movielens
from advrec_tf.data.ties import TieRule
from advrec_tf.data.vocabulary import Vocabulary
from tests.worlds import interactions_of, pairs_of, tiny_world


def rows(users, items, time=None, num_items=10):
    return interactions_of(list(zip(users, items, strict=True)), None, num_items, timestamp=time)


def grid(num_users, num_items, time=None):
    users = np.repeat(np.arange(num_users), num_items)
    return rows(users, np.tile(np.arange(num_items), num_users), time, num_items)


def test_the_seed_is_that_of_a_split_that_is_drawn_and_of_no_other():
    data = tiny_world(20, 15)
    one = splits.drawn("random_ratio", data, 1)
    assert one.fingerprint() == splits.random_ratio(data, seed=1).fingerprint()
    assert one.fingerprint() != splits.drawn("random_ratio", data, 0).fingerprint()
    assert splits.drawn("last_item", data, 1).fingerprint() == splits.last_item(data).fingerprint()
    with pytest.raises(ValueError, match="`name` should be one of"):
        splits.drawn("first_item", data, 1)


def test_last_item_takes_each_users_latest_rows_in_time():
    #                 user 0: item 3 at 9, 1 at 8;  user 1: 5 at 3, 4 at 2
    split = splits.last_item(rows([0, 1, 0, 1, 0, 1], [1, 5, 2, 4, 3, 6], [8, 3, 1, 2, 9, 1]))
    assert pairs_of(split.test) == [(1, 5), (0, 3)]
    assert pairs_of(split.validation) == [(0, 1), (1, 4)]
    assert pairs_of(split.train) == [(0, 2), (1, 6)]
    assert split.name == "last_item"
    assert split.settings == {"order": "time", "ties": "hash", "seed": 0}


def test_last_item_keeps_file_order_where_times_tie():
    split = splits.last_item(rows([0] * 5, [4, 2, 3, 0, 1], [7] * 5), ties="file")
    assert pairs_of(split.test) == [(0, 1)] and pairs_of(split.validation) == [(0, 0)]
    assert pairs_of(split.train) == [(0, 4), (0, 2), (0, 3)]


def test_the_rule_for_ties_is_chosen_by_name_and_recorded():
    data = rows([0] * 5, [4, 2, 3, 0, 1], [7, 7, 7, 7, 7])
    split = splits.last_item(data, ties="id")
    assert pairs_of(split.test) == [(0, 4)] and pairs_of(split.validation) == [(0, 3)]
    assert split.settings == {"order": "time", "ties": "id"}
    with pytest.raises(ValueError, match="`ties` should be one of hash, file, id. Received: 'x'"):
        splits.last_item(data, ties="x")


def test_a_hash_orders_ties_by_neither_file_nor_id():
    users, items = np.repeat(np.arange(50), 4), np.tile(np.arange(4), 50)
    one = splits.last_item(rows(users, items, np.zeros(200)), ties="hash")
    other = splits.last_item(rows(users[::-1], items[::-1], np.zeros(200)), ties="hash")
    assert sorted(pairs_of(one.test)) == sorted(pairs_of(other.test))
    last = np.bincount(one.test.item_index, minlength=4)
    assert last.sum() == 50 and last.min() >= 4  # 12.5 expected, deviation 3
    timed = splits.last_item(rows([0, 0, 0], [1, 2, 3], [1, 3, 2]), ties="hash")
    assert pairs_of(timed.test) == [(0, 2)]  # where times differ they decide


def test_last_item_goes_by_file_order_without_times():
    split = splits.last_item(rows([0, 1, 0, 1, 0, 1], [4, 5, 6, 7, 1, 0]))
    assert pairs_of(split.test) == [(0, 1), (1, 0)]
    assert pairs_of(split.validation) == [(0, 6), (1, 7)]
    assert split.settings == {"order": "file"}


def test_short_histories_train_first_then_test():
    split = splits.last_item(rows([0, 1, 1], [0, 0, 1], [1, 1, 2]))
    assert pairs_of(split.train) == [(0, 0), (1, 0)]
    assert pairs_of(split.test) == [(1, 1)] and len(split.validation) == 0


def test_random_ratio_takes_the_share_of_each_user_and_loses_no_row():
    data = grid(num_users=7, num_items=10)
    split = splits.random_ratio(data, validation=0.1, test=0.2, seed=3)
    assert split.test.user_counts().tolist() == [2] * 7
    assert split.validation.user_counts().tolist() == [1] * 7
    together = pairs_of(split.train) + pairs_of(split.validation) + pairs_of(split.test)
    assert sorted(together) == pairs_of(data)
    assert split.settings == {"validation": 0.1, "test": 0.2, "seed": 3}


def test_random_ratio_repeats_for_a_seed_and_differs_for_another():
    data = grid(num_users=20, num_items=10)
    one, same, other = (splits.random_ratio(data, seed=seed) for seed in (1, 1, 2))
    assert one.fingerprint() == same.fingerprint() != other.fingerprint()


def test_random_ratio_draws_every_item_alike():
    # 4,000 users, 5 items, one test row each: 800 per item, standard deviation 25.3
    split = splits.random_ratio(grid(num_users=4000, num_items=5), validation=0, test=0.2)
    counts = split.test.item_counts()
    assert counts.sum() == 4000 and np.abs(counts - 800).max() < 5 * 25.3


def test_random_ratio_leaves_every_user_a_row_to_train_on():
    data = rows([0, 1, 1, 2, 2, 2], [0, 0, 1, 0, 1, 2])
    split = splits.random_ratio(data, validation=0.45, test=0.5)
    # wanted test .5 -> 1, 1, 1.5 -> 2; allowed 0, 1, 2: then nothing is left for validation
    assert split.test.user_counts().tolist() == [0, 1, 2]
    assert split.train.user_counts().tolist() == [1, 1, 1] and len(split.validation) == 0


def test_shares_that_leave_nothing_to_train_on_are_refused():
    for shares in ({"validation": 0.5, "test": 0.5}, {"test": 0.0}, {"validation": -0.1}):
        with pytest.raises(ValueError, match="`validation` and `test` should be fractions"):
            splits.random_ratio(grid(3, 4), **shares)


def test_global_time_cuts_at_the_quantiles_whoever_the_user():
    data = rows([0, 0, 0, 0, 0, 1, 1, 1, 1, 1], list(range(10)), [5, 1, 3, 9, 7, 6, 2, 8, 4, 10])
    split = splits.global_time(data, validation=0.2, test=0.3)
    assert split.test.timestamp.tolist() == [9, 8, 10]
    assert split.validation.timestamp.tolist() == [7, 6]
    assert split.train.timestamp.max() == 5
    assert (split.settings["validation_from"], split.settings["test_from"]) == (6, 8)


def test_global_time_keeps_equal_times_on_the_later_side():
    data = rows([0] * 10, list(range(10)), [1, 2, 3, 4, 4, 5, 6, 6, 6, 7])
    # test 2 of 10: the cut falls among the sixes, all go to test; validation from the five
    # (rows 7 and 8 from the end, the five and the later four): both fours go along
    split = splits.global_time(data, validation=0.3, test=0.2)
    assert split.test.timestamp.tolist() == [6, 6, 6, 7]
    assert split.validation.timestamp.tolist() == [5]
    split = splits.global_time(data, validation=0.4, test=0.2)
    assert split.validation.timestamp.tolist() == [4, 4, 5]


def test_global_time_can_do_without_validation():
    split = splits.global_time(rows([0] * 4, [0, 1, 2, 3], [1, 2, 3, 4]), validation=0, test=0.25)
    assert split.test.timestamp.tolist() == [4] and len(split.validation) == 0


def test_global_time_refuses_data_without_times_or_with_one_time():
    with pytest.raises(ValueError, match="should have timestamps"):
        splits.global_time(grid(2, 3))
    with pytest.raises(ValueError, match="1 distinct times"):
        splits.global_time(grid(2, 3, time=[5] * 6))
    with pytest.raises(ValueError, match="1 distinct times.*'train': 0"):
        splits.global_time(grid(2, 3, time=[5] * 6), validation=0)


@pytest.mark.parametrize("name", sorted(splits.SPLITS))
def test_every_split_refuses_a_repeated_pair_and_names_the_cure(name):
    data = rows([0, 0, 0, 1], [1, 2, 1, 1], [1, 2, 3, 4])
    with pytest.raises(ValueError, match="user 0 and item 1.*without_repeats"):
        splits.make(name, data)


@pytest.mark.parametrize("name", sorted(splits.SPLITS))
def test_every_split_refuses_a_time_that_is_no_number(name):
    with pytest.raises(ValueError, match="a time each. Received 1 NaN"):
        splits.make(name, rows([0, 0, 0], [1, 2, 3], [1, np.nan, 3]))


@pytest.mark.parametrize("name", sorted(splits.SPLITS))
def test_every_split_keeps_all_rows_once_and_the_vocabularies_whole(name):
    rng = np.random.default_rng(0)
    days = 1e9 + 86_400 * rng.permutation(300)
    data = grid(num_users=30, num_items=10, time=days)
    split = splits.make(name, data)
    parts = (split.train, split.validation, split.test)
    assert sorted(sum(map(pairs_of, parts), [])) == pairs_of(data)
    assert all(part.users is data.users and part.items is data.items for part in parts)
    assert len(split.validation) > 0


def test_make_names_the_splits_and_settings_there_are():
    with pytest.raises(
        ValueError, match="last_item, last_day, random_ratio, global_time.*'newest'"
    ):
        splits.make("newest", grid(2, 3))
    with pytest.raises(ValueError, match=r"validation, test, seed.*ratio"):
        splits.make("random_ratio", grid(2, 3), ratio=0.2)


def test_from_parts_counts_ids_up_to_the_highest_of_any_part():
    split = splits.from_parts([[0, 1], [2, 0]], None, [[0, 4]], "mine")
    assert (split.train.num_users, split.train.num_items) == (3, 5)
    assert pairs_of(split.train) == [(0, 1), (2, 0)] and pairs_of(split.test) == [(0, 4)]
    assert len(split.validation) == 0 and len(split.trainval()) == 2


def test_from_parts_maps_external_ids_through_given_vocabularies():
    users, items = Vocabulary(["b", "a"]), Vocabulary(["x", "y", "z"])
    split = splits.from_parts(
        [["a", "x"]], [["a", "z"]], [["b", "y"]], "mine", users=users, items=items
    )
    assert pairs_of(split.train) + pairs_of(split.validation) + pairs_of(split.test) == [
        (1, 0),
        (1, 2),
        (0, 1),
    ]
    with pytest.raises(ValueError, match="`users` should hold every id.*'c'"):
        splits.from_parts([["c", "x"]], None, [["b", "y"]], "mine", users=users, items=items)


def test_from_parts_refuses_a_pair_in_two_parts_and_names_them():
    with pytest.raises(ValueError, match="user 0 and item 1, in train and test"):
        splits.from_parts([[0, 1], [1, 1]], [[1, 0]], [[0, 1]], "mine")


def test_from_parts_refuses_negative_ids_and_other_shapes():
    with pytest.raises(ValueError, match="unknown one.*-1"):
        splits.from_parts([[0, -1]], None, [[0, 1]], "mine")
    with pytest.raises(ValueError, match=r"`test_pairs` should be \[n, 2\]"):
        splits.from_parts([[0, 1]], None, [0, 1], "mine")


def test_splits_of_the_real_100k_have_the_sizes_counted_by_hand(data_root):
    data = movielens.read_movielens(data_root / "ml-100k").interactions
    split = splits.last_item(data)  # every user has at least 20 ratings
    assert [len(p) for p in (split.train, split.validation, split.test)] == [98114, 943, 943]
    split = splits.global_time(data)
    assert split.train.timestamp.max() < split.test.timestamp.min()


DAY = 86_400


def test_the_last_day_of_each_user_is_test_whatever_the_order_in_it():
    # user 0: days 10 (items 0, 1), 11 (2), 13 (3, 4, 5); user 1: 10 (0), 20 (1); user 2: 12 (7, 8)
    days = [10, 10, 11, 13, 13, 13, 10, 20, 12, 12]
    hours = [23, 1, 5, 0, 20, 3, 9, 9, 1, 2]
    time = 1e9 // DAY * DAY + DAY * np.array(days) + 3600 * np.array(hours)
    data = rows([0, 0, 0, 0, 0, 0, 1, 1, 2, 2], [0, 1, 2, 3, 4, 5, 0, 1, 7, 8], time)
    split = splits.last_day(data)
    assert pairs_of(split.test) == [(0, 3), (0, 4), (0, 5), (1, 1)]
    assert pairs_of(split.validation) == [(0, 2)]
    assert pairs_of(split.train) == [(0, 0), (0, 1), (1, 0), (2, 7), (2, 8)]
    assert split.settings == {"day": DAY}
    in_milliseconds = splits.last_day(dataclasses.replace(data, timestamp=1000 * time))
    assert pairs_of(in_milliseconds.test) == pairs_of(split.test)
    assert in_milliseconds.settings == {"day": 1000 * DAY}


def test_the_last_day_needs_two_days_of_somebody_and_a_unit_of_time():
    with pytest.raises(ValueError, match="hold a user with two days. Received 2"):
        splits.last_day(rows([0, 0], [0, 1], [1e9, 1e9 + 60]))
    with pytest.raises(ValueError, match="2 of which lie before.*Give `day`"):
        splits.last_day(rows([0, 0], [0, 1], [1, 2]))
    assert pairs_of(splits.last_day(rows([0, 0], [0, 1], [1, 2]), day=1).test) == [(0, 1)]
    with pytest.raises(ValueError, match="`day` should be > 0"):
        splits.last_day(rows([0, 0], [0, 1], [1, 2]), day=0)
    with pytest.raises(ValueError, match="should have timestamps"):
        splits.last_day(rows([0, 0], [0, 1]))


def test_global_time_cuts_at_dates():
    time = 1_396_828_800 + DAY * np.arange(10)  # from 7 April 2014 on
    data = rows([0] * 10, list(range(10)), time)
    split = splits.global_time(data, test_from="2014-04-14", validation_from="2014-04-12T12:00")
    assert split.test.item_index.tolist() == [7, 8, 9]
    assert split.validation.item_index.tolist() == [6]
    assert split.settings == {
        "validation_from": 1_396_828_800 + 5.5 * DAY,
        "test_from": 1_396_828_800 + 7 * DAY,
    }
    split = splits.global_time(data, test_from=float(time[8]), validation=0.2)
    assert split.test.item_index.tolist() == [8, 9]
    assert split.validation.item_index.tolist() == [6, 7]
    with pytest.raises(ValueError, match="`validation_from` should not be later"):
        splits.global_time(data, test_from="2014-04-10", validation_from="2014-04-11")
    with pytest.raises(ValueError, match="such as '2014-04-07'.*'soon'"):
        splits.global_time(data, test_from="soon")
    with pytest.raises(ValueError, match="'test': 0"):
        splits.global_time(data, test_from="2020-01-01")


def test_the_parts_keep_the_rule_for_ties():
    data = rows([0] * 5, [4, 2, 3, 0, 1], [7] * 5)
    split = splits.last_item(data, ties="id")
    assert split.train.ties == split.test.ties == split.trainval().ties == TieRule("id")
    again = splits.last_item(data.with_ties("file"))
    assert pairs_of(again.test) == [(0, 1)] and again.settings["ties"] == "file"
