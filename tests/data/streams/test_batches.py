import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import advrec_tf as ar
from advrec_tf._keras import keras
from advrec_tf.data.batches import Batches, in_blocks
from advrec_tf.data.streams.batches import of_epochs
from tests.data.streams.worlds import parquet_shards


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    stream = ar.data.stream(parquet_shards(tmp_path_factory.mktemp("shards")), window=10)
    return ar.data.counted(stream, ar.data.count_ids(stream), rating_column="rating")


def labels(dataset, count):
    return np.stack([batch["label"].numpy() for batch in dataset.take(count)])


def test_batches_are_cut_from_one_epoch_after_the_other(data):
    batches = data.batches(batch_size=10)
    assert batches.steps_per_epoch == 5  # 44 rows
    found = labels(batches.dataset(0), 9).ravel()
    expected = np.concatenate([data.stream.order(epoch) for epoch in range(3)])
    assert found.tolist() == expected[:90].tolist()
    first = next(iter(batches.dataset(0)))
    assert first["user_index"].numpy().tolist() == (expected[:10] % 7).tolist()
    assert first["item_index"].numpy().tolist() == (expected[:10] % 5).tolist()
    assert first["weight"].numpy().tolist() == [1.0] * 10 and not first["generated"].numpy().any()


def test_training_goes_on_after_any_epoch_as_if_it_had_not_stopped(data):
    for steps in (None, 2):  # an epoch of `fit` may be a part of one of the stream
        batches = data.batches(batch_size=10, steps_per_epoch=steps)
        assert batches.steps_per_epoch == (steps or 5)
        whole = list(batches.dataset(0).take(3 * batches.steps_per_epoch).as_numpy_iterator())
        for epoch in (1, 2):
            begin = epoch * batches.steps_per_epoch
            rest = batches.dataset(epoch).take(batches.steps_per_epoch).as_numpy_iterator()
            for ours, theirs in zip(rest, whole[begin:], strict=False):
                for name in theirs:
                    np.testing.assert_array_equal(ours[name], theirs[name])


def test_the_same_holds_where_rows_are_left_out(data):
    rest = data.without(data.select(np.array([0, 1, 2, 20])))
    batches = rest.batches(batch_size=7)
    whole = labels(batches.dataset(0), 15)
    later = labels(batches.dataset(2), 3)
    begin = 2 * batches.steps_per_epoch
    assert len(rest) < 44 and later.tolist() == whole[begin : begin + 3].tolist()
    kept = sorted(whole.ravel()[: len(rest)].tolist())
    assert kept == sorted(rest.rating.tolist())


def test_where_a_row_may_stand_in_a_batch_once_no_batch_reaches_into_the_next_epoch():
    orders = {0: [3, 1, 4, 0, 2], 1: [2, 0, 4, 3, 1]}

    def rows(epoch, row):
        order = np.array(orders[epoch % 2])[row:]
        yield from ({"row": part} for part in np.split(order, [1]) if len(part))

    def batches(once, steps=None):
        spec = {"row": tf.TensorSpec([None], tf.int64)}
        settings = {"count": 5, "batch_size": 2, "seed": 0, "steps_per_epoch": steps}
        return of_epochs(rows, spec, **settings, once=once)

    def read(made, first, count):
        return [batch["row"].numpy().tolist() for batch in made.dataset(first).take(count)]

    assert read(batches(False), 0, 4) == [[3, 1], [4, 0], [2, 2], [0, 4]]
    made = batches(True)
    assert made.steps_per_epoch == 2
    assert read(made, 0, 6) == [[3, 1], [4, 0], [2, 0], [4, 3], [3, 1], [4, 0]]
    assert read(made, 1, 2) == [[2, 0], [4, 3]]
    assert read(batches(True, steps=3), 1, 2) == [[4, 3], [3, 1]]  # the fourth and the fifth


def test_every_batch_has_a_seed_of_its_own_and_the_seed_changes_order_and_seeds(data):
    one = list(data.batches(batch_size=10, seed=1).dataset(0).take(6).as_numpy_iterator())
    other = list(data.batches(batch_size=10, seed=2).dataset(0).take(6).as_numpy_iterator())
    seeds = {tuple(batch["seed"].tolist()) for batch in one + other}
    assert len(seeds) == 12
    assert one[0]["label"].tolist() != other[0]["label"].tolist()


def test_what_cannot_be_batches_is_refused(data):
    with pytest.raises(ValueError, match="`batch_size`.*Received: 44 rows, 0"):
        data.batches(batch_size=0)
    with pytest.raises(ValueError, match="`steps_per_epoch`"):
        data.batches(batch_size=4, steps_per_epoch=0)
    assert data.batches(batch_size=100).dataset(0).element_spec["label"].shape == [44]


def in_memory(data, batch_size):
    """The same batches from arrays in memory, in the order that the stream announces."""
    held, steps = data.held(), -(-len(data) // batch_size)

    def dataset(first_epoch):
        epochs = range(first_epoch, first_epoch + 4)
        order = np.concatenate([data.stream.order(epoch) for epoch in epochs])
        order = order[: len(order) // batch_size * batch_size]
        rows = {
            "user_index": held.user_index[order],
            "item_index": held.item_index[order],
            "label": held.rating[order],
            "weight": np.ones(len(order), np.float32),
            "generated": np.zeros(len(order), bool),
        }

        def with_seed(step, batch):
            seed = tf.random.stateless_uniform([2], [0, step], None, None, tf.int32)
            return {**batch, "seed": seed}

        return tf.data.Dataset.from_tensor_slices(rows).batch(batch_size).enumerate().map(with_seed)

    return Batches(steps, dataset)


@pytest.mark.parametrize(
    "kind", ["two_tower", pytest.param("factorization", marks=pytest.mark.slow)]
)
def test_training_from_shards_gives_the_weights_of_training_from_memory(data, kind):
    weights = []
    for source, train in ((data, data.batches(batch_size=8)), (data.held(), in_memory(data, 8))):
        keras.utils.set_random_seed(0)
        if kind == "two_tower":
            model = ar.models.two_tower(source, embedding_dim=4)
        else:
            model, train = ar.models.MatrixFactorization(source, dim=4), in_blocks(train, 3)
        model.compile(optimizer=ar.training.LazyAdam(0.01))
        model.fit(train, epochs=1, verbose=0)
        weights.append(model.get_weights())
    for ours, theirs in zip(*weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_fit_trains_on_the_interactions_of_a_stream_without_holding_them(data, monkeypatch):
    unheld = dataclasses.replace(data.stream)
    unheld = ar.data.counted(unheld, ar.data.count_ids(unheld))
    monkeypatch.setattr(
        type(unheld), "_held", property(lambda self: pytest.fail("the rows were held"))
    )
    model = ar.models.two_tower(unheld, embedding_dim=4)
    report = ar.fit(model, unheld, epochs=1, batch_size=16)
    assert report.epochs == 1 and len(model.recommend([0, 1], k=2)) >= 0


def test_a_ranking_model_learns_ratings_from_shards(data, monkeypatch):
    monkeypatch.setattr(
        type(data), "_held", property(lambda self: pytest.fail("the rows were held"))
    )
    model = ar.models.ranking_tower(data, embedding_dim=2, hidden=(2,), objective="ratings")
    assert model.offset == 21.5
    report = ar.fit(model, data, epochs=1, batch_size=16)
    assert np.isfinite(report.history["loss"]).all()
