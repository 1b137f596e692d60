"""GAN pairs under a strategy of two replicas, beside one device with the same global batch."""

import json
import subprocess
import sys
import types

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow import keras

import advrec_tf as ar
from advrec_tf.data import batches
from advrec_tf.gan.base import GAN
from advrec_tf.tabular import schema as table_schema
from advrec_tf.tabular.transform import TableTransform

TRAINED = """
import json
import advrec_tf as ar
import numpy as np
import pandas as pd
import tensorflow as tf
from tensorflow import keras
from advrec_tf.data.sequences import sequences_of
from advrec_tf.gan.cfgan import Minibatches, Scheme
from advrec_tf.gan.hard_negatives import HardNegatives
from advrec_tf.gan.irgan import Selection
from advrec_tf.tabular import schema as table_schema
from advrec_tf.tabular.batches import of_rows
from advrec_tf.tabular.private_gan import build_private_gan
from advrec_tf.tabular.transform import TableTransform
from advrec_tf.tabular.vae import build_table_vae
from tests.worlds import tiny_world

strategy = ar.training.strategy_of("mirrored", replicas=2)
layers = keras.layers

def trained(scope, build, data, rate, epochs):
    with scope:
        keras.utils.set_random_seed(0)
        gan = build()
        names = ("d_optimizer", "g_optimizer") if isinstance(gan, ar.GAN) else ("optimizer",)
        gan.compile(**{name: rate() for name in names})
    history = gan.fit(data.dataset(0), steps_per_epoch=2, epochs=epochs, verbose=0).history
    return gan, [history[name][-1] for name in history if name.endswith("loss")]

def weights_of(model):
    logged = {id(variable) for metric in model.metrics for variable in metric.variables}
    return [variable for variable in model.weights if id(variable) not in logged]

def apart(build, data, rate=lambda: keras.optimizers.Adam(0.01), epochs=1):
    one, logged = trained(tf.distribute.get_strategy().scope(), build, data, rate, epochs)
    two, mirrored = trained(strategy.scope(), build, data, rate, epochs)
    for variable in two.trainable_variables:
        np.testing.assert_array_equal(*strategy.experimental_local_results(variable))
    weights = zip(weights_of(one), weights_of(two), strict=True)
    pairs = [*((a.numpy(), b.numpy()) for a, b in weights), (logged, mirrored)]
    if isinstance(one, ar.GAN):
        assert one.health is not None and two.health.verdict == one.health.verdict
    return max(float(np.abs(np.subtract(a, b)).max()) for a, b in pairs)

def two_networks(loss):
    generator = keras.Sequential([keras.Input([3]), layers.Dense(2)])
    hidden = layers.Dense(4, "tanh")
    discriminator = keras.Sequential([keras.Input([2]), hidden, layers.Dense(1)])
    return ar.GAN(generator, discriminator, loss=loss)

normal = tf.data.Dataset.from_tensor_slices(tf.random.stateless_normal([32, 2], [0, 1]))
normal = normal.batch(16, drop_remainder=True).repeat()
samples = ar.data.batches.Batches(2, lambda first: normal)
found = {
    loss: apart(lambda: two_networks(loss), samples, epochs=2)
    for loss in ("non_saturating", "wasserstein")
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

world = tiny_world(24, 10, density=0.4)
users = ar.data.batches.of_users(np.arange(24), batch_size=12, seed=0)
index = ar.data.batches.of_index
sequences = sequences_of(world, length=3)
pieces = index(np.arange(len(sequences)), batch_size=12, seed=0, name="sequence_index")
# The biases of the keys of attention have a gradient of rounding alone, which Adam would follow.
plain = lambda: keras.optimizers.SGD(0.1)
for estimator in ("gumbel_softmax", "policy_gradient"):
    small = {"estimator": estimator, "dim": 8, "heads": 1, "dropout": 0.0}
    build = lambda: ar.gan.build_sequence_gan(world, sequences, **small)
    found[estimator] = apart(build, pieces, plain)
rng = np.random.default_rng(0)
text, kind = (
    ar.models.Modality(name=str(width), vectors=rng.normal(size=[24, width]).astype("f4"))
    for width in (5, 3)
)
found["vectors"] = apart(
    lambda: ar.gan.build_feature_vector_gan(text, kind, noise_dim=2, hidden=(4,)),
    index(np.arange(24), batch_size=12, seed=0, name="item_index"),
)
cfgan = {"scheme": Scheme.zp(), "minibatches": Minibatches(critic=8, generator=12)}
cfgan |= {"generator_hidden": (4,), "discriminator_hidden": (4,), "mode": "user"}
found["cfgan"] = apart(lambda: ar.gan.build_cfgan(world, **cfgan), users)
for loss in ("pointwise", "pairwise"):
    irgan = {"loss": loss, "dim": 4, "reconstruction_weight": 0.5}
    irgan |= {"selection": Selection(samples=4)}
    irgan |= {"hard_negatives": HardNegatives(samples=4, candidates=3)}
    found[f"irgan {loss}"] = apart(lambda: ar.gan.build_irgan(world, **irgan), users)

group = rng.integers(0, 2, 60)
frame = pd.DataFrame({
    "group": np.array(["left", "right"])[group],
    "value": rng.normal(6.0 * group, 0.5),
    "flag": rng.random(60) < 0.3,
})
transform = TableTransform.fit(frame, table_schema.infer(frame))
rows = of_rows(transform.encode(frame, seed=0), batch_size=24, seed=0, multiple_of=4)
given = {"conditional": ["group"], "noise_dim": 4}
hidden = {"generator_hidden": (8,), "discriminator_hidden": (8,)}
found["table"] = apart(lambda: ar.tabular.build_table_gan(transform, **given, **hidden), rows)
hidden_noise = {"noise_dim": 4, "noise_seed": 0, **hidden}
found["private"] = apart(lambda: build_private_gan(transform, **hidden_noise), rows)
found["vae"] = apart(lambda: build_table_vae(transform, **given, hidden=(8,)), rows)
print(json.dumps(found))
"""


