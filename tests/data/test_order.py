import itertools

import numpy as np
import pytest

from advrec_tf.data.order import ordered_by_user
from tests.worlds import interactions_of


def ordered_items(data):
    order, starts = ordered_by_user(data)
    items = data.item_index[order].tolist()
    return [items[first:last] for first, last in itertools.pairwise(starts)]


@pytest.fixture
def tied():
    """User 0 did 3, 1 and 2 at time 5 and item 0 before; user 1 only item 2; user 2 nothing."""
    pairs = [(0, 3), (1, 2), (0, 1), (0, 0), (0, 2)]
    return interactions_of(pairs, 3, 4, timestamp=[5, 1, 5, 4, 5])


def test_time_comes_first_and_the_rule_orders_what_it_leaves_open(tied):
    assert ordered_items(tied.with_ties("file")) == [[0, 3, 1, 2], [2], []]
    assert ordered_items(tied.with_ties("id")) == [[0, 1, 2, 3], [2], []]
    hashed = ordered_items(tied)
    assert hashed[0][0] == 0 and sorted(hashed[0]) == [0, 1, 2, 3] and hashed[1:] == [[2], []]


def test_the_hash_does_not_depend_on_the_file_and_does_on_the_seed():
    users, items = np.repeat(np.arange(40), 5), np.tile(np.arange(5), 40)
    shuffled = np.random.default_rng(0).permutation(200)
    data = interactions_of(list(zip(users, items, strict=True)), timestamp=np.zeros(200))
    one = ordered_items(data)
    assert ordered_items(data.select(shuffled)) == one
    other = ordered_items(data.with_ties("hash", seed=1))
    first = [sequence[0] for sequence in one]
    same = np.mean([a == b[0] for a, b in zip(first, other, strict=True)])
    assert 0 < same < 0.6  # one in five by chance
    assert np.bincount(first, minlength=5).min() >= 2  # 8 expected


def test_without_times_the_file_decides_under_every_rule():
    data = interactions_of([(0, 3), (0, 1), (0, 2)], 1, 4)
    for name in ("hash", "file", "id"):
        assert ordered_items(data.with_ties(name)) == [[3, 1, 2]]


def test_a_missing_time_is_refused():
    data = interactions_of([(0, 1), (0, 2)], timestamp=[1, np.nan])
    with pytest.raises(ValueError, match="Received 1 NaN of 2.*with_times"):
        ordered_by_user(data)
