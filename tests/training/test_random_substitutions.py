import numpy as np
import pytest
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.sequences import NONE
from advrec_tf.data.windows import of_windows, training_windows
from advrec_tf.models.sequential import published
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.training.random_substitutions import RandomSubstitutions
from tests.worlds import interactions_of_histories

SEED = tf.constant([1, 2])
DATA = interactions_of_histories(*[[(u + i) % 6 for i in range(5)] for u in range(32)], num_items=6)
SIZE = EncoderSize(length=4, dim=8, blocks=1, heads=1, dropout=0.0)


@pytest.fixture(scope="module")
def model():
    return published.sasrec(DATA, size=SIZE)


def substituting(model, **settings):
    return RandomSubstitutions(model, **{"layer": "item_rows", "num_items": 6, **settings})


def test_a_share_of_the_items_is_exchanged_for_any_item_alike(model):
    index = tf.zeros([400, 50], tf.int32)
    found = substituting(model, rate=0.3).substituted(index, SEED).numpy()
    # of 6 items one is the item itself: .3 * 5 / 6 are others, each of them .3 / 6
    shares = np.bincount(found.ravel(), minlength=6) / found.size
    np.testing.assert_allclose(shares, [0.75] + [0.05] * 5, atol=0.008)
    again = substituting(model, rate=0.3).substituted(index, SEED)
    assert (again.numpy() == found).all()


def test_padding_and_hidden_items_stay(model):
    index = tf.constant([[NONE, 6] * 40])
    found = substituting(model, rate=1.0).substituted(index, SEED)
    assert (found.numpy() == index.numpy()).all()


def test_only_what_is_read_in_training_is_exchanged(model, monkeypatch):
    wrapped, read = substituting(model, rate=1.0), []
    lookup = type(model.item_rows).call

    def noted(self, index):
        read.append(index.numpy())
        return lookup(self, index)

    monkeypatch.setattr(type(model.item_rows), "call", noted)
    batch = next(iter(of_windows(training_windows(DATA, 4), batch_size=32, seed=0).dataset(0)))
    loss = wrapped.compute_loss(batch)
    assert float(loss) == float(model.compute_loss(batch))
    assert (read[0] == batch["history"][:, :-1].numpy()).all()
    wrapped.compute_loss(batch, training=True)
    assert 0.5 < (read[-1] != read[0]).mean() < 1


def test_it_learns_what_comes_next_through_them(model):
    wrapped = substituting(model, rate=0.2)
    wrapped.compile(optimizer=keras.optimizers.Adam(0.05))
    batches = of_windows(training_windows(DATA, 4), batch_size=32, seed=0)
    first, last = wrapped.fit(batches, epochs=12, verbose=0).history["loss"][::11]
    assert last < 0.7 * first


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rate": 0.0}, r"`rate` should be in \(0, 1\]. Received: 0.0"),
        ({"rate": 1.1}, "`rate` should be in .*Received: 1.1"),
        ({"num_items": 0}, "`num_items` should be >= 1. Received: 0"),
    ],
)
def test_settings_out_of_range_are_refused(model, wrong, message):
    with pytest.raises(ValueError, match=message):
        substituting(model, **wrong)
