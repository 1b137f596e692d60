import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.defence.detectors.gan_discriminator import (
    DeviatingProfiles,
    DiscriminatorDetector,
    WholeProfileGAN,
    build_discriminator,
    build_generator,
)
from advrec_tf.evaluation.classification import area_under_curve


def test_profiles_hold_presence_and_scaled_deviations(rows_of):
    rows = rows_of([(0, 1, 5.0), (0, 0, 2.0), (1, 3, 4.0)])
    profiles = DeviatingProfiles(rows, np.array([3.0, 3.0, 3.0, 3.0]), scale=2.0)
    found = profiles(tf.constant([0, 1])).numpy()
    assert found.tolist() == [[1, 1, 0, 0, -0.5, 1, 0, 0], [0, 0, 0, 1, 0, 0, 0, 0.5]]


@pytest.fixture(scope="module")
def gan(world):
    profiles = DeviatingProfiles(world, np.full(80, 3.0), scale=1.0)
    return WholeProfileGAN(
        profiles,
        build_generator(80, noise_dim=4, hidden=8),
        build_discriminator(80, hidden=8),
        random_fraction=0.0,
    )


def test_a_generated_profile_is_as_long_as_the_real_one_beside_it(gan):
    inputs = {"user_index": tf.range(10)}
    real = gan.real_samples(inputs).numpy()[:, :80].sum(1)
    generated = gan.fake_samples(inputs, tf.constant([1, 2]), training=False).numpy()
    np.testing.assert_allclose(generated[:, :80].sum(1), real, atol=1e-4)
    # Deviations stand where items do.
    assert np.abs(generated[:, 80:][generated[:, :80] < 0.5]).max() < 1e-4


def test_the_generator_gets_a_gradient_through_the_choice_of_items(gan):
    inputs = {"user_index": tf.range(10)}
    with tf.GradientTape() as tape:
        generated = gan.fake_samples(inputs, tf.constant([1, 2]), training=True)
        loss = tf.reduce_sum(generated[:, :80] * tf.range(80, dtype=tf.float32))
    kernel = gan.generator.get_layer("generator_logits").kernel
    assert float(tf.reduce_max(tf.abs(tape.gradient(loss, kernel)))) > 0


@pytest.mark.slow
def test_the_ablations_generator_never_moves_and_the_others_does(world):
    def moved(weight):
        detector = DiscriminatorDetector(adversarial_weight=weight, epochs=1, snapshots=1, seed=0)
        detector.fit(world)
        start = (
            build_generator(80, noise_dim=16, seed=0).get_layer("generator_logits").get_weights()[0]
        )
        now = detector.gan.generator.get_layer("generator_logits").get_weights()[0]
        return np.abs(now - start).max()

    assert moved(0.0) == 0.0
    assert moved(1.0) > 0.0


def test_the_discriminator_knows_random_profiles_of_strangers(world, strangers, rows_of):
    rng = np.random.default_rng(0)
    random = [(u, i, rng.integers(1, 6)) for u in range(30) for i in rng.choice(80, 15, False)]
    detector = DiscriminatorDetector(epochs=25, snapshots=5, batch_size=32, seed=0).fit(world)
    honest = detector.score(strangers.interactions)[~strangers.is_fake]
    fake = detector.score(rows_of(random, items=80))
    labels = np.repeat([0, 1], [len(honest), len(fake)])
    assert area_under_curve(labels, np.concatenate([honest, fake])) > 0.8


def test_more_snapshots_than_epochs_are_refused():
    with pytest.raises(ValueError, match="`snapshots` should lie in 1..5"):
        DiscriminatorDetector(epochs=5, snapshots=6)
    assert isinstance(build_discriminator(3), keras.Model)
