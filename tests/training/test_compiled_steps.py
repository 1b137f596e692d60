"""Towers, factorization, autoencoders and next-item models train by a step that XLA compiles whole:
it fails where an operation has no compiled form, such as one on strings, or a shape is not known.
"""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import advrec_tf as ar
from advrec_tf._keras import keras
from advrec_tf.data import batches
from advrec_tf.data.windows import of_windows, training_windows
from advrec_tf.training import recipes
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


SIZE = ar.models.EncoderSize(length=5, dim=8, blocks=1, heads=2, dropout=0.3)
OBJECTIVES = {
    "full": ar.models.FullSoftmax(),
    "sampled": ar.models.SampledSoftmax(ar.models.InBatch(), temperature=0.2),
    "one negative": ar.models.BinaryCrossEntropy(),
    "gbce": ar.models.BinaryCrossEntropy(negatives=5, calibrated=0.75),
}
NEXT_ITEM = [
    *(("sasrec", name) for name in OBJECTIVES),
    *((name, "full") for name in recipes.NEXT_ITEM if name != "sasrec"),
]


@pytest.mark.slow
@pytest.mark.parametrize("attacked", (False, True), ids=("plain", "attacked"))
@pytest.mark.parametrize(("name", "objective"), NEXT_ITEM)
def test_the_step_of_a_next_item_model_compiles_whole_and_has_the_same_loss(
    name, objective, attacked
):
    kind = "prefixes" if name in ("bsarec", "fmlp") else "whole"
    windows = training_windows(DATA, SIZE.length, kind=kind)
    data = of_windows(windows, batch_size=10, seed=0, trimmed=False)
    losses = []
    for compiled in (False, True):
        keras.utils.set_random_seed(0)
        trained = recipes.NEXT_ITEM[name](DATA, size=SIZE, objective=OBJECTIVES[objective])
        if attacked:
            trained = ar.AdversarialTraining(trained, ar.fgsm(0.1))
        trained.compile(optimizer=ar.training.LazyAdam(0.01), jit_compile=compiled)
        losses.append(trained.fit(data, epochs=1, steps_per_epoch=2, verbose=0).history["loss"][0])
    # what is drawn for each place, or among them, is drawn for the padding as well
    drawn = objective in ("one negative", "sampled")
    assert losses[0] == pytest.approx(losses[1], rel=0.02 if drawn else 1e-4)


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
