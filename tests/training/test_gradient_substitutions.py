import numpy as np
import pytest
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.sequences import NONE
from advrec_tf.data.windows import of_windows, training_windows
from advrec_tf.models.sequential import published
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.trained import RecommenderModel
from advrec_tf.training.gradient_substitutions import GradientSubstitutions
from advrec_tf.training.random_substitutions import RandomSubstitutions
from tests.worlds import interactions_of_histories

SEED = tf.constant([1, 2])
DATA = interactions_of_histories(*[[(u + i) % 6 for i in range(5)] for u in range(32)], num_items=6)
SIZE = EncoderSize(length=4, dim=2, blocks=1, heads=1, dropout=0.0)


@pytest.fixture(scope="module")
def model():
    found = published.sasrec(DATA, size=SIZE)
    vectors = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0], [0.5, 0.5]]
    found.item_rows.start_from(np.array(vectors))
    return found


def substituting(model, **settings):
    return GradientSubstitutions(
        model, **{"layer": "item_rows", "num_items": 6, "fraction": 1.0, **settings}
    )


def exchanged(model, index, gradient, **settings):
    index = tf.constant(index)
    values = model.item_rows(index)
    wrapped = substituting(model, **settings)
    return wrapped.exchanged(index, values, tf.constant(gradient), SEED).numpy().tolist()


def test_more_items_than_the_layer_has_are_refused(model):
    # The seventh row is that of a hidden item.
    message = "`num_items` should be at most 6, the items of the layer 'item_rows'. Received: 7"
    for method in (GradientSubstitutions, RandomSubstitutions):
        with pytest.raises(ValueError, match=message):
            method(model, layer="item_rows", num_items=7)
        plain = keras.Sequential([keras.layers.Embedding(5, 2, name="plain")])
        with pytest.raises(ValueError, match="at most 5, the items of the layer 'plain'"):
            method(plain, layer="plain", num_items=6)


def test_the_places_of_largest_gain_are_read_as_the_items_that_give_it(model):
    # Along (1, 0) item 1 is best: from 3 (at -1) it gains 2, from 0 it gains 1, from 1 nothing.
    # Along (0, -3) item 4 is best: from 2 (at 1 upwards) it gains 6.
    gradient = [[[1.0, 0.0], [1.0, 0.0], [0.0, -3.0], [1.0, 0.0]]]
    assert exchanged(model, [[3, 0, 2, 1]], gradient, rate=0.25) == [[3, 0, 4, 1]]
    assert exchanged(model, [[3, 0, 2, 1]], gradient, rate=0.5) == [[1, 0, 4, 1]]
    assert exchanged(model, [[3, 0, 2, 1]], gradient, rate=1.0) == [[1, 1, 4, 1]]


def test_padding_and_hidden_items_stay_and_do_not_count(model):
    up = [[[0.0, 1.0]] * 4]
    # Of two items a quarter is one at least: the one of the larger gain, from 4 up to 2.
    assert exchanged(model, [[NONE, 6, 0, 4]], up, rate=0.25) == [[NONE, 6, 0, 2]]


def test_only_the_first_part_of_a_batch_is_attacked(model):
    up = [[[0.0, 1.0]]] * 4
    assert exchanged(model, [[0], [0], [0], [0]], up, fraction=0.5) == [[2], [2], [0], [0]]
    assert exchanged(model, [[0], [0], [0], [0]], up, fraction=0.1) == [[2], [0], [0], [0]]


def test_of_a_large_catalogue_some_items_are_compared(model):
    along = [[[1.0, 0.0]]]
    found = set()
    for draw in range(20):
        index = tf.constant([[3]])
        wrapped = substituting(model, candidates=1)
        seed = tf.constant([draw, 0])
        read = wrapped.exchanged(index, model.item_rows(index), along, seed)
        found.add(int(read[0, 0]))
    assert found == {0, 1, 2, 3, 4, 5}  # one is drawn each time, and 3 itself gains nothing


class Sums(RecommenderModel):
    """The mean over histories of sums of what items are worth, weighed by place: linear, so that
    the first order is all there is."""

    def __init__(self):
        super().__init__()
        self.worth = keras.layers.Embedding(4, 1, name="worth")
        self.worth.build(None)
        self.worth.set_weights([np.array([[0.0], [1.0], [2.0], [-3.0]])])
        self.looked_up = 1

    def compute_loss(self, inputs, training=False):
        for _ in range(self.looked_up):
            worth = self.worth(inputs["history"])[..., 0]
        return tf.reduce_mean(tf.reduce_sum(worth * inputs["slope"], 1))


def test_in_training_the_loss_is_that_of_the_worst_items_and_else_the_own():
    batch = {
        "history": tf.constant([[0, 1, 2], [0, 1, 2]]),
        "slope": tf.constant([[1.0, -1.0, 1.0], [1.0, 1.0, 1.0]]),
    }
    model = Sums()
    half = GradientSubstitutions(model, layer="worth", num_items=4, rate=0.3, fraction=0.5)
    # Of three items one is exchanged, in the first history alone: at the falling place 1 for 3,
    # which is worth 4 less, while 0 for 2 would gain 2.
    assert half.worst_items(batch, SEED).numpy().tolist() == [[0, 3, 2], [0, 1, 2]]
    assert float(half.compute_loss(batch)) == (1.0 + 3.0) / 2
    assert float(half.compute_loss(batch, training=True)) == (5.0 + 3.0) / 2
    step = tf.function(lambda: half.compute_loss(batch, training=True))
    assert float(step()) == 4.0
    every = GradientSubstitutions(model, layer="worth", num_items=4, rate=1.0, fraction=1.0)
    assert float(every.compute_loss(batch, training=True)) == ((2 + 3 + 2) + 3 * 2) / 2


def test_a_layer_that_is_not_looked_up_once_is_refused():
    batch = {"history": tf.constant([[0]]), "slope": tf.constant([[1.0]])}
    model = Sums()
    model.looked_up = 2
    wrapped = GradientSubstitutions(model, layer="worth", num_items=4)
    with pytest.raises(ValueError, match="looked up once for a loss. Received 2 look-ups of 'wor"):
        wrapped.compute_loss(batch, training=True)


@pytest.mark.slow
def test_a_sequence_model_learns_what_comes_next_through_them():
    keras.utils.set_random_seed(0)
    size = EncoderSize(length=4, dim=8, blocks=1, heads=1, dropout=0.0)
    wrapped = substituting(published.sasrec(DATA, size=size), rate=0.25, fraction=0.2)
    wrapped.compile(optimizer=keras.optimizers.Adam(0.05))
    batches = of_windows(training_windows(DATA, 4), batch_size=32, seed=0)
    losses = wrapped.fit(batches, epochs=12, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rate": 0.0}, r"`rate` should be in \(0, 1\]. Received: 0.0"),
        ({"fraction": 1.1}, r"`fraction` should be in \(0, 1\]. Received: 1.1"),
        ({"num_items": 0}, "`num_items` should be >= 1. Received: 0"),
        ({"candidates": 0}, "`candidates` should be >= 1. Received: 0"),
    ],
)
def test_settings_out_of_range_are_refused(model, wrong, message):
    with pytest.raises(ValueError, match=message):
        substituting(model, **wrong)
