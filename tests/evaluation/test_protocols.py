import numpy as np
import pytest

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.splits import Split
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.evaluation.protocols import cold_items, cold_start, sparsest_users


def split_of(counts, num_items=20):
    """User u has the first counts[u] items, rows in mixed order; nothing is held out."""
    pairs = [(user, item) for user, count in enumerate(counts) for item in range(count)]
    index = np.random.default_rng(3).permutation(np.array(pairs, np.int32).reshape(-1, 2))
    train = Interactions(
        user_index=index[:, 0],
        item_index=index[:, 1],
        users=Vocabulary(np.arange(len(counts))),
        items=Vocabulary(np.arange(num_items)),
        rating=(index[:, 0] * 100 + index[:, 1]).astype(np.float32),
    )
    nothing = train.select(np.zeros(0, np.int64))
    return Split(name="made", train=train, validation=nothing, test=nothing)


def pairs(part):
    return set(zip(part.user_index.tolist(), part.item_index.tolist(), strict=True))


# 30 users with 12 rows, 10 with 8: of the latter nobody can be cut, for 5 + 4 = 9
SPLIT = split_of([12] * 30 + [8] * 10)


def test_cut_users_keep_exactly_as_many_rows_as_their_group_says():
    cold = cold_start(SPLIT, fraction=0.375, counts=(1, 3, 5), seed=0)
    counts = cold.train.user_counts()
    assert {k: counts[users].tolist() for k, users in cold.users_cut_to.items()} == {
        1: [1] * 5,
        3: [3] * 5,
        5: [5] * 5,
    }
    assert len(cold.users) == len(set(cold.users.tolist())) == 15
    assert cold.users.tolist() == sorted(cold.users.tolist()) and cold.users.max() < 30


