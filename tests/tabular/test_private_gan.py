import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.gan.adversarial_loss import AdversarialLoss
from advrec_tf.tabular import schema
from advrec_tf.tabular.batches import of_rows
from advrec_tf.tabular.private_gan import build_private_gan, privacy_budget
from advrec_tf.tabular.transform import TableTransform


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame({"x": rng.normal(size=100), "y": rng.choice(["a", "b"], 100)})


@pytest.fixture(scope="module")
def transform(frame):
    return TableTransform.fit(frame, schema.infer(frame), max_modes=1)


def linear_critic(transform, **settings):
    """A critic D(r) = v . r, without a penalty: an example's gradient is fake - real."""
    model = build_private_gan(
        transform, loss=AdversarialLoss("wasserstein", penalty_weight=0.0), **settings
    )
    rows = keras.Input(shape=(transform.layout.width,))
    model.discriminator = keras.Model(rows, keras.layers.Dense(1, use_bias=False)(rows))
    return model


def test_each_gradient_is_clipped_by_hand_before_they_are_added(transform):
    model = linear_critic(transform, clip=1.0)
    width = transform.layout.width
    real = np.zeros((2, width), np.float32)
    real[0, :2], real[1, :2] = (3.0, 4.0), (0.0, 0.5)
    fake = np.zeros_like(real)
    # -(3, 4) has norm 5 and becomes -(.6, .8); -(0, .5) is short enough to stay
    sums, *_ = model.clipped_gradients(tf.constant(real), tf.constant(fake), tf.zeros([2, 1]))
    expected = np.zeros((width, 1))
    expected[:2, 0] = (-0.6, -1.3)
    np.testing.assert_allclose(sums[0], expected, atol=1e-5)


def test_the_clip_is_over_all_weights_together_and_covers_the_penalty(frame, transform):
    model = build_private_gan(transform, clip=0.1)
    batch = next(iter(of_rows(transform.encode(frame), batch_size=1, seed=0).dataset(0)))
    real = 50.0 * model.real_samples(batch)
    sums, *_ = model.clipped_gradients(real, tf.zeros_like(real), tf.fill([1, 1], 0.5))
    norm = np.sqrt(sum(float(tf.reduce_sum(g**2)) for g in sums))
    assert norm == pytest.approx(0.1, rel=1e-4)


def test_the_noise_has_the_deviation_that_is_accounted_for(frame, transform):
    # sum of gradients + 200 * .5 * noise, over 50 examples: deviation 2, the gradients <= .5
    model = build_private_gan(transform, clip=0.5, noise_multiplier=200.0)
    model.compile(d_optimizer=keras.optimizers.SGD(1.0), g_optimizer=keras.optimizers.SGD(0.0))
    batch = next(iter(of_rows(transform.encode(frame), batch_size=50, seed=0).dataset(0)))
    before = model.discriminator.get_weights()[0]
    model.discriminator_step(batch, batch["seed"])
    moved = model.discriminator.get_weights()[0] - before
    assert moved.std() == pytest.approx(2.0, rel=0.15)


def moved(transform, batch, **settings):
    """What a step of the noise alone adds to the critic's weights, and the model."""
    model = linear_critic(transform, clip=1e-6, noise_multiplier=1e6, **settings)
    model.compile(d_optimizer=keras.optimizers.SGD(1.0), g_optimizer=keras.optimizers.SGD(0.0))
    before = model.discriminator.get_weights()[0]
    model.discriminator_step(batch, batch["seed"])
    return model.discriminator.get_weights()[0] - before, model


def test_the_noise_follows_its_own_seed_and_is_secret_without_one(frame, transform):
    batch = next(iter(of_rows(transform.encode(frame), batch_size=50, seed=0).dataset(0)))
    (one, secret), (other, _) = moved(transform, batch), moved(transform, batch)
    assert np.abs(one - other).min() > 1e-7  # the seeds of model and batch are the same
    (one, repeatable), (other, _) = (moved(transform, batch, noise_seed=7) for _ in range(2))
    np.testing.assert_allclose(one, other, atol=1e-7)
    assert np.abs(one - moved(transform, batch, noise_seed=8)[0]).min() > 1e-7
    # What it is drawn from is in no weights, and so in no checkpoint.
    assert len(secret.weights) == len(repeatable.weights)
    assert len(secret.variables) == len(repeatable.variables)


