import itertools

import numpy as np
import pytest

from advrec_tf.data import batches
from advrec_tf.data.augmentation import AugmentedInteractions
from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.data.vocabulary import Vocabulary
from tests.worlds import interactions_of


def rows(num_rows, rating=None, num_users=20, num_items=30):
    """Row i is user i % 20 and item i, so a pair names its row."""
    pairs = [(row % num_users, row) for row in range(num_rows)]
    return interactions_of(pairs, num_users, num_items, rating=rating)


def augmented(num_real, num_generated, fraction, weight=0.3):
    """Generated rows are the users from the last one down, each with item 29."""
    return AugmentedInteractions(
        real=rows(num_real),
        user_index=(19 - np.arange(num_generated)).astype(np.int32),
        item_index=np.full(num_generated, 29, np.int32),
        fraction=fraction,
        weight=weight,
    )


def take(made, epochs, first=0):
    """Epochs from `first` on, each a list of batches as NumPy."""
    stream = iter(made.dataset(first).as_numpy_iterator())
    return [list(itertools.islice(stream, made.steps_per_epoch)) for _ in range(epochs)]


def column(epoch, name):
    return np.concatenate([batch[name] for batch in epoch]).tolist()


def assert_same(one, other):
    for batch, same in zip(one, other, strict=True):
        assert batch.keys() == same.keys()
        for name in batch:
            np.testing.assert_array_equal(batch[name], same[name])


def test_every_row_comes_once_an_epoch():
    for epoch in take(batches.of_pairs(rows(12), batch_size=4, seed=0), epochs=3):
        assert sorted(column(epoch, "item_index")) == list(range(12))
        assert column(epoch, "user_index") == column(epoch, "item_index")  # still its own pair


def test_the_last_batch_is_filled_up_from_the_start_of_its_epoch():
    (epoch,) = take(batches.of_pairs(rows(10), batch_size=4, seed=0), epochs=1)
    items = column(epoch, "item_index")
    assert len(epoch) == 3 and [len(batch["weight"]) for batch in epoch] == [4, 4, 4]
    assert sorted(items[:10]) == list(range(10)) and items[10:] == items[:2]


def test_a_batch_is_no_larger_than_the_data():
    made = batches.of_pairs(rows(3), batch_size=100, seed=0)
    assert made.steps_per_epoch == 1
    assert sorted(column(take(made, 1)[0], "item_index")) == [0, 1, 2]


def test_orders_differ_between_epochs_and_between_seeds():
    made = batches.of_pairs(rows(12), batch_size=12, seed=0)
    orders = [column(epoch, "item_index") for epoch in take(made, 3)]
    orders.append(
        column(take(batches.of_pairs(rows(12), batch_size=12, seed=1), 1)[0], "item_index")
    )
    assert len({tuple(order) for order in orders}) == 4


MADE = [
    pytest.param(lambda seed: batches.of_pairs(rows(10), batch_size=4, seed=seed), id="pairs"),
    pytest.param(lambda seed: batches.of_users(np.arange(10), batch_size=4, seed=seed), id="users"),
    # 7 generated rows, 2 a batch, take 4 batches, so their epochs end inside the real ones of 3
    pytest.param(
        lambda seed: batches.of_pairs(augmented(10, 7, fraction=0.5), batch_size=4, seed=seed),
        id="generated",
    ),
]


@pytest.mark.parametrize("make", MADE)
def test_an_epoch_is_the_same_whether_reached_or_resumed_at(make):
    unbroken = take(make(seed=3), epochs=7)
    for first in (1, 2, 6):
        assert_same(unbroken[first], take(make(seed=3), epochs=1, first=first)[0])


@pytest.mark.parametrize("make", MADE)
def test_every_batch_has_a_seed_of_its_own(make):
    seeds = [tuple(b["seed"].tolist()) for epoch in take(make(seed=3), 4) for b in epoch]
    seeds += [tuple(b["seed"].tolist()) for b in take(make(seed=4), 1)[0]]
    assert len(set(seeds)) == len(seeds) == 5 * 3


@pytest.mark.parametrize("make", MADE)
def test_every_batch_has_the_same_fixed_shape(make):
    one, other = take(make(seed=0), 2)
    shapes = [{name: value.shape for name, value in batch.items()} for batch in one + other]
    assert all(shape == shapes[0] for shape in shapes) and shapes[0]["seed"] == (2,)