def test_the_rows_taken_away_are_all_kept_in_two_disjoint_halves():
    cold = cold_start(SPLIT, fraction=0.375, seed=0)
    parts = [pairs(part) for part in (cold.train, cold.validation, cold.test)]
    assert len(set.union(*parts)) == sum(map(len, parts)) == len(SPLIT.train)
    assert set.union(*parts) == pairs(SPLIT.train)
    taken = set(cold.validation.user_index.tolist()) | set(cold.test.user_index.tolist())
    assert taken == set(cold.users.tolist())
    # 12 rows cut to 1, 3, 5 leave 11, 9, 7: halves of 6 and 5, 5 and 4, 4 and 3
    for kept, users in cold.users_cut_to.items():
        assert set(cold.validation.user_counts()[users]) == {(12 - kept + 1) // 2}
        assert set(cold.test.user_counts()[users]) == {(12 - kept) // 2}


def test_all_other_users_keep_their_rows():
    cold = cold_start(SPLIT, fraction=0.375, seed=0)
    others = np.setdiff1d(np.arange(40), cold.users)
    assert pairs(cold.train) >= {pair for pair in pairs(SPLIT.train) if pair[0] in others}
    assert cold.train.user_counts()[others].tolist() == SPLIT.train.user_counts()[others].tolist()


def test_rows_keep_their_order_and_their_columns():
    cold = cold_start(SPLIT, fraction=0.375, seed=0)
    for part in (cold.train, cold.validation, cold.test):
        np.testing.assert_array_equal(part.rating, part.user_index * 100 + part.item_index)
    order = {
        pair: row for row, pair in enumerate(zip(SPLIT.train.user_index, SPLIT.train.item_index))
    }
    positions = [order[pair] for pair in zip(cold.train.user_index, cold.train.item_index)]
    assert positions == sorted(positions)


def test_the_rows_kept_are_drawn_at_random():
    # 1 of 12 items kept by 2,000 users: 166.7 each, standard deviation 12.4
    cold = cold_start(split_of([12] * 2000), fraction=1.0, counts=(1,), seed=0)
    counts = cold.train.item_counts()[:12]
    assert counts.sum() == 2000 and np.abs(counts - 2000 / 12).max() < 5 * 12.4


def test_a_cut_repeats_for_a_seed_and_differs_for_another():
    one, same, other = (cold_start(SPLIT, fraction=0.375, seed=seed) for seed in (1, 1, 2))
    assert one.train.fingerprint() == same.train.fingerprint() != other.train.fingerprint()
    assert one.validation.fingerprint() == same.validation.fingerprint()


def test_the_share_is_one_of_all_users_and_bounded_by_those_with_rows_enough():
    assert len(cold_start(SPLIT, fraction=0.1, counts=(1,)).users) == 4
    assert len(cold_start(SPLIT, fraction=1.0).users) == 30


def test_exactly_four_rows_more_than_the_largest_group_are_enough():
    assert len(cold_start(split_of([9] * 6), fraction=1.0).users) == 6
    with pytest.raises(
        ValueError, match="at least 3 users with 9 training interactions.*Received 2"
    ):
        cold_start(split_of([9, 9, 8, 8]), fraction=1.0)


def test_settings_out_of_range_are_refused():
    for fraction in (0.0, 1.1):
        with pytest.raises(ValueError, match=r"`fraction` should lie in \(0, 1\]"):
            cold_start(SPLIT, fraction=fraction)
    for counts in ((), (-1, 3)):
        with pytest.raises(ValueError, match="`counts` should hold numbers >= 0"):
            cold_start(SPLIT, counts=counts)


def test_the_sparsest_users_have_the_fewest_rows_and_ties_go_by_index():
    train = split_of([5, 2, 9, 2, 1, 7, 3, 3, 8, 6]).train
    # of all ten a fifth are two: user 4 with 1 row, and of 1 and 3 with 2 rows the first
    assert sparsest_users(train, np.arange(10)).tolist() == [1, 4]
    assert sparsest_users(train, np.array([0, 2, 8, 5]), fraction=0.5).tolist() == [0, 5]
    assert sparsest_users(train, np.array([2, 8]), fraction=0.1).tolist() == [8]  # never none


def test_a_user_cut_to_nothing_keeps_nothing():
    cold = cold_start(SPLIT, fraction=0.375, counts=(0, 3), seed=0)
    counts = cold.train.user_counts()
    assert {k: set(counts[users]) for k, users in cold.users_cut_to.items()} == {0: {0}, 3: {3}}


def test_cold_items_lose_every_row_and_no_row_is_lost():
    data = SPLIT.train  # items 0 to 11 have rows, 12 to 19 none
    cold = cold_items(data, fraction=0.5, seed=0)
    parts = [pairs(part) for part in (cold.train, cold.validation, cold.test)]
    assert set.union(*parts) == pairs(data) and sum(map(len, parts)) == len(data)
    assert len(cold.items) == 6 and len(cold.validation_items) == len(cold.test_items) == 3
    assert cold.items.max() < 12
    assert not cold.train.item_counts()[cold.items].any()
    assert set(cold.validation.item_index) == set(cold.validation_items)
    assert set(cold.test.item_index) == set(cold.test_items)


def test_cold_items_are_rare_and_popular_ones_alike():
    # 40 items with 1 to 40 rows: one of every five neighbors in that order
    rows = [(user, item) for item in range(40) for user in range(item + 1)]
    index = np.array(rows, np.int32)
    data = Interactions(
        user_index=index[:, 0],
        item_index=index[:, 1],
        users=Vocabulary(np.arange(40)),
        items=Vocabulary(np.arange(40)),
    )
    cold = cold_items(data, fraction=0.2, seed=3)
    assert sorted(item // 5 for item in cold.items) == list(range(8))


def test_only_items_that_can_be_drawn_are_drawn():
    cold = cold_items(SPLIT.train, fraction=0.5, min_interactions=35, among=np.arange(4), seed=0)
    assert set(cold.items) <= set(range(4))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"fraction": 0.0}, "`fraction`"),
        ({"fraction": 1.0}, "`fraction`"),
        ({"min_interactions": 0}, "`min_interactions`"),
        ({"fraction": 0.1}, "at least 2 of the 12 items"),
    ],
)
def test_cold_items_refuse_what_they_cannot_do(settings, message):
    with pytest.raises(ValueError, match=message):
        cold_items(SPLIT.train, **settings)