@pytest.mark.slow
def test_two_replicas_train_both_networks_as_one_device_does():
    done = subprocess.run([sys.executable, "-c", TRAINED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == 13 and max(found.values()) < 1e-5, found


def pair(monkeypatch, kind=GAN):
    generator = keras.Sequential([keras.Input([3]), keras.layers.Dense(2)])
    gan = kind(generator, keras.Sequential([keras.Input([2]), keras.layers.Dense(1)]))
    gan.compile(d_optimizer=keras.optimizers.SGD(0.1), g_optimizer=keras.optimizers.SGD(0.1))
    two = types.SimpleNamespace(num_replicas_in_sync=2)
    monkeypatch.setattr(kind, "distribute_strategy", two)
    return gan


def test_a_batch_that_replicas_cannot_share_equally_is_refused(monkeypatch):
    gan = pair(monkeypatch)
    data = tf.data.Dataset.from_tensors(tf.zeros([5, 2]))
    with pytest.raises(ValueError, match=r"a multiple of 2 examples .* Received batches of 5"):
        gan.fit(data, verbose=0)
    users = batches.of_users(np.arange(9), batch_size=3, seed=0)
    with pytest.raises(ValueError, match="Received batches of 3"):
        gan.fit(users, verbose=0)


def test_a_gan_whose_draws_are_of_one_batch_is_refused_under_replicas(monkeypatch):
    class Alone(ar.GAN):
        replicated = False

    gan = pair(monkeypatch, Alone)
    with pytest.raises(ValueError, match="An? Alone should be trained on one device"):
        gan.fit(tf.data.Dataset.from_tensors(tf.zeros([4, 2])), verbose=0)


def test_a_pack_of_rows_is_not_cut_among_replicas(transform_of_pairs, monkeypatch):
    gan = ar.tabular.build_table_gan(transform_of_pairs, noise_dim=2, pack=2)
    monkeypatch.setattr(
        type(gan), "distribute_strategy", types.SimpleNamespace(num_replicas_in_sync=2)
    )
    rows = {"choices": tf.zeros([6, 2], tf.int32)}
    with pytest.raises(ValueError, match="a multiple of 4 entries, whole packs of 2 for each of 2"):
        gan.fit(tf.data.Dataset.from_tensors(rows), verbose=0)


@pytest.fixture
def transform_of_pairs():
    frame = pd.DataFrame({"kind": ["a", "b"] * 30, "label": ["x", "x", "y", "y"] * 15})
    return TableTransform.fit(frame, table_schema.infer(frame))
