import pytest
import tensorflow as tf

from advrec_tf import _tfrs
from advrec_tf._keras import keras
from advrec_tf.training.changed_lookups import ChangedLookups


class Sums(_tfrs.Model):
    """The loss is the sum of what is read."""

    def __init__(self):
        super().__init__()
        self.rows = keras.layers.Embedding(3, 1, embeddings_initializer="ones", name="rows")

    def compute_loss(self, inputs, training=False):
        return tf.reduce_sum(self.rows(inputs["item_index"]))


class Tripled(ChangedLookups):
    def changed(self, lookup, index, seed):
        return 3.0 * lookup(index)


def test_lookups_are_changed_in_training_alone():
    wrapped = Tripled(Sums(), layer="rows", num_items=3, rate=1.0)
    batch = {"item_index": tf.constant([0, 2]), "seed": tf.constant([1, 2])}
    assert float(wrapped.compute_loss(batch)) == 2.0
    assert float(wrapped.compute_loss(batch, training=True)) == 6.0
    assert float(wrapped.compute_loss(batch)) == 2.0


def test_a_rate_that_changes_nothing_is_refused():
    with pytest.raises(ValueError, match=r"`rate` should be in \(0, 1\]. Received: 0"):
        Tripled(Sums(), layer="rows", num_items=3, rate=0)


def test_as_many_items_as_the_layer_has_may_be_named():
    for wrong, said in ((0, ">= 1. Received: 0"), (4, "at most 3, .*'rows'. Received: 4")):
        with pytest.raises(ValueError, match=f"`num_items` should be {said}"):
            Tripled(Sums(), layer="rows", num_items=wrong)
