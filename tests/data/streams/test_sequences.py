import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from pyarrow import parquet

import advrec_tf as ar
from advrec_tf.data.sequences import NONE, sequences_of
from advrec_tf.data.streams.counted import CountedInteractions
from advrec_tf.gan.sequences import build_sequence_gan

LENGTHS = [1, 2, 5, 9, 3, 7, 4]  # rows of each user


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    users = np.repeat(np.arange(7), LENGTHS)
    items = np.random.default_rng(0).integers(0, 6, len(users))
    table = pa.table({"user_id": users, "item_id": items, "time": -np.arange(len(users))})
    for number, (begin, end) in enumerate(((0, 17), (17, 31))):
        part = table.slice(begin, end - begin)
        parquet.write_table(part, folder / f"part-{number}.parquet", row_group_size=4)
    stream = ar.data.stream(folder, window=20)
    return ar.data.counted(stream, ar.data.count_ids(stream))


def rows_of(batches, epoch=0):
    taken = batches.dataset(epoch).take(batches.steps_per_epoch) if epoch else batches
    return [
        (user, *items)
        for batch in taken
        for user, items in zip(
            batch["user_index"].numpy().tolist(), batch["items"].numpy().tolist(), strict=True
        )
    ]


# pieces of four from the end: users of 1, 2, 5, 9, 3, 7 and 4 rows have 0, 1, 1, 2, 1, 2 and 1,
# those of two items at least; with one item at least the first, third and fourth have one more
@pytest.mark.parametrize(("least", "count"), [(2, 8), (1, 11)])
def test_each_sequence_of_memory_comes_once_an_epoch(data, least, count):
    held = sequences_of(data.held(), length=4, least=least)
    expected = sorted((int(u), *i) for u, i in zip(held.user_index, held.items.tolist()))
    batches = ar.data.stream_sequences(data, length=4, batch_size=1, least=least)
    assert batches.steps_per_epoch == count == len(expected)
    first, second = rows_of(batches), rows_of(batches, 1)
    assert sorted(first) == sorted(second) == expected and first != second


def test_a_column_of_times_orders_the_items_of_a_user(data):
    forwards = ar.data.stream_sequences(data, length=9, batch_size=1)
    backwards = ar.data.stream_sequences(data, length=9, batch_size=1, time_column="time")
    found = {row[0]: [item for item in row[1:] if item != NONE] for row in rows_of(forwards)}
    for user, *items in rows_of(backwards):
        assert [item for item in items if item != NONE] == found[user][::-1]


@pytest.mark.parametrize("settings", [{"length": 1}, {"length": 4, "least": 5}])
def test_lengths_that_cut_nothing_are_refused(data, settings):
    with pytest.raises(ValueError, match="`length` should be >= 2 and `least` lie in 1..length"):
        ar.data.stream_sequences(data, batch_size=2, **settings)


def compiled(gan):
    gan.compile(d_optimizer=tf.keras.optimizers.SGD(0.1), g_optimizer=tf.keras.optimizers.SGD(0.1))
    return gan


def test_a_gan_learns_from_sequences_in_shards_what_it_learns_from_held_ones(data, monkeypatch):
    interactions = data.held()
    sequences = sequences_of(interactions, length=4)
    place = {
        (int(user), *items): number
        for number, (user, items) in enumerate(
            zip(sequences.user_index, sequences.items.tolist(), strict=True)
        )
    }
    settings = {"dim": 4, "heads": 1, "dropout": 0.0}
    held = compiled(build_sequence_gan(interactions, sequences, **settings))
    for name in ("_held", "by_user"):
        monkeypatch.setattr(CountedInteractions, name, lambda _: pytest.fail("rows were held"))
    streamed = compiled(build_sequence_gan(data, 4, **settings))
    for batch in ar.data.stream_sequences(data, length=4, batch_size=4).dataset(0).take(2):
        rows = zip(
            batch["user_index"].numpy().tolist(), batch["items"].numpy().tolist(), strict=True
        )
        own = {"sequence_index": tf.constant([place[(user, *items)] for user, items in rows])}
        held.alternate(own, batch["seed"])
        streamed.alternate(batch, batch["seed"])
    for one, other in zip(streamed.get_weights(), held.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    monkeypatch.undo()
    users = tf.range(7)
    np.testing.assert_array_equal(streamed.score(users), held.score(users))


def test_batches_of_another_length_than_that_of_the_model_are_refused(data):
    gan = compiled(build_sequence_gan(data, 8, dim=4, heads=1))
    with pytest.raises(ValueError, match="of the 8 items that the model.*sequences of 5: give"):
        gan.fit(ar.data.stream_sequences(data, length=5, batch_size=4), verbose=0)


def test_a_model_of_a_length_alone_says_what_its_batches_lack(data):
    gan = build_sequence_gan(data, 4, dim=4, heads=1)
    with pytest.raises(ValueError, match="should bring `items` and `user_index`.*sequence_index"):
        gan.real_samples({"sequence_index": tf.constant([0])})
    with pytest.raises(ValueError, match="`length` should be >= 2"):
        build_sequence_gan(data, 1)