def test_no_number_of_the_noise_comes_twice(transform):
    for settings in ({}, {"noise_seed": 7}):
        model = build_private_gan(transform, **settings)
        model.compile(d_optimizer=keras.optimizers.SGD(), g_optimizer=keras.optimizers.SGD())
        drawn = []
        for _ in range(3):
            drawn += [one.numpy() for one in model._noise([tf.zeros([4]), tf.zeros([4])])]
            model.d_optimizer.iterations.assign_add(1)
        assert len(np.unique(drawn)) == 3 * 2 * 4


def test_the_order_of_private_batches_is_secret_unless_there_is_a_noise_seed(transform):
    seeds = {build_private_gan(transform).order_seed(5) for _ in range(3)}
    assert len(seeds) == 3 and 5 not in seeds and 0 <= min(seeds) <= max(seeds) < 2**62
    assert build_private_gan(transform, noise_seed=0).order_seed(5) == 5
    with pytest.raises(ValueError, match="`noise_seed` should be a whole number"):
        build_private_gan(transform, noise_seed="secret")


def test_updates_on_one_batch_are_one_draw_of_its_rows():
    # Four updates of deviation 5 on one batch tell as much as one of deviation 5 / sqrt(4).
    base = {"batch_size": 10, "num_entries": 100, "delta": 1e-5}
    four = privacy_budget(noise_multiplier=5.0, updates=4, updates_per_batch=4, **base)
    assert four == privacy_budget(noise_multiplier=2.5, updates=1, **base)
    assert four > privacy_budget(noise_multiplier=5.0, updates=4, **base)


def test_a_private_gan_trains_in_the_graph(frame, transform):
    model = build_private_gan(transform)
    model.compile(d_optimizer=keras.optimizers.Adam(), g_optimizer=keras.optimizers.Adam())
    data = of_rows(transform.encode(frame), batch_size=50, seed=0).dataset(0)
    history = model.fit(data, steps_per_epoch=3, epochs=1, verbose=0).history
    assert np.isfinite(history["d_loss"][0]) and len(model.generate(7)) == 7


def test_without_sampling_epsilon_is_that_of_the_gaussian_mechanism():
    # one update on all rows: RDP a / (2 s^2), so eps <= 1 / (2 s^2) + sqrt(2 ln(1/d)) / s
    s, delta = 5.0, 1e-5
    found = privacy_budget(
        noise_multiplier=s, batch_size=10, num_entries=10, updates=1, delta=delta
    )
    bound = 1 / (2 * s**2) + np.sqrt(2 * np.log(1 / delta)) / s
    assert 0.5 * bound < found <= bound * 1.01


def test_epsilon_grows_with_updates_and_falls_with_noise():
    base = {"batch_size": 100, "num_entries": 10_000, "delta": 1e-5}
    few = privacy_budget(noise_multiplier=1.0, updates=100, **base)
    assert few < privacy_budget(noise_multiplier=1.0, updates=1000, **base)
    assert few > privacy_budget(noise_multiplier=2.0, updates=100, **base)


def test_what_would_show_real_rows_to_the_generator_is_refused(transform):
    with pytest.raises(ValueError, match="should have `pack=1`, no conditional columns"):
        build_private_gan(transform, conditional=("y",))
    with pytest.raises(ValueError, match="`clip` and `noise_multiplier` should be > 0"):
        build_private_gan(transform, clip=0.0)
    with pytest.raises(ValueError, match="`batch_size` should be in 1..`num_entries`"):
        privacy_budget(noise_multiplier=1.0, batch_size=5, num_entries=4, updates=1, delta=1e-5)
