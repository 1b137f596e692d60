import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from pyarrow import parquet

import advrec_tf as ar
from advrec_tf.data.streams.counted import CountedInteractions
from advrec_tf.gan.attribute_profiles import build_attribute_profile_gan
from advrec_tf.gan.profiles import build_profile_gan
from advrec_tf.models.content.modalities import Modality

LENGTHS = [1, 2, 5, 9, 3, 7, 4]  # rows of each user, some of them twice the same item


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    users = np.repeat(np.arange(7), LENGTHS)
    items = np.random.default_rng(0).integers(0, 6, len(users))
    table = pa.table({"user_id": users, "item_id": items})
    for number, (begin, end) in enumerate(((0, 17), (17, 31))):
        part = table.slice(begin, end - begin)
        parquet.write_table(part, folder / f"part-{number}.parquet", row_group_size=4)
    stream = ar.data.stream(folder, window=20)
    return ar.data.counted(stream, ar.data.count_ids(stream))


def test_each_user_comes_once_an_epoch_with_the_profile_of_memory(data):
    known = data.held().by_user()
    batches = ar.data.stream_profiles(data, batch_size=1)
    assert batches.steps_per_epoch == 7
    epochs = [list(batches.dataset(0).take(14))[7 * n : 7 * n + 7] for n in (0, 1)]
    users = [[int(batch["user_index"][0]) for batch in epoch] for epoch in epochs]
    assert sorted(users[0]) == sorted(users[1]) == list(range(7)) and users[0] != users[1]
    for batch in epochs[0]:
        items = batch["items"].numpy()[0]
        assert items.shape == (9,)
        assert items[items >= 0].tolist() == known[int(batch["user_index"][0])].tolist()
    later = [int(batch["user_index"][0]) for batch in batches.dataset(1).take(7)]
    assert later == users[1]
    busy = ar.data.stream_profiles(data, batch_size=1, least=4)  # of 5, 9, 7 and 4 rows
    assert sorted(int(batch["user_index"][0]) for batch in busy) == [2, 3, 5, 6]
    with pytest.raises(ValueError, match="`least` should be >= 1"):
        ar.data.stream_profiles(data, batch_size=1, least=0)


def compiled(gan):
    gan.compile(d_optimizer=tf.keras.optimizers.SGD(0.1), g_optimizer=tf.keras.optimizers.SGD(0.1))
    return gan


def with_attributes(data):
    ages = Modality(name="age", vectors=np.arange(14, dtype=np.float32).reshape(7, 2))
    return build_attribute_profile_gan(data, ages, noise_dim=2, generator_hidden=(3,))


@pytest.mark.parametrize("build", [build_profile_gan, with_attributes])
def test_a_gan_learns_from_profiles_in_shards_what_it_learns_from_held_ones(
    data, build, monkeypatch
):
    held = compiled(build(data.held()))
    by_user = CountedInteractions.by_user
    monkeypatch.setattr(CountedInteractions, "by_user", lambda _: pytest.fail("rows were held"))
    streamed = compiled(build(data))
    for batch in ar.data.stream_profiles(data, batch_size=4).dataset(0).take(2):
        own = {name: batch[name] for name in ("user_index", "weight", "seed")}
        held.alternate(own, own["seed"])
        streamed.alternate(batch, batch["seed"])
    for one, other in zip(streamed.get_weights(), held.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    monkeypatch.setattr(CountedInteractions, "by_user", by_user)
    np.testing.assert_array_equal(streamed.scores(), held.scores())


def test_a_user_in_two_places_is_named_with_the_shard(data, tmp_path):
    table = pa.table({"user_id": [1, 2, 1], "item_id": [0, 1, 2]})
    parquet.write_table(table, tmp_path / "mixed.parquet")
    stream = ar.data.stream(tmp_path)
    mixed = ar.data.counted(stream, ar.data.count_ids(stream))
    with pytest.raises(tf.errors.OpError, match="mixed.parquet, column 'user_id': expected all"):
        next(iter(ar.data.stream_profiles(mixed, batch_size=2).dataset(0)))
