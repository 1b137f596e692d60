"""A GAN pair under a strategy of two replicas, beside one device with the same global batch."""

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
samples = tf.random.stateless_normal([32, 2], [0, 1])
data = tf.data.Dataset.from_tensor_slices(samples).batch(16, drop_remainder=True)

def trained(scope, loss):
    with scope:
        keras.utils.set_random_seed(0)
        generator = keras.Sequential([keras.Input([3]), layers.Dense(2)])
        hidden = layers.Dense(4, "tanh")
        discriminator = keras.Sequential([keras.Input([2]), hidden, layers.Dense(1)])
        gan = ar.GAN(generator, discriminator, loss=loss)
        d_optimizer, g_optimizer = keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.01)
        gan.compile(d_optimizer=d_optimizer, g_optimizer=g_optimizer)
    history = gan.fit(data, epochs=2, verbose=0).history
    return gan, [history[name][-1] for name in ("d_loss", "g_loss")]

found = {}
for loss in ("non_saturating", "wasserstein"):
    one, logged = trained(tf.distribute.get_strategy().scope(), loss)
    two, mirrored = trained(strategy.scope(), loss)
    for variable in two.trainable_variables:
        np.testing.assert_array_equal(*strategy.experimental_local_results(variable))
    weights = zip(one.trainable_variables, two.trainable_variables, strict=True)
    pairs = [*((a.numpy(), b.numpy()) for a, b in weights), (logged, mirrored)]
    found[loss] = max(float(np.abs(np.subtract(a, b)).max()) for a, b in pairs)
    assert one.health is not None and two.health.verdict == one.health.verdict
print(json.dumps(found))
"""


@pytest.mark.slow
def test_two_replicas_train_both_networks_as_one_device_does():
    done = subprocess.run([sys.executable, "-c", TRAINED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == 2 and max(found.values()) < 1e-5, found
