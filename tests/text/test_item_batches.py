import collections
import itertools
import math

import numpy as np
import pytest

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.text.item_batches import of_items

COUNTS = [7, 3, 1, 0, 2, 4]  # rows of each item: at 3 a hand 3, 1, 1, 0, 1, 2 hands


def interactions(counts=COUNTS):
    items = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    users = np.concatenate([np.arange(count) for count in counts]).astype(np.int32)
    order = np.random.default_rng(0).permutation(len(items))
    return Interactions(
        user_index=users[order],
        item_index=items[order],
        users=Vocabulary(np.arange(max(counts))),
        items=Vocabulary(np.arange(len(counts))),
    )


def epochs(made, number, first=0):
    """Lists of NumPy batches, one list an epoch."""
    steps = made.dataset(first).take(number * made.steps_per_epoch).as_numpy_iterator()
    return [list(itertools.islice(steps, made.steps_per_epoch)) for _ in range(number)]


def rows_of(batch):
    return [
        (int(user), int(item))
        for user, item, weight in zip(batch["user_index"], batch["item_index"], batch["weight"])
        if weight
    ]


@pytest.mark.parametrize("sizes", [(2, 3), (3, 2), (1, 5), (64, 16), (4, 1)])
def test_every_row_comes_once_an_epoch(sizes):
    data = interactions()
    made = of_items(data, items_per_batch=sizes[0], rows_per_item=sizes[1], seed=4)
    expected = sorted(zip(data.user_index.tolist(), data.item_index.tolist()))
    for epoch in epochs(made, 3):
        assert sorted(row for batch in epoch for row in rows_of(batch)) == expected


@pytest.mark.parametrize("sizes", [(2, 3), (4, 1), (5, 2)])
def test_the_open_candidates_of_a_batch_are_different_items(sizes):
    made = of_items(interactions(), items_per_batch=sizes[0], rows_per_item=sizes[1], seed=4)
    for batch in itertools.chain(*epochs(made, 5)):
        candidates = batch["candidate_index"][batch["candidate_open"]].tolist()
        assert len(set(candidates)) == len(candidates) > 0
        own = batch["candidate_index"][batch["column"]]
        np.testing.assert_array_equal(own, batch["item_index"])
        closed = ~batch["candidate_open"][batch["column"]]
        assert not batch["weight"][closed].any()


def test_shapes_are_the_same_for_every_batch_and_hands_have_at_most_r_rows():
    made = of_items(interactions(), items_per_batch=2, rows_per_item=3, seed=4)
    assert made.steps_per_epoch == 4  # 8 hands, two a batch
    for batch in epochs(made, 1)[0]:
        assert batch["candidate_index"].shape == (2,) and batch["weight"].shape == (6,)
        assert collections.Counter(batch["column"].tolist()) == {0: 3, 1: 3}


def test_an_item_with_more_hands_than_batches_makes_more_batches():
    # 6, 1 and 1 hands of one row: 8 hands fill 4 batches of two, but one item needs 6
    made = of_items(interactions([6, 1, 1]), items_per_batch=2, rows_per_item=1, seed=0)
    assert made.steps_per_epoch == 6
    open_places = [batch["candidate_open"].sum() for batch in epochs(made, 1)[0]]
    assert sorted(open_places) == [1, 1, 1, 1, 2, 2]


def test_log_q_is_that_of_how_often_an_item_is_a_candidate():
    made = of_items(interactions(), items_per_batch=2, rows_per_item=3, seed=4)
    found = collections.Counter()
    for batch in itertools.chain(*epochs(made, 10)):
        found.update(batch["candidate_index"][batch["candidate_open"]].tolist())
        for item, log_q in zip(batch["candidate_index"], batch["candidate_log_q"]):
            hands = {0: 3, 1: 1, 2: 1, 4: 1, 5: 2}[int(item)]
            assert log_q == pytest.approx(math.log(hands / 8), rel=1e-5)
    assert found == {0: 30, 1: 10, 2: 10, 4: 10, 5: 20}


def test_an_epoch_depends_on_its_number_and_the_seed_alone():
    first, second = epochs(of_items(interactions(), items_per_batch=2, rows_per_item=3, seed=4), 2)
    (again,) = epochs(of_items(interactions(), items_per_batch=2, rows_per_item=3, seed=4), 1, 1)
    for one, other in zip(second, again, strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
    (other_seed,) = epochs(of_items(interactions(), items_per_batch=2, rows_per_item=3, seed=5), 1)
    assert [rows_of(batch) for batch in first] != [rows_of(batch) for batch in second]
    assert [rows_of(batch) for batch in first] != [rows_of(batch) for batch in other_seed]
    seeds = {tuple(batch["seed"]) for batch in first + second}
    assert len(seeds) == len(first + second)


@pytest.mark.parametrize("name", ["items_per_batch", "rows_per_item"])
def test_a_size_below_one_and_no_rows_are_refused(name):
    with pytest.raises(ValueError, match=f"`{name}` should be >= 1. Received: 0"):
        of_items(interactions(), **{name: 0}, seed=0)
    with pytest.raises(ValueError, match="should have an example to draw from"):
        of_items(interactions().select(np.zeros(0, int)), seed=0)