def test_generated_rows_are_appended_with_their_mark_and_weight():
    made = batches.of_pairs(augmented(8, 6, fraction=0.5, weight=0.25), batch_size=4, seed=0)
    for batch in take(made, 1)[0]:
        assert batch["generated"].tolist() == [False] * 4 + [True] * 2
        assert batch["weight"].tolist() == [1, 1, 1, 1, 0.25, 0.25]
        assert batch["item_index"][4:].tolist() == [29, 29]
        assert (batch["item_index"][:4] < 8).all()


def test_the_share_of_generated_rows_is_one_of_the_real_rows_in_a_batch():
    for fraction, extra in ((0.25, 1), (0.5, 2), (1.0, 4)):
        made = batches.of_pairs(augmented(8, 6, fraction=fraction), batch_size=4, seed=0)
        assert {int(b["generated"].sum()) for b in take(made, 1)[0]} == {extra}
        assert made.steps_per_epoch == 2  # an epoch is still one of the real rows


def test_the_share_is_capped_by_the_generated_rows_there_are():
    made = batches.of_pairs(augmented(8, 1, fraction=1.0), batch_size=4, seed=0)
    assert [b["generated"].sum() for b in take(made, 1)[0]] == [1, 1]


def test_generated_rows_take_turns():
    # 6 rows, 2 a batch, 2 batches an epoch: three batches show each of them once
    made = batches.of_pairs(augmented(8, 6, fraction=0.5), batch_size=4, seed=0)
    shown = [b["user_index"][4:].tolist() for epoch in take(made, 3) for b in epoch]
    assert sorted(sum(shown[:3], [])) == sorted(sum(shown[3:], [])) == list(range(14, 20))


def test_the_real_rows_come_in_the_same_order_with_and_without_generated_ones():
    plain = take(batches.of_pairs(rows(10), batch_size=4, seed=2), 1)[0]
    joined = take(batches.of_pairs(augmented(10, 5, fraction=0.5), batch_size=4, seed=2), 1)[0]
    for batch, same in zip(plain, joined, strict=True):
        np.testing.assert_array_equal(batch["item_index"], same["item_index"][:4])
        np.testing.assert_array_equal(batch["seed"], same["seed"])


def test_no_generated_row_leaves_the_batches_as_they_were():
    plain = take(batches.of_pairs(rows(10), batch_size=4, seed=2), 1)[0]
    none = take(batches.of_pairs(augmented(10, 0, fraction=0.5), batch_size=4, seed=2), 1)[0]
    assert_same(plain, none)


def test_ratings_come_as_the_labels_of_their_rows():
    rating = np.arange(10, dtype=np.float32) / 2
    for batch in take(batches.of_pairs(rows(10, rating), batch_size=4, seed=0), 1)[0]:
        np.testing.assert_array_equal(batch["label"], batch["item_index"] / 2)
    assert "label" not in take(batches.of_pairs(rows(10), batch_size=4, seed=0), 1)[0][0]


def test_user_batches_hold_the_given_users_only():
    users = np.array([3, 17, 5])
    (epoch,) = take(batches.of_users(users, batch_size=2, seed=0), 1)
    drawn = column(epoch, "user_index")
    assert sorted(drawn[:3]) == [3, 5, 17] and drawn[3] == drawn[0]
    assert set(column(epoch, "weight")) == {1.0}


@pytest.mark.parametrize(
    ("users", "received"),
    [
        (["007"], "'007'"),
        ([0, -1], "-1"),
        ([2**31], "2147483648"),
        ([0.5], "0.5"),
        ([True], "True"),
        ([[1]], r"shape \(1, 1\)"),
    ],
)
def test_what_is_no_index_is_refused(users, received):
    with pytest.raises(ValueError, match=rf"`users` should hold indices.*Received: {received}\."):
        batches.of_users(users, batch_size=1, seed=0)
    with pytest.raises(ValueError, match=rf"`index` should hold .*Received: {received}\."):
        batches.of_index(users, batch_size=1, seed=0, name="sequence_index")


def test_no_rows_and_no_batch_size_are_refused():
    with pytest.raises(ValueError, match="should have an example"):
        batches.of_pairs(rows(0), batch_size=4, seed=0)
    with pytest.raises(ValueError, match="should have an example"):
        batches.of_users(np.zeros(0, np.int32), batch_size=4, seed=0)
    with pytest.raises(ValueError, match="`batch_size` should be >= 1. Received: 0"):
        batches.of_pairs(rows(3), batch_size=0, seed=0)


# Blocks: 10 rows, 2 a batch, are 5 batches an epoch.


def blocks(steps, seed=3, num_rows=10, batch_size=2):
    made = batches.of_pairs(rows(num_rows), batch_size=batch_size, seed=seed)
    return made, batches.in_blocks(made, steps)


