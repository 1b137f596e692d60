"""Verdicts on planted collapse, divergence and idle discriminators, and on healthy trainings."""

import warnings

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.sequences import sequences_of
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.gan import health
from advrec_tf.gan.adversarial_loss import AdversarialLoss
from advrec_tf.gan.attribute_profiles import build_attribute_profile_gan
from advrec_tf.gan.base import GAN
from advrec_tf.gan.cfgan import build_cfgan
from advrec_tf.gan.collapse import collapsed_profiles
from advrec_tf.gan.feature_vectors import build_feature_vector_gan
from advrec_tf.gan.health import HealthCheck, HealthWarning
from advrec_tf.gan.irgan import Selection, build_irgan
from advrec_tf.gan.profiles import build_profile_gan
from advrec_tf.gan.sequences import build_sequence_gan
from advrec_tf.models.content.modalities import Modality
from advrec_tf.tabular import schema
from advrec_tf.tabular.batches import of_rows
from advrec_tf.tabular.gan import build_table_gan
from advrec_tf.tabular.transform import TableTransform

# The measures, on values worked by hand.


def test_profiles_that_grow_alike_in_training_have_collapsed():
    def said(*values):
        return health.narrowing([{"diversity": value} for value in values])

    assert "fell from 0.2 to 0.0005 in 3 epochs" in said(0.1, 0.2, 0.0005)
    assert said(0.1, 0.2, 0.01) is None
    assert said(2e-5, 4e-5, 3e-5) is None  # small random weights, from the start


def test_a_small_diversity_is_told_from_a_collapse_by_the_correlation():
    # scores near .5 point the same way, though two neighbors order the items against each other
    profiles = 0.5 + 0.01 * np.array([[1.0, -1.0], [-1.0, 1.0]] * 4)
    assert collapsed_profiles(profiles) is None
    said = health.small_diversity([{"diversity": 0.03}, {"diversity": 0.0011}], profiles)
    assert "`diversity` is only 0.0011 in epoch 2, which is no collapse" in said
    assert said.endswith("over the items, -1 on average.")
    assert health.small_diversity([{"diversity": 0.02}], profiles) is None
    assert health.small_diversity([], profiles) is None


def test_losses_diverge_by_size_and_by_what_is_no_number():
    assert health.divergence([{"d_loss": 1.4, "g_loss": 0.7}]) is None
    said = health.divergence([{"d_loss": 1.4}, {"d_loss": -2e7}])
    assert said.startswith("Training diverged: `d_loss` reached -2e+07 in epoch 2")
    assert "became nan by epoch 1" in health.divergence([{"d_loss": 0.1, "g_loss": np.nan}])
    # a reconstruction is large by its nature, and diverges where it grows
    large = [{"reconstruction_loss": 3e4}, {"reconstruction_loss": 2e4}]
    assert health.divergence(large) is None
    assert "`reconstruction_loss`" in health.divergence([*large, {"reconstruction_loss": 4e6}])


def epochs(accuracy, loss):
    return [{"d_accuracy": a, "d_loss": d} for a, d in zip(accuracy, loss, strict=True)]


def test_a_discriminator_is_idle_that_only_guesses_or_is_never_wrong():
    def said(accuracy, loss, moved=0.1, critic=False):
        return health.idleness(epochs(accuracy, loss), moved, critic=critic)

    assert "so it only guesses" in said([0.5] * 4, [1.3863] * 4)
    assert said([0.5, 0.503, 0.498, 0.5], [1.39, 1.36, 1.37, 1.38]) is None  # it learns
    assert said([0.8, 0.6, 0.5, 0.5], [1.1, 1.3, 1.386, 1.386]) is None  # an equilibrium
    never_wrong = "without an error in the last 3 epochs (accuracy 1.000, loss 0.002)"
    assert never_wrong in said([0.9, 1.0, 1.0, 1.0], [0.4, 0.004, 0.003, 0.002])
    assert said([1.0] * 4, [0.3] * 4) is None  # right, and not yet sure
    assert said([1.0] * 4, [0.002] * 4, critic=True) is None
    assert "weights did not move by epoch 2" in said([0.7, 0.7], [1.2, 1.1], moved=0.0)


