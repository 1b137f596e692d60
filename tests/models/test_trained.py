import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data.batches import of_pairs
from advrec_tf.gan.profiles import build_profile_gan
from advrec_tf.models.autoencoder import ProfileAutoencoder
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from advrec_tf.models.ranking import ranking_tower
from advrec_tf.models.retrieval import two_tower
from advrec_tf.models.trained import RecommenderModel, gradients_and_ascent
from tests.worlds import interactions_of


class Slope(RecommenderModel):
    """The mean of slope * x over a batch, and .5 slope^2 as a regularization loss."""

    def __init__(self):
        super().__init__()
        self.slope = keras.layers.Dense(
            1, use_bias=False, kernel_regularizer=keras.regularizers.L2(0.5)
        )
        self.slope.build([None, 1])
        self.slope.set_weights([np.ones([1, 1])])

    def compute_loss(self, inputs, training=False):
        return tf.reduce_mean(self.slope(inputs["x"]))


def trained(optimizer, **settings):
    model = Slope()
    model.compile(optimizer=optimizer)
    data = tf.data.Dataset.from_tensor_slices({"x": [[1.0], [3.0], [5.0]]}).batch(2)
    return model, model.fit(data, verbose=0, **settings).history


def test_a_step_follows_the_loss_and_the_regularization_and_logs_the_mean_of_the_epoch():
    # slope 1: loss 2 + .5, gradient 2 + 1; slope .7: loss 3.5 + .245
    model, history = trained(keras.optimizers.SGD(0.1))
    assert history["loss"] == [pytest.approx((2.5 + 3.745) / 2)]
    assert model.slope.get_weights()[0].item() == pytest.approx(0.7 - 0.1 * (5 + 0.7))
    model.summary(print_fn=lambda line: None)


def test_a_loss_scale_is_taken_out_at_the_variables_alone():
    optimizer = keras.mixed_precision.LossScaleOptimizer(
        keras.optimizers.SGD(0.1), dynamic=False, initial_scale=8
    )
    model, _ = trained(optimizer)
    assert model.slope.get_weights()[0].item() == pytest.approx(0.7 - 0.1 * (5 + 0.7))
    slope, x = tf.Variable(2.0), tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = slope * x
    (by_slope,), (by_x,) = gradients_and_ascent(tape, loss, [slope], [x], optimizer)
    assert (float(by_slope), float(by_x)) == (3.0, 16.0)


def test_saving_as_a_whole_is_refused_before_the_first_step(tmp_path):
    whole = keras.callbacks.ModelCheckpoint(str(tmp_path / "whole"))
    with pytest.raises(ValueError, match="`ModelCheckpoint` should save the weights alone"):
        trained("sgd", callbacks=[whole])
    with pytest.raises(ValueError, match="`save` should save the weights.*a Slope to save"):
        Slope().save(tmp_path / "m.keras")
    weights = keras.callbacks.ModelCheckpoint(str(tmp_path / "w"), save_weights_only=True)
    trained("sgd", callbacks=weights)
    assert (tmp_path / "w.index").exists()


@pytest.fixture
def policy(request):
    keras.mixed_precision.set_global_policy(request.param)
    yield request.param
    keras.mixed_precision.set_global_policy("float32")


def small():
    features = pd.DataFrame({"price": [1.0, 2.0, np.nan, 4.0], "kind": list("abba")})
    pairs = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3)]
    return interactions_of(pairs, item_features=features)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"], indirect=True)
@pytest.mark.parametrize("build", [two_tower, ranking_tower])
def test_towers_train_under_a_policy_of_mixed_precision_with_scores_in_float32(policy, build):
    model = build(small(), embedding_dim=2, use_features=True)
    rows = of_pairs(small(), batch_size=6, seed=0)
    model.compile(optimizer=keras.optimizers.Adam(0.01), run_eagerly=True)
    before = model.score(tf.constant([0, 1]))
    history = model.fit(rows.dataset(0), steps_per_epoch=1, epochs=6, verbose=0).history
    after = model.score(tf.constant([0, 1]))
    assert before.dtype == after.dtype == tf.float32
    assert np.isfinite(history["loss"]).all() and np.isfinite(after).all()
    assert float(tf.reduce_max(tf.abs(after - before))) > 0
    assert all(w.dtype == tf.float32 for w in model.trainable_weights)


@pytest.mark.parametrize("policy", ["mixed_bfloat16"], indirect=True)
@pytest.mark.parametrize("build", [MatrixFactorization, ProfileAutoencoder, build_profile_gan])
def test_other_models_refuse_such_a_policy_when_they_are_built(policy, build):
    with pytest.raises(ValueError, match="should be 'float32' where a .* Received: 'mixed_bfloat"):
        build(small())