def stacked(made, count):
    """The first `count` batches of the endless dataset, one tensor a column."""
    found = list(itertools.islice(made.dataset(0).as_numpy_iterator(), count))
    return {name: np.stack([batch[name] for batch in found]) for name in found[0]}


@pytest.mark.parametrize(
    ("steps", "per_epoch", "length"),
    [(1, 5, 1), (2, 3, 2), (3, 2, 3), (4, 2, 3), (5, 1, 5), (99, 1, 5)],
)
def test_a_block_is_so_many_batches_of_the_endless_dataset(steps, per_epoch, length):
    made, blocked = blocks(steps)
    assert blocked.steps_per_epoch == per_epoch
    expected = stacked(made, 3 * per_epoch * length)
    for epoch, found in enumerate(take(blocked, 3)):
        for i, block in enumerate(found):
            start = (epoch * per_epoch + i) * length
            assert block.keys() == expected.keys()
            for name in block:
                np.testing.assert_array_equal(block[name], expected[name][start : start + length])


def test_every_row_is_in_an_epoch_of_blocks_and_the_surplus_begins_the_next():
    _, even = blocks(5)
    for epoch in take(even, 3):
        assert sorted(np.ravel(epoch[0]["item_index"])) == list(range(10))
    made, odd = blocks(3)  # 2 blocks of 3: the sixth batch is the first of the next epoch
    first = np.concatenate([np.ravel(block["item_index"]) for block in take(odd, 1)[0]])
    assert sorted(first[:10]) == list(range(10))
    np.testing.assert_array_equal(first[10:], take(made, 1, first=1)[0][0]["item_index"])


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 99])
def test_an_epoch_of_blocks_is_the_same_whether_reached_or_resumed_at(steps):
    unbroken = take(blocks(steps)[1], 8)
    for first in (1, 2, 5, 7):
        assert_same(unbroken[first], take(blocks(steps)[1], 1, first=first)[0])


def test_every_block_has_the_same_fixed_shape():
    _, blocked = blocks(3, num_rows=11)
    spec = blocked.dataset(0).element_spec
    shapes = {name: tuple(tensor.shape) for name, tensor in spec.items()}
    assert shapes.pop("seed") == (3, 2) and set(shapes.values()) == {(3, 2)}


def test_a_block_of_no_steps_is_refused():
    with pytest.raises(ValueError, match="`steps` should be >= 1. Received: 0"):
        blocks(0)


def test_batches_of_triples_show_every_fact_once_an_epoch():
    graph = KnowledgeGraph.from_triples(
        [(f"h{i}", f"r{i % 2}", f"t{i}") for i in range(12)], items=Vocabulary(["h0"])
    )
    made = batches.of_triples(graph, batch_size=5, seed=0)
    (epoch,) = take(made, epochs=1)
    facts = list(zip(*(column(epoch, name) for name in ("head", "relation", "tail")), strict=True))
    known = list(zip(graph.heads, graph.relations, graph.tails, strict=True))
    assert sorted(facts[:12]) == sorted(known) and facts[12:] == facts[:3]
    assert column(epoch, "weight") == [1.0] * 15
    assert set(epoch[0]) == {"head", "relation", "tail", "weight", "seed"}
    with pytest.raises(ValueError, match="an example to draw from"):
        batches.of_triples(graph.select([]), batch_size=5, seed=0)
    with pytest.raises(ValueError, match="`batch_size`"):
        batches.of_triples(graph, batch_size=0, seed=0)


def test_a_rows_weight_goes_with_its_row():
    rows = np.arange(10)
    data = interactions_of([(row, row) for row in range(10)])
    weighted = batches.of_pairs(data, batch_size=4, seed=0, sample_weight=rows / 10)
    batch = next(iter(weighted.dataset(0)))
    np.testing.assert_allclose(batch["weight"], batch["user_index"].numpy() / 10)
    with pytest.raises(ValueError, match="`sample_weight` should hold 10 finite"):
        batches.of_pairs(data, batch_size=4, seed=0, sample_weight=np.full(10, -1.0))


def test_iterating_over_batches_is_the_first_epoch_each_time():
    # five examples in batches of two: three batches, the last one filled up from the start
    found = batches.of_index(np.arange(5), batch_size=2, seed=3, name="row")
    epochs = [
        [batch["row"].numpy().tolist() for batch in one]
        for one in (found, found, found.dataset(0).take(3))
    ]
    assert epochs[0] == epochs[1] == epochs[2] and [len(rows) for rows in epochs[0]] == [2, 2, 2]
    rows = sum(epochs[0], [])
    assert sorted(rows[:5]) == [0, 1, 2, 3, 4] and rows[5] == rows[0]
