import numpy as np
import pytest
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.sequences import NONE
from advrec_tf.data.windows import of_windows, training_windows
from advrec_tf.models.item_similarity import co_occurring_items
from advrec_tf.models.sequential import published
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.perturbations import fgsm
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.neighbor_mixtures import NeighborMixtures, dirichlet
from tests.worlds import interactions_of_histories

SEED = tf.constant([1, 2])
DATA = interactions_of_histories(*[[(u + i) % 6 for i in range(5)] for u in range(32)], num_items=6)
SIZE = EncoderSize(length=4, dim=8, blocks=1, heads=1, dropout=0.0)


@pytest.fixture(scope="module")
def model():
    return published.sasrec(DATA, size=SIZE)


def mixtures(model, neighbors=None, **settings):
    neighbors = np.roll(np.arange(6), 1)[:, None] if neighbors is None else neighbors
    return NeighborMixtures(model, neighbors, layer="item_rows", **settings)


def test_the_item_itself_has_its_share_on_average():
    weights = dirichlet(tf.constant([4000, 2]), 3, SEED).numpy()
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(weights.mean(0), [3 / 5, 1 / 5, 1 / 5], atol=0.02)
    # variance of Dirichlet(3, 1, 1): a (5 - a) / (25 * 6)
    np.testing.assert_allclose(weights.var(0), [6 / 150, 4 / 150, 4 / 150], atol=0.005)


def test_a_mixture_lies_between_an_item_and_its_neighbor(model):
    table = np.eye(7, dtype=np.float32)
    index = tf.constant([[NONE, 0, 2, 6]])

    def lookup(asked):
        return tf.where(asked[..., None] >= 0, tf.gather(table, tf.maximum(asked, 0)), 0.0)

    found = mixtures(model, np.roll(np.arange(6), -1)[:, None]).mixed(lookup, index, SEED)[0]
    found = found.numpy()
    assert (found[0] == 0).all() and (found[3] == table[6]).all()  # padding, a hidden item
    for row, (item, neighbor) in ((found[1], (0, 1)), (found[2], (2, 3))):
        assert row[item] + row[neighbor] == pytest.approx(1) and 0 < row[item] < 1


def test_the_control_moves_as_far_in_another_direction(model):
    table = np.random.default_rng(0).normal(size=[7, 8]).astype(np.float32)
    index = tf.constant([[0, 1, 2]])
    own = table[:3]
    mixed = mixtures(model).mixed(lambda i: tf.gather(table, i), index, SEED)[0] - own
    moved = mixtures(model, noise=True).mixed(lambda i: tf.gather(table, i), index, SEED)[0] - own
    np.testing.assert_allclose(
        np.linalg.norm(mixed, axis=1), np.linalg.norm(moved, axis=1), rtol=1e-4
    )
    assert np.abs(mixed - moved).max() > 0.05


def test_compiled_by_xla_the_mixtures_are_the_same(model):
    wrapped, index = mixtures(model), tf.constant([[NONE, 0, 2, 6]])
    compiled = tf.function(lambda: wrapped.mixed(model.item_rows, index, SEED), jit_compile=True)
    np.testing.assert_allclose(compiled(), wrapped.mixed(model.item_rows, index, SEED), atol=1e-6)


def test_a_rate_leaves_the_other_lookups_alone(model):
    table = tf.eye(7)
    index = tf.zeros([1, 400], tf.int32)
    found = mixtures(model, rate=0.25).mixed(lambda i: tf.gather(table, i), index, SEED)[0]
    assert np.mean(found[:, 0] < 1) == pytest.approx(0.25, abs=0.06)


def test_the_gradient_reaches_the_neighbors_and_evaluation_does_not_mix(model):
    batch = next(iter(of_windows(training_windows(DATA, 4), batch_size=8, seed=0).dataset(0)))
    wrapped = mixtures(model, own=1)
    clean = float(model.compute_loss(batch))
    assert float(wrapped.compute_loss(batch)) == clean
    assert float(wrapped.compute_loss(batch, training=True)) != clean
    table = model.item_rows.embeddings
    with tf.GradientTape() as tape:
        found = wrapped.mixed(model.item_rows, tf.constant([[0]]), SEED)
    gradient = tf.convert_to_tensor(tape.gradient(found, table))
    assert np.abs(gradient).sum(1).astype(bool).tolist() == [1, 0, 0, 0, 0, 1, 0]


def test_training_on_mixtures_learns_the_order():
    keras.utils.set_random_seed(0)
    model = published.sasrec(DATA, size=SIZE)
    trained = mixtures(model, co_occurring_items(DATA, 2, window=1), own=8)
    trained.compile(optimizer=keras.optimizers.Adam(0.03))
    trained.fit(of_windows(training_windows(DATA, 4), batch_size=16, seed=0), epochs=15, verbose=0)
    histories = (tf.range(6)[:, None] + tf.range(4)) % 6
    assert tf.argmax(model.score_history(histories), 1).numpy().tolist() == [4, 5, 0, 1, 2, 3]


def test_an_adversary_moves_mixtures_too(model):
    batch = next(iter(of_windows(training_windows(DATA, 4), batch_size=8, seed=0).dataset(0)))
    wrapped = AdversarialTraining(
        mixtures(model), fgsm(0.3, relative=True), layers=["item_rows"], fraction=1.0
    )
    mixed = wrapped.model.compute_loss(batch, training=True)
    adversarial = 2 * mixed < wrapped.compute_loss(batch, training=True)
    assert adversarial and np.isfinite(mixed)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"neighbors": np.array([[6]] * 6)}, "`neighbors` should be"),
        ({"own": 0}, "`own` should be"),
        ({"rate": 0.0}, "`rate` should be in"),
    ],
)
def test_settings_out_of_range_are_refused(model, settings, message):
    with pytest.raises(ValueError, match=message):
        mixtures(model, **settings)
