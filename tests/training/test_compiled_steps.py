"""Towers, factorization and autoencoders train by a step that XLA compiles whole: it fails where an
operation has no compiled form, such as one on strings, or a shape is not known."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import advrec_tf as ar
from advrec_tf._keras import keras
from advrec_tf.data import batches
from tests.models.test_keras_habits import DATA, PAIRS

RATED = dataclasses.replace(DATA, rating=(1.0 + DATA.item_index % 5).astype(np.float32))
USERS = batches.of_users(np.arange(30), batch_size=10, seed=0)

FAMILIES = {
    "two_tower": (lambda: ar.models.two_tower(DATA, embedding_dim=4, use_features=True), PAIRS),
    "ranking": (lambda: ar.models.ranking_tower(DATA, embedding_dim=4, hidden=(6,)), PAIRS),
    "multi_task": (
        lambda: ar.models.multi_task_tower(RATED, embedding_dim=4, use_features=False),
        batches.of_pairs(RATED, batch_size=40, seed=0),
    ),
    "factorization": (lambda: ar.models.MatrixFactorization(DATA, dim=4), PAIRS),
    "autoencoder": (lambda: ar.models.ProfileAutoencoder(DATA, dim=4), USERS),
    "variational": (lambda: ar.models.VariationalAutoencoder(DATA, dim=4, hidden=(8,)), USERS),
}
ATTACKED = {"autoencoder": "item_layer", "variational": "item_layer"}


@pytest.mark.slow
@pytest.mark.parametrize("attacked", (False, True), ids=("plain", "attacked"))
@pytest.mark.parametrize("family", FAMILIES)
def test_the_step_of_a_family_compiles_whole(family, attacked):
    build, data = FAMILIES[family]
    trained = model = build()
    if attacked:
        layers = [getattr(model, ATTACKED[family])] if family in ATTACKED else None
        trained = ar.AdversarialTraining(model, ar.fgsm(0.1, relative=True), layers=layers)
    trained.compile(optimizer=ar.training.LazyAdam(0.01), jit_compile=True)
    history = trained.fit(data, epochs=1, steps_per_epoch=1, verbose=0).history
    assert np.isfinite(history["loss"][0])


@pytest.mark.slow
def test_the_step_of_a_gan_compiles_whole():
    generator = keras.Sequential([keras.Input([3]), keras.layers.Dense(2)])
    discriminator = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    gan = ar.GAN(generator, discriminator, loss="wasserstein")
    gan.compile(
        d_optimizer=keras.optimizers.Adam(), g_optimizer=keras.optimizers.Adam(), jit_compile=True
    )
    samples = tf.random.stateless_normal([32, 2], [0, 1])
    data = tf.data.Dataset.from_tensor_slices(samples).batch(16, drop_remainder=True)
    assert np.isfinite(gan.fit(data, verbose=0).history["d_loss"][0])


def test_a_step_with_strings_does_not_compile():
    step = tf.function(lambda x: tf.strings.length(tf.strings.as_string(x)), jit_compile=True)
    with pytest.raises(tf.errors.InvalidArgumentError):
        step(tf.constant(1))