# Every GAN, with faults planted.

USERS, ITEMS = 40, 24


@pytest.fixture(scope="module")
def data():
    """40 users of two tastes: each has 6 of the 12 items of its half."""
    rng = np.random.default_rng(0)
    pairs = [
        (user, item)
        for user in range(USERS)
        for item in 12 * (user % 2) + rng.choice(12, 6, replace=False)
    ]
    users, items = np.array(pairs, np.int32).T
    return Interactions(
        user_index=users,
        item_index=items,
        users=Vocabulary(np.arange(USERS)),
        items=Vocabulary(np.arange(ITEMS)),
    )


def _profile(data):
    return build_profile_gan(data, generator_hidden=(16,), seed=1), batches.of_users(
        np.arange(USERS), batch_size=20, seed=0
    )


def _cfgan(data):
    model = build_cfgan(data, generator_hidden=(16,), discriminator_hidden=(16,), seed=1)
    return model, batches.of_users(np.arange(ITEMS), batch_size=ITEMS, seed=0)


def _irgan(data):
    model = build_irgan(data, dim=4, selection=Selection(samples=16), seed=1)
    return model, batches.of_users(np.arange(USERS), batch_size=20, seed=0)


def _attributes(data):
    attributes = Modality(name="kind", vectors=np.eye(2, dtype=np.float32)[np.arange(USERS) % 2])
    model = build_attribute_profile_gan(data, attributes, noise_dim=2, seed=1)
    return model, batches.of_users(np.arange(USERS), batch_size=20, seed=0)


def _vectors(data):
    rng = np.random.default_rng(0)
    vectors = Modality(name="text", vectors=rng.normal(size=[ITEMS, 6]).astype(np.float32))
    conditions = Modality(name="kind", vectors=np.eye(4, dtype=np.float32)[np.arange(ITEMS) % 4])
    model = build_feature_vector_gan(vectors, conditions, noise_dim=4, hidden=(16,), seed=1)
    return model, batches.of_index(np.arange(ITEMS), batch_size=12, seed=0, name="item_index")


def _sequences(data):
    sequences = sequences_of(data, length=3)
    model = build_sequence_gan(data, sequences, dim=8, dropout=0.0, seed=1)
    return model, batches.of_index(
        np.arange(len(sequences)), batch_size=40, seed=0, name="sequence_index"
    )


def _table(data):
    rng = np.random.default_rng(0)
    side = rng.integers(0, 2, 200)
    frame = pd.DataFrame(
        {"side": np.array(["left", "right"])[side], "value": rng.normal(6.0 * side, 0.5)}
    )
    transform = TableTransform.fit(frame, schema.infer(frame))
    rows = of_rows(transform.encode(frame), batch_size=50, seed=0)
    return build_table_gan(transform, noise_dim=4, averaging=0.0, seed=1), rows


def _samples(data):
    noise, sample = keras.Input([2]), keras.Input([3])
    hidden = keras.layers.Dense(16, "relu", kernel_initializer=keras.initializers.HeNormal(1))
    last = keras.layers.Dense(1, kernel_initializer=keras.initializers.HeNormal(2))
    made = keras.layers.Dense(3, kernel_initializer=keras.initializers.HeNormal(3))(noise)
    model = GAN(keras.Model(noise, made), keras.Model(sample, last(hidden(sample))))
    values = np.random.default_rng(0).normal(size=[80, 3]).astype(np.float32)
    samples = tf.data.Dataset.from_tensor_slices(values).batch(40).repeat()
    return model, batches.Batches(2, lambda epoch: samples)


KINDS = {
    "profiles": _profile,
    "CFGAN": _cfgan,
    "IRGAN": _irgan,
    "attributes": _attributes,
    "vectors": _vectors,
    "sequences": _sequences,
    "table": _table,
    "any samples": _samples,
}


