import numpy as np
import pytest
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.sequences import NONE
from advrec_tf.data.windows import of_windows, training_windows
from advrec_tf.models.sequential import published
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.training.gradient_substitutions import GradientSubstitutions
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


@pytest.fixture(scope="module")
def batch():
    return next(iter(of_windows(training_windows(DATA, 4), batch_size=32, seed=0).dataset(0)))


def substituting(model, **settings):
    return GradientSubstitutions(
        model, **{"layer": "item_rows", "num_items": 6, "fraction": 1.0, **settings}
    )


def exchanged(model, index, gradient, **settings):
    index = tf.constant(index)
    values = model.item_rows(index)
    wrapped = substituting(model, **settings)
    return wrapped.exchanged(index, values, tf.constant(gradient), SEED).numpy().tolist()


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
        found.add(int(wrapped.exchanged(index, model.item_rows(index), along, seed)))
    assert found == {0, 1, 2, 3, 4, 5}  # one is drawn each time, and 3 itself gains nothing


def test_what_is_read_raises_the_loss_more_than_exchanges_at_random(model, batch):
    wrapped = substituting(model, rate=0.25)
    worst = wrapped.worst_items(batch, batch["seed"]).numpy()
    history = batch["history"].numpy()[:, :-1]
    assert (worst != history).sum(1).max() == 1 and (worst != history).any(1).mean() > 0.9
    clean = float(model.compute_loss(batch))
    attacked = float(wrapped.compute_loss(batch, training=True))
    assert attacked > clean
    assert float(wrapped.compute_loss(batch)) == clean  # nothing is exchanged in evaluation
    rng = np.random.default_rng(0)
    drawn = history.copy()
    drawn[np.arange(32), rng.integers(4, size=32)] = rng.integers(6, size=32)
    states = model.states(tf.constant(drawn))
    targets = batch["history"][:, 1:]
    logits = tf.matmul(states, model.items(None), transpose_b=True)
    random = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
    assert attacked > float(tf.reduce_mean(random))


def test_it_learns_in_a_compiled_step():
    model = published.sasrec(DATA, size=EncoderSize(length=4, dim=8, blocks=1, heads=1))
    wrapped = substituting(model, rate=0.25, fraction=0.2)
    wrapped.compile(optimizer=keras.optimizers.Adam(0.05))
    batches = of_windows(training_windows(DATA, 4), batch_size=32, seed=0)
    first, *_, last = wrapped.fit(batches, epochs=12, verbose=0).history["loss"]
    assert last < 0.7 * first


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rate": 0.0}, r"`rate` should be in \(0, 1\]. Received: 0.0"),
        ({"fraction": 1.1}, r"`fraction` should be in \(0, 1\]. Received: 1.1"),
        ({"num_items": 0}, "`num_items` and `candidates` should be >= 1. Received: 0 and 1024"),
        ({"candidates": 0}, "`num_items` and `candidates` should be >= 1. Received: 6 and 0"),
    ],
)
def test_settings_out_of_range_are_refused(model, wrong, message):
    with pytest.raises(ValueError, match=message):
        substituting(model, **wrong)


def test_a_layer_that_is_not_looked_up_once_is_refused(model, batch):
    wrapped = substituting(model, layer="candidate_rows")
    wrapped._layers_read = (keras.layers.Embedding(6, 2, name="other"),)
    with pytest.raises(ValueError, match="looked up once for a loss. Received 0 look-ups of 'oth"):
        wrapped.compute_loss(batch, training=True)
