"""GAN pairs under a strategy of two replicas, beside one device with the same global batch."""

import json
import subprocess
import sys

import pytest

TRAINED = """
import json
import advrec_tf as ar
import numpy as np
import tensorflow as tf
from tensorflow import keras

strategy = ar.training.strategy_of("mirrored", replicas=2)
layers = keras.layers

def trained(scope, build, data):
    with scope:
        keras.utils.set_random_seed(0)
        gan = build()
        d_optimizer, g_optimizer = keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.01)
        gan.compile(d_optimizer=d_optimizer, g_optimizer=g_optimizer)
    history = gan.fit(data, epochs=2, verbose=0).history
    return gan, [history[name][-1] for name in ("d_loss", "g_loss", "reconstruction_loss")]

def apart(build, data):
    one, logged = trained(tf.distribute.get_strategy().scope(), build, data)
    two, mirrored = trained(strategy.scope(), build, data)
    for variable in two.trainable_variables:
        np.testing.assert_array_equal(*strategy.experimental_local_results(variable))
    weights = zip(one.trainable_variables, two.trainable_variables, strict=True)
    pairs = [*((a.numpy(), b.numpy()) for a, b in weights), (logged, mirrored)]
    assert one.health is not None and two.health.verdict == one.health.verdict
    return max(float(np.abs(np.subtract(a, b)).max()) for a, b in pairs)

def two_networks(loss):
    generator = keras.Sequential([keras.Input([3]), layers.Dense(2)])
    hidden = layers.Dense(4, "tanh")
    discriminator = keras.Sequential([keras.Input([2]), hidden, layers.Dense(1)])
    return ar.GAN(generator, discriminator, loss=loss)

samples = tf.random.stateless_normal([32, 2], [0, 1])
samples = tf.data.Dataset.from_tensor_slices(samples).batch(16, drop_remainder=True)
found = {
    loss: apart(lambda: two_networks(loss), samples) for loss in ("non_saturating", "wasserstein")
}
world = ar.data.load("synthetic").interactions
users = ar.data.batches.of_users(np.arange(32), batch_size=16, seed=0)
numbers = np.random.default_rng(0).normal(size=[world.num_users, 3]).astype(np.float32)
attributes = ar.models.Modality(name="answers", vectors=numbers)
settings = {"generator_hidden": (4,), "discriminator_hidden": (4,)}
found["profiles"] = apart(lambda: ar.gan.build_profile_gan(world, **settings), users)
found["attributes"] = apart(
    lambda: ar.gan.build_attribute_profile_gan(world, attributes), users
)
print(json.dumps(found))
"""


@pytest.mark.slow
def test_two_replicas_train_both_networks_as_one_device_does():
    done = subprocess.run([sys.executable, "-c", TRAINED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == 4 and max(found.values()) < 1e-5, found