def verdict(model, made, d_optimizer, g_optimizer, *, epochs, steps=1, eager=True):
    """The health of a training, and what was said of it."""
    # Eager where a few steps take less time than tracing them.
    model.compile(d_optimizer=d_optimizer, g_optimizer=g_optimizer, run_eagerly=eager)
    said = []
    model.fit(
        made.dataset(0),
        steps_per_epoch=steps,
        epochs=epochs,
        callbacks=[HealthCheck(said.append)],
        verbose=0,
    )
    assert said == [f"{model.name}: {model.health}"]
    return model.health


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=pytest.mark.slow if name in ("sequences", "vectors") else ())
        for name in KINDS
    ],
)
def kind(request):
    return KINDS[request.param]


def test_a_planted_collapse_and_a_discriminator_that_cannot_learn_are_said(kind, data):
    model, made = kind(data)
    same = [np.zeros_like(weights) for weights in model.generator.get_weights()]
    # The last bias alone: one thing for everybody, whatever is read and drawn.
    same[-1][:] = -20.0 * np.arange(len(same[-1]))
    model.generator.set_weights(same)
    if hasattr(model, "averaged"):
        model.averaged.set_weights(same)
    found = verdict(model, made, keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0), epochs=1)
    assert found.verdict == "collapsed and idle discriminator", str(found)
    collapsed, idle = found.reasons
    assert collapsed.startswith("The generator collapsed: ")
    assert idle.startswith("The discriminator is idle: its weights did not move by epoch 1")


def test_a_planted_divergence_is_said(kind, data):
    model, made = kind(data)
    optimizers = (keras.optimizers.SGD(1e8), keras.optimizers.SGD(1e8))
    found = verdict(model, made, *optimizers, epochs=2)
    assert "diverged" in found.verdict, str(found)
    assert found.as_dict()["reasons"][0].startswith("Training diverged: ")


def test_a_healthy_training_raises_no_alarm(kind, data):
    model, made = kind(data)
    optimizers = (keras.optimizers.Adam(1e-3), keras.optimizers.Adam(2e-3))
    found = verdict(model, made, *optimizers, epochs=6, steps=made.steps_per_epoch, eager=False)
    assert found.healthy and found.verdict == "healthy", str(found)


def test_a_young_profile_gan_is_healthy_and_says_what_its_small_diversity_means(data):
    gan = build_profile_gan(data)
    rates = {name: keras.optimizers.SGD(1e-6) for name in ("d_optimizer", "g_optimizer")}
    gan.compile(**rates, run_eagerly=True)
    made = batches.of_users(np.arange(data.num_users), batch_size=16, seed=0)
    logs = gan.fit(made, verbose=0).history
    assert logs["diversity"][-1] < health.LITTLE_DIVERSITY and gan.health.healthy
    assert health.is_healthy(str(gan.health)) and "is no collapse" in str(gan.health)
    assert gan.health.as_dict()["notes"] == list(gan.health.notes)


def test_without_a_log_trouble_is_a_warning_and_health_is_silent(data):
    model, made = _samples(data)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for rate in (1e-3, 0.0):
            model.compile(
                d_optimizer=keras.optimizers.Adam(rate),
                g_optimizer=keras.optimizers.Adam(rate),
                run_eagerly=True,
            )
            model.fit(made.dataset(0), steps_per_epoch=2, epochs=1, verbose=0)
    said = [str(w.message) for w in caught if w.category is HealthWarning]
    assert len(said) == 1 and "The discriminator is idle" in said[0]


def test_an_ablation_without_an_adversary_has_no_idle_discriminator(data):
    model = build_profile_gan(
        data, generator_hidden=(16,), loss=AdversarialLoss(weight=0.0), seed=1
    )
    made = batches.of_users(np.arange(USERS), batch_size=20, seed=0)
    found = verdict(model, made, keras.optimizers.SGD(0.0), keras.optimizers.Adam(1e-2), epochs=3)
    assert found.healthy, str(found)
